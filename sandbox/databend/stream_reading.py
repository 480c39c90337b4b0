"""Puts a stream's rows in the place of its name."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.databend.engine import quote_text
from sandbox.databend.session import Session
from sandbox.databend.streams import Base, Snapshot, Stream, Streams


@dataclass(frozen=True)
class Reading:
    """One stream as one statement reads it: bound to a version, whatever is committed meanwhile."""

    stream: Stream
    base: Base
    seen: Snapshot
    """The offset before."""
    version: Snapshot
    """The base table's version when the statement was bound; where the offset moves to (docs/facts/databend.md, "Streams")."""

    def subquery(self) -> str:
        if self.seen.id:
            kind = "APPEND_ONLY" if self.stream.mode == "append_only" else "DEFAULT"
            return (
                f"(SELECT * FROM {self.base.quoted} CHANGES (INFORMATION => {kind}) "
                f"AT (SNAPSHOT => {quote_text(self.seen.id)}) END (SNAPSHOT => {quote_text(self.version.id)}))"
            )
        # A stream on a table that had never held a row starts before its first snapshot: all rows are new. The engine
        # has no CHANGES for that ("Empty Table has no historical data"), so the three columns are added here.
        columns = (
            "'INSERT' AS \"change$action\", FALSE AS \"change$is_update\", "
            "hex(concat(_block_name, '/', to_string(_row_id))) AS \"change$row_id\""
        )
        if self.version.id:
            at = f" AT (SNAPSHOT => {quote_text(self.version.id)})"
            return f"(SELECT *, {columns} FROM {self.base.quoted}{at})"
        return f"(SELECT *, {columns} FROM {self.base.quoted} WHERE FALSE)"


def bind(session: Session, streams: Streams, stream: Stream) -> Reading:
    """Binds a stream to the versions that this session sees now."""
    base = streams.base(session, stream)
    return Reading(stream, base, streams.offset(session, stream), streams.version(session, base))


def splice(sql: str, edits: list[tuple[int, int, str]]) -> str:
    """Replaces byte ranges of a text, last one first."""
    text = sql.encode()
    for start, end, replacement in sorted(edits, reverse=True):
        text = text[:start] + replacement.encode() + text[end:]
    return text.decode()
