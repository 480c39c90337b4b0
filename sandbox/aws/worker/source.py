"""The MySQL source: tables and columns, binlog positions, rows."""

import json
import logging
import re
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pymysql

from .columns import SourceColumn, SourceTable

log = logging.getLogger(__name__)

#: Schemas that a task never takes, whatever its wildcards say.
SYSTEM_SCHEMAS = ("mysql", "information_schema", "performance_schema", "sys")

CHUNK = 1 << 20


class SourceError(RuntimeError):
    """The source cannot be used; the message is what DMS would show as LastFailureMessage."""


@dataclass(frozen=True)
class SourceConfig:
    host: str
    port: int
    user: str
    password: str
    tls: bool = False
    #: The authority (PEM) that must have signed the server's certificate: SslMode verify-ca and verify-full.
    authority: str | None = None
    #: verify-full: the certificate is for this very host.
    verify_name: bool = False
    #: An extra connection attribute of the endpoint.
    skip_table_suspension_for_partition_ddl: bool = False

    def connect(self, read_timeout: int | None = None) -> pymysql.connections.Connection:
        connection = pymysql.connect(
            host=self.host,
            port=self.port,
            user=self.user,
            password=self.password,
            charset="utf8mb4",
            autocommit=True,
            connect_timeout=10,
            read_timeout=read_timeout,
            ssl=self._tls(),
            # Else the driver takes TLS wherever it finds it, and `none` would pass where AWS fails.
            ssl_disabled=not self.tls,
        )
        # TIMESTAMP is migrated in UTC (docs/facts/dms.md section 3).
        connection.query("SET time_zone = '+00:00'")
        return connection

    def _tls(self) -> ssl.SSLContext | None:
        if not self.tls:
            return None
        context = ssl.create_default_context(cadata=self.authority)
        context.check_hostname = self.verify_name
        if self.authority is None:  # require: encrypted, with whomever
            context.verify_mode = ssl.CERT_NONE
        return context


@dataclass(frozen=True, order=True)
class Position:
    """A place in the binlog. Orders by file number, then offset."""

    file: str
    offset: int

    def sort_key(self) -> tuple[int, int]:
        match = re.search(r"(\d+)$", self.file)
        return (int(match.group(1)) if match else 0, self.offset)

    def reached(self, other: "Position") -> bool:
        return self.sort_key() >= other.sort_key()

    def __str__(self) -> str:
        return f"{self.file}:{self.offset}"

    @staticmethod
    def parse(text: str) -> "Position":
        file, _, offset = text.rpartition(":")
        if not file or not offset.isdigit():
            raise ValueError(f"binlog position {text!r} is not FILE:OFFSET")
        return Position(file, int(offset))


