"""Every shape a table is known to have had, so that old rows are read with the columns of their own time.

A task that catches up reads rows that were written before an ALTER, RENAME COLUMN or DROP TABLE that the source has
carried out since. DMS follows DDL in the log (docs/facts/dms.md section 3); here the log's own column names say which of the
columns ever seen a row has.
"""

import json
import threading
from pathlib import Path

from .binlog.events import TableMap
from .columns import SourceColumn, SourceTable

Key = tuple[str, str]

#: DATA_TYPE -> the types in the binlog that hold it; one that is not here may be any.
_KINDS: dict[str, set[int]] = {
    "tinyint": {1}, "smallint": {2}, "mediumint": {9}, "int": {3}, "bigint": {8}, "float": {4}, "double": {5}, "decimal": {246},
    "timestamp": {7, 17}, "datetime": {12, 18}, "date": {10, 14}, "time": {11, 19}, "year": {13}, "bit": {16},
    "varchar": {15, 253}, "varbinary": {15, 253}, "char": {254}, "binary": {254}, "enum": {247}, "set": {248},
    **dict.fromkeys(("tinytext", "text", "mediumtext", "longtext", "tinyblob", "blob", "mediumblob", "longblob"), {252}),
    "json": {245, 252},
}  # fmt: skip


class SchemaHistory:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._tables: dict[Key, list[SourceTable]] = {}
        if path.exists():
            for raw in json.loads(path.read_text()):
                table = SourceTable.from_json(raw)
                self._tables.setdefault(table.key, []).append(table)

    def remember(self, table: SourceTable) -> None:
        with self._lock:
            shapes = self._tables.setdefault(table.key, [])
            if shapes and shapes[-1] == table:
                return
            shapes[:] = [s for s in shapes if s != table] + [table]
            temporary = self._path.with_suffix(".tmp")
            temporary.write_text(json.dumps([s.to_json() for all_shapes in self._tables.values() for s in all_shapes]))
            temporary.replace(self._path)

    def at(self, event: TableMap, current: SourceTable | None) -> SourceTable | None:
        """The table as it was when the event was written; None if it was never seen."""
        key = (event.schema, event.table)
        with self._lock:
            past = list(reversed(self._tables.get(key, [])))
        shapes = ([current] if current is not None else []) + past
        if not shapes:
            return None
        exact = next((s for s in shapes if _is(s, event)), None)
        if exact is not None:
            return exact
        if event.names is None:
            return shapes[0]
        columns = tuple(_column(name, event, i, shapes) for i, name in enumerate(event.names))
        return SourceTable(event.schema, event.table, columns, shapes[0].has_unique_key)


def _is(table: SourceTable, event: TableMap) -> bool:
    if len(table.columns) != len(event.types) or (event.names is not None and event.names != tuple(c.name for c in table.columns)):
        return False
    return all(_holds(column, event, i) for i, column in enumerate(table.columns))


def _holds(column: SourceColumn, event: TableMap, at: int) -> bool:
    kind, meta = event.types[at], event.meta[at]
    if kind == 254 and meta[0] in (247, 248):  # ENUM and SET hide behind STRING
        kind = meta[0]
    kinds = _KINDS.get(column.data_type)
    return kinds is None or kind in kinds


def _column(name: str, event: TableMap, at: int, shapes: list[SourceTable]) -> SourceColumn:
    named = [c for shape in shapes for c in shape.columns if c.name == name]
    fitting = next((c for c in named if _holds(c, event, at)), None)
    if fitting is not None:
        return fitting
    # Came and went while nobody looked: its bytes are read past, and never shown.
    return SourceColumn(name, "varbinary", "varbinary(0)", None, None, None, None, False, True)
