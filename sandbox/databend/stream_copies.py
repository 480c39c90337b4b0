"""Streams as tables of their own, for a MERGE with the join runtime filter on.

Built on CHANGES, a stream in a MERGE makes this engine panic unless the filter is off (docs/facts/databend.md, "MERGE and
INSERT"). To switch it off silently would hide what the filter does: keys that are inserted again. So the MERGE gets a copy
of the stream's rows, which is read as any table is, with the filter that its session has.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from sandbox.databend.catalog import HIDDEN_DATABASE
from sandbox.databend.engine import EngineSession
from sandbox.databend.stream_reading import Reading

_OWN_COLUMNS = "change$action, change$is_update, change$row_id"
"""What a stream has besides its table's columns. The engine lets no table have columns of these names."""


def may_read(sql: str) -> bool:
    """Whether the statement can do without a stream's own columns."""
    return "change$" not in sql.lower()


class Copies:
    """The copies that one statement reads."""

    def __init__(self, system: EngineSession) -> None:
        self._system = system
        self._tables: dict[int, str] = {}

    def table(self, reading: Reading) -> str:
        """The rows of the stream between its offset and the version that the statement is bound to."""
        stream = reading.stream.id
        if stream not in self._tables:
            name = f"{HIDDEN_DATABASE}.copy_{uuid.uuid4().hex}"
            # As a table on object storage is kept; the embedded engine's own default reads some decimals wrong.
            self._system.run(
                f"CREATE TABLE {name} storage_format = 'parquet' "
                f"AS SELECT * EXCLUDE ({_OWN_COLUMNS}) FROM {reading.subquery()}"
            )
            self._tables[stream] = name
        return self._tables[stream]

    def drop(self) -> None:
        for name in self._tables.values():
            self._system.run(f"DROP TABLE {name}")


@contextmanager
def copies(system: EngineSession) -> Iterator[Copies]:
    """Copies that go with the statement."""
    made = Copies(system)
    try:
        yield made
    finally:
        made.drop()
