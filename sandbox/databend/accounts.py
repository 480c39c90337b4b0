"""Users and their passwords, and the roles of a session.

Users, roles and grants themselves are the engine's. Only what it hides, the proof of who one is, is kept here.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Any

from sandbox.databend.engine import EngineSession, quote_text
from sandbox.databend.errors import AUTHENTICATION, INVALID_ROLE, UNIMPLEMENTED, DatabendError
from sandbox.databend.grants import PUBLIC, Grants, Identity
from sandbox.databend.session import ROOT, Session
from sandbox.databend.store import Store


class Accounts:
    """All users. root has no password, as on a Databend just installed."""

    def __init__(self, store: Store, engine: EngineSession, grants: Grants) -> None:
        self._store = store
        self._engine = engine
        self._grants = grants

    # Logging in

    def authenticate(self, user: str, password: str) -> None:
        if user == ROOT.user:
            if not password:
                return
        else:
            for row in self._store.rows("SELECT salt, hash FROM users WHERE name = ?", [user]):
                if not row["hash"] or hmac.compare_digest(row["hash"], _hash(row["salt"], password)):
                    return
        raise DatabendError(
            AUTHENTICATION, f"Authenticate failed: user '{user}'@'%' is not allowed to log in (wrong password or user)"
        )

    def identity(self, user: str) -> Identity:
        """As it is right after the login: the default role, or public where there is none that he has."""
        if user == ROOT.user:
            return ROOT
        rows = self._engine.rows(f"SELECT default_role, disabled FROM system.users WHERE name = {quote_text(user)}")
        if not rows or rows[0]["disabled"]:
            raise DatabendError(AUTHENTICATION, f"Authenticate failed: user '{user}'@'%' is disabled. Not allowed to login")
        available = self._grants.available(Identity(user, PUBLIC))
        role = rows[0]["default_role"]
        return Identity(user, role if role in available else PUBLIC)

    # Statements

    def create(self, session: Session, sql: str, statement: dict[str, Any]) -> None:
        name, proof = statement["name"], statement["proof"]
        if proof["type"] == "unsupported":
            raise DatabendError(UNIMPLEMENTED, "the sandbox has users with a password or without one, not with a JWT")
        known = bool(session.engine.rows(f"SELECT 1 FROM system.users WHERE name = {quote_text(name)}"))
        session.engine.run(sql)
        if not (known and statement["mode"] == "if_not_exists"):
            self._keep(name, proof)

    def alter(self, session: Session, sql: str, statement: dict[str, Any]) -> None:
        name, proof = statement["name"] or session.identity.user, statement["proof"]
        if proof is not None and proof["type"] == "unsupported":
            raise DatabendError(UNIMPLEMENTED, "the sandbox has users with a password or without one, not with a JWT")
        if statement["name"] is None and name != ROOT.user:
            # USER() is root to the engine.
            sql = f"ALTER USER {quote_text(name)}" + (f" IDENTIFIED BY {quote_text(proof['password'])}" if proof else "")
        session.engine.run(sql)
        if proof is not None:
            self._keep(name, proof)

    def drop(self, session: Session, sql: str, name: str) -> None:
        session.engine.run(sql)
        self._store.write("DELETE FROM users WHERE name = ?", [name])

    def set_role(self, session: Session, role: str, *, is_default: bool) -> None:
        self._require_available(session, role)
        if is_default:
            session.engine.run(f"ALTER USER {quote_text(session.identity.user)} WITH DEFAULT_ROLE = {quote_text(role)}")
        session.take_role(role)

    def set_secondary_roles(self, session: Session, roles: list[str] | None) -> None:
        for role in roles or []:
            self._require_available(session, role)
        session.secondary = None if roles is None else tuple(roles)

    def adopt(self, session: Session, state: dict[str, Any]) -> None:
        """Roles of the session document: of the DSN, or from before a restart."""
        role, secondary = state.get("role"), state.get("secondary_roles")
        if role and role != session.role:
            self.set_role(session, str(role), is_default=False)
        if "secondary_roles" in state and (None if secondary is None else tuple(secondary)) != session.secondary:
            self.set_secondary_roles(session, secondary)

    def _require_available(self, session: Session, role: str) -> None:
        if session.is_unrestricted:
            # The engine's session is root's, so it knows best.
            return
        available = self._grants.available(session.identity)
        if role not in available:
            raise DatabendError(INVALID_ROLE, f"Invalid role {role} for current session, available: {','.join(available)}")

    def _keep(self, name: str, proof: dict[str, Any]) -> None:
        salt = secrets.token_hex(16)
        kept = _hash(salt, proof["password"]) if proof["type"] == "password" else ""
        self._store.write("INSERT OR REPLACE INTO users (name, salt, hash) VALUES (?, ?, ?)", [name, salt, kept])


def _hash(salt: str, password: str) -> str:
    """Quick, since every request brings the password; it protects passwords of a sandbox."""
    return hashlib.sha256(f"{salt}:{password}".encode()).hexdigest()
