"""AR_H_CHANGE_SEQ: 35 digits, YYYYMMDDHHmmSShh and a 19-digit record number.

Source: docs/facts/dms.md section 2 (user guide; real output: 35 characters, strictly increasing within a
transaction and across tables, step 4, the counter starts low in each new replication).
"""

from datetime import UTC, datetime

FIRST = 61
STEP = 4


class ChangeSequence:
    """Strictly increasing over the life of a task, also when the source's clock steps back or changes are read again."""

    def __init__(self, prefix: str = "", counter: int = FIRST) -> None:
        self.prefix = prefix
        self.counter = counter

    def begin(self, commit_seconds: int) -> None:
        """A new transaction: the time part never goes back."""
        stamp = datetime.fromtimestamp(commit_seconds, UTC).strftime("%Y%m%d%H%M%S") + "00"
        self.prefix = max(self.prefix, stamp)

    def next(self) -> str:
        self.counter += STEP
        return f"{self.prefix}{self.counter:019d}"
