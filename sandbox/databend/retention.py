"""What Databend's vacuum does to old versions of a table, done when the clock jumps: a stream left behind goes stale.

The engine has no vacuum without a licence, but OPTIMIZE … PURGE BEFORE, which removes the same snapshots.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from sandbox.databend.clock import CLOCK
from sandbox.databend.engine import EngineSession, quote_name
from sandbox.databend.streams import Streams

_HOURS = re.compile(r"DATA_RETENTION_PERIOD_IN_HOURS='(\d+)'")
_DEFAULT_HOURS = 24
"""data_retention_time_in_days is 1 (docs/facts/databend.md, "Streams")."""


def expire(engine: EngineSession, streams: Streams) -> None:
    """Removes versions older than the retention of every table that has a stream; the newest stays, and what it was then."""
    tables = {stream.table_id for stream in streams.all()}
    if not tables:
        return
    # A purge spares what is within the retention by the engine's own time.
    engine.run("SET data_retention_time_in_days = 0")
    wanted = ", ".join(map(str, sorted(tables)))
    for row in engine.rows(f"SELECT database, name, table_option FROM system.tables WHERE table_id IN ({wanted})"):
        found = _HOURS.search(row["table_option"])
        hours = int(found[1]) if found else _DEFAULT_HOURS
        before = CLOCK.machine_time(CLOCK.now_us() - hours * 3_600_000_000)
        moment = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=before)).strftime("%Y-%m-%d %H:%M:%S.%f")
        table = f"{quote_name(row['database'])}.{quote_name(row['name'])}"
        if found:
            engine.run(f"ALTER TABLE {table} SET OPTIONS (data_retention_period_in_hours = 0)")
        try:
            engine.run(f"OPTIMIZE TABLE {table} PURGE BEFORE (TIMESTAMP => '{moment}'::TIMESTAMP)")
        finally:
            if found:
                engine.run(f"ALTER TABLE {table} SET OPTIONS (data_retention_period_in_hours = {hours})")
