"""Tables that only the cloud fills (system.tasks, system.streams, task history), as something the engine can read.

They are put into a statement as a subquery of VALUES, so WHERE, ORDER BY, LIMIT and joins on them are the engine's. The
engine has these tables too, only empty or refused: their columns are asked of it, and so are always its version's.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.databend.engine import EngineSession, quote_name, quote_text

HIDDEN_DATABASE = "_sandbox"
"""Where the sandbox keeps its own tables in the engine; no user sees it."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_LISTS = {
    ("system", "tables"): "database",
    ("system", "tables_with_history"): "database",
    ("system", "columns"): "database",
    ("system", "databases"): "name",
    ("system", "databases_with_history"): "name",
    ("information_schema", "tables"): "table_schema",
    ("information_schema", "columns"): "table_schema",
    ("information_schema", "schemata"): "schema_name",
}


@dataclass(frozen=True)
class Column:
    name: str
    type: str
    nullable: bool


class SystemTable:
    """One table of the engine's ``system`` database whose rows come from the sandbox."""

    def __init__(self, engine: EngineSession, name: str) -> None:
        described = engine.rows(f"DESCRIBE system.{name}")
        self.columns = [Column(row["Field"], row["Type"], row["Null"] == "YES") for row in described]

    def subquery(self, rows: Iterable[Mapping[str, Any]]) -> str:
        """``(SELECT …)`` that yields these rows, with the engine's own column names and types."""
        values = [tuple(_literal(row[column.name], column.type) for column in self.columns) for row in rows]
        if not values:
            empty = ", ".join(f"{_empty(column)} AS {quote_name(column.name)}" for column in self.columns)
            return f"(SELECT {empty} WHERE FALSE)"
        names = [f"c{at}" for at in range(len(self.columns))]
        select = ", ".join(
            f"CAST({name} AS {column.type}{' NULL' if column.nullable else ''}) AS {quote_name(column.name)}"
            for name, column in zip(names, self.columns, strict=True)
        )
        tuples = ", ".join("(" + ", ".join(value) + ")" for value in values)
        return f"(SELECT {select} FROM (VALUES {tuples}) AS v({', '.join(names)}))"


def without_hidden(database: str | None, table: str) -> str | None:
    """A subquery in the place of a list of all tables, columns or databases that leaves the sandbox's own out."""
    column = _LISTS.get((database or "", table))
    if column is None:
        return None
    return f"(SELECT * FROM {database}.{table} WHERE {column} <> {quote_text(HIDDEN_DATABASE)})"


def microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _literal(value: Any, kind: str) -> str:
    if value is None:
        return "NULL"
    if kind == "TIMESTAMP":
        return f"to_timestamp({int(value)}, 6)"
    if kind == "VARIANT":
        return f"parse_json({quote_text(json.dumps(value))})"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int):
        return str(value)
    return quote_text(str(value))


def _empty(column: Column) -> str:
    if column.nullable:
        return f"CAST(NULL AS {column.type} NULL)"
    defaults = {"VARCHAR": "''", "TIMESTAMP": "to_timestamp(0, 6)", "BOOLEAN": "FALSE", "VARIANT": "parse_json('null')"}
    return f"CAST({defaults.get(column.type, '0')} AS {column.type})"
