"""Row events -> changes, with one decoder compiled per table map."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..columns import SourceColumn, SourceTable
from .events import DELETE_ROWS, UPDATE_ROWS, WRITE_ROWS, TableMap, lenenc
from .values import Reader, reader

Row = tuple[Any, ...]


class SchemaMismatch(ValueError):
    """The event's columns are not those the table is known to have."""


@dataclass(frozen=True, slots=True)
class Change:
    """One changed row: I, U or D. `before` only in U; a D carries the deleted row as `values`."""

    table: SourceTable
    op: str
    values: Row
    before: Row | None
    #: Bytes of the row in the binlog: what CdcMinFileSize counts.
    size: int
    #: When the statement ran (seconds): AR_H_TIMESTAMP.
    timestamp: int


class RowDecoder:
    """Decodes the row events of one table."""

    def __init__(self, table: SourceTable, table_map: TableMap) -> None:
        self.table = table
        self._columns = len(table_map.types)
        by_name = {c.name: c for c in table.columns}
        if table_map.names is not None:
            known = [by_name.get(name) for name in table_map.names]
        elif self._columns <= len(table.columns):
            # Without names in the binlog: columns that were added since stand at the end.
            known = list(table.columns[: self._columns])
        else:
            raise SchemaMismatch(
                f"the binlog has {self._columns} columns for {table.schema}.{table.name}, "
                f"the source now has {len(table.columns)}; set binlog_row_metadata=FULL to follow such changes"
            )
        columns = [c or _forgotten(str(i)) for i, c in enumerate(known)]
        self._readers: list[Reader] = [
            reader(column, kind, meta)
            for column, kind, meta in zip(columns, table_map.types, table_map.meta, strict=True)
        ]
        # Where each decoded value goes in the table's own column order; dropped columns go nowhere.
        order = {c.name: i for i, c in enumerate(table.columns)}
        self._targets = [None if c is None else order[c.name] for c in known]
        self._width = len(table.columns)
        self._in_order = self._targets == list(range(self._width))

    def changes(self, kind: int, body: bytes, timestamp: int) -> Iterator[Change]:
        op, version = _operation(kind)
        at = 8
        if version == 2:
            at += int.from_bytes(body[8:10], "little")
        count, at = lenenc(body, at)
        bitmap = (count + 7) // 8
        present = [body[at : at + bitmap]]
        at += bitmap
        if op == "U":
            present.append(body[at : at + bitmap])
            at += bitmap
        every = (1 << count) - 1
        for image in present:
            # MySQL sets the bits behind the last column, MariaDB does not.
            if int.from_bytes(image, "little") & every != every:
                raise SchemaMismatch(f"{self.table.schema}.{self.table.name}: binlog_row_image is not FULL")
        end = len(body)
        while at < end:
            start = at
            before: Row | None = None
            if op == "U":
                before, at = self._row(body, at, bitmap)
            values, at = self._row(body, at, bitmap)
            yield Change(self.table, op, values, before, at - start, timestamp)

    def _row(self, body: bytes, at: int, bitmap: int) -> tuple[Row, int]:
        nulls = int.from_bytes(body[at : at + bitmap], "little")
        at += bitmap
        values: list[Any] = []
        append = values.append
        if nulls:
            for i, read in enumerate(self._readers):
                if nulls >> i & 1:
                    append(None)
                else:
                    value, at = read(body, at)
                    append(value)
        else:
            for read in self._readers:
                value, at = read(body, at)
                append(value)
        if self._in_order:
            return tuple(values), at
        row: list[Any] = [None] * self._width
        for target, value in zip(self._targets, values, strict=True):
            if target is not None:
                row[target] = value
        return tuple(row), at


def _forgotten(name: str) -> SourceColumn:
    """A column that is in the binlog but was dropped since: read past, never shown."""
    return SourceColumn(name, "varbinary", "varbinary(0)", None, None, None, None, False, True)


def _operation(kind: int) -> tuple[str, int]:
    for op, kinds in (("I", WRITE_ROWS), ("U", UPDATE_ROWS), ("D", DELETE_ROWS)):
        if kind in kinds:
            return op, kinds[kind]
    raise ValueError(f"event {kind} is not a row event")
