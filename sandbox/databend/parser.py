"""Databend's own SQL parser, a co-process (sandbox/parser)."""

from __future__ import annotations

import json
import subprocess
import threading
from pathlib import Path
from typing import Any


class SqlNotUnderstood(Exception):
    """The parser does not accept the text."""


class Parser:
    """Asks the co-process; starts it anew should it have died."""

    def __init__(self, binary: Path) -> None:
        self._binary = binary
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self.parse("SELECT 1")

    def parse(self, sql: str) -> dict[str, Any]:
        """What kind of statement this is, its fields, and where it names tables and functions (byte offsets)."""
        return self._ask({"op": "parse", "sql": sql})

    def next_due(self, expression: str, time_zone: str | None, after_ms: int) -> int | None:
        """When a cron expression is due after a time, both in milliseconds since 1970."""
        return self._ask({"op": "cron", "expression": expression, "time_zone": time_zone, "after_ms": after_ms})

    def variants(self, values: list[bytes]) -> list[str]:
        """JSON texts of JSONB values."""
        return self._ask({"op": "variant", "hex": [value.hex() for value in values]})

    def close(self) -> None:
        with self._lock:
            if self._process is not None:
                self._process.kill()
                self._process.wait()
                self._process = None

    def _ask(self, request: dict[str, Any]) -> Any:
        line = json.dumps(request) + "\n"
        with self._lock:
            try:
                answer = self._exchange(line)
            except (BrokenPipeError, EOFError):
                self._process = None
                answer = self._exchange(line)
        if "error" in answer:
            raise SqlNotUnderstood(answer["error"])
        return answer["ok"]

    def _exchange(self, line: str) -> dict[str, Any]:
        if self._process is None:
            self._process = subprocess.Popen(
                [str(self._binary)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                # What this process was preloaded with is not for the co-process.
                env={},
            )
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(line)
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            self._process.wait()
            raise EOFError
        return json.loads(answer)
