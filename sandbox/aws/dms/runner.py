"""Runs replication tasks and serverless replications: one worker process each, and what its events mean for the resources.

A task that runs when the sandbox is stopped or killed runs again after the next start, from its checkpoint.
Here "task" means either kind; both documents have Status, StopReason, LastFailureMessage, RecoveryCheckpoint and _stats.
"""

import itertools
import shutil
from pathlib import Path
from typing import Any

from .. import clock
from . import tables
from .store import Document, Store
from .switchboard import Switchboard
from .worker_process import ForkServer, Worker

#: What a task is before its worker says that it runs: a replication task, a serverless replication.
STARTING = {"starting", "replication_starting"}


def arn_of(task: Document) -> str:
    return str(task.get("ReplicationTaskArn") or task["ReplicationConfigArn"])


def kind_of(arn: str) -> str:
    """The store's name for what the ARN names."""
    return "replication" if ":replication-config:" in arn else "task"


class Runner:
    def __init__(self, store: Store, directory: Path) -> None:
        self._store = store
        self._directory = directory
        self._fork_server = ForkServer()
        self._workers: dict[str, Worker] = {}
        self.switchboard = Switchboard(store, self._tell_switches)
        self._requests = itertools.count(1)
        self.endpoint_url = ""
        self.closing = False
        clock.shift((store.get("clock", "offset") or {}).get("seconds", 0.0))

    def directory(self, task: Document) -> Path:
        return self._directory / arn_of(task).rpartition(":")[2]

    def start(self, task: Document, job: dict[str, Any]) -> None:
        """Starts a worker for a task whose status is already `starting`."""
        arn = arn_of(task)
        directory = self.directory(task)
        directory.mkdir(parents=True, exist_ok=True)
        job = {
            **job,
            "directory": str(directory),
            "endpoint_url": self.endpoint_url,
            "clock_offset": clock.offset(),
            "switches": self.switchboard.of(arn),
        }
        with self._store.lock:
            task["_job"] = {k: job[k] for k in ("start_type", "cdc_start_position", "cdc_start_time", "cdc_stop_position")}
            self._store.put(kind_of(arn), arn, task)
            self._workers[arn] = Worker(self, arn, job, self._fork_server)

    def send(self, arn: str, command: dict[str, Any]) -> bool:
        worker = self._workers.get(arn)
        return worker is not None and worker.send(command)

    def _tell_switches(self, arn: str | None) -> None:
        for of in [arn] if arn else list(self._workers):
            self.send(of, {"command": "switches", "values": self.switchboard.of(of)})

    def kill(self, arn: str, message: str) -> Worker | None:
        """Kills the task's process, after which the task has failed with this message. None where there is no process."""
        worker = self._workers.get(arn)
        if worker is not None:
            worker.kill(message)
        return worker

    def shift_clock(self, seconds: float) -> None:
        """Sets DMS's clock wrong, for the tasks that run too; kept over a restart of the sandbox."""
        with self._store.lock:
            self._store.put("clock", "offset", {"seconds": seconds})
            clock.shift(seconds)
            for worker in list(self._workers.values()):
                worker.send({"command": "clock", "offset": seconds})

    def flush(self, arn: str, timeout: float) -> int:
        """Makes the task write everything committed until now; the number of files. Raises TimeoutError."""
        worker = self._workers.get(arn)
        if worker is None:
            raise TimeoutError("the task is not running")
        return worker.flush(next(self._requests), timeout)

    def forget(self, task: Document) -> None:
        """After a task is deleted."""
        shutil.rmtree(self.directory(task), ignore_errors=True)
        self._store.delete_where("table", lambda t: t["_task"] == arn_of(task))
        self.switchboard.forget(arn_of(task))

    def close(self) -> None:
        """Ends all workers; their tasks stay `running` and go on after the next start."""
        self.closing = True
        workers = list(self._workers.values())
        for worker in workers:  # all at once: each may need a moment
            worker.end()
        for worker in workers:
            worker.wait()
        self._fork_server.close()

    # -- events

    def handle(self, arn: str, event: dict[str, Any]) -> None:
        with self._store.lock:
            task = self._store.get(kind_of(arn), arn)
            if task is None:
                return
            match event["event"]:
                case "running":
                    if task["Status"] in STARTING:
                        task["Status"] = "running"
                case "full-load":
                    self._full_load(task, event)
                case "table":
                    self._table(arn, event)
                    return
                case "changes":
                    self._changes(arn, event)
                    return
                case "short-load":
                    self.switchboard.used_short_load(arn, (event["schema"], event["table"]))
                    return
                case "checkpoint":
                    task["RecoveryCheckpoint"] = _checkpoint(event["position"], event["number"])
                case "stopped":
                    self._ended(task, "stopped", f"Stop Reason {event['reason']}")
                case "failed":
                    task["LastFailureMessage"] = f"Last Error {event['message']} Stop Reason FATAL_ERROR Error Level FATAL"
                    self._ended(task, "failed", "Stop Reason FATAL_ERROR Error Level FATAL")
            self._store.put(kind_of(arn), arn, task)

    def gone(self, arn: str, worker: Worker, code: int) -> None:
        """A worker has ended. Its last event may have been followed by a new start already."""
        with self._store.lock:
            if self._workers.get(arn) is not worker:
                return
            del self._workers[arn]
            task = self._store.get(kind_of(arn), arn)
            if self.closing or task is None:
                return
            if task["Status"] == "stopping":
                self._ended(task, "stopped", "Stop Reason NORMAL")
            elif task["Status"] in STARTING | {"running"}:
                why = worker.killed_because or f"The task's process ended unexpectedly (exit status {code})."
                task["LastFailureMessage"] = f"Last Error {why}"
                self._ended(task, "failed", "Stop Reason RECOVERABLE_ERROR Error Level RECOVERABLE")
            else:
                return
            self._store.put(kind_of(arn), arn, task)

    def _ended(self, task: Document, status: str, reason: str) -> None:
        if self.closing:
            return  # the end of the sandbox, not of the task
        task["Status"] = status
        task["StopReason"] = reason
        task["_stats"]["StopDate"] = clock.now()

    def _full_load(self, task: Document, event: dict[str, Any]) -> None:
        if "started" in event:
            task["_stats"]["FullLoadStartDate"] = event["started"]
            task["_stats"].pop("FullLoadFinishDate", None)
        else:
            task["_stats"]["FullLoadFinishDate"] = event["ended"]

    def _table(self, arn: str, event: dict[str, Any]) -> None:
        key = tables.key(arn, event["schema"], event["table"])
        table = self._store.get("table", key) or tables.new(arn, event["schema"], event["table"])
        for field, name in (
            ("state", "TableState"), ("rows", "FullLoadRows"), ("started", "FullLoadStartTime"),
            ("ended", "FullLoadEndTime"), ("reloaded", "FullLoadReloaded"), ("error", "_error"),
            ("bad_rows", "FullLoadErrorRows"),
        ):  # fmt: skip
            if field in event:
                table[name] = event[field]
        if "started" in event:
            table.pop("FullLoadEndTime", None)
        self._store.put("table", key, table)

    def _changes(self, arn: str, event: dict[str, Any]) -> None:
        key = tables.key(arn, event["schema"], event["table"])
        table = self._store.get("table", key) or tables.new(arn, event["schema"], event["table"])
        for what, name in (
            ("I", "Inserts"), ("U", "Updates"), ("D", "Deletes"), ("ddl", "Ddls"), ("ddl", "AppliedDdls"),
            ("applied_I", "AppliedInserts"), ("applied_U", "AppliedUpdates"), ("applied_D", "AppliedDeletes"),
        ):  # fmt: skip
            table[name] += event["counts"].get(what, 0)
        self._store.put("table", key, table)


def _checkpoint(position: str, number: int) -> str:
    """A RecoveryCheckpoint in AWS's form; worker/task.py reads it back as CdcStartPosition."""
    file, _, offset = position.rpartition(":")
    return f"checkpoint:V1#{number}#{file}:{offset}:-1:{offset}:0:{file}:{offset}#0#0#*#0#{number}"


def statistics(task: Document, of: list[Document]) -> Document:
    """ReplicationTaskStats."""
    states = [t["TableState"] for t in of]
    loaded = sum(s == "Table completed" for s in states)
    stats = dict(task["_stats"])
    begin = stats.get("FullLoadStartDate")
    end = stats.get("FullLoadFinishDate") or clock.now()
    return {
        "FullLoadProgressPercent": 100 * loaded // len(states) if states else 0,
        "ElapsedTimeMillis": int((end - begin) * 1000) if begin else 0,
        "TablesLoaded": loaded,
        "TablesLoading": sum(s in ("Full load", "Table is being reloaded") for s in states),
        "TablesQueued": sum(s == "Before load" for s in states),
        "TablesErrored": sum(s in ("Table error", "Table does not exist", "Table cancelled") for s in states),
        **stats,
    }
