"""Streams, which the embedded engine has no licence for, built on what it does have.

A stream is a name, a base table and an offset: the table's snapshot up to which it has been consumed. Its rows are
``base CHANGES (INFORMATION => APPEND_ONLY) AT (SNAPSHOT => offset)`` (docs/facts/databend.md, "Streams").

The offset is a row in an engine table of its own, so that it moves in the very commit of the DML that consumes it, and
goes back with it. One table per stream, since two writers of one table would get into each other's way.
"""

from __future__ import annotations

import contextlib
import re
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.databend.catalog import HIDDEN_DATABASE
from sandbox.databend.clock import CLOCK
from sandbox.databend.engine import EngineSession, quote_name, quote_text
from sandbox.databend.errors import CONFLICT, ILLEGAL_STREAM, UNKNOWN_STREAM, UNKNOWN_TABLE, DatabendError
from sandbox.databend.session import Session, TransactionState
from sandbox.databend.store import Store

_SNAPSHOT = re.compile(r"SNAPSHOT_LOCATION='([^']*/h?([0-9a-f]{32})_v\d+\.mpk)'")


@dataclass(frozen=True)
class Stream:
    id: int
    database: str
    name: str
    table_id: int
    table_label: str
    """``database.table`` when the stream was made; for messages once the table is gone."""
    mode: str
    comment: str
    created_us: int
    owner: str = "account_admin"

    @property
    def label(self) -> str:
        return f"'{self.database}'.'{self.name}'"

    @property
    def offset_table(self) -> str:
        return f"{HIDDEN_DATABASE}.stream_{self.id}"


@dataclass(frozen=True)
class Snapshot:
    """A version of a table; both empty before the first row was ever written."""

    id: str = ""
    location: str = ""

    @property
    def version(self) -> int:
        """Grows with each snapshot: its id begins with a time. Databend counts in its meta service instead."""
        return int(self.id[:12], 16) if self.id else 0


@dataclass(frozen=True)
class Base:
    """A stream's base table as it is now."""

    database: str
    table: str
    options: str

    @property
    def quoted(self) -> str:
        return f"{quote_name(self.database)}.{quote_name(self.table)}"

    @property
    def is_tracked(self) -> bool:
        return "CHANGE_TRACKING='true'" in self.options

    @property
    def committed(self) -> Snapshot:
        """The newest version that everybody sees."""
        match = _SNAPSHOT.search(self.options)
        return Snapshot(match[2], match[1]) if match else Snapshot()


