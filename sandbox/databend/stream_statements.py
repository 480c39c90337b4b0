"""CREATE, DROP, SHOW and DESCRIBE STREAM."""

from __future__ import annotations

from typing import Any

from sandbox.databend.engine import quote_name, quote_text
from sandbox.databend.errors import (
    ILLEGAL_STREAM,
    STREAM_ALREADY_EXISTS,
    TABLE_ALREADY_EXISTS,
    UNKNOWN_DATABASE,
    UNKNOWN_STREAM,
    DatabendError,
)
from sandbox.databend.session import Session
from sandbox.databend.streams import Base, Snapshot, Streams

# Source: Databend's bind_show_streams and bind_describe_stream.
_FULL = "created_on, name, database, catalog, table_name AS table_on, owner, comment, mode, invalid_reason"


def create(session: Session, streams: Streams, statement: dict[str, Any]) -> None:
    database = statement["database"] or session.database
    name = statement["name"]
    existing = streams.find(database, name)
    if existing is not None and statement["mode"] == "if_not_exists":
        return
    if existing is not None and statement["mode"] == "create":
        raise DatabendError(STREAM_ALREADY_EXISTS, f"Stream '{database}'.'{name}' already exists")
    _require_database(session, database)
    engine = session.engine
    if engine.rows(f"SELECT 1 FROM system.tables WHERE database = {quote_text(database)} AND name = {quote_text(name)}"):
        raise DatabendError(TABLE_ALREADY_EXISTS, f"Table '{name}' already exists")

    base, table_id = _base(session, statement["table_database"] or database, statement["table"])
    if not base.is_tracked:
        # Creating a stream switches tracking on (docs/facts/databend.md, "Streams").
        engine.run(f"ALTER TABLE {base.quoted} SET OPTIONS(change_tracking = true)")
    offset = _offset(session, streams, base, statement["at"])
    if existing is not None:
        streams.remove(engine, existing)
    fields = {
        "database": database,
        "name": name,
        "table_id": table_id,
        "table_label": f"{base.database}.{base.table}",
        "mode": "append_only" if statement["append_only"] else "standard",
        "comment": statement["comment"] or "",
        "owner": session.role,
    }
    streams.add(engine, fields, offset)


def drop(session: Session, streams: Streams, statement: dict[str, Any]) -> None:
    database = statement["database"] or session.database
    stream = streams.find(database, statement["name"])
    if stream is not None:
        streams.remove(session.engine, stream)
    elif not statement["if_exists"]:
        raise DatabendError(UNKNOWN_STREAM, f"Unknown stream '{database}'.'{statement['name']}'")


def show(session: Session, statement: dict[str, Any], all_streams: str) -> str:
    database = statement["database"] or session.database
    _require_database(session, database)
    columns = _FULL if statement["full"] else f"name AS {quote_name('Streams_in_' + database)}, table_name AS table_on, mode"
    return (
        f"SELECT {columns} FROM {all_streams} AS streams WHERE database = {quote_text(database)} "
        f"AND {statement['filter'] or 'TRUE'} ORDER BY catalog, database, name"
    )


def describe(session: Session, statement: dict[str, Any], all_streams: str) -> str:
    database = statement["database"] or session.database
    return (
        f"SELECT {_FULL} FROM {all_streams} AS streams WHERE database = {quote_text(database)} "
        f"AND name = {quote_text(statement['name'])}"
    )


def _require_database(session: Session, database: str) -> None:
    if not session.engine.rows(f"SELECT 1 FROM system.databases WHERE name = {quote_text(database)}"):
        raise DatabendError(UNKNOWN_DATABASE, f"Unknown database '{database}'")


def _base(session: Session, database: str, table: str) -> tuple[Base, int]:
    rows = session.engine.rows(
        "SELECT table_id, engine, table_option FROM system.tables "
        f"WHERE database = {quote_text(database)} AND name = {quote_text(table)}"
    )
    if not rows:
        # The engine says best which table is unknown.
        session.engine.run(f"SELECT 1 FROM {quote_name(database)}.{quote_name(table)} LIMIT 0")
    if not rows or rows[0]["engine"] != "FUSE":
        raise DatabendError(ILLEGAL_STREAM, f"The table '{database}.{table}' does not support stream")
    return Base(database, table, rows[0]["table_option"]), rows[0]["table_id"]


def _offset(session: Session, streams: Streams, base: Base, at: dict[str, Any] | None) -> Snapshot:
    """Where the stream begins: now, or the point given with AT."""
    if at is None:
        return _now(session, streams, base)
    if at["type"] == "stream":
        return streams.offset(session, streams.get(at["database"] or session.database, at["name"]))
    if at["type"] == "snapshot":
        condition = f"snapshot_id = {quote_text(at['id'])}"
    elif at["type"] == "timestamp":
        condition = f"timestamp <= {at['expression']}"
    elif at["type"] == "offset":
        condition = f"timestamp <= add_seconds(now(), {at['expression']})"
    else:
        raise DatabendError(ILLEGAL_STREAM, "this kind of AT is not known for streams")
    rows = session.engine.rows(
        "SELECT snapshot_id, snapshot_location FROM "
        f"fuse_snapshot({quote_text(base.database)}, {quote_text(base.table)}) WHERE {condition} "
        "ORDER BY timestamp DESC LIMIT 1"
    )
    if not rows:
        raise DatabendError(ILLEGAL_STREAM, f"table '{base.database}.{base.table}' has no snapshot at the point given")
    found = Snapshot(rows[0]["snapshot_id"], rows[0]["snapshot_location"])
    _require_tracked_since(session, base, found)
    return found


def _now(session: Session, streams: Streams, base: Base) -> Snapshot:
    """The table as it is, as a snapshot that changes can be counted from."""
    version = streams.version(session, base)
    if not version.id:
        return version
    try:
        _require_tracked_since(session, base, version)
    except DatabendError as error:
        if error.code != ILLEGAL_STREAM:
            raise
        # Tracking began after the newest snapshot. Databend counts from the table's version in its meta service, the
        # sandbox from snapshots: giving the table the comment that it has makes one, and changes no row.
        comment = session.engine.rows(
            "SELECT comment FROM system.tables "
            f"WHERE database = {quote_text(base.database)} AND name = {quote_text(base.table)}"
        )[0]["comment"]
        session.engine.run(f"ALTER TABLE {base.quoted} COMMENT = {quote_text(comment)}")
        version = streams.version(session, _base(session, base.database, base.table)[0])
        _require_tracked_since(session, base, version)
    return version


def _require_tracked_since(session: Session, base: Base, snapshot: Snapshot) -> None:
    """The engine knows since when changes have been tracked."""
    session.engine.run(
        f"SELECT 1 FROM {base.quoted} CHANGES (INFORMATION => APPEND_ONLY) "
        f"AT (SNAPSHOT => {quote_text(snapshot.id)}) LIMIT 0"
    )
