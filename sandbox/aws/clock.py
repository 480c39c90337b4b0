"""DMS's own clock: names of files, times of the full load, start and end dates. An admin call may set it wrong.

The times of changes are not of this clock: they are the source's (docs/facts/dms.md section 2 b). What only waits (a batch
interval, a status that settles) goes by the machine's clock, which no one moves.
"""

import time

_offset = 0.0


def shift(seconds: float) -> None:
    """DMS's clock is ahead of the machine's by so much from now on, or behind it."""
    global _offset
    _offset = seconds


def offset() -> float:
    return _offset


def now() -> float:
    """Seconds since 1970, as DMS believes."""
    return time.time() + _offset
