"""The sandbox's time: the machine's, and ahead of it by what tests have asked for.

Schedules, task history and the retention of tables go by it. ``now()`` in SQL is the engine's own and does not jump.
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime

from sandbox.databend.catalog import microseconds
from sandbox.databend.store import Store


class Clock:
    """One per process. Jumps are remembered, so that time does not go back at a restart."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._store: Store | None = None
        self._jumps: list[tuple[int, int]] = []
        """When by the machine's time, and by how much."""

    def use(self, store: Store) -> None:
        with self._lock:
            self._store = store
            self._jumps = [(row["at_us"], row["by_us"]) for row in store.rows("SELECT at_us, by_us FROM jumps ORDER BY at_us")]

    def now_us(self) -> int:
        return _machine_us() + self.ahead_us

    @property
    def ahead_us(self) -> int:
        with self._lock:
            return sum(by for _, by in self._jumps)

    def advance(self, seconds: float) -> None:
        jump = (_machine_us(), int(seconds * 1_000_000))
        with self._lock:
            self._jumps.append(jump)
            if self._store is not None:
                self._store.write("INSERT INTO jumps (at_us, by_us) VALUES (?, ?)", jump)

    def machine_time(self, moment_us: int) -> int:
        """The machine's time at a moment of this clock; of a moment that was jumped over, when that was."""
        with self._lock:
            ahead = 0
            for at, by in self._jumps:
                if moment_us - ahead < at:
                    return moment_us - ahead
                if moment_us - ahead - by < at:
                    return at
                ahead += by
            return moment_us - ahead


def _machine_us() -> int:
    return microseconds(datetime.now(UTC))


CLOCK = Clock()
