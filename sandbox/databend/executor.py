"""Runs one statement of a session: decides what the engine gets to see of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pyarrow as pa

from sandbox.databend import stream_copies, stream_reading, stream_statements, transactions
from sandbox.databend.access import Access
from sandbox.databend.accounts import Accounts
from sandbox.databend.engine import quote_text
from sandbox.databend.errors import SYNTAX, UNIMPLEMENTED, DatabendError
from sandbox.databend.grants import Grants
from sandbox.databend.introspection import Introspection, named
from sandbox.databend.parser import Parser, SqlNotUnderstood
from sandbox.databend.session import Session, TransactionState
from sandbox.databend.stage_masks import StageMasks
from sandbox.databend.stream_reading import Reading
from sandbox.databend.streams import Streams
from sandbox.databend.tasks import Tasks
from sandbox.databend.warehouses import Warehouses

_NOTHING = pa.table({})
_RUNTIME_FILTER = "enable_join_runtime_filter"
_OWN_SETTINGS = re.compile(r"\s*SETTINGS\s*\(", re.IGNORECASE)
_CHANGES_GRANTS = frozenset(("create_user", "alter_user", "drop_user", "create_table_as", "create_view", "drop_database", "create_stage", "create_connection", "other"))
"""Users, roles and grants, and owners of what comes, goes or gets another name."""


@dataclass(frozen=True)
class Outcome:
    """A result, and how many rows the statement wrote."""

    table: pa.Table = field(default_factory=lambda: _NOTHING)
    written: int = 0


class Executor:
    """Executes statements for every session; knows what the sandbox adds to the engine."""

    def __init__(
        self, parser: Parser, streams: Streams, tasks: Tasks, grants: Grants, accounts: Accounts, access: Access,
        introspection: Introspection, warehouses: Warehouses, masks: StageMasks,
        execute_task: Callable[[str], None],
    ) -> None:  # fmt: skip
        self._parser = parser
        self._streams = streams
        self._tasks = tasks
        self._grants = grants
        self._accounts = accounts
        self._access = access
        self._introspection = introspection
        self._warehouses = warehouses
        self._masks = masks
        self._execute_task = execute_task

    def run(self, session: Session, sql: str, kill: Callable[[str], None] | None = None) -> Outcome:
        """Runs a statement to its end. Errors are DatabendError; inside a transaction they fail it."""
        with session.lock:
            try:
                with transactions.failing(session):
                    return self._run(session, sql, kill)
            finally:
                self._streams.settle(session)

    def _run(self, session: Session, sql: str, kill: Callable[[str], None] | None) -> Outcome:
        try:
            statement = self._parser.parse(sql)
        except SqlNotUnderstood as error:
            # The engine's parser words the error as a server does; should it understand the text, all the better.
            transactions.require_usable(session)
            if not session.is_unrestricted:
                raise DatabendError(SYNTAX, str(error)) from None
            return Outcome(session.engine.run(sql))
        transactions.prepare(session, statement)
        self._access.check(session, statement)
        if statement["kind"] == "kill" and kill is not None:
            kill(statement["id"])
            return Outcome()
        try:
            return self._dispatch(session, sql, statement)
        finally:
            if statement["kind"] in _CHANGES_GRANTS:
                self._grants.forget()

    def abandon(self, session: Session) -> None:
        """Ends a session that nobody will use again; an open transaction does not survive it."""
        with session.lock:
            transactions.rollback(session)
            self._streams.settle(session)

    def condition(self, session: Session, expression: str) -> bool:
        """The value of a task's WHEN; STREAM_STATUS stands there as a scalar (docs/facts/databend.md, "Tasks")."""
        sql = f"SELECT ({expression}) AS held"
        with session.lock:
            edits = []
            for site in self._parser.parse(sql)["functions"]:
                if site["name"] == "stream_status" and not site["is_table"]:
                    held = self._introspection.stream_status(session, site["arguments"])
                    edits.append((site["start"], site["end"], "TRUE" if held else "FALSE"))
            return session.engine.rows(stream_reading.splice(sql, edits))[0]["held"] is True

    def _dispatch(self, session: Session, sql: str, statement: dict[str, Any]) -> Outcome:
        match statement["kind"]:
            case "begin":
                transactions.begin(session)
            case "commit":
                transactions.commit(session)
            case "rollback":
                transactions.rollback(session)
            case "set":
                session.engine.run(sql)
                session.took_settings(statement["settings"])
            case "use_database":
                session.engine.run(sql)
                session.entered(statement["database"])
            case "create_stream":
                stream_statements.create(session, self._streams, statement)
            case "drop_stream":
                stream_statements.drop(session, self._streams, statement)
            case "show_streams":
                return Outcome(session.engine.run(stream_statements.show(session, statement, self._introspection.streams(session))))
            case "describe_stream":
                return Outcome(session.engine.run(stream_statements.describe(session, statement, self._introspection.streams(session))))
            case "use_warehouse":
                self._warehouses.require(statement["name"])
                session.settings["warehouse"] = statement["name"]
            case "show_warehouses":
                return Outcome(self._warehouses.table())
            case "create_task":
                self._warehouses.require(statement["warehouse"])
                self._tasks.create(session.engine, statement, session.role)
            case "alter_task":
                self._warehouses.require(statement["action"].get("warehouse"))
                self._tasks.alter(session.engine, statement)
            case "drop_task":
                self._tasks.drop(statement["name"], if_exists=statement["if_exists"])
            case "execute_task":
                self._execute_task(self._tasks.get(statement["name"]).name)
            case "show_tasks" | "describe_task":
                return Outcome(session.engine.run(self._introspection.show_tasks(session, statement)))
            case "create_stage" | "create_connection":
                session.engine.run(sql)
                self._masks.remember(statement)
            case "create_user":
                self._accounts.create(session, sql, statement)
            case "alter_user":
                self._accounts.alter(session, sql, statement)
            case "drop_user":
                self._accounts.drop(session, sql, statement["name"])
            case "set_role":
                self._accounts.set_role(session, statement["role"], is_default=statement["is_default"])
            case "set_secondary_roles":
                self._accounts.set_secondary_roles(session, statement["roles"])
            case "show_grants" if statement["of_self"] and not session.is_unrestricted:
                return Outcome(session.engine.run(f"SHOW GRANTS FOR {quote_text(session.user)}"))
            case "drop_database":
                session.engine.run(sql)
                self._streams.remove_database(statement["database"])
            case _:
                return self._run_in_engine(session, sql, statement)
        return Outcome()

    def _run_in_engine(self, session: Session, sql: str, statement: dict[str, Any]) -> Outcome:
        kind = statement["kind"]
        if kind == "describe_table":
            sql = self._described(session, sql, statement)
        names_stream = any(self._stream(session, site) for site in statement["tables"])
        if kind == "create_view" and names_stream:
            raise DatabendError(UNIMPLEMENTED, "the sandbox has no views over streams; select from the stream itself")
        if not names_stream:
            text = stream_reading.splice(sql, self._introspection.edits(session, statement))
            return self._outcome(session, statement, session.engine.run(text))
        if kind == "create_table_as":
            # DDL is no part of a transaction: the offset moves in a commit of its own right behind it.
            text, readings = self._with_streams(session, sql, statement)
            result = self._without_runtime_filter(session, statement, text)
            self._consume(session, statement, readings)
            return self._outcome(session, statement, result)
        if self._needs_copies(session, sql, statement):
            with stream_copies.copies(self._streams.system) as made:
                result = self._run_and_consume(session, sql, statement, made.table, session.engine.run)
        elif kind == "query" and not any(site["consume"] for site in statement["tables"]):
            text, _ = self._with_streams(session, sql, statement)
            result = self._without_runtime_filter(session, statement, text)
        else:
            without_filter = partial(self._without_runtime_filter, session, statement)
            result = self._run_and_consume(session, sql, statement, Reading.subquery, without_filter)
        return self._outcome(session, statement, result)

    # Streams

    def _stream(self, session: Session, site: dict[str, Any]) -> Any:
        if site["temporal"] or site["catalog"] not in (None, "default"):
            return None
        return self._streams.find(site["database"] or session.database, site["name"])

    def _needs_copies(self, session: Session, sql: str, statement: dict[str, Any]) -> bool:
        filtered = statement.get("verb") == "merge" and _filter_is_on(session, statement)
        # What the session's own transaction has written is seen by nobody else, so it cannot be copied.
        return filtered and session.transaction is TransactionState.AUTO_COMMIT and stream_copies.may_read(sql)

    def _run_and_consume(
        self, session: Session, sql: str, statement: dict[str, Any],
        source: Callable[[Reading], str], run: Callable[[str], pa.Table],
    ) -> pa.Table:  # fmt: skip
        """Runs it and moves the offsets, in one transaction. `source` says what stands for a stream."""
        with transactions.own(session):
            text, readings = self._with_streams(session, sql, statement, source)
            result = run(text)
            self._consume(session, statement, readings)
        return result

    def _with_streams(
        self, session: Session, sql: str, statement: dict[str, Any], source: Callable[[Reading], str] = Reading.subquery
    ) -> tuple[str, list[Reading]]:
        readings: dict[int, Reading] = {}
        edits = self._introspection.edits(session, statement)
        for site in statement["tables"]:
            stream = self._stream(session, site)
            if stream is not None:
                if stream.id not in readings:
                    readings[stream.id] = stream_reading.bind(session, self._streams, stream)
                edits.append((site["start"], site["end"], named(source(readings[stream.id]), site)))
        return stream_reading.splice(sql, edits), list(readings.values())

    def _consume(self, session: Session, statement: dict[str, Any], readings: list[Reading]) -> None:
        """Any DML consumes what it reads; a query only where it says WITH CONSUME (docs/facts/databend.md, "Streams")."""
        writes = statement["kind"] in ("write", "create_table_as")
        asked = {
            stream.id for site in statement["tables"] if site["consume"] and (stream := self._stream(session, site))
        }
        for reading in readings:
            if writes or (statement["kind"] == "query" and reading.stream.id in asked):
                self._streams.move(session, reading.stream, reading.seen, reading.version)

    def _without_runtime_filter(self, session: Session, statement: dict[str, Any], sql: str) -> pa.Table:
        """CHANGES in the USING of a MERGE panics in this engine unless the filter is off (docs/facts/databend.md, "MERGE and INSERT")."""
        if not _filter_is_on(session, statement):
            return session.engine.run(sql)
        own = _OWN_SETTINGS.match(sql)
        others = f", {sql[own.end() :]}" if own else f") {sql}"
        return session.engine.run(f"SETTINGS ({_RUNTIME_FILTER} = 0{others}")

    def _described(self, session: Session, sql: str, statement: dict[str, Any]) -> str:
        """A stream has the columns of its base table."""
        stream = self._streams.find(statement["database"] or session.database, statement["name"])
        return sql if stream is None else f"DESCRIBE {self._streams.base(session, stream).quoted}"

    def _outcome(self, session: Session, statement: dict[str, Any], table: pa.Table) -> Outcome:
        if statement["kind"] == "write":
            return Outcome(table, _written(table))
        return Outcome(self._introspection.shown(session, table) if statement["kind"] == "show" else table)


def _filter_is_on(session: Session, statement: dict[str, Any]) -> bool:
    """Whether the statement runs with the join runtime filter. Its own hint overrides the session's setting."""
    return statement["hints"].get(_RUNTIME_FILTER, session.settings.get(_RUNTIME_FILTER, "1")) != "0"


def _written(table: pa.Table) -> int:
    """DML answers its counts as a row; a server reports them as write progress too."""
    total = 0
    for name, column in zip(table.column_names, table.columns, strict=True):
        if name.startswith("number of rows ") or name in ("Rows_loaded", "rows_unloaded"):
            total += sum(value or 0 for value in column.to_pylist())
    return total
