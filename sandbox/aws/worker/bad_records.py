"""Records that cannot be converted, and what ErrorBehavior.DataErrorPolicy makes of them.

Source: user guide, "Error handling task settings": conversion errors and errors in transformation are errors of a record,
everything else of the table. That the record is left out under LOG_ERROR too is our reading: there is nothing to write.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

from .errors import TaskFailed
from .settings import TaskSettings

log = logging.getLogger(__name__)

Record = TypeVar("Record")


class RecordError(ValueError):
    """A value cannot be converted as a transformation rule wants it."""


class SuspendTable(ValueError):
    """The policy for this record is to suspend its table."""


class DataErrors:
    """Applies the policy, and counts towards DataErrorEscalationCount, per table and run."""

    def __init__(self, task: TaskSettings) -> None:
        self._task = task
        self._counts: dict[tuple[str, str], int] = {}
        self._lock = threading.Lock()

    def sound(self, key: tuple[str, str], records: Sequence[Record], build: Callable[[Sequence[Record]], object]) -> list[Record]:
        """The records that `build` takes, once it has raised RecordError for all of them together."""
        bad = dict(_bad(records, range(len(records)), build))
        for error in bad.values():
            self._apply(key, error)
        return [r for i, r in enumerate(records) if i not in bad]

    def _apply(self, key: tuple[str, str], error: RecordError) -> None:
        log.error("a record of %s.%s: %s", *key, error)
        policy = self._task.data_error_policy
        with self._lock:
            count = self._counts[key] = self._counts.get(key, 0) + 1
        if policy in ("LOG_ERROR", "IGNORE_RECORD") and 0 < self._task.data_error_escalation_count <= count:
            policy = self._task.data_error_escalation_policy
        if policy == "SUSPEND_TABLE":
            raise SuspendTable(str(error))
        if policy == "STOP_TASK":
            raise TaskFailed(f"Data error in table {key[0]}.{key[1]}: {error}")


def _bad(
    records: Sequence[Record], places: Sequence[int], build: Callable[[Sequence[Record]], object]
) -> list[tuple[int, RecordError]]:
    """Where the records are that cannot be built, found by halving."""
    if not places:
        return []
    try:
        build([records[i] for i in places])
        return []
    except RecordError as error:
        if len(places) == 1:
            return [(places[0], error)]
    middle = len(places) // 2
    return _bad(records, places[:middle], build) + _bad(records, places[middle:], build)
