"""Tables that only the cloud fills (system.tasks, system.streams, task history), as something the engine can read.

They are put into a statement as a subquery, so WHERE, ORDER BY, LIMIT and joins on them are the engine's. The engine has
these tables too, only empty or refused: their columns are asked of it, and so are always its version's.
"""

from __future__ import annotations

import contextlib
import json
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq

from sandbox.databend.engine import EngineSession, quote_name, quote_text

HIDDEN_DATABASE = "_sandbox"
"""Where the sandbox keeps its own tables in the engine; no user sees it."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_VALUES = 20
_FILE_SECONDS = 600
"""No statement is still going to open a file that old."""

# The columns of each list that name a database and, where there is one, a table.
_LISTS = {
    ("system", "tables"): ("database", "name"),
    ("system", "tables_with_history"): ("database", "name"),
    ("system", "views"): ("database", "name"),
    ("system", "columns"): ("database", '"table"'),
    ("system", "databases"): ("name", None),
    ("system", "databases_with_history"): ("name", None),
    ("information_schema", "tables"): ("table_schema", "table_name"),
    ("information_schema", "columns"): ("table_schema", "table_name"),
    ("information_schema", "schemata"): ("schema_name", None),
}


class Seen(Protocol):
    """Which rows of a list somebody gets to see."""

    def condition(self, database: str, table: str | None = None) -> str: ...

    def stage_condition(self) -> str: ...


@dataclass(frozen=True)
class Column:
    name: str
    type: str
    nullable: bool

    @property
    def arrow(self) -> pa.DataType:
        return {"VARCHAR": pa.string(), "VARIANT": pa.string(), "BOOLEAN": pa.bool_()}.get(self.type, pa.int64())

    @property
    def default(self) -> Any:
        return {"VARCHAR": "", "VARIANT": "null", "BOOLEAN": False}.get(self.type, 0)


class SystemTable:
    """One table of the engine's ``system`` database whose rows come from the sandbox."""

    def __init__(self, engine: EngineSession, name: str, folder: Path) -> None:
        described = engine.rows(f"DESCRIBE system.{name}")
        self.columns = [Column(row["Field"], row["Type"], row["Null"] == "YES") for row in described]
        self._files = folder
        self._files.mkdir(exist_ok=True)

    def subquery(self, rows: Iterable[Mapping[str, Any]]) -> str:
        """``(SELECT …)`` that yields these rows, with the engine's own column names and types."""
        plain = [[_plain(row[column.name], column) for column in self.columns] for row in rows]
        select = ", ".join(
            f"{_typed(f'c{at}', column)} AS {quote_name(column.name)}" for at, column in enumerate(self.columns)
        )
        return f"(SELECT {select} FROM {self._source(plain)})"

    def _source(self, rows: list[list[Any]]) -> str:
        names = ", ".join(f"c{at}" for at in range(len(self.columns)))
        if not rows:
            defaults = ", ".join(_literal(column.default) for column in self.columns)
            return f"(SELECT * FROM (VALUES ({defaults})) AS v({names}) WHERE FALSE)"
        if len(rows) <= _MOST_VALUES:
            tuples = ", ".join("(" + ", ".join(map(_literal, row)) + ")" for row in rows)
            return f"(VALUES {tuples}) AS v({names})"
        return f"{quote_text('fs://' + quote(str(self._file(rows))))} (FILE_FORMAT => 'parquet')"

    def _file(self, rows: list[list[Any]]) -> Path:
        """Thousands of VALUES take the engine seconds to parse; the same rows in a file do not."""
        self._forget_old_files()
        columns = {
            f"c{at}": pa.array([row[at] for row in rows], column.arrow) for at, column in enumerate(self.columns)
        }
        file = self._files / f"{uuid.uuid4().hex}.parquet"
        pq.write_table(pa.table(columns), file)
        return file

    def _forget_old_files(self) -> None:
        for old in self._files.iterdir():
            # Another session's statement may remove it first.
            with contextlib.suppress(FileNotFoundError):
                if time.time() - old.stat().st_mtime > _FILE_SECONDS:
                    old.unlink()


def filtered(database: str | None, table: str, seen: Seen | None) -> str | None:
    """A subquery in the place of a list of all tables, columns or databases.

    It leaves out the sandbox's own, and what the user may not see; None where there is nothing to leave out.
    """
    columns = _LISTS.get((database or "", table))
    if columns is None:
        return None
    condition = f"{columns[0]} <> {quote_text(HIDDEN_DATABASE)}"
    if seen is not None:
        condition += f" AND {seen.condition(*columns)}"
    return f"(SELECT * FROM {database}.{table} WHERE {condition})"


def stages(masked: str | None, seen: Seen | None) -> str | None:
    """The same in the place of system.stages, whose secrets may be masked in another way (`stage_masks`)."""
    if seen is None:
        return masked
    return f"(SELECT * FROM {masked or 'system.stages'} WHERE {seen.stage_condition()})"


def microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _plain(value: Any, column: Column) -> Any:
    """A value as text, number or truth: what VALUES and a file can hold alike."""
    if value is None or isinstance(value, bool):
        return value
    if column.type == "VARIANT":
        return json.dumps(value)
    return str(value) if column.type == "VARCHAR" else int(value)


def _typed(name: str, column: Column) -> str:
    value = {"TIMESTAMP": f"to_timestamp({name}, 6)", "VARIANT": f"parse_json({name})"}.get(column.type, name)
    if column.nullable:
        return f"CAST({value} AS {column.type} NULL)"
    # What comes from a file could be null for all the engine knows.
    return f"assume_not_null(CAST({value} AS {column.type}))"


def _literal(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    return str(value) if isinstance(value, int) else quote_text(value)
