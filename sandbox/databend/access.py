"""Refuses what the session's user may not do, and hides what he may not see.

Source: Databend's privilege_access.rs and visibility_checker.rs, for the texts too. What a statement asks for is told by
the parser (sandbox/parser/src/access.rs); it comes from the same place.
"""

from __future__ import annotations

from typing import Any

from sandbox.databend.engine import quote_text
from sandbox.databend.errors import PERMISSION_DENIED, DatabendError
from sandbox.databend.grants import ADMIN, Grants, Rights
from sandbox.databend.session import Session
from sandbox.databend.streams import Streams

# Source: Databend's user_grant.rs (SYSTEM_TABLES_ALLOW_LIST). system.tasks and system.task_history are not among them.
_OPEN_SYSTEM_TABLES = frozenset((
    "catalogs", "columns", "databases", "databases_with_history", "dictionaries", "tables", "views", "tables_with_history",
    "views_with_history", "password_policies", "streams", "streams_terse", "virtual_columns", "users", "roles", "stages",
    "one", "processes", "user_functions", "procedures", "functions", "indexes",
))  # fmt: skip
_SYSTEM_DATABASES = ("system", "information_schema")

_NOTE = ". Note: Please ensure that your current role have the appropriate permissions to create a new Object"
_EVOLVES = "ENABLE_SCHEMA_EVOLUTION='true'"


class Access:
    """Asked before every statement. Sessions of root are not asked: root may do everything."""

    def __init__(self, grants: Grants, streams: Streams) -> None:
        self._grants = grants
        self._streams = streams

    def rights(self, session: Session) -> Rights | None:
        """None: everything."""
        return None if session.is_unrestricted else self._grants.rights(session.identity)

    def check(self, session: Session, statement: dict[str, Any]) -> None:
        """Raises PermissionDenied for the first privilege that is missing."""
        if session.is_unrestricted or not statement["demands"] or _own_password(session, statement):
            return
        rights = self._grants.rights(session.identity)
        for demand in statement["demands"]:
            self._check(session, rights, demand)

    def _check(self, session: Session, rights: Rights, demand: dict[str, Any]) -> None:
        privilege, on = demand["privilege"], demand["on"]
        database = demand.get("database") or session.database
        name = demand.get("name", "")
        match on:
            case "global" | "global_of_role":
                self._require(rights, privilege, "global", "*.*", role_only=on == "global_of_role")
            case "stage":
                if not rights.may(privilege, "stage", "", name) and self._has_stage(session, name):
                    raise _denied(rights, privilege, f"STAGE {name}", note=True)
            case "stage_listing":
                if not rights.may("Read", "stage", "", name) and self._has_stage(session, name):
                    raise DatabendError(
                        PERMISSION_DENIED,
                        f"Permission denied: privilege READ is required on stage {name} for user {rights.identity.label}",
                    )
            case "database" | "database_of_role":
                role_only = on == "database_of_role"
                if not rights.may(privilege, "database", database, role_only=role_only) and self._has_database(session, database):
                    raise _denied(rights, privilege, f"'default'.'{database}'.*", note=True, role_only=role_only)
            case "something_in":
                self._require_something_in(session, rights, database)
            case "table":
                self._require_table(session, rights, privilege, database, name)
            case "evolving_table":
                if _EVOLVES in (self._table_options(session, database, name) or ""):
                    self._require_table(session, rights, privilege, database, name)

    def _require(self, rights: Rights, privilege: str, kind: str, label: str, *, role_only: bool) -> None:
        if not rights.may(privilege, kind, role_only=role_only):
            raise _denied(rights, privilege, label, note=True, role_only=role_only)

    def _require_table(self, session: Session, rights: Rights, privilege: str, database: str, name: str) -> None:
        if database == "information_schema" or (database == "system" and name in _OPEN_SYSTEM_TABLES):
            return
        if rights.may(privilege, "table", database, name):
            return
        stream = self._streams.find(database, name)
        if stream is not None and stream.owner in rights.effective:
            return
        # What is not there is not denied either: the engine says that it is unknown.
        if stream is None and self._table_options(session, database, name) is None:
            return
        if privilege == "Ownership":
            raise DatabendError(PERMISSION_DENIED, "Insufficient privileges: only the table owner can perform this operation")
        raise _denied(rights, privilege, f"'default'.'{database}'.'{name}'")

    def _require_something_in(self, session: Session, rights: Rights, database: str) -> None:
        if database in _SYSTEM_DATABASES or not self._has_database(session, database):
            return
        if Visibility(rights, self._streams).sees_database(database):
            return
        raise DatabendError(
            PERMISSION_DENIED,
            f"Permission denied: User {rights.identity.label} does not have the required privileges for database '{database}'",
        )

    # What there is

    def _has_database(self, session: Session, database: str) -> bool:
        return bool(session.engine.rows(f"SELECT 1 FROM system.databases WHERE name = {quote_text(database)}"))

    def _has_stage(self, session: Session, name: str) -> bool:
        return bool(session.engine.rows(f"SELECT 1 FROM system.stages WHERE name = {quote_text(name)}"))

    def _table_options(self, session: Session, database: str, name: str) -> str | None:
        rows = session.engine.rows(
            f"SELECT table_option FROM system.tables WHERE database = {quote_text(database)} AND name = {quote_text(name)}"
        )
        return rows[0]["table_option"] if rows else None


