"""The worker's line to the API process: commands in on stdin, events out on stdout, one JSON object a line."""

import json
import queue
import sys
import threading
from dataclasses import replace
from typing import Any

from .. import clock
from ..switches import Key, Switches


class Control:
    def __init__(self) -> None:
        self._commands: queue.Queue[dict[str, Any]] = queue.Queue()
        self._lock = threading.Lock()
        #: Set as soon as a stop is asked for, so that a long full load notices.
        self.stopping = threading.Event()
        #: Why, when it is not an ordinary stop.
        self.failure: str | None = None
        #: Replaced as a whole when a test sets a switch.
        self.switches = Switches()

    def listen(self) -> None:
        threading.Thread(target=self._listen, name="control", daemon=True).start()

    def read_job(self) -> dict[str, Any]:
        return json.loads(sys.stdin.readline())

    def _listen(self) -> None:
        for line in sys.stdin:
            command = json.loads(line)
            if command["command"] == "fail":
                self.failure = command["message"]
            if command["command"] == "clock":
                clock.shift(command["offset"])
                continue
            if command["command"] == "switches":
                self.switches = Switches(**command["values"])
                continue
            if command["command"] in ("stop", "fail"):
                self.stopping.set()
            self._commands.put(command)
        # The API process is gone: stop, but without telling anyone. The task resumes when it comes back.
        self.stopping.set()
        self._commands.put({"command": "orphaned"})

    def use_short_load(self, key: Key) -> int | None:
        """The rows that a switch leaves to this load of the table, and to no other."""
        with self._lock:
            rows = self.switches.short_load(key)
            if rows is not None:
                self.switches = replace(self.switches, short_loads=self.switches.without_short_load(key))
        if rows is not None:
            self.emit("short-load", schema=key[0], table=key[1])
        return rows

    def command(self) -> dict[str, Any] | None:
        try:
            return self._commands.get_nowait()
        except queue.Empty:
            return None

    def emit(self, event: str, **fields: Any) -> None:
        line = json.dumps({"event": event, **fields})
        with self._lock:
            try:
                print(line, flush=True)
            except (BrokenPipeError, ValueError):
                self.stopping.set()