class Streams:
    """All streams. Their offsets are read and moved through the session that asks, inside its transaction."""

    def __init__(self, store: Store, engine_folder: Path, system: EngineSession) -> None:
        self._store = store
        self._data = engine_folder / "data"
        self._lock = threading.RLock()
        self._by_name: dict[tuple[str, str], Stream] = {}
        self._offsets: dict[int, Snapshot] = {}
        self._moves: dict[int, int] = {}
        self._places: dict[int, tuple[str, str]] = {}
        self.system = system
        """A session of the sandbox's own."""
        system.run(f"CREATE DATABASE IF NOT EXISTS {HIDDEN_DATABASE}")
        for row in store.rows("SELECT * FROM streams"):
            self._by_name[row["database"], row["name"]] = Stream(**dict(row))

    def find(self, database: str, name: str) -> Stream | None:
        with self._lock:
            return self._by_name.get((database, name))

    def get(self, database: str, name: str) -> Stream:
        stream = self.find(database, name)
        if stream is None:
            raise _unknown(database, name)
        return stream

    def all(self) -> list[Stream]:
        with self._lock:
            return sorted(self._by_name.values(), key=lambda stream: (stream.database, stream.name))

    def add(self, session: EngineSession, fields: dict[str, Any], offset: Snapshot) -> None:
        row = {**fields, "created_us": CLOCK.now_us()}
        names = ", ".join(row)
        with self._lock:
            new_id = self._store.write(
                f"INSERT INTO streams ({names}) VALUES ({', '.join('?' * len(row))})", row.values()
            )
            stream = Stream(id=new_id, **row)
            try:
                self._create_offset(session, stream, offset)
            except DatabendError:
                self._store.write("DELETE FROM streams WHERE id = ?", [new_id])
                raise
            self._by_name[stream.database, stream.name] = stream
            self._offsets[stream.id] = offset

    def remove(self, session: EngineSession, stream: Stream) -> None:
        with self._lock:
            self._store.write("DELETE FROM streams WHERE id = ?", [stream.id])
            self._by_name.pop((stream.database, stream.name), None)
        session.run(f"DROP TABLE IF EXISTS {stream.offset_table}")

    def remove_database(self, database: str) -> None:
        """A stream goes with its database; the tables of their offsets go when there is time."""
        with self._lock:
            gone = [stream for stream in self._by_name.values() if stream.database == database]
            for stream in gone:
                self._store.write("DELETE FROM streams WHERE id = ?", [stream.id])
                del self._by_name[stream.database, stream.name]
        if gone:
            threading.Thread(target=self._drop_offsets, args=(gone,), name="drop-offsets", daemon=True).start()

    def _drop_offsets(self, streams: list[Stream]) -> None:
        for stream in streams:
            # Whatever is left over is in nobody's way: ids are never used again.
            with contextlib.suppress(DatabendError):
                self.system.run(f"DROP TABLE IF EXISTS {stream.offset_table}")

    # Offsets

    def _create_offset(self, session: EngineSession, stream: Stream, offset: Snapshot) -> None:
        session.run(
            f"CREATE OR REPLACE TABLE {stream.offset_table} (snapshot VARCHAR, location VARCHAR, moved TIMESTAMP) "
            f"AS SELECT {quote_text(offset.id)}, {quote_text(offset.location)}, now()"
        )

    def offset(self, session: Session, stream: Stream) -> Snapshot:
        """The offset as the session sees it. Reading it costs a table scan, so what is committed is remembered.

        A consumer whose offset was moved by another one right now loses against it in `move`.
        """
        if session.transaction is TransactionState.ACTIVE:
            return self._read_offset(session, stream)
        with self._lock:
            known, moves = self._offsets.get(stream.id), self._moves.get(stream.id, 0)
        if known is None:
            known = self._read_offset(session, stream)
            with self._lock:
                # Not if somebody moved it in the meantime: then this may be the old one.
                if self._moves.get(stream.id, 0) == moves:
                    self._offsets[stream.id] = known
        return known

    def _read_offset(self, session: Session, stream: Stream) -> Snapshot:
        try:
            rows = session.engine.rows(f"SELECT snapshot, location FROM {stream.offset_table}")
        except DatabendError as error:
            if error.code != UNKNOWN_TABLE:
                raise
            # Dropped by another session just now.
            raise _unknown(stream.database, stream.name) from None
        return Snapshot(rows[0]["snapshot"], rows[0]["location"]) if rows else Snapshot()

    def move(self, session: Session, stream: Stream, seen: Snapshot, to: Snapshot) -> None:
        """Moves an offset inside the session's transaction; whoever read the same rows first has won."""
        if seen == to:
            return
        session.moved_streams.add(stream.id)
        changed = session.engine.rows(
            f"UPDATE {stream.offset_table} SET snapshot = {quote_text(to.id)}, location = {quote_text(to.location)}, "
            f"moved = now() WHERE snapshot = {quote_text(seen.id)}"
        )
        if not changed or next(iter(changed[0].values())) != 1:
            raise DatabendError(CONFLICT, f"Unresolvable conflict detected for stream {stream.label}")

    def settle(self, session: Session) -> None:
        """The session's transaction is over, one way or the other: what was remembered may be wrong now."""
        if session.transaction is not TransactionState.ACTIVE and session.moved_streams:
            with self._lock:
                for stream_id in session.moved_streams:
                    self._moves[stream_id] = self._moves.get(stream_id, 0) + 1
                    self._offsets.pop(stream_id, None)
            session.moved_streams.clear()

    # Base tables

    def base(self, session: Session, stream: Stream) -> Base:
        """The base table, wherever it has been renamed to; an error when it is gone or another one took its name."""
        database, table = self._places.get(stream.id) or stream.table_label.split(".", 1)
        # Looked for where it was last: a search through all databases takes the longer the more there are.
        there = f"database = {quote_text(database)} AND name = {quote_text(table)} AND table_id = {stream.table_id}"
        bases = self._bases(session, there) or self._bases(session, f"table_id = {stream.table_id}")
        base = self._base(stream, bases)
        self._places[stream.id] = (base.database, base.table)
        return base

    def _bases(self, session: Session, condition: str) -> dict[int, Base]:
        rows = session.engine.rows(f"SELECT table_id, database, name, table_option FROM system.tables WHERE {condition}")
        return {row["table_id"]: Base(row["database"], row["name"], row["table_option"]) for row in rows}

    def _bases_of(self, session: Session, streams: list[Stream]) -> dict[int, Base]:
        """Looked for where they were last, as in `base`."""
        if not streams:
            return {}
        places = [self._places.get(stream.id) or stream.table_label.split(".", 1) for stream in streams]
        databases = ", ".join(sorted({quote_text(database) for database, _ in places}))
        bases = self._bases(session, f"database IN ({databases})")
        moved = [str(stream.table_id) for stream in streams if stream.table_id not in bases]
        return bases | self._bases(session, f"table_id IN ({', '.join(moved)})") if moved else bases

    def _base(self, stream: Stream, bases: dict[int, Base]) -> Base:
        """Source of the texts: Databend's stream_table.rs."""
        base = bases.get(stream.table_id)
        if base is None:
            database, table = stream.table_label.split(".", 1)
            raise DatabendError(
                ILLEGAL_STREAM, f"Base table '{database}'.'{table}' dropped, cannot read from stream {stream.label}"
            )
        if not base.is_tracked:
            raise DatabendError(
                ILLEGAL_STREAM, f"Change tracking is not enabled on table '{base.database}'.'{base.table}'"
            )
        return base

    def version(self, session: Session, base: Base) -> Snapshot:
        """The base table's version as this session sees it, its own transaction included."""
        if session.transaction is not TransactionState.ACTIVE:
            return base.committed
        rows = session.engine.rows(
            "SELECT snapshot_id, snapshot_location FROM fuse_snapshot("
            f"{quote_text(base.database)}, {quote_text(base.table)}) LIMIT 1"
        )
        return Snapshot(rows[0]["snapshot_id"], rows[0]["snapshot_location"]) if rows else Snapshot()

    def has_data(self, session: Session, stream: Stream) -> bool:
        """"The table's version has changed": also true after ALTER or DELETE, with no row to read (docs/facts/databend.md, "Streams")."""
        return self.version(session, self.base(session, stream)).id != self.offset(session, stream).id

    def rows(self, session: Session) -> list[dict[str, Any]]:
        """Rows of system.streams: few statements, however many streams there are."""
        streams = self.all()
        bases = self._bases_of(session, streams)
        rows = []
        for stream in streams:
            try:
                rows.append(self._row(session, stream, bases))
            except DatabendError as error:
                # It went while the list was made.
                if error.code != UNKNOWN_STREAM:
                    raise
        return rows

    def _row(self, session: Session, stream: Stream, bases: dict[int, Base]) -> dict[str, Any]:
        offset = self.offset(session, stream)
        row: dict[str, Any] = {
            "catalog": "default",
            "database": stream.database,
            "name": stream.name,
            "stream_id": stream.id,
            "created_on": stream.created_us,
            "updated_on": stream.created_us,
            "mode": stream.mode,
            "comment": stream.comment,
            "table_name": None,
            "table_id": stream.table_id,
            "table_version": offset.version,
            "snapshot_location": offset.location or None,
            "invalid_reason": "",
            "has_data": False,
            "owner": stream.owner,
        }
        try:
            base = self._base(stream, bases)
        except DatabendError as error:
            return {**row, "invalid_reason": error.message}
        row["table_name"] = f"{base.database}.{base.table}"
        if offset.location and not (self._data / offset.location).exists():
            # What a stream left unread for longer than the table's retention comes to (docs/facts/databend.md, "Streams").
            return {**row, "invalid_reason": f"NotFound: snapshot {offset.location} of the stream's offset is gone"}
        return {**row, "has_data": self.version(session, base).id != offset.id}


def _unknown(database: str, name: str) -> DatabendError:
    return DatabendError(UNKNOWN_STREAM, f"Unknown stream '{database}'.'{name}'")
