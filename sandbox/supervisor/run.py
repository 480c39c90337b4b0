"""The life of a sandbox: start the parts, say so, wait for a reason to stop, stop them in order."""

from __future__ import annotations

import fcntl
import os
import queue
import signal
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from sandbox.supervisor import envfile, mariadb, mysql, ports, services, sources
from sandbox.supervisor.admin import Admin
from sandbox.supervisor.child import Child
from sandbox.supervisor.errors import SandboxError
from sandbox.supervisor.log import say

_READY_SECONDS = 90.0
_GRACE_SECONDS = 15.0


@dataclass(frozen=True)
class Options:
    directory: Path
    parser: Path
    terraform_config: Path | None
    while_stdin_open: bool
    #: Where a real MySQL server lies unpacked (sandbox/mysql); without it, the source is MariaDB.
    mysql: Path | None = None


@dataclass(frozen=True)
class _Stop:
    """Why the sandbox stops, and whether that is as it should be."""

    reason: str
    clean: bool


class Supervisor:
    def __init__(self, options: Options) -> None:
        self._options = options
        self._home = options.directory
        self._logs = self._home / "logs"
        self._env = self._home / "sandbox.env"
        # In the order of their start; stopped from the last to the first.
        self._children: list[Child] = []
        self._admin: Admin | None = None
        self._reasons: queue.SimpleQueue[_Stop] = queue.SimpleQueue()
        self._starting = True
        self._stopping = False

    def run(self) -> int:
        self._logs.mkdir(parents=True, exist_ok=True)
        with (self._home / "supervisor.lock").open("a+") as lock:
            self._claim(lock)
            self._env.unlink(missing_ok=True)
            self._listen()
            try:
                self._start()
                self._starting = False
                stop = self._reasons.get()
                say(f"stops: {stop.reason}")
                return 0 if stop.clean else 1
            except SandboxError as error:
                say(f"cannot start: {error}")
                return 1
            finally:
                self._starting = False
                self._stop()

    def _claim(self, lock) -> None:  # type: ignore[no-untyped-def]
        """One supervisor per folder. Who holds the lock wrote the pid in it, so `down` never meets a stranger's."""
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SandboxError(f"a sandbox already runs in {self._home}; stop it with cargo xtask sandbox down") from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()

    def _listen(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        if self._options.while_stdin_open:
            threading.Thread(target=self._watch_stdin, daemon=True).start()

    def _on_signal(self, number: int, _frame: object) -> None:
        name = signal.Signals(number).name
        if self._starting:
            # Out of whatever the start waits for.
            self._starting = False
            raise SandboxError(f"told to stop by {name} before it was ready")
        self._reasons.put(_Stop(name, clean=True))

    def _watch_stdin(self) -> None:
        while os.read(sys.stdin.fileno(), 4096):
            pass
        say("the program that started this sandbox is gone")
        os.kill(os.getpid(), signal.SIGTERM)

    def _on_exit(self, child: Child, code: int) -> None:
        if not self._stopping:
            end = f"signal {-code}" if code < 0 else f"exit code {code}"
            self._reasons.put(_Stop(f"{child.name} ended by itself with {end}{child.last_words()}", clean=False))

    def _start(self) -> None:
        begin = time.monotonic()
        port = ports.assign(self._home / "ports.json")
        # All at once: none needs another to be up before it is itself.
        source = self._add(self._start_source(port["mysql"]))
        databend = self._add(
            services.start_databend(
                self._home / "databend", port["databend"], self._options.parser, self._logs / "databend.log", self._on_exit
            )
        )
        aws = self._add(
            services.start_aws(self._home / "aws", port["aws"], port["mysql"], self._logs / "aws.log", self._on_exit)
        )
        sources.wait_ready(source, port["mysql"], _READY_SECONDS)
        databend_port = databend.wait_ready(_READY_SECONDS)
        aws_port = aws.wait_ready(_READY_SECONDS)
        self._admin = Admin(port["admin"], {"databend": databend_port, "aws": aws_port})

        values = {
            "DATABEND_DSN": services.databend_dsn(databend_port),
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{aws_port}",
            "AWS_ACCESS_KEY_ID": services.AWS_ACCESS_KEY_ID,
            "AWS_SECRET_ACCESS_KEY": services.AWS_SECRET_ACCESS_KEY,
            "AWS_REGION": services.AWS_REGION,
            "MYSQL_DSN": sources.dsn(port["mysql"]),
            "SANDBOX_ADMIN_URL": f"http://127.0.0.1:{self._admin.port}",
        }
        if self._options.terraform_config is not None:
            values["TF_CLI_CONFIG_FILE"] = str(self._options.terraform_config)
        if self._reasons.empty():
            envfile.write(self._env, values)
            say(f"ready after {time.monotonic() - begin:.1f} s")

    def _start_source(self, port: int) -> Child:
        root = self._options.mysql
        if root is None:
            return mariadb.start(self._home / "mariadb", port, self._logs / "mariadbd.log", self._on_exit)
        return mysql.start(root, self._home / "mysql", port, self._logs / "mysqld.log", self._on_exit)

    def _add(self, child: Child) -> Child:
        say(f"{child.name} started, pid {child.pid}")
        self._children.append(child)
        return child

    def _stop(self) -> None:
        self._stopping = True
        self._env.unlink(missing_ok=True)
        if self._admin is not None:
            self._admin.stop()
        for child in reversed(self._children):
            child.stop(_GRACE_SECONDS)
            say(f"{child.name} stopped")
