"""Runs tasks: on their schedule, on demand, and children after their parents."""

from __future__ import annotations

import logging
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from sandbox.databend.engine import Engine, EngineSession, quote_text
from sandbox.databend.errors import INTERNAL, DatabendError
from sandbox.databend.executor import Executor
from sandbox.databend.grants import ADMIN, Identity
from sandbox.databend.history import History
from sandbox.databend.session import ROOT, Session
from sandbox.databend.tasks import Task, Tasks, now_us
from sandbox.faults import Faults, statement

_LOG = logging.getLogger(__name__)
_TICK_SECONDS = 0.1
#: Statements that change their session.
_SETS = re.compile(r"\s*(SET|UNSET|USE)\b", re.IGNORECASE)


class _GraphRun:
    """One run of a graph: which of its tasks have succeeded, and which have been started."""

    def __init__(self) -> None:
        self.id = str(uuid.uuid4())
        self._lock = threading.Lock()
        self._succeeded: set[str] = set()
        self._started: set[str] = set()

    def ready_after(self, task: Task, tasks: list[Task]) -> list[str]:
        """The children that the success of a task sets free."""
        with self._lock:
            self._succeeded.add(task.name)
            ready = [
                child.name
                for child in tasks
                if child.is_started
                and task.name in child.after
                and self._succeeded.issuperset(child.after)
                and child.name not in self._started
            ]
            self._started.update(ready)
        return ready


class Scheduler:
    """One thread watches the schedules; each graph runs in a thread of its own, its siblings in threads of theirs."""

    def __init__(self, engine: Engine, tasks: Tasks, history: History, faults: Faults) -> None:
        self._engine = engine
        self._tasks = tasks
        self._history = history
        self._faults = faults
        self._executor: Executor | None = None
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._busy: dict[str, threading.RLock] = {}
        self._running: set[str] = set()
        self._idle_engines: dict[Any, EngineSession] = {}

    def start(self, executor: Executor) -> None:
        self._executor = executor
        threading.Thread(target=self._watch, name="scheduler", daemon=True).start()

    def stop(self) -> None:
        self._stopping.set()

    def execute(self, name: str) -> None:
        """EXECUTE TASK: one run now, whether the task is started or not; the statement does not wait for it."""
        self._spawn(name, lambda: self._run_graph(name, now_us()))

    def run(self, name: str) -> None:
        """The same run as EXECUTE TASK's, over when this returns, children included: for tests that need not wait."""
        self._run_graph(name, now_us())

    def _watch(self) -> None:
        while not self._stopping.wait(_TICK_SECONDS):
            now = now_us()
            for task in self._tasks.all():
                if task.next_us is not None and task.next_us <= now:
                    self._run_when_due(task)

    def _run_when_due(self, task: Task) -> None:
        with self._lock:
            if task.name in self._running:
                return
            self._running.add(task.name)

        def run() -> None:
            due = task.next_us or now_us()
            try:
                self._run_graph(task.name, due)
            finally:
                # Runs are serial: what came due in the meantime is left out, not made up for (docs/facts/databend.md, "Tasks").
                self._tasks.rescheduled(task.name, task.id, self._next_base(task, due))
                with self._lock:
                    self._running.discard(task.name)

        self._spawn(task.name, run)

    def _next_base(self, task: Task, due: int) -> int:
        """Intervals count from the time that was due, unless that is past already."""
        following = self._tasks.next_due(task, due)
        now = now_us()
        return due if following is not None and following > now else now

    def _spawn(self, name: str, run: Callable[[], None]) -> None:
        def guarded() -> None:
            try:
                run()
            except Exception:
                _LOG.exception("task %s: the run did not come to its end", name)

        threading.Thread(target=guarded, name=f"task-{name}", daemon=True).start()

    def _run_graph(self, name: str, scheduled_us: int) -> None:
        """Runs a task, then every started task whose parents have all succeeded in this very run."""
        with self._alone(name):
            self._run_branch(_GraphRun(), name, scheduled_us)

    def _run_branch(self, graph: _GraphRun, name: str, scheduled_us: int) -> None:
        task = self._tasks.find(name)
        if task is None or self._stopping.is_set() or not self._run_task(task, graph.id, scheduled_us):
            return
        ready = graph.ready_after(task, self._tasks.all())
        if not ready:
            return
        # Siblings run side by side, the last of them in this thread.
        with ThreadPoolExecutor(max_workers=len(ready), thread_name_prefix=f"task-{name}") as threads:
            others = [threads.submit(self._run_branch, graph, child, now_us()) for child in ready[:-1]]
            self._run_branch(graph, ready[-1], now_us())
            for other in others:
                other.result()

    def _alone(self, name: str) -> threading.RLock:
        """Held while a task runs: no task runs twice at once, whoever has asked for it."""
        with self._lock:
            return self._busy.setdefault(name, threading.RLock())

    def _run_task(self, task: Task, run_id: str, scheduled_us: int) -> bool:
        with self._alone(task.name):
            return self._run_alone(task, run_id, scheduled_us)

    def _run_alone(self, task: Task, run_id: str, scheduled_us: int) -> bool:
        """Runs one task; True when it succeeded. A WHEN that does not hold is no run at all."""
        assert self._executor is not None
        session: Session | None = None
        key: int | None = None
        # A new session of the engine costs more than most runs; one whose run went well is as good as new.
        kind = (task.id, task.owner, *sorted(task.session_parameters.items()))
        try:
            # With the owner role's privileges and no others. Whose name the cloud runs it under is not known.
            owner = ROOT if task.owner == ADMIN else Identity(f"task-{task.name}", task.owner, ())
            session = Session(self._idle_engines.pop(kind, None) or self._engine.session(), identity=owner)
            for name, value in task.session_parameters.items():
                session.engine.run(f"SET {name} = {quote_text(value)}")
                session.took_settings({name.lower(): value})
            if task.when and not self._executor.condition(session, task.when):
                return False
            key = self._begin(task, run_id, scheduled_us)
            for sql in task.definition["statements"]:
                # Not atomic: what ran before a failure stays (docs/facts/databend.md, "Tasks").
                self._history.executing(key, str(uuid.uuid4()))
                with self._fault_around(sql):
                    self._executor.run(session, sql)
            self._history.ended(key, None)
        except Exception as error:
            if not isinstance(error, DatabendError):
                _LOG.exception("task %s", task.name)
                error = DatabendError(INTERNAL, f"{type(error).__name__}: {error}")
            self._history.ended(key if key is not None else self._begin(task, run_id, scheduled_us), error)
            self._tasks.failed(task.name, task.id)
            return False
        finally:
            if session is not None:
                self._executor.abandon(session)
        if not any(_SETS.match(sql) for sql in task.definition["statements"]):
            self._idle_engines[kind] = session.engine
        self._tasks.succeeded(task.name, task.id)
        return True

    @contextmanager
    def _fault_around(self, sql: str) -> Iterator[None]:
        """A task has no connection that could be cut: there a statement is late, or fails before or after its work."""
        rule = self._faults.take(statement(sql))
        if rule is None:
            yield
            return
        time.sleep(rule.delay_ms / 1000)
        if rule.action not in ("delay", "drop_after"):
            raise DatabendError(int(rule.code), rule.message)
        yield
        if rule.action == "drop_after":
            # Done and committed, and recorded as failed: what a lost answer looks like from the task service.
            raise DatabendError(int(rule.code), rule.message)

    def _begin(self, task: Task, run_id: str, scheduled_us: int) -> int:
        roots = ",".join(str(root.id) for root in self._tasks.roots(task))
        return self._history.add(task, run_id, roots, scheduled_us)
