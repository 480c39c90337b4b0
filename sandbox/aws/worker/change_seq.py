"""AR_H_CHANGE_SEQ: 35 digits, YYYYMMDDHHmmSShh and a 19-digit record number.

Source: docs/facts/dms.md section 2 (user guide; real output: 35 characters, strictly increasing within a
transaction and across tables, step 4, the counter starts low in each new replication). What AWS leaves open is a
switch (switches.py).
"""

from collections.abc import Callable
from datetime import UTC, datetime

from ..switches import Switches
from .checkpoint import FIRST, Checkpoint, SequenceState
from .source import Position

STEP = 4


class ChangeSequence:
    """Numbers the changes of a task, one after the other.

    The counter rises over the life of the task, or of a run where it restarts. With the time as processed, the whole
    sequence rises, also when the source's clock goes back.
    """

    def __init__(self, switches: Callable[[], Switches], checkpoint: Checkpoint) -> None:
        self._switches = switches
        restarts = switches().sequence_counter == "restarts"
        after = SequenceState(checkpoint.sequence.prefix, FIRST if restarts else checkpoint.sequence.counter)
        #: Where the sequence goes on from another number. Up to the last of them, changes have the numbers that they had before.
        self._jumps: list[tuple[Position, SequenceState]] = []
        if switches().reread_sequence == "same" and checkpoint.numbered_until is not None:
            checkpoint.jumps.append((checkpoint.numbered_until, after))
            self._jumps = [(Position.parse(place), state) for place, state in checkpoint.jumps]
        else:
            checkpoint.jumps.clear()
            checkpoint.sequence_at_position = after
        self._prefix, self._counter = checkpoint.sequence_at_position

    @property
    def state(self) -> SequenceState:
        return SequenceState(self._prefix, self._counter)

    @property
    def rereads(self) -> bool:
        """Whether the next change had its number before."""
        return bool(self._jumps)

    def pass_to(self, end: Position) -> None:
        """Before a transaction that ends there."""
        while self._jumps and not self._jumps[0][0].reached(end):
            prefix, self._counter = self._jumps.pop(0)[1]
            self._prefix = max(self._prefix, prefix)

    def begin(self, commit_seconds: int) -> None:
        """Starts a transaction."""
        switches = self._switches()
        zoned = commit_seconds + 60 * switches.sequence_zone
        stamp = datetime.fromtimestamp(zoned, UTC).strftime("%Y%m%d%H%M%S") + "00"
        self._prefix = stamp if switches.sequence_time == "binlog" else max(self._prefix, stamp)

    def next(self) -> str:
        self._counter += STEP
        return f"{self._prefix}{self._counter:019d}"
