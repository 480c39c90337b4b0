"""A worker process for each running task, forked from one process that has imported everything before (worker/fork_server.py)."""

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Protocol, TextIO

log = logging.getLogger(__name__)

#: How long a worker may take to end after its input is closed.
GRACE_SECONDS = 10
#: The exit code of a worker when the fork server, which alone could know it, ended before.
UNKNOWN = 255


class Listener(Protocol):
    """Who started a worker."""

    def handle(self, arn: str, event: dict[str, Any]) -> None: ...

    def gone(self, arn: str, worker: "Worker", code: int) -> None: ...


class ForkServer:
    """`python -m sandbox.aws.worker`; made anew when it is gone."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._start()

    def _start(self) -> None:
        self._requests, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "sandbox.aws.worker"],
                stdin=theirs,
                # Ours is no place for it, and a worker has one of its own.
                stdout=sys.stderr,
                cwd=Path(__file__).parents[3],
                # pyarrow's second allocator would start a thread when it is imported.
                env=os.environ | {"JE_ARROW_MALLOC_CONF": "background_thread:false"},
            )

    def fork(self) -> tuple[TextIO, TextIO, TextIO]:
        """A new worker's stdin, its stdout, and what the server says of it. Comes back before the worker is there."""
        (stdin, commands), (events, stdout), (report, reporter) = os.pipe(), os.pipe(), os.pipe()
        # Ours first: they are closed with these objects, whatever happens.
        ours = open(commands, "w"), open(events), open(report)  # noqa: SIM115
        try:
            with self._lock:
                try:
                    self._ask(stdin, stdout, reporter)
                except BrokenPipeError:
                    self._requests.close()
                    self._process.wait()
                    self._start()
                    self._ask(stdin, stdout, reporter)
        finally:
            for descriptor in (stdin, stdout, reporter):
                os.close(descriptor)
        return ours

    def _ask(self, *descriptors: int) -> None:
        socket.send_fds(self._requests, [b"."], descriptors)

    def close(self) -> None:
        """After the last worker: their exit codes would be lost."""
        with self._lock:
            self._requests.close()
            self._process.terminate()
            self._process.wait()


class Worker:
    """One task's process."""

    def __init__(self, listener: Listener, arn: str, job: dict[str, Any], server: ForkServer) -> None:
        self._listener, self._arn = listener, arn
        self._lock = threading.Lock()
        self._answers: dict[int, int] = {}
        self._ended = False
        self._answered = threading.Condition()
        self._pid = 0
        #: What `kill` was called with.
        self.killed_because: str | None = None
        self._commands, self._events, self._report = server.fork()
        # The job has the source's password, so it goes through the pipe and not on a command line.
        self.send(job)
        self._thread = threading.Thread(target=self._listen, name="worker", daemon=True)
        self._thread.start()

    def send(self, message: dict[str, Any]) -> bool:
        with self._lock:
            try:
                self._commands.write(json.dumps(message) + "\n")
                self._commands.flush()
            except (OSError, ValueError):
                return False
        return True

    def flush(self, number: int, timeout: float) -> int:
        if not self.send({"command": "flush", "id": number}):
            raise TimeoutError("the task has ended")
        with self._answered:
            if not self._answered.wait_for(lambda: number in self._answers or self._ended, timeout):
                raise TimeoutError(f"the task did not flush within {timeout} s")
            if number not in self._answers:
                raise TimeoutError("the task has ended")
            return self._answers.pop(number)

    def end(self) -> None:
        """Closes its input, at which it stops."""
        with self._lock:
            try:
                self._commands.close()
            except OSError:
                pass

    def wait(self) -> None:
        """Until it has ended and everything that it said has been handled."""
        self._thread.join(GRACE_SECONDS)
        # Without a pid it is not there, and will not be: the server is closed next.
        if self._thread.is_alive() and self._pid:
            self._kill()
            self._thread.join()

    def kill(self, message: str) -> None:
        """Sends SIGKILL, at once or as soon as the process exists."""
        self.killed_because = message
        self._kill()

    def _kill(self) -> None:
        if self._pid:
            try:
                os.kill(self._pid, signal.SIGKILL)
            except ProcessLookupError:
                pass  # it has just ended

    def _listen(self) -> None:
        with self._events, self._report:
            self._pid = int(self._report.readline() or 0)
            if self.killed_because is not None:
                self._kill()
            for line in self._events:
                self._take(json.loads(line))
            code = int(self._report.readline() or UNKNOWN)
        self._listener.gone(self._arn, self, code)
        with self._answered:
            self._ended = True
            self._answered.notify_all()

    def _take(self, event: dict[str, Any]) -> None:
        if event["event"] == "flushed":
            with self._answered:
                self._answers[event["id"]] = event["files"]
                self._answered.notify_all()
            return
        try:
            self._listener.handle(self._arn, event)
        except Exception:
            log.exception("event %s of %s", event["event"], self._arn)
