"""One process for each task, forked from one that has imported everything; what becomes of them when one of them is killed."""

from __future__ import annotations

import fcntl
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.aws.dms import worker_process
from sandbox.aws.dms.worker_process import UNKNOWN, ForkServer, Worker
from sandbox.bench.full_load import descendants
from sandbox.tests.aws.lab import Lab, Service, Source, Task, make_instance, wait_for

#: All that anybody can read on a command line; nothing of a task is there.
COMMAND = [sys.executable, "-m", "sandbox.aws.worker"]


@pytest.fixture
def own(tmp_path: Path, source: Source) -> Iterator[Lab]:
    """A service of the test's own, whose processes are those of its tasks."""
    service = Service(tmp_path / "data")
    lab = Lab(service, source, make_instance(service))
    yield lab
    service.stop()
    lab.sql("DROP DATABASE {s}")


def fork_server(service: Service) -> int:
    (pid,) = (pid for pid in descendants(service.pid) if parent(pid) == service.pid)
    return pid


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def command(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/cmdline").read_text().rstrip("\0").split("\0")


def start_one(lab: Lab, folder: str) -> tuple[Task, int]:
    """A running task, and its process."""
    before = descendants(lab.service.pid)
    task = lab.task(s3={"BucketFolder": folder}).run()
    (pid,) = descendants(lab.service.pid) - before
    return task, pid


def test_a_task_has_a_process_of_its_own_forked_from_one_with_a_single_thread(own: Lab) -> None:
    own.orders(1)
    server = fork_server(own.service)
    (one, first), (_, second) = start_one(own, "one"), start_one(own, "two")
    assert os.listdir(f"/proc/{server}/task") == [str(server)]
    assert [parent(first), parent(second)] == [server, server]
    assert [command(pid) for pid in (server, first, second)] == [COMMAND] * 3
    one.stop()
    wait_for("the process to end", lambda: descendants(own.service.pid) == {server, second})


def test_a_killed_process_fails_its_task_and_no_other(own: Lab) -> None:
    own.orders(1)
    (killed, pid), (other, _) = start_one(own, "one"), start_one(own, "two")
    os.kill(pid, signal.SIGKILL)
    failed = wait_for("failed", lambda: (d := killed.describe())["Status"] == "failed" and d)
    assert f"ended unexpectedly (exit status {-signal.SIGKILL})" in failed["LastFailureMessage"]
    own.sql("UPDATE {s}.orders SET status = 'paid'")
    assert (killed.resume().flush(), other.flush()) == (1, 1)


def test_tasks_go_on_without_the_fork_server_and_new_ones_get_another(own: Lab) -> None:
    own.orders(1)
    running, pid = start_one(own, "one")
    server = fork_server(own.service)
    os.kill(server, signal.SIGKILL)
    wait_for("its end", lambda: command(server) == [""])  # a zombie's: the service has not noticed
    own.task(s3={"BucketFolder": "two"}).run()
    assert fork_server(own.service) != server
    own.sql("UPDATE {s}.orders SET status = 'paid'")
    assert running.flush() == 1
    os.kill(pid, signal.SIGKILL)
    failed = wait_for("failed", lambda: (d := running.describe())["Status"] == "failed" and d)
    assert f"ended unexpectedly (exit status {UNKNOWN})" in failed["LastFailureMessage"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_no_process_outlives_the_service(own: Lab, number: int) -> None:
    own.orders(1)
    start_one(own, "one")
    processes = descendants(own.service.pid)
    assert len(processes) == 2
    own.service.stop(number)
    if number != signal.SIGKILL:
        assert not [pid for pid in processes if Path(f"/proc/{pid}").exists()], "it waits for them"
    wait_for("their end", lambda: not [pid for pid in processes if Path(f"/proc/{pid}").exists()])


class Nobody:
    def __init__(self) -> None:
        self.code: int | None = None

    def handle(self, arn: str, event: dict[str, Any]) -> None:
        raise AssertionError(event)

    def gone(self, arn: str, worker: Worker, code: int) -> None:
        self.code = code


def test_a_process_that_does_not_end_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = descendants(os.getpid())
    server, listener = ForkServer(), Nobody()
    try:
        with (tmp_path / "lock").open("w") as lock:
            # A worker waits for the one before it, whatever it is told.
            fcntl.flock(lock, fcntl.LOCK_EX)
            worker = Worker(listener, "a task", {"directory": str(tmp_path)}, server)
            both = wait_for("the server and the process", lambda: len(d := descendants(os.getpid()) - before) == 2 and d)
            (pid,) = (pid for pid in both if parent(pid) != os.getpid())
            monkeypatch.setattr(worker_process, "GRACE_SECONDS", 0.2)
            worker.end()
            worker.wait()
        assert listener.code == -signal.SIGKILL
        assert not Path(f"/proc/{pid}").exists()
    finally:
        server.close()
