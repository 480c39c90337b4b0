"""The binlog as a sequence of transactions and DDL statements, read by a thread of its own."""

import logging
import queue
import random
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass

import pymysql

from ..columns import SourceTable
from ..source import Position, SourceConfig
from . import ddl, events
from .rows import Change, RowDecoder

log = logging.getLogger(__name__)

COM_BINLOG_DUMP = 0x12
#: The server has no such binlog file any more (ER_MASTER_FATAL_ERROR_READING_BINLOG).
BINLOG_GONE = 1236
#: Seconds between attempts to reconnect: ErrorBehavior.RecoverableErrorInterval's default.
RETRY_SECONDS = 5


@dataclass(frozen=True)
class Transaction:
    """Committed changes of captured tables, in order; possibly none."""

    start: Position
    end: Position
    #: Seconds since 1970: a binlog event header has no more (docs/facts/dms.md section 1).
    commit_time: int
    changes: list[Change]


@dataclass(frozen=True)
class Ddl:
    start: Position
    end: Position
    time: int
    effect: ddl.Effect
    schema: str
    table: str


@dataclass(frozen=True)
class Progress:
    """Nothing happened, but the position moved (or time passed: a heartbeat)."""

    end: Position


@dataclass(frozen=True)
class Broken:
    """The stream has ended for good."""

    message: str


@dataclass(frozen=True)
class Suspended:
    """One table's events cannot be read; the others go on."""

    schema: str
    table: str
    message: str


Item = Transaction | Ddl | Progress | Broken | Suspended


