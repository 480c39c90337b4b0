"""Tasks: what they are, and the statements that make and change them.

The embedded engine has none ("cannot show tasks without cloud control enabled"). Rules and texts follow Databend's
binder (planner/binder/ddl/task.rs), its cloud client (interpreters/task/cloud.rs, cloud_control/task_utils.rs) and
docs/facts/databend.md, "Tasks"; what only Databend Cloud could tell is marked as a guess in sandbox/FIDELITY.md.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from sandbox.databend.clock import CLOCK
from sandbox.databend.engine import EngineSession, quote_text
from sandbox.databend.errors import (
    BAD_ARGUMENTS,
    SEMANTIC,
    SYNTAX,
    TASK_ALREADY_EXISTS,
    UNKNOWN_SETTING,
    UNKNOWN_TASK,
    DatabendError,
)
from sandbox.databend.parser import Parser, SqlNotUnderstood
from sandbox.databend.store import Store

STARTED, SUSPENDED = "Started", "Suspended"


@dataclass(frozen=True)
class Task:
    id: int
    name: str
    definition: dict[str, Any]
    """``text`` as stored, ``statements`` one by one."""
    created_us: int
    committed_us: int
    warehouse: str | None = None
    schedule: dict[str, Any] | None = None
    after: list[str] = field(default_factory=list)
    when: str | None = None
    suspend_after: int | None = None
    error_integration: str | None = None
    comment: str | None = None
    session_parameters: dict[str, str] = field(default_factory=dict)
    state: str = SUSPENDED
    suspended_us: int | None = None
    next_us: int | None = None
    failures: int = 0
    owner: str = "account_admin"

    @property
    def is_started(self) -> bool:
        return self.state == STARTED

    @property
    def schedule_text(self) -> str | None:
        """As SHOW TASKS prints it; a task with AFTER has none."""
        if self.schedule is None or self.after:
            return None
        if self.schedule["type"] == "cron":
            zone = self.schedule["time_zone"]
            return f"CRON {self.schedule['expression']}" + (f" TIMEZONE {zone}" if zone is not None else "")
        text = f"INTERVAL {self.schedule['seconds']} SECOND"
        return text + (f" {self.schedule['milliseconds']} MILLISECOND" if self.schedule["milliseconds"] else "")

    def row(self) -> dict[str, Any]:
        """A row of system.tasks."""
        return {
            "created_on": self.created_us,
            "name": self.name,
            "id": self.id,
            "owner": self.owner,
            "comment": self.comment,
            "warehouse": self.warehouse,
            "schedule": self.schedule_text,
            "state": self.state,
            "definition": self.definition["text"],
            "condition_text": self.when or "",
            "after": ",".join(self.after),
            "suspend_task_after_num_failures": self.suspend_after,
            "error_integration": self.error_integration,
            "next_schedule_time": self.next_us,
            "last_committed_on": self.committed_us,
            "last_suspended_on": self.suspended_us,
            "session_parameters": self.session_parameters,
        }


def now_us() -> int:
    return CLOCK.now_us()


class Tasks:
    """All tasks of the account. Names are unqualified, and quoted ones keep their quotes, as Databend's do."""

    def __init__(self, store: Store, parser: Parser) -> None:
        self._store = store
        self._parser = parser
        self._lock = threading.RLock()
        self._by_name = {
            row["name"]: Task(id=row["id"], name=row["name"], **json.loads(row["fields"]))
            for row in store.rows("SELECT * FROM tasks")
        }

    def all(self) -> list[Task]:
        with self._lock:
            return sorted(self._by_name.values(), key=lambda task: task.name)

    def find(self, name: str) -> Task | None:
        with self._lock:
            return self._by_name.get(name)

    def get(self, name: str) -> Task:
        task = self.find(name)
        if task is None:
            raise DatabendError(UNKNOWN_TASK, f"Unknown task '{name}'")
        return task

    # Statements

    def create(self, engine: EngineSession, statement: dict[str, Any], owner: str) -> None:
        if bool(statement["schedule"]) == bool(statement["after"]):
            raise DatabendError(
                SYNTAX,
                "task must be defined with either given time schedule as a root task or run after other task as a DAG",
            )
        self._check_schedule(statement["schedule"])
        _check_settings(engine, statement["session_parameters"])
        name = statement["name"]
        with self._lock:
            if name in self._by_name and statement["mode"] == "if_not_exists":
                return
            if name in self._by_name and statement["mode"] == "create":
                raise DatabendError(TASK_ALREADY_EXISTS, f"Task '{name}' already exists")
            self._check_after(name, statement["after"])
            # OR REPLACE is a drop and a create: a new id, suspended, and gone if the second half fails.
            self.drop(name, if_exists=True)
            now = now_us()
            task = Task(
                id=0, name=name, created_us=now, committed_us=now, owner=owner,
                **{key: statement[key] for key in (
                    "definition", "warehouse", "schedule", "after", "when", "suspend_after", "error_integration",
                    "comment", "session_parameters",
                )},
            )  # fmt: skip
            new_id = self._store.write("INSERT INTO tasks (name, fields) VALUES (?, ?)", [name, _fields(task)])
            self._by_name[name] = replace(task, id=new_id)

    def drop(self, name: str, *, if_exists: bool) -> None:
        with self._lock:
            if name not in self._by_name:
                if not if_exists:
                    raise DatabendError(UNKNOWN_TASK, f"Unknown task '{name}'")
                return
            self._store.write("DELETE FROM tasks WHERE name = ?", [name])
            del self._by_name[name]

    def alter(self, engine: EngineSession, statement: dict[str, Any]) -> None:
        name, action = statement["name"], statement["action"]
        with self._lock:
            if self.find(name) is None and statement["if_exists"]:
                return
            task = self.get(name)
            match action["type"]:
                case "resume":
                    self._resume(task)
                case "suspend":
                    self._suspend(task)
                case _:
                    self._require_suspended(task)
                    self._save(replace(self._altered(engine, task, action), committed_us=now_us()))

    def _altered(self, engine: EngineSession, task: Task, action: dict[str, Any]) -> Task:
        match action["type"]:
            case "set":
                given = {key: value for key, value in action.items() if key != "type" and value is not None}
                if not given:
                    raise DatabendError(SYNTAX, "alter task must set at least one option")
                self._check_schedule(given.get("schedule"))
                _check_settings(engine, given.get("session_parameters", {}))
                return replace(task, **given)
            case "unset":
                return replace(task, warehouse=None)
            case "modify_as":
                return replace(task, definition=action["definition"])
            case "modify_when":
                return replace(task, when=action["when"])
            case "add_after":
                self._check_after(task.name, action["after"])
                return replace(task, after=[*task.after, *(name for name in action["after"] if name not in task.after)])
            case _:
                return replace(task, after=[name for name in task.after if name not in action["after"]])

    def _resume(self, task: Task) -> None:
        if not task.is_started:
            started = replace(task, state=STARTED, failures=0, committed_us=now_us())
            self._save(replace(started, next_us=self.next_due(started, now_us())))

    def _suspend(self, task: Task) -> None:
        if task.is_started:
            now = now_us()
            self._save(replace(task, state=SUSPENDED, suspended_us=now, committed_us=now, next_us=None))

    # What the scheduler tells

    def rescheduled(self, name: str, task_id: int, after_us: int) -> None:
        """Sets the time of the next run of a root task."""
        self._update(name, task_id, lambda task: replace(task, next_us=self.next_due(task, after_us)))

    def succeeded(self, name: str, task_id: int) -> None:
        self._update(name, task_id, lambda task: replace(task, failures=0))

    def failed(self, name: str, task_id: int) -> None:
        """After N failures in a row the task is suspended."""

        def count(task: Task) -> Task:
            task = replace(task, failures=task.failures + 1)
            if task.suspend_after and task.failures >= task.suspend_after and task.is_started:
                return replace(task, state=SUSPENDED, suspended_us=now_us(), next_us=None)
            return task

        self._update(name, task_id, count)

    def next_due(self, task: Task, after_us: int) -> int | None:
        if not task.is_started or task.schedule is None or task.after:
            return None
        if task.schedule["type"] == "interval":
            return after_us + task.schedule["seconds"] * 1_000_000 + task.schedule["milliseconds"] * 1_000
        due = self._parser.next_due(task.schedule["expression"], task.schedule["time_zone"], after_us // 1_000)
        return None if due is None else due * 1_000

    # Checks

    def _check_schedule(self, schedule: dict[str, Any] | None) -> None:
        if schedule is None:
            return
        if schedule["type"] == "cron":
            try:
                self._parser.next_due(schedule["expression"], schedule["time_zone"], 0)
            except SqlNotUnderstood as error:
                raise DatabendError(SEMANTIC, str(error)) from None
        elif schedule["milliseconds"] and not 500 <= schedule["milliseconds"] < 1000:
            raise DatabendError(
                SEMANTIC,
                f"invalid milliseconds_interval value {schedule['milliseconds']}, must be in [500, 1000)",
            )

    def _check_after(self, name: str, after: list[str]) -> None:
        for parent in after:
            if self.find(parent) is None:
                raise DatabendError(UNKNOWN_TASK, f"Unknown task '{parent}' in AFTER of task '{name}'")
            if parent == name or name in self._ancestors(parent):
                raise DatabendError(BAD_ARGUMENTS, f"task '{name}' would run after itself")

    def _ancestors(self, name: str) -> set[str]:
        seen: set[str] = set()
        waiting = [name]
        while waiting:
            task = self.find(waiting.pop())
            for parent in task.after if task else []:
                if parent not in seen:
                    seen.add(parent)
                    waiting.append(parent)
        return seen

    def roots(self, task: Task) -> list[Task]:
        """The scheduled tasks that a task hangs on; itself when it has no AFTER."""
        found = (self.find(name) for name in self._ancestors(task.name)) if task.after else iter([task])
        return [each for each in found if each is not None and not each.after]

    def _require_suspended(self, task: Task) -> None:
        # Whether the cloud insists on this is unknown: behave as if it did (docs/facts/databend.md, "Tasks").
        for name in (task.name, *sorted(self._ancestors(task.name))):
            other = self.find(name)
            if other is not None and other.is_started:
                raise DatabendError(BAD_ARGUMENTS, f"cannot alter task '{task.name}' while task '{name}' is started")

    # Keeping

    def _update(self, name: str, task_id: int, change: Callable[[Task], Task]) -> None:
        with self._lock:
            task = self.find(name)
            # A task of the same name made in the meantime is another one.
            if task is not None and task.id == task_id:
                self._save(change(task))

    def _save(self, task: Task) -> None:
        self._store.write("UPDATE tasks SET fields = ? WHERE id = ?", [_fields(task), task.id])
        self._by_name[task.name] = task


def _fields(task: Task) -> str:
    return json.dumps({key: value for key, value in asdict(task).items() if key not in ("id", "name")})


def _check_settings(engine: EngineSession, parameters: dict[str, str]) -> None:
    """Only settings that a session has can be given to a task (Databend's check_setting_scope)."""
    if not parameters:
        return
    names = ", ".join(quote_text(name.lower()) for name in parameters)
    known = {row["name"] for row in engine.rows(f"SELECT name FROM system.settings WHERE name IN ({names})")}
    for name in parameters:
        if name.lower() not in known:
            raise DatabendError(UNKNOWN_SETTING, f"Unknown variable: {name!r}")