class Catalog:
    """information_schema of the source, and its binlog position."""

    def __init__(self, config: SourceConfig) -> None:
        self._lock = threading.RLock()
        self._connection = config.connect(read_timeout=120)

    def close(self) -> None:
        self._connection.close()

    def _rows(self, sql: str, *args: Any) -> list[dict[str, Any]]:
        with self._lock, self._connection.cursor(pymysql.cursors.DictCursor) as cursor:
            cursor.execute(sql, args or None)
            return [{k.lower(): v for k, v in row.items()} for row in cursor.fetchall()]

    def check_settings(self) -> None:
        """Ongoing replication needs the row format with whole rows (docs/facts/dms.md section 8)."""
        rows = self._rows("SHOW GLOBAL VARIABLES WHERE Variable_name IN ('log_bin', 'binlog_format', 'binlog_row_image')")
        values = {r["variable_name"]: str(r["value"]).upper() for r in rows}
        if values.get("log_bin") != "ON":
            raise SourceError("Binary Logging must be enabled for MySQL server. Set log_bin.")
        if values.get("binlog_format") != "ROW":
            raise SourceError("Binary Logging must use ROW logging format. Set binlog_format=ROW.")
        if values.get("binlog_row_image") != "FULL":
            raise SourceError("Binary Logging must use FULL row image. Set binlog_row_image=FULL.")

    def tables(self) -> list[tuple[str, str]]:
        rows = self._rows(
            "SELECT table_schema s, table_name t FROM information_schema.tables "
            "WHERE table_type = 'BASE TABLE' AND table_schema NOT IN %s ORDER BY 1, 2",
            SYSTEM_SCHEMAS,
        )
        return [(r["s"], r["t"]) for r in rows]

    def table(self, schema: str, name: str) -> SourceTable | None:
        with self._lock:
            self._connection.ping(reconnect=True)
        columns = self._rows(
            "SELECT column_name AS name, data_type AS data_type, column_type AS column_type, character_set_name AS charset, "
            "numeric_precision AS num_precision, numeric_scale AS num_scale, character_maximum_length AS length, "
            "extra AS extra, column_key AS column_key "
            "FROM information_schema.columns WHERE table_schema = %s AND table_name = %s ORDER BY ordinal_position",
            schema,
            name,
        )
        if not columns:
            return None
        json_columns = self._json_columns(schema, name)
        keys = self._rows(
            "SELECT index_name AS i, column_name AS c FROM information_schema.statistics "
            "WHERE table_schema = %s AND table_name = %s AND non_unique = 0",
            schema,
            name,
        )
        primary = {k["c"] for k in keys if k["i"] == "PRIMARY"}
        return SourceTable(schema, name, tuple(_column(c, json_columns, primary) for c in columns), bool(keys))

    def _json_columns(self, schema: str, table: str) -> set[str]:
        """MariaDB's JSON is longtext with the check json_valid(`column`)."""
        found = self._rows(
            "SELECT 1 FROM information_schema.tables WHERE table_schema = 'information_schema' "
            "AND table_name = 'CHECK_CONSTRAINTS'"
        )
        if not found:
            return set()
        has_table = self._rows(
            "SELECT 1 FROM information_schema.columns WHERE table_schema = 'information_schema' "
            "AND table_name = 'CHECK_CONSTRAINTS' AND column_name = 'TABLE_NAME'"
        )
        if not has_table:  # MySQL: has a JSON type of its own
            return set()
        rows = self._rows(
            "SELECT check_clause AS clause FROM information_schema.check_constraints "
            "WHERE constraint_schema = %s AND table_name = %s",
            schema,
            table,
        )
        names: set[str] = set()
        for row in rows:
            match = re.fullmatch(r"\(*json_valid\(`((?:[^`]|``)+)`\)\)*", str(row["clause"]).strip(), re.IGNORECASE)
            if match:
                names.add(match.group(1).replace("``", "`"))
        return names

    def position(self) -> Position:
        """A position of which every later SELECT has seen everything before it.

        Not what SHOW MASTER STATUS says: that may be ahead of what the engine has committed.
        """
        with self._lock:
            self._connection.ping(reconnect=True)
        return self._mariadb_position() if self._is_mariadb() else self._mysql_position()

    def _is_mariadb(self) -> bool:
        return "MariaDB" in str(self._rows("SELECT VERSION() AS version")[0]["version"])

    def _mysql_position(self) -> Position:
        """From MySQL 8.0.11 on, a table that holds back commits while it is read."""
        rows = self._rows("SELECT local AS local FROM performance_schema.log_status")
        local = json.loads(rows[0]["local"])
        return Position(local["binary_log_file"], int(local["binary_log_position"]))

    def _mariadb_position(self) -> Position:
        """By a consistent snapshot."""
        with self._lock:
            self._connection.query("START TRANSACTION WITH CONSISTENT SNAPSHOT")
            found = self._rows("SHOW STATUS LIKE 'binlog_snapshot_%'")
            self._connection.query("ROLLBACK")
        snapshot = {str(r["variable_name"]).lower(): r["value"] for r in found}
        file, offset = snapshot.get("binlog_snapshot_file"), snapshot.get("binlog_snapshot_position")
        if file and offset:
            return Position(str(file), int(offset))
        status = self._rows("SHOW MASTER STATUS")
        if not status:
            raise SourceError("The source has no binary log, or the user lacks REPLICATION CLIENT.")
        return Position(str(status[0]["file"]), int(status[0]["position"]))

    def oldest_position(self) -> Position:
        logs = self._rows("SHOW BINARY LOGS")
        if not logs:
            raise SourceError("The source has no binary log, or the user lacks REPLICATION CLIENT.")
        return Position(str(logs[0]["log_name"]), 4)


