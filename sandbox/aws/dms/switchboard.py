"""Where switches are kept: values for all tasks, and values of single tasks, which go before them. They survive a restart."""

from collections.abc import Callable
from typing import Any

from ..switches import Key, Switches, without
from .store import Document, Store

KIND = "switches"
#: The document of the values for all tasks.
ALL = ""


class Switchboard:
    #: `tell(arn, values)`: a task's values have changed; None for all tasks.
    def __init__(self, store: Store, tell: Callable[[str | None], None]) -> None:
        self._store, self._tell = store, tell

    def own(self, arn: str | None) -> Document:
        """What was set for the task itself, or for all tasks."""
        return dict(self._store.get(KIND, arn or ALL) or {})

    def of(self, arn: str | None) -> Document:
        """What holds for the task. Switches that nobody has set are left out."""
        return self.own(None) | (self.own(arn) if arn else {})

    def set(self, arn: str | None, values: Document) -> None:
        """Sets switches that `switches.check` has passed; None takes a value back."""
        with self._store.lock:
            merged = {k: v for k, v in (self.own(arn) | values).items() if v is not None}
            self._store.put(KIND, arn or ALL, merged)
            self._tell(arn)

    def clear(self, arn: str | None) -> None:
        """Takes back what was set for a task, or everything."""
        with self._store.lock:
            if arn is None:
                self._store.delete_where(KIND, lambda _: True)
            else:
                self._store.delete(KIND, arn)
            self._tell(arn)

    def hold(self, arn: str | None, tables: list[Document]) -> None:
        held: list[Document] = self.of(arn).get("held_tables", [])
        self.set(arn, {"held_tables": held + [t for t in tables if t not in held]})

    def release(self, arn: str | None, keys: list[Key] | None) -> None:
        """Releases these tables, or all. Without a task, for every task."""
        with self._store.lock:
            scopes = [arn] if arn else [None, *self.tasks()]
            for scope in scopes:
                held = self.of(scope).get("held_tables", [])
                if held:
                    self.set(scope, {"held_tables": [] if keys is None else without(held, keys)})

    def used_short_load(self, arn: str, key: Key) -> None:
        own = self.own(arn)
        self.set(arn, {"short_loads": Switches(**own).without_short_load(key) or None})

    def tasks(self) -> list[str]:
        """ARNs of the tasks that have values of their own."""
        return [k for k in self._store.keys(KIND) if k != ALL]

    def forget(self, arn: str) -> None:
        self._store.delete(KIND, arn)
