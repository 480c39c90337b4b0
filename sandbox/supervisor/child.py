"""One watched process: started with its log, stopped for certain."""

from __future__ import annotations

import ctypes
import json
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

from sandbox.supervisor.errors import SandboxError
from sandbox.supervisor.log import say

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)


def _die_with_parent() -> None:
    # prctl(2): the kernel ends the child when the supervisor is gone, even by SIGKILL.
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def tail(file: Path, lines: int = 20) -> str:
    try:
        return "\n".join(file.read_text(errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return ""


class Child:
    """A process of the sandbox. `on_exit` is called from a thread of its own when the process ends."""

    def __init__(self, name: str, command: list[str], log: Path, on_exit: Callable[[Child, int], None]) -> None:
        self.name = name
        self.log = log
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        with log.open("ab") as sink:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=sink,
                preexec_fn=_die_with_parent,
            )
        self._reader = threading.Thread(target=self._read_stdout, daemon=True)
        self._reader.start()
        threading.Thread(target=self._wait, args=(on_exit,), daemon=True).start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def running(self) -> bool:
        return self._process.poll() is None

    def wait_ready(self, seconds: float) -> int:
        """The port of a service, from its one line `{"ready": true, "port": N}`."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                line = self._lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise SandboxError(f"{self.name} was not ready after {seconds:.0f} s{self.last_words()}") from None
            if line is None:
                raise SandboxError(f"{self.name} stopped before it was ready{self.last_words()}")
            try:
                message = json.loads(line)
            except ValueError:
                continue
            if isinstance(message, dict) and message.get("ready") is True:
                return int(message["port"])

    def last_words(self) -> str:
        return f"; the end of {self.log}:\n{tail(self.log)}"

    def stop(self, grace: float) -> None:
        """SIGTERM, and SIGKILL when that is not heard."""
        if self.running():
            self._process.terminate()
        try:
            self._process.wait(grace)
        except subprocess.TimeoutExpired:
            say(f"{self.name} (pid {self.pid}) does not stop; killed")
            self._process.kill()
            self._process.wait()

    def _read_stdout(self) -> None:
        stream: IO[bytes] | None = self._process.stdout
        assert stream is not None
        with self.log.open("ab") as sink:
            for line in stream:
                sink.write(line)
                sink.flush()
                self._lines.put(line.decode(errors="replace"))
        self._lines.put(None)

    def _wait(self, on_exit: Callable[[Child, int], None]) -> None:
        on_exit(self, self._process.wait())
