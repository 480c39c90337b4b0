"""Binlog events: headers, TABLE_MAP, QUERY.

Source: MySQL internals manual "Replication Protocol"; MariaDB knowledge base "Replication Protocol" for the
event numbers from 160.
"""

import struct
from dataclasses import dataclass

QUERY = 2
STOP = 3
ROTATE = 4
FORMAT_DESCRIPTION = 15
XID = 16
TABLE_MAP = 19
HEARTBEAT = 27
WRITE_ROWS = {23: 1, 30: 2}
UPDATE_ROWS = {24: 1, 31: 2}
DELETE_ROWS = {25: 1, 32: 2}
MYSQL_GTID = {33, 34}
XA_PREPARE = 38
#: What AWS DMS does not capture either (docs/facts/dms.md section 3: compressed or encrypted transactions).
UNREADABLE = {
    39: "partial JSON updates (binlog_row_value_options)",
    40: "compressed transactions (binlog_transaction_compression)",
    164: "encrypted binlogs",
    165: "compressed binlog events (log_bin_compress)",
    166: "compressed binlog events (log_bin_compress)",
    167: "compressed binlog events (log_bin_compress)",
    168: "compressed binlog events (log_bin_compress)",
}
MARIADB_GTID = 162

HEADER = struct.Struct("<IBIIIH")


@dataclass(frozen=True)
class Header:
    timestamp: int
    kind: int
    size: int
    #: Offset of the next event in the file; 0 in artificial events.
    end: int


def header(data: bytes) -> Header:
    timestamp, kind, _server, size, end, _flags = HEADER.unpack_from(data)
    return Header(timestamp, kind, size, end)


def lenenc(data: bytes, at: int) -> tuple[int, int]:
    """A length-encoded integer and where it ends."""
    first = data[at]
    if first < 251:
        return first, at + 1
    width = {252: 2, 253: 3, 254: 8}[first]
    return int.from_bytes(data[at + 1 : at + 1 + width], "little"), at + 1 + width


@dataclass(frozen=True)
class Query:
    schema: str
    sql: str


def query(body: bytes) -> Query:
    _thread, _seconds, schema_length, _error, status_length = struct.unpack_from("<IIBHH", body)
    at = 13 + status_length
    schema = body[at : at + schema_length].decode("utf-8", "replace")
    return Query(schema, body[at + schema_length + 1 :].decode("utf-8", "replace"))


@dataclass(frozen=True)
class TableMap:
    table_id: int
    schema: str
    table: str
    types: bytes
    #: Two bytes of metadata per column, as (first, second) of the block; what they mean depends on the type.
    meta: tuple[tuple[int, int], ...]
    #: Only with binlog_row_metadata=FULL.
    names: tuple[str, ...] | None


_TWO_BYTES = {15, 16, 246, 247, 248, 253, 254}
_ONE_BYTE = {4, 5, 17, 18, 19, 245, 252, 255, 140}


def table_map(body: bytes) -> TableMap:
    table_id = int.from_bytes(body[:6], "little")
    at = 8
    length = body[at]
    schema = body[at + 1 : at + 1 + length].decode("utf-8")
    at += length + 2
    length = body[at]
    table = body[at + 1 : at + 1 + length].decode("utf-8")
    at += length + 2
    count, at = lenenc(body, at)
    types = body[at : at + count]
    at += count
    size, at = lenenc(body, at)
    block, cursor = body[at : at + size], 0
    meta: list[tuple[int, int]] = []
    for kind in types:
        if kind in _TWO_BYTES or kind == 141:
            meta.append((block[cursor], block[cursor + 1]))
            cursor += 2
        elif kind in _ONE_BYTE:
            meta.append((block[cursor], 0))
            cursor += 1
        else:
            meta.append((0, 0))
    at += size + (count + 7) // 8
    return TableMap(table_id, schema, table, types, tuple(meta), _names(body, at))


def _names(body: bytes, at: int) -> tuple[str, ...] | None:
    """COLUMN_NAME (4) of the optional metadata."""
    while at < len(body):
        kind = body[at]
        size, at = lenenc(body, at + 1)
        if kind == 4:
            names, cursor = [], at
            while cursor < at + size:
                length, cursor = lenenc(body, cursor)
                names.append(body[cursor : cursor + length].decode("utf-8"))
                cursor += length
            return tuple(names)
        at += size
    return None
