"""`/_sandbox/`: health, faults, and what makes DMS and the bucket misbehave. Documented in sandbox/README.md."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from moto.s3.models import s3_backends
from werkzeug.wrappers import Request, Response

from sandbox.faults import BadRule, Faults

from . import clock, switches
from .dms.context import ACCOUNT
from .dms.service import DmsService
from .moto_state import MotoService

FLUSH_SECONDS = 60
#: Ten years: no date that a file's name cannot hold.
CLOCK_LIMIT = 315_360_000


class Refused(Exception):
    """The admin call cannot be carried out; says why."""


@dataclass(frozen=True)
class _Task:
    arn: str
    name: str
    running: bool
    serverless: bool = False


class Admin:
    def __init__(self, faults: Faults, dms: DmsService, moto: MotoService, mysql_port: int | None) -> None:
        self._faults, self._dms, self._moto, self._mysql_port = faults, dms, moto, mysql_port
        self._calls: dict[tuple[str, str], Callable[[dict[str, Any]], Any]] = {
            ("GET", "health"): lambda _: {"ready": True, "services": ["s3", "iam", "sts", "ec2", "dms"], "mysql_port": self._mysql_port},
            ("GET", "faults"): lambda _: {"faults": [rule.document() for rule in self._faults.all()]},
            ("POST", "faults"): self._add_fault,
            ("DELETE", "faults"): self._clear_faults,
            ("POST", "dms/flush"): self._flush,
            ("POST", "dms/fail-task"): self._fail_task,
            ("POST", "dms/table-error"): self._table_error,
            ("POST", "dms/deprovision"): self._deprovision,
            ("POST", "dms/kill"): self._kill,
            ("GET", "dms/switches"): self._show_switches,
            ("POST", "dms/switches"): self._set_switches,
            ("DELETE", "dms/switches"): self._clear_switches,
            ("POST", "dms/hold"): self._hold,
            ("POST", "dms/release"): self._release,
            ("GET", "dms/clock"): lambda _: {"offset_seconds": clock.offset(), "now": _iso(clock.now())},
            ("POST", "dms/clock"): self._shift_clock,
            ("POST", "s3/damage"): self._damage,
        }

    def handle(self, request: Request) -> Response:
        name = request.path.removeprefix("/_sandbox/").strip("/")
        call = self._calls.get((request.method, name))
        if call is None:
            known = ", ".join(f"{m} /_sandbox/{n}" for m, n in self._calls)
            return _json({"error": f"no {request.method} /_sandbox/{name}; there are: {known}"}, 404)
        try:
            raw = request.get_data()
            arguments = json.loads(raw) if raw else request.args.to_dict()
            return _json(call(arguments))
        except (ValueError, KeyError, BadRule) as error:
            return _json({"error": f"bad request: {error}"}, 400)
        except Refused as error:
            return _json({"error": str(error)}, 409)

    # -- faults

    def _add_fault(self, raw: dict[str, Any]) -> Any:
        return self._faults.add(raw).document()

    def _clear_faults(self, _: dict[str, Any]) -> Any:
        self._faults.clear()
        return {"faults": []}

    # -- DMS

    def _flush(self, raw: dict[str, Any]) -> Any:
        """Everything committed until now is in files when this answers."""
        tasks = self._tasks(raw) if raw.get("task") else [t for t in self._all_tasks() if t.running]
        files = {}
        for task in tasks:
            try:
                files[task.name] = self._dms.runner.flush(task.arn, raw.get("timeout", FLUSH_SECONDS))
            except TimeoutError as error:
                raise Refused(f"task {task.name}: {error}") from error
        return {"files": files}

    def _fail_task(self, raw: dict[str, Any]) -> Any:
        return self._command(raw, {"command": "fail", "message": raw.get("message", "A failure was asked for.")})

    def _table_error(self, raw: dict[str, Any]) -> Any:
        return self._command(raw, {
            "command": "table-error",
            "schema": raw["schema"],
            "table": raw["table"],
            "message": raw.get("message", "An error was asked for."),
        })  # fmt: skip

    def _kill(self, raw: dict[str, Any]) -> Any:
        """SIGKILL for the task's process; the task is `failed` when this answers."""
        for task in self._tasks(raw):
            worker = self._dms.runner.kill(task.arn, raw.get("message", "The task's process was killed."))
            if worker is None:
                raise Refused(f"task {task.name} is not running")
            worker.wait()
        return {}

    # -- switches

    def _show_switches(self, raw: dict[str, Any]) -> Any:
        """What holds for a task, or for all tasks, with the values of single tasks."""
        board = self._dms.runner.switchboard
        arn = self._scope(raw)
        names = {task.arn: task.name for task in self._all_tasks()}
        own = {names[of]: board.own(of) for of in board.tasks() if of in names}
        return {"switches": switches.describe(board.of(arn)), "tasks": own}

    def _set_switches(self, raw: dict[str, Any]) -> Any:
        if unknown := sorted(set(raw) - {"task", "switches"}):
            raise ValueError(f'{unknown[0]!r} is no field; write {{"switches": {{…}}}}, and "task" for one task only')
        arn = self._scope(raw)
        switches.check(raw["switches"], one_task=arn is not None)
        self._dms.runner.switchboard.set(arn, raw["switches"])
        return self._show_switches(raw)

    def _clear_switches(self, raw: dict[str, Any]) -> Any:
        self._dms.runner.switchboard.clear(self._scope(raw))
        return self._show_switches(raw)

    def _hold(self, raw: dict[str, Any]) -> Any:
        arn = self._scope(raw)
        switches.check({"held_tables": raw["tables"]}, one_task=arn is not None)
        self._dms.runner.switchboard.hold(arn, raw["tables"])
        return {"held_tables": self._dms.runner.switchboard.of(arn)["held_tables"]}

    def _release(self, raw: dict[str, Any]) -> Any:
        arn, tables = self._scope(raw), raw.get("tables")
        if tables is not None:
            switches.check({"held_tables": tables}, one_task=arn is not None)
        keys = None if tables is None else [(t["schema"], t["table"]) for t in tables]
        self._dms.runner.switchboard.release(arn, keys)
        return {"held_tables": self._dms.runner.switchboard.of(arn).get("held_tables", [])}

    def _scope(self, raw: dict[str, Any]) -> str | None:
        """The ARN of the task that a call names, if it names one."""
        return self._tasks(raw)[0].arn if raw.get("task") else None

    def _shift_clock(self, raw: dict[str, Any]) -> Any:
        seconds = raw["offset_seconds"]
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or abs(seconds) > CLOCK_LIMIT:
            raise ValueError(f'"offset_seconds" is a number between -{CLOCK_LIMIT} and {CLOCK_LIMIT}')
        self._dms.runner.shift_clock(float(seconds))
        return {"offset_seconds": clock.offset(), "now": _iso(clock.now())}

    def _deprovision(self, raw: dict[str, Any]) -> Any:
        for task in self._tasks(raw):
            if not task.serverless:
                raise Refused(f"task {task.name} is no serverless replication")
            if problem := self._dms.replications.deprovision(task.arn):
                raise Refused(problem)
        return {}

    def _command(self, raw: dict[str, Any], command: dict[str, Any]) -> Any:
        for task in self._tasks(raw):
            if not self._dms.runner.send(task.arn, command):
                raise Refused(f"task {task.name} is not running")
        return {}

    def _tasks(self, raw: dict[str, Any]) -> list[_Task]:
        name = raw["task"]
        found = [t for t in self._all_tasks() if name in (t.arn, t.name)]
        if not found:
            raise Refused(f"there is no task {name}")
        return found

    def _all_tasks(self) -> list[_Task]:
        """Replication tasks and serverless replications."""
        store = self._dms.store
        tasks = [_Task(t["ReplicationTaskArn"], t["ReplicationTaskIdentifier"], t["Status"] == "running") for t in store.all("task")]
        running = {r["ReplicationConfigArn"] for r in store.all("replication") if r["Status"] == "running"}
        for config in store.all("config"):
            arn = config["ReplicationConfigArn"]
            tasks.append(_Task(arn, config["ReplicationConfigIdentifier"], arn in running, serverless=True))
        return tasks

    # -- S3

    def _damage(self, raw: dict[str, Any]) -> Any:
        """Spoils an object: `truncate` (half of it), `empty`, or `garbage` (as long, but noise)."""
        backend = s3_backends[ACCOUNT]["aws"]
        bucket = backend.buckets.get(raw["bucket"])
        key = bucket.keys.get(raw["key"]) if bucket is not None else None
        if key is None:
            raise Refused(f"there is no object s3://{raw['bucket']}/{raw['key']}")
        content: bytes = key.value
        how = raw["how"]
        if how == "truncate":
            content = content[: len(content) // 2]
        elif how == "empty":
            content = b""
        elif how == "garbage":
            content = bytes((b * 31 + 7) & 0xFF for b in content)
        else:
            raise ValueError('"how" is one of truncate, empty, garbage')
        backend.put_object(raw["bucket"], raw["key"], content)
        self._moto.snapshot("s3")
        return {"size": len(content)}


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def _json(document: Any, status: int = 200) -> Response:
    return Response(json.dumps(document), status, content_type="application/json")
