"""Queries by id, and the answer documents of Databend's HTTP handler (docs/facts/databend.md, "HTTP protocol")."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from sandbox.databend import transactions
from sandbox.databend.accounts import Accounts
from sandbox.databend.encoding import Encoder
from sandbox.databend.engine import Engine
from sandbox.databend.errors import ABORTED_QUERY, INTERNAL, UNKNOWN_SESSION, DatabendError
from sandbox.databend.executor import Executor
from sandbox.databend.parser import Parser
from sandbox.databend.session import Session, TransactionState

VERSION = "1.2.895"
NODE = "sandbox"

_LOG = logging.getLogger(__name__)
_ROWS_PER_PAGE = 10_000
_WAIT_SECONDS = 10
_KEPT_SECONDS = 600
_SWEEP_SECONDS = 5
_IDLE_SECONDS = 900
_IDLE_IN_TRANSACTION_SECONDS = 14_400
"""Databend's idle_transaction_timeout_secs."""


@dataclass
class Query:
    """A statement that has been asked for; its answer stays for a client that did not get it."""

    id: str
    session: Session
    sql: str
    begun: float = field(default_factory=time.monotonic)
    done: threading.Event = field(default_factory=threading.Event)
    schema: list[dict[str, str]] = field(default_factory=list)
    rows: list[list[str | None]] = field(default_factory=list)
    rows_per_page: int = _ROWS_PER_PAGE
    written: int = 0
    error: DatabendError | None = None
    state: dict[str, Any] = field(default_factory=dict)
    time_zone: str = "UTC"
    took_ms: float = 0.0

    def pages(self) -> int:
        return max(1, -(-len(self.rows) // self.rows_per_page))


class Protocol:
    """Sessions and queries of all clients."""

    def __init__(self, engine: Engine, parser: Parser, executor: Executor, accounts: Accounts) -> None:
        self._engine = engine
        self._accounts = accounts
        self._parser = parser
        self._executor = executor
        self._lock = threading.Lock()
        self._sessions: dict[tuple[str, str], Session] = {}
        self._queries: dict[str, Query] = {}
        self._next_sweep = 0.0

    # Sessions

    def session(self, user: str, session_id: str | None) -> Session:
        """The user's session of that id; one that is not known, from before a restart, begins anew under its old id."""
        self._forget_old()
        with self._lock:
            session = self._sessions.get((user, session_id or ""))
            if session is None:
                session = Session(self._engine.session(), session_id, self._accounts.identity(user))
                self._sessions[user, session.id] = session
            session.last_used = time.monotonic()
            return session

    def logout(self, user: str, session_id: str | None) -> None:
        with self._lock:
            session = self._sessions.pop((user, session_id or ""), None)
        if session is not None:
            self._executor.abandon(session)

    # Queries

    def start(self, session: Session, query_id: str | None, body: dict[str, Any]) -> dict[str, Any]:
        """Runs a statement, or finds the one that runs under this id: a driver that got no answer asks again."""
        query_id = query_id or uuid.uuid4().hex
        pagination = body.get("pagination") or {}
        with self._lock:
            query = self._queries.get(query_id)
            if query is None:
                query = Query(query_id, session, str(body.get("sql", "")))
                query.rows_per_page = max(1, int(pagination.get("max_rows_per_page") or _ROWS_PER_PAGE))
                self._queries[query_id] = query
                arguments = (query, body.get("session") or {})
                threading.Thread(target=self._run, args=arguments, name=f"query-{query_id}", daemon=True).start()
        query.done.wait(float(pagination.get("wait_time_secs") or _WAIT_SECONDS))
        return self._document(query, 0)

    def find(self, query_id: str) -> Query | None:
        with self._lock:
            return self._queries.get(query_id)

    def page(self, query: Query, number: int) -> dict[str, Any]:
        query.done.wait(_WAIT_SECONDS)
        return self._document(query, number)

    def final(self, query: Query) -> dict[str, Any]:
        """The client has read it all."""
        document = self._document(query, query.pages())
        # Of a large result only the first page stays, for a client that asks again.
        del query.rows[query.rows_per_page :]
        return {**document, "next_uri": None}

    def kill(self, target: str) -> None:
        """KILL QUERY, by the query's id or its session's, and the client's own call.

        The embedded engine cannot stop a statement. Its client is told at once that it was aborted, and gets a new engine
        session; in the old one the statement ends, and what is in a transaction is rolled back then.
        """
        with self._lock:
            running = [query for query in self._queries.values() if not query.done.is_set()]
        chosen = [query for query in running if target in (query.id, query.session.id)]
        if not chosen:
            raise DatabendError(UNKNOWN_SESSION, f"Not found session id {target}")
        for query in chosen:
            self._abort(query)

    def _abort(self, query: Query) -> None:
        old = query.session
        old.is_killed = True
        new = old.successor(self._engine.session())
        with self._lock:
            if query.done.is_set():
                return
            self._sessions[old.user, old.id] = new
            query.error, query.state = DatabendError(ABORTED_QUERY, transactions.KILLED), new.document()
            query.took_ms = (time.monotonic() - query.begun) * 1000
            query.done.set()

    def _run(self, query: Query, state: dict[str, Any]) -> None:
        session = query.session
        if session.is_killed:
            # Its statement was killed between this request's arrival and here.
            session = query.session = self.session(session.user, session.id)
        try:
            with session.lock:
                try:
                    with transactions.failing(session):
                        self._accounts.adopt(session, state)
                        session.adopt(state)
                    outcome = self._executor.run(session, query.sql, self.kill)
                    encoder = Encoder(self._parser, session.time_zone)
                    if not session.is_killed:
                        query.schema, query.rows = encoder.table(outcome.table)
                        query.written = outcome.written
                except DatabendError as error:
                    if not query.done.is_set():
                        query.error = error
                except Exception as error:
                    # Not the statement itself: it may hold a stage's keys.
                    _LOG.exception("query %s failed inside the sandbox", query.id)
                    query.error = DatabendError(INTERNAL, f"{type(error).__name__}: {error}")
                if session.is_killed:
                    return
                query.state, query.time_zone = session.document(), session.time_zone
                session.last_used = time.monotonic()
        finally:
            if session.is_killed:
                self._executor.abandon(session)
            query.took_ms = (time.monotonic() - query.begun) * 1000
            query.done.set()

    def _document(self, query: Query, number: int) -> dict[str, Any]:
        done = query.done.is_set()
        base = f"/v1/query/{query.id}"
        rows: list[list[str | None]] = []
        if not done:
            state, next_uri = "Running", f"{base}/page/{number}"
        else:
            rows = query.rows[number * query.rows_per_page : (number + 1) * query.rows_per_page]
            more = number + 1 < query.pages()
            state = "Failed" if query.error else "Running" if more else "Succeeded"
            next_uri = f"{base}/page/{number + 1}" if more else f"{base}/final"
        size = sum(len(value or "") for row in rows for value in row)
        return {
            "id": query.id,
            "session_id": query.session.id,
            "node_id": NODE,
            "session": query.state if done else None,
            "schema": query.schema if done else [],
            "data": rows,
            "state": state,
            "settings": {"timezone": query.time_zone},
            "error": _error(query.error) if done else None,
            "warnings": [],
            "stats": {
                "scan_progress": {"rows": 0, "bytes": 0},
                "write_progress": {"rows": query.written, "bytes": 0},
                "result_progress": {"rows": len(query.rows) if done else 0, "bytes": size},
                "total_scan": {"rows": 0, "bytes": 0},
                "spill_progress": {"file_nums": 0, "bytes": 0},
                "running_time_ms": query.took_ms,
            },
            "result_timeout_secs": 60,
            "stats_uri": base,
            "final_uri": f"{base}/final",
            "kill_uri": f"{base}/kill",
            "next_uri": next_uri,
        }

    def _forget_old(self) -> None:
        """Drops answers that nobody will ask for again, and sessions whose clients have gone without a word."""
        now = time.monotonic()
        with self._lock:
            # Not with each request: a look at thousands of answers takes longer than most statements.
            if now < self._next_sweep:
                return
            self._next_sweep = now + _SWEEP_SECONDS
            self._queries = {
                key: query
                for key, query in self._queries.items()
                if not query.done.is_set() or now - query.begun < _KEPT_SECONDS
            }
            busy = {query.session.id for query in self._queries.values() if not query.done.is_set()}
            gone = [
                session
                for session in self._sessions.values()
                if session.id not in busy and now - session.last_used > _patience(session)
            ]
            for session in gone:
                del self._sessions[session.user, session.id]
        for session in gone:
            self._executor.abandon(session)


def _patience(session: Session) -> int:
    open_transaction = session.transaction is not TransactionState.AUTO_COMMIT
    return _IDLE_IN_TRANSACTION_SECONDS if open_transaction else _IDLE_SECONDS


def _error(error: DatabendError | None) -> dict[str, Any] | None:
    return None if error is None else {"code": error.code, "message": error.message, "detail": ""}