class BinlogStream:
    """Reads from `start` until `stop()`; hands over items through `get`.

    `table_of` gives a captured table as it was when the event was written, or None for a table that is not captured.
    It is asked again after every DDL.
    """

    def __init__(
        self, config: SourceConfig, start: Position, table_of: Callable[[events.TableMap], SourceTable | None]
    ) -> None:
        self._config = config
        self._position = start
        self._table_of = table_of
        self._queue: queue.Queue[Item] = queue.Queue(maxsize=1000)
        self._stopping = threading.Event()
        self._connection: pymysql.connections.Connection | None = None
        self._decoders: dict[int, RowDecoder | None] = {}
        self._suspended: set[tuple[str, str]] = set()
        self._checksums = True
        self._thread = threading.Thread(target=self._run, name="binlog", daemon=True)
        self._thread.start()

    def get(self, timeout: float) -> Item | None:
        try:
            return self._queue.get(timeout=max(timeout, 0.001))
        except queue.Empty:
            return None

    def look_again(self) -> None:
        """Asks `table_of` anew for every table, also for those that could not be read."""
        self._suspended.clear()
        self._decoders.clear()

    def stop(self) -> None:
        self._stopping.set()
        connection = self._connection
        if connection is not None:
            connection._force_close()
        while self._thread.is_alive():
            self.get(0.05)
            self._thread.join(0.05)

    def _put(self, item: Item) -> None:
        while not self._stopping.is_set():
            try:
                self._queue.put(item, timeout=0.2)
                return
            except queue.Full:
                continue

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._connect()
                self._read()
            except (pymysql.MySQLError, OSError) as error:
                if self._stopping.is_set():
                    return
                if isinstance(error, pymysql.MySQLError) and error.args and error.args[0] == BINLOG_GONE:
                    self._put(Broken(f"Error reading binlog at {self._position}: {error.args[-1]}"))
                    return
                log.warning("lost the binlog stream at %s (%s); retrying", self._position, error)
                self._stopping.wait(RETRY_SECONDS)
            except _Unreadable as error:
                self._put(Broken(str(error)))
                return
            except Exception as error:  # a defect of ours must not look like a quiet source
                if not self._stopping.is_set():
                    log.exception("binlog reader failed")
                    self._put(Broken(f"Error reading binlog at {self._position}: {error}"))
                return
            finally:
                if self._connection is not None:
                    self._connection._force_close()

    def _connect(self) -> None:
        connection = self._config.connect(read_timeout=30)
        self._connection = connection
        # Events come as they are in the file; _read takes the checksums off.
        connection.query(
            "SET @master_binlog_checksum = @@global.binlog_checksum, @source_binlog_checksum = @@global.binlog_checksum"
        )
        with connection.cursor() as cursor:
            cursor.execute("SELECT @@global.binlog_checksum")
            self._checksums = cursor.fetchone() != ("NONE",)
        # 4: MariaDB sends GTID events as they are, instead of rewriting them.
        connection.query("SET @mariadb_slave_capability = 4")
        connection.query("SET @master_heartbeat_period = 1000000000, @source_heartbeat_period = 1000000000")
        payload = struct.pack("<IHI", self._position.offset, 0, random.randint(1 << 20, (1 << 31) - 1))
        connection._execute_command(COM_BINLOG_DUMP, payload + self._position.file.encode())

    def _read(self) -> None:
        assert self._connection is not None
        file = self._position.file
        self._decoders.clear()
        maps: dict[int, events.TableMap] = {}
        changes: list[Change] = []
        start: Position | None = None
        began = False  # inside BEGIN … COMMIT, as opposed to a DDL on its own
        while not self._stopping.is_set():
            packet = self._connection._read_packet()
            data = packet.get_all_data()
            if data[0] == 0xFE and len(data) < 9:
                raise pymysql.OperationalError(2013, "the source ended the binlog stream")
            head = events.header(data[1:20])
            if head.kind == events.FORMAT_DESCRIPTION:
                self._checksums = data[-5] == 1  # algorithm, then the event's own checksum
            body = data[20:-4] if self._checksums else data[20:]
            end = Position(file, head.end) if head.end else self._position
            kind = head.kind
            if kind == events.ROTATE:
                file = body[8:].decode()
                if head.timestamp or head.end:
                    self._position = Position(file, int.from_bytes(body[:8], "little"))
            elif kind == events.TABLE_MAP:
                table_map = events.table_map(body)
                maps[table_map.table_id] = table_map
            elif kind in events.WRITE_ROWS or kind in events.UPDATE_ROWS or kind in events.DELETE_ROWS:
                decoder = self._decoder(maps[int.from_bytes(body[:6], "little")])
                if decoder is not None:
                    self._decode(decoder, kind, body, head.timestamp, changes)
            elif kind == events.MARIADB_GTID:
                start = Position(file, head.end - head.size)
                began = not body[12] & 1  # FL_STANDALONE
            elif kind in events.MYSQL_GTID:
                start, began = Position(file, head.end - head.size), False
            elif kind == events.QUERY:
                query = events.query(body)
                word = query.sql.lstrip()[:9].upper()
                if word.startswith("BEGIN"):
                    start = start or Position(file, head.end - head.size)
                    began = True
                elif word.startswith(("COMMIT", "ROLLBACK")) and not word.startswith("ROLLBACK TO"):
                    committed = changes if word.startswith("COMMIT") else []
                    self._finish(start or end, end, head.timestamp, committed)
                    changes, start = [], None
                elif not word.startswith("SAVEPOINT"):
                    self._ddl(query, start or Position(file, head.end - head.size), end, head.timestamp)
                    if not began:
                        self._position, start = end, None
            elif kind in (events.XID, events.XA_PREPARE):
                self._finish(start or end, end, head.timestamp, changes)
                changes, start = [], None
            elif kind == events.HEARTBEAT:
                if start is None:
                    self._put(Progress(self._position))
            elif kind in events.UNREADABLE:
                raise _Unreadable(f"The source's binlog has {events.UNREADABLE[kind]}, which AWS DMS does not capture.")
            elif head.end and start is None:
                # What a new file begins with, and MariaDB's own bookkeeping: nothing to do but pass it.
                self._position = end
                self._put(Progress(end))

    def _finish(self, start: Position, end: Position, time: int, changes: list[Change]) -> None:
        self._put(Transaction(start, end, time, changes) if changes else Progress(end))
        self._position = end

    def _decoder(self, table_map: events.TableMap) -> RowDecoder | None:
        try:
            return self._decoders[table_map.table_id]
        except KeyError:
            # Kept in a variable: another thread may call look_again meanwhile.
            decoder = self._decoders[table_map.table_id] = self._new_decoder(table_map)
            return decoder

    def _new_decoder(self, table_map: events.TableMap) -> RowDecoder | None:
        key = (table_map.schema, table_map.table)
        if key in self._suspended:
            return None
        table = self._table_of(table_map)
        if table is None:
            return None
        try:
            return RowDecoder(table, table_map)
        except ValueError as error:
            self._suspend(key, error)
            return None

    def _decode(self, decoder: RowDecoder, kind: int, body: bytes, time: int, into: list[Change]) -> None:
        try:
            into.extend(list(decoder.changes(kind, body, time)))
        except (ValueError, LookupError, struct.error) as error:
            self._suspend(decoder.table.key, error)

    def _suspend(self, key: tuple[str, str], error: Exception) -> None:
        """ErrorBehavior.TableErrorPolicy = SUSPEND_TABLE, the default."""
        log.error("table %s.%s: %s", *key, error)
        self._suspended.add(key)
        self._decoders.clear()
        self._put(Suspended(*key, str(error)))

    def _ddl(self, query: events.Query, start: Position, end: Position, time: int) -> None:
        self._decoders.clear()
        try:
            statements = ddl.parse(query.sql, query.schema)
        except ddl.UnknownStatement as error:
            raise _Unreadable(str(error)) from error
        for statement in statements:
            self._put(Ddl(start, end, time, statement.effect, statement.schema, statement.table))
        if not statements:
            self._put(Progress(end))


class _Unreadable(Exception):
    """The binlog has something that cannot be read at all."""
