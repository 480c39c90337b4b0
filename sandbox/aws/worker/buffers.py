"""Changes that wait to be written, by table.

A table has more than one buffer only where it is held and its columns have changed meanwhile: a file has one set of columns.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from ..switches import Key
from .checkpoint import SequenceState
from .plan import Captured, TablePlan
from .source import Position


@dataclass(frozen=True)
class Mark:
    """A place to resume from: a transaction's start, and the sequence before it."""

    position: Position
    sequence: SequenceState

    def sort_key(self) -> tuple[int, int]:
        return self.position.sort_key()


@dataclass
class Buffer:
    plan: TablePlan
    first: Mark
    deadline: float
    #: date partition -> rows
    rows: dict[str, list[Captured]] = field(default_factory=dict)
    size: int = 0


class Buffers:
    def __init__(self) -> None:
        self._tables: dict[Key, list[Buffer]] = {}

    def __contains__(self, key: Key) -> bool:
        return key in self._tables

    def __bool__(self) -> bool:
        return bool(self._tables)

    def keys(self) -> list[Key]:
        return list(self._tables)

    def of(self, key: Key) -> list[Buffer]:
        return self._tables.get(key, [])

    def open(self, key: Key, plan: TablePlan, first: Mark, deadline: float) -> Buffer:
        """The buffer for rows of this plan, which `first` and `deadline` are for where it is a new one."""
        buffers = self._tables.setdefault(key, [])
        if not buffers or buffers[-1].plan is not plan:
            buffers.append(Buffer(plan, first, deadline))
        return buffers[-1]

    def drop(self, key: Key) -> None:
        self._tables.pop(key, None)

    def due(self, now: float, limit: int) -> list[Key]:
        """Tables whose time has come, or that have `limit` bytes."""
        return [k for k, bs in self._tables.items() if bs[0].deadline <= now or sum(b.size for b in bs) >= limit]

    def next_deadline(self, keys: Iterable[Key]) -> float | None:
        return min((self._tables[k][0].deadline for k in keys), default=None)

    def first(self) -> Mark | None:
        """Where reading must begin again so that nothing pending is lost."""
        return min((b.first for bs in self._tables.values() for b in bs), key=Mark.sort_key, default=None)
