"""CdcStopPosition: `server_time:2026-01-31T12:00:00` or `commit_time:...` (UTC)."""

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True)
class StopPoint:
    kind: str | None = None
    seconds: float = 0

    @staticmethod
    def parse(text: str | None) -> "StopPoint":
        if not text:
            return StopPoint()
        kind, _, when = text.partition(":")
        if kind not in ("server_time", "commit_time"):
            raise ValueError(f"CdcStopPosition {text!r} is neither server_time:... nor commit_time:...")
        moment = datetime.fromisoformat(when.strip())
        return StopPoint(kind, moment.replace(tzinfo=moment.tzinfo or UTC).timestamp())

    def reached_by_clock(self, now: float) -> str | None:
        return "STOPPED_AT_SERVER_TIME" if self.kind == "server_time" and now >= self.seconds else None

    def reached_by_commit(self, commit: float) -> str | None:
        return "STOPPED_AT_COMMIT_TIME" if self.kind == "commit_time" and commit > self.seconds else None
