"""BEGIN, COMMIT, ROLLBACK, and what a server does after an error, which the embedded engine does not.

Source: Databend's interpreter.rs (``auto_commit_if_not_allowed_in_transaction``) and interpreter_txn_commit.rs; that the
engine keeps the transaction open was observed (docs/facts/databend.md, "ALTER TABLE, transactions").
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sandbox.databend.errors import ABORTED_QUERY, TRANSACTION_ABORTED, DatabendError
from sandbox.databend.session import Session, TransactionState

KILLED = "Aborted query, because the server is shutting down or the query was killed."

_COMMANDS = ("begin", "commit", "rollback")


def prepare(session: Session, statement: dict[str, Any]) -> None:
    """Commits first what must not go on, and refuses what may not run."""
    if not statement["allowed_in_transaction"] and statement["kind"] not in _COMMANDS:
        # DDL commits; in the Fail state that ends the transaction without committing anything.
        commit(session)
    if statement["kind"] not in _COMMANDS:
        require_usable(session)


def require_usable(session: Session) -> None:
    if session.transaction is TransactionState.FAIL:
        raise DatabendError(
            TRANSACTION_ABORTED,
            "Current transaction is aborted, commands ignored until end of transaction block",
        )


def begin(session: Session) -> None:
    if session.transaction is TransactionState.AUTO_COMMIT:
        session.engine.run("BEGIN")
        session.transaction = TransactionState.ACTIVE


def commit(session: Session) -> None:
    """In the Fail state nothing is committed, and no error says so: only the session is usable again."""
    active = session.transaction is TransactionState.ACTIVE
    session.transaction = TransactionState.AUTO_COMMIT
    if active:
        session.engine.run("COMMIT")


def rollback(session: Session) -> None:
    active = session.transaction is TransactionState.ACTIVE
    session.transaction = TransactionState.AUTO_COMMIT
    if active:
        session.engine.run("ROLLBACK")


@contextmanager
def failing(session: Session) -> Iterator[None]:
    """Any error inside a transaction makes it a failed one."""
    try:
        yield
    except DatabendError:
        if session.transaction is TransactionState.ACTIVE:
            # The engine would let it go on and commit half: end it there at once.
            session.engine.run("ROLLBACK")
            session.transaction = TransactionState.FAIL
        raise


@contextmanager
def own(session: Session) -> Iterator[None]:
    """A transaction around one statement, unless the session has one open."""
    if session.transaction is not TransactionState.AUTO_COMMIT:
        yield
        return
    session.engine.run("BEGIN")
    try:
        yield
        if session.is_killed:
            raise DatabendError(ABORTED_QUERY, KILLED)
    except BaseException:
        session.engine.run("ROLLBACK")
        raise
    session.engine.run("COMMIT")