def _column(raw: dict[str, Any], json_columns: set[str], primary: set[str]) -> SourceColumn:
    extra = str(raw["extra"] or "").upper()
    data_type = str(raw["data_type"]).lower()
    length = raw["length"]
    if data_type == "bit":
        length = raw["num_precision"]
    return SourceColumn(
        name=raw["name"],
        data_type="json" if raw["name"] in json_columns else data_type,
        column_type=str(raw["column_type"]),
        charset=raw["charset"],
        precision=None if raw["num_precision"] is None else int(raw["num_precision"]),
        scale=None if raw["num_scale"] is None else int(raw["num_scale"]),
        length=None if length is None else int(length),
        primary_key=raw["name"] in primary,
        hidden="GENERATED" in extra and "DEFAULT_GENERATED" not in extra or "INVISIBLE" in extra,
    )


def stream_rows(
    config: SourceConfig, sql: str, width: int, batch: int, on_batch: Callable[[list[list[bytes | None]]], None]
) -> int:
    """Runs a SELECT and hands over its texts column by column, `batch` rows at a time; returns the row count.

    Reads the wire format itself: with a million rows, building a tuple and several objects per row
    would be the slowest part of a full load. Memory is one batch.
    """
    connection = config.connect()
    try:
        connection._execute_command(pymysql.constants.COMMAND.COM_QUERY, sql)
        header = connection._read_packet()
        if header.read_length_encoded_integer() != width:
            raise SourceError("The table changed while it was being read.")
        for _ in range(width):
            connection._read_packet()
        connection._read_packet()  # EOF after the column definitions
        total = 0
        columns: list[list[bytes | None]] = [[] for _ in range(width)]
        for count in _parse_rows(connection._rfile, columns, batch):
            total += count
            on_batch(columns)
            for column in columns:
                column.clear()
        return total
    finally:
        # Not close(): that would send COM_QUIT and, on an error, wait for rows nobody reads.
        connection._force_close()


def _parse_rows(stream: Any, columns: list[list[bytes | None]], batch: int) -> Iterator[int]:
    appends = [column.append for column in columns]
    buffer, start, rows = b"", 0, 0
    while True:
        try:
            chunk = stream.read1(CHUNK)
        except ConnectionError:
            chunk = b""
        if not chunk:
            # docs/facts/dms.md section 4: MySQL stopping during a full load ends the task "successfully", short of rows.
            log.warning("lost the source during a full load, which so ends short of rows")
            if rows:
                yield rows
            return
        buffer = buffer[start:] + chunk
        start, end = 0, len(buffer)
        while end - start >= 4:
            length = buffer[start] | buffer[start + 1] << 8 | buffer[start + 2] << 16
            at = start + 4
            if length == 0xFFFFFF:
                raise SourceError("A row of the source is larger than 16 MB.")
            if end - at < length:
                break
            first = buffer[at]
            if first == 0xFE and length < 9:
                if rows:
                    yield rows
                return
            if first == 0xFF:
                code = buffer[at + 1] | buffer[at + 2] << 8
                raise SourceError(f"The source stopped the full load: error {code}: {buffer[at + 9 : at + length].decode('utf-8', 'replace')}")
            for append in appends:
                size = buffer[at]
                at += 1
                if size < 251:
                    append(buffer[at : at + size])
                    at += size
                elif size == 251:
                    append(None)
                else:
                    width = 2 if size == 252 else 3 if size == 253 else 8
                    size = int.from_bytes(buffer[at : at + width], "little")
                    at += width
                    append(buffer[at : at + size])
                    at += size
            start += 4 + length
            rows += 1
            if rows == batch:
                yield rows
                rows = 0
