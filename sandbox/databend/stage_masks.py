"""How system.stages masks what is secret in ``storage_params``.

The engine here is older than 1.2.919 and shows ``******abc``; newer ones show ``se***bc`` (Databend's storage_params.rs).
A test can ask for either. The engine does not tell the whole value, so the newer mask is noted when a stage is made.
"""

from __future__ import annotations

from typing import Any

from sandbox.databend.engine import EngineSession, quote_name, quote_text
from sandbox.databend.store import Store

SUFFIX, EDGES = "suffix", "edges"
FORMS = (SUFFIX, EDGES)

_SECRETS = {
    "external_id": "external_id",
    "access_key_id": "access_key_id",
    "aws_key_id": "access_key_id",
    "secret_access_key": "secret_access_key",
    "aws_secret_key": "secret_access_key",
    "session_token": "security_token",
    "master_key": "master_key",
}
"""Options of CONNECTION, and what they are called in storage_params."""


class StageMasks:
    """The form in use, and the masks of every stage. Whole secrets are not kept."""

    def __init__(self, store: Store, engine: EngineSession) -> None:
        self._store = store
        self._columns = [row["Field"] for row in engine.rows("DESCRIBE system.stages")]
        self.form = SUFFIX

    def remember(self, statement: dict[str, Any]) -> None:
        """A stage or a connection has been made."""
        kind, name, options = statement["kind"], statement["name"], statement["connection"]
        masks = {}
        if kind == "create_stage" and "connection_name" in options:
            rows = self._rows("create_connection", options["connection_name"].lower())
            masks = {row["parameter"]: (row["suffix"], row["edges"]) for row in rows}
        masks |= {_SECRETS[key]: (_suffix(value), _edges(value)) for key, value in options.items() if key in _SECRETS}
        self._store.write("DELETE FROM stage_masks WHERE kind = ? AND name = ?", [kind, name])
        for parameter, (suffix, edges) in masks.items():
            self._store.write("INSERT INTO stage_masks VALUES (?, ?, ?, ?, ?)", [kind, name, parameter, suffix, edges])

    def subquery(self) -> str | None:
        """``(SELECT …)`` in the place of system.stages; None where the engine's own masks are shown."""
        if self.form == SUFFIX:
            return None
        columns = ", ".join(
            f"{self._masked()} AS storage_params" if name == "storage_params" else quote_name(name) for name in self._columns
        )
        return f"(SELECT {columns} FROM system.stages)"

    def _masked(self) -> str:
        masked = "storage_params"
        parameters = dict.fromkeys(row["parameter"] for row in self._rows("create_stage"))
        for parameter in parameters:
            # A stage that has been changed or replaced otherwise keeps the engine's mask.
            cases = " ".join(
                f"WHEN name = {quote_text(row['name'])} AND storage_params:{parameter}::VARCHAR = {quote_text(row['suffix'])} "
                f"THEN json_object_insert({masked}, {quote_text(parameter)}, to_variant({quote_text(row['edges'])}), true)"
                for row in self._rows("create_stage")
                if row["parameter"] == parameter
            )
            masked = f"CASE {cases} ELSE {masked} END"
        return masked

    def _rows(self, kind: str, name: str | None = None) -> list[Any]:
        condition, values = ("", [kind]) if name is None else (" AND name = ?", [kind, name])
        return self._store.rows(f"SELECT * FROM stage_masks WHERE kind = ?{condition} ORDER BY name, parameter", values)


def _suffix(value: str) -> str:
    return value if len(value) <= 3 else "******" + value[-3:]


def _edges(value: str) -> str:
    """What becomes of short values is a guess."""
    return "***" if len(value) <= 4 else f"{value[:2]}***{value[-2:]}"
