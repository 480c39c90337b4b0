"""A client's session: one engine session, its settings, and where its transaction stands."""

from __future__ import annotations

import threading
import time
import uuid
from enum import StrEnum
from typing import Any

from sandbox.databend.engine import EngineSession, quote_name, quote_text
from sandbox.databend.errors import TRANSACTION_ABORTED, UNKNOWN_DATABASE, DatabendError
from sandbox.databend.grants import ADMIN, Identity

ROOT = Identity("root", ADMIN)


class TransactionState(StrEnum):
    """As the session document names it (Databend's TxnState)."""

    AUTO_COMMIT = "AutoCommit"
    ACTIVE = "Active"
    FAIL = "Fail"


class Session:
    """Holds the lock ``lock`` while a statement runs: a session does one thing at a time."""

    def __init__(self, engine: EngineSession, session_id: str | None = None, identity: Identity = ROOT) -> None:
        self.id = session_id or str(uuid.uuid4())
        self.engine = engine
        self.user = identity.user
        self.role = identity.role
        self.secondary = identity.secondary
        self.is_unrestricted = identity == ROOT
        """Of root, who may do everything: nothing is checked."""
        if self.role != ADMIN:
            self.take_role(self.role)
        self.lock = threading.RLock()
        self.database = "default"
        self.settings: dict[str, str] = {}
        self.transaction = TransactionState.AUTO_COMMIT
        self.moved_streams: set[int] = set()
        """Streams whose offsets the open transaction moves."""
        self.is_killed = False
        """Its statement was killed: nobody waits for it, and what it can still take back it does not commit."""
        self.last_used = time.monotonic()
        self._fresh = True
        self._database_is_missing = False

    @property
    def identity(self) -> Identity:
        return Identity(self.user, self.role, self.secondary)

    def take_role(self, role: str) -> None:
        """To the engine as well, so that what the session makes belongs to this role."""
        self.engine.run(f"SET ROLE {quote_text(role)}")
        self.role = role

    @property
    def time_zone(self) -> str:
        return self.settings.get("timezone", "UTC")

    def adopt(self, state: dict[str, Any]) -> None:
        """Takes over what the client says its session is: it carries settings of its DSN, or outlived a restart.

        Every request of the driver brings the whole session document; a server works from it alone.
        """
        fresh, self._fresh = self._fresh, False
        if fresh and state.get("txn_state") == TransactionState.ACTIVE:
            # Source: Databend's http_query.rs refuses a transaction that another process had begun.
            raise DatabendError(TRANSACTION_ABORTED, "transaction is aborted because server restarted")
        database = state.get("database")
        if database and (database != self.database or self._database_is_missing):
            self._enter(str(database))
        wanted = {str(name): str(value) for name, value in (state.get("settings") or {}).items()}
        changed = {name: value for name, value in wanted.items() if self.settings.get(name) != value}
        for name, value in changed.items():
            # `warehouse` is the cloud's own setting: it says where to run, and the engine does not know it.
            if name != "warehouse":
                self.engine.run(f"SET {name} = {quote_text(value)}")
        # As the client said them: reading them back costs more than all the rest of a small statement.
        self.settings.update(changed)

    def successor(self, engine: EngineSession) -> Session:
        """What the client goes on with while a killed statement comes to its end in this one."""
        other = Session(engine, self.id, self.identity)
        other._fresh = False
        if self.transaction is not TransactionState.AUTO_COMMIT:
            other.transaction = TransactionState.FAIL
        other._enter(self.database)
        for name, value in self.settings.items():
            if name != "warehouse":
                engine.run(f"SET {name} = {quote_text(value)}")
        other.settings = dict(self.settings)
        return other

    def entered(self, database: str) -> None:
        """A USE statement has succeeded."""
        self.database, self._database_is_missing = database, False

    def _enter(self, database: str) -> None:
        """A database that does not exist is an error only for names without one (Databend's http_query.rs)."""
        self.database = database
        try:
            self.engine.run(f"USE {quote_name(database)}")
            self._database_is_missing = False
        except DatabendError as error:
            if error.code != UNKNOWN_DATABASE:
                raise
            # Nothing can be made there, and no user's table is there.
            self.engine.run("USE information_schema")
            self._database_is_missing = True

    def took_settings(self, settings: dict[str, str] | None) -> None:
        """A SET statement has succeeded. Without the values, which only the engine can tell then, they are read back."""
        if settings is None:
            self.refresh_settings()
        else:
            self.settings.update(settings)

    def refresh_settings(self) -> None:
        """Reads back which settings the session has changed."""
        warehouse = self.settings.get("warehouse")
        rows = self.engine.rows("SELECT name, value FROM system.settings WHERE level = 'SESSION'")
        self.settings = {row["name"]: row["value"] for row in rows}
        if warehouse is not None:
            self.settings["warehouse"] = warehouse

    def document(self) -> dict[str, Any]:
        """The session as the client has to bring it back."""
        return {
            "catalog": "default",
            "database": self.database,
            "role": self.role,
            "secondary_roles": None if self.secondary is None else list(self.secondary),
            "settings": self.settings,
            "txn_state": str(self.transaction),
            "need_sticky": self.transaction is TransactionState.ACTIVE,
            "need_keep_alive": False,
        }