class Visibility:
    """Which rows of the system tables somebody gets to see."""

    def __init__(self, rights: Rights, streams: Streams) -> None:
        self._effective = rights.effective
        entries = [entry for entry in rights.entries() if entry.is_about_tables]
        self._everything = any(entry.kind == "global" for entry in entries)
        # USAGE alone lets enter a database, and see nothing of it.
        self._databases = {entry.database for entry in entries if entry.kind == "database" and entry.privileges != {"USAGE"}}
        self._entered = {entry.database for entry in entries}
        self._tables = {(entry.database, entry.name) for entry in entries if entry.kind == "table"}
        self._tables |= {(stream.database, stream.name) for stream in streams.all() if stream.owner in rights.effective}
        self._entered |= {database for database, _ in self._tables}
        self._all_stages = any(
            entry.kind == "global" and (entry.allows("READ") or entry.allows("WRITE")) for entry in rights.entries()
        )
        self._stages = {entry.name for entry in rights.entries() if entry.kind == "stage"}

    def sees_database(self, database: str) -> bool:
        return self._everything or database in self._entered or database in _SYSTEM_DATABASES

    def sees_table(self, database: str, name: str) -> bool:
        return self._everything or database in _SYSTEM_DATABASES or database in self._databases or (database, name) in self._tables

    def sees_stage(self, name: str) -> bool:
        return self._all_stages or name in self._stages

    def sees_task(self, owner: str) -> bool:
        """Databend asks the cloud for the tasks of the effective roles (system/tasks_table.rs)."""
        return ADMIN in self._effective or owner in self._effective

    def condition(self, database: str, table: str | None = None) -> str:
        """The rows of a list of tables or databases, by the names of its columns."""
        if self._everything:
            return "TRUE"
        seen = {*_SYSTEM_DATABASES, *(self._databases if table else self._entered - self._usage_only())}
        texts = [f"{database} IN ({', '.join(map(quote_text, sorted(seen)))})"]
        if table:
            texts += [
                f"({database} = {quote_text(owner)} AND {table} = {quote_text(name)})" for owner, name in sorted(self._tables)
            ]
        return f"({' OR '.join(texts)})"

    def stage_condition(self) -> str:
        return "TRUE" if self._all_stages else f"name IN ({', '.join(map(quote_text, sorted(self._stages | {''})))})"

    def _usage_only(self) -> set[str]:
        return self._entered - self._databases - {database for database, _ in self._tables}


def _own_password(session: Session, statement: dict[str, Any]) -> bool:
    """One's own password asks for nothing."""
    return (
        statement["kind"] == "alter_user"
        and statement["name"] in (None, session.identity.user)
        and not statement["changes_options"]
    )


def _denied(rights: Rights, privilege: str, label: str, *, note: bool = False, role_only: bool = False) -> DatabendError:
    roles = rights.identity.role if role_only else ",".join(rights.effective)
    return DatabendError(
        PERMISSION_DENIED,
        f"Permission denied: privilege [{privilege}] is required on {label} for user {rights.identity.label} with roles "
        f"[{roles}]{_NOTE if note else ''}",
    )
