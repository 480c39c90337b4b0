"""Who may do what. The engine keeps users, roles, grants and owners for real; here they are read and asked.

The engine itself lets everything through: every session of it is root's (Databend's bendpy/src/context.rs). So what a
server checks is checked in ``access``, with what is read here.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass

from sandbox.databend.engine import EngineSession, quote_text

ADMIN, PUBLIC = "account_admin", "public"

# Source: Databend's user_privilege.rs (available_privileges_on_…); names without blanks, in capitals.
_ON_TABLE = frozenset(("CREATE", "UPDATE", "SELECT", "INSERT", "DELETE", "DROP", "ALTER", "GRANT"))
_ON_DATABASE = _ON_TABLE | {"USAGE"}
_ON_STAGE = frozenset(("READ", "WRITE"))
_ALL = {"database": _ON_DATABASE, "table": _ON_TABLE, "stage": _ON_STAGE, "other": frozenset[str]()}

_ON = re.compile(r"^GRANT .*? ON (?:'[^']*'\.'(?P<database>[^']*)'\.(?:\*|'(?P<table>[^']*)')|STAGE (?P<stage>.*?)|.*?) TO ", re.S)


@dataclass(frozen=True)
class Entry:
    """Privileges on one object."""

    kind: str
    database: str
    name: str
    privileges: frozenset[str]

    def allows(self, privilege: str) -> bool:
        if self.kind == "global" and "ALL" in self.privileges:
            return privilege != "OWNERSHIP"
        return privilege in self.privileges or ("ALL" in self.privileges and privilege in _ALL.get(self.kind, ()))

    def contains(self, kind: str, database: str, name: str) -> bool:
        """Everything is in the account, a table is in its database (Databend's GrantObject::contains)."""
        match self.kind:
            case "global":
                return True
            case "database":
                return kind in ("database", "table") and self.database == database
            case _:
                return (self.kind, self.database, self.name) == (kind, database, name)

    @property
    def is_about_tables(self) -> bool:
        """Lets see what is in it: any privilege on databases or tables."""
        if self.kind == "global":
            return "ALL" in self.privileges or bool(self.privileges & _ON_DATABASE)
        return self.kind in ("database", "table")


@dataclass(frozen=True)
class _Granted:
    entries: tuple[Entry, ...]
    roles: tuple[str, ...]
    """Roles of roles included."""


@dataclass(frozen=True)
class Identity:
    """Whose rights a session has. No secondary roles are all of the user's roles."""

    user: str
    role: str
    secondary: tuple[str, ...] | None = None

    @property
    def label(self) -> str:
        return f"'{self.user}'@'%'"


@dataclass(frozen=True)
class Rights:
    """What an identity may do at this moment."""

    identity: Identity
    effective: tuple[str, ...]
    """Roles that count, by name."""
    _direct: tuple[Entry, ...]
    _of_roles: dict[str, tuple[Entry, ...]]

    def may(self, privilege: str, kind: str, database: str = "", name: str = "", *, role_only: bool = False) -> bool:
        wanted = privilege.upper()
        return any(
            entry.contains(kind, database, name) and entry.allows(wanted) for entry in self._entries(role_only=role_only)
        ) or self.owns(kind, database, name, role_only=role_only)

    def owns(self, kind: str, database: str, name: str, *, role_only: bool = False) -> bool:
        """The owner of a database owns its tables (Databend's has_owner_object)."""
        objects = {(kind, database, name)} | ({("database", database, "")} if kind == "table" else set())
        return any(
            "OWNERSHIP" in entry.privileges and (entry.kind, entry.database, entry.name) in objects
            for role in self._roles(role_only=role_only)
            for entry in self._of_roles[role]
        )

    def entries(self) -> Iterable[Entry]:
        return self._entries(role_only=False)

    def _entries(self, *, role_only: bool) -> Iterable[Entry]:
        yield from self._direct
        for role in self._roles(role_only=role_only):
            yield from self._of_roles[role]

    def _roles(self, *, role_only: bool) -> tuple[str, ...]:
        # Source: Databend's session_privilege_mgr.rs: then not even the roles of that role count.
        return (self.identity.role,) if role_only else self.effective


class Grants:
    """All grants, read from the engine and remembered until something that may change them has run."""

    def __init__(self, engine: EngineSession) -> None:
        self._engine = engine
        # SHOW GRANTS then tells whose a privilege is, and not only that it is there.
        engine.run("SET enable_expand_roles = 0")
        self._lock = threading.RLock()
        self._known: dict[tuple[str, str], _Granted] = {}

    def forget(self) -> None:
        with self._lock:
            self._known.clear()

    def rights(self, identity: Identity) -> Rights:
        with self._lock:
            effective = self.available(identity) if identity.secondary is None else self._related([identity.role, *identity.secondary])
            needed = {*effective, identity.role}
            return Rights(
                identity=identity,
                effective=tuple(effective),
                _direct=self._of("user", identity.user).entries,
                _of_roles={role: self._of("role", role).entries for role in needed},
            )

    def available(self, identity: Identity) -> list[str]:
        """The roles that SET ROLE takes."""
        with self._lock:
            return self._related([*self._of("user", identity.user).roles, identity.role])

    def _related(self, roles: Iterable[str]) -> list[str]:
        found: set[str] = {PUBLIC}
        for role in roles:
            found |= {role, *self._of("role", role).roles}
        return sorted(found)

    def _of(self, kind: str, name: str) -> _Granted:
        known = self._known.get((kind, name))
        if known is None:
            known = self._known[kind, name] = self._read(kind, name)
        return known

    def _read(self, kind: str, name: str) -> _Granted:
        known = "users" if kind == "user" else "roles"
        if not self._engine.rows(f"SELECT 1 FROM system.{known} WHERE name = {quote_text(name)}"):
            # Dropped meanwhile, or a task's: nobody who has been granted anything.
            return _Granted((), ())
        rows = self._engine.rows(f"SELECT privileges, grants FROM show_grants({quote_text(kind)}, {quote_text(name)})")
        entries, roles = [], []
        for row in rows:
            role = re.match(r"GRANT ROLE (.*) to ", row["grants"], re.S)
            if not row["privileges"] and role:
                roles.append(role[1])
            else:
                entries.append(_entry(row["privileges"], row["grants"]))
        return _Granted(tuple(entries), tuple(roles))


def _entry(privileges: str, text: str) -> Entry:
    names = frozenset(name.strip().upper().replace(" ", "") for name in privileges.split(","))
    found = _ON.match(text)
    if " ON *.* TO " in text:
        return Entry("global", "", "", names)
    if found and found["stage"] is not None:
        return Entry("stage", "", found["stage"], names)
    if found and found["database"] is not None:
        kind = "database" if found["table"] is None else "table"
        return Entry(kind, found["database"], found["table"] or "", names)
    return Entry("other", "", "", names)
