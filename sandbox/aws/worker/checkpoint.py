"""What a task must remember across stops: one JSON file, replaced atomically.

The recovery position is that of the last flush's first transaction, so a resume writes the changes of that
flush again. AWS documents only that a task resumes from its last checkpoint; that changes are repeated is
what users observe (docs/facts/dms.md section 2, hazard e).
"""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NamedTuple

#: The change sequence's counter before the first change (docs/facts/dms.md section 2: 61, 65, …).
FIRST = 61


class SequenceState(NamedTuple):
    """Where the change sequence stands between two transactions."""

    prefix: str = ""
    counter: int = FIRST


@dataclass
class TableProgress:
    state: str = "Before load"
    rows: int = 0
    #: Its load, done or not, is one that ReloadTables asked for.
    reload: bool = False


@dataclass
class Checkpoint:
    #: Where reading the binlog resumes; None before the first start.
    position: str | None = None
    #: Up to here changes count as cached during the full load; None once they are applied.
    cached_until: str | None = None
    #: Task start, microseconds since 1970: UseTaskStartTimeForFullLoadTimestamp.
    task_start: int = 0
    #: The change sequence behind the last change that has been read; a flush notes it before anybody can see a number.
    sequence: SequenceState = SequenceState()
    #: The place of that change.
    numbered_until: str | None = None
    #: The change sequence at `position`, and where behind it the counter has restarted.
    sequence_at_position: SequenceState = SequenceState()
    jumps: list[tuple[str, SequenceState]] = field(default_factory=list)
    #: "schema\ntable" -> progress of its full load.
    tables: dict[str, TableProgress] = field(default_factory=dict)
    flushes: int = 0

    def table(self, key: tuple[str, str]) -> TableProgress:
        return self.tables.setdefault("\n".join(key), TableProgress())

    def full_load_finished(self) -> bool:
        return self.position is not None and all(t.state in ("Table completed", "Table error") for t in self.tables.values())

    def save(self, path: Path) -> None:
        temporary = path.with_suffix(".tmp")
        with temporary.open("w") as file:
            json.dump(asdict(self), file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)

    @staticmethod
    def load(path: Path) -> "Checkpoint":
        raw = json.loads(path.read_text())
        raw["tables"] = {k: TableProgress(**v) for k, v in raw["tables"].items()}
        for name in ("sequence", "sequence_at_position"):
            raw[name] = SequenceState(*raw[name])
        raw["jumps"] = [(place, SequenceState(*state)) for place, state in raw["jumps"]]
        return Checkpoint(**raw)
