"""Switches: answers that AWS does not give, and faults of DMS that no AWS call can cause.

Each switch is a field of `Switches`, with its default, its valid values and its source. Where the facts are silent, every
plausible answer is a value, and the default is the most likely one. Tests set switches through `/_sandbox/dms/switches`,
for all tasks or for one. `dms/switchboard.py` stores them, and a running worker applies a new value at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

Key = tuple[str, str]
Document = dict[str, Any]

#: Offsets of the world's time zones from UTC, in minutes.
EAST, WEST = 14 * 60, -12 * 60


class BadSwitch(ValueError):
    """The switch does not exist, or its value is not valid. The message lists what is."""


class Choice:
    """One of several words."""

    def __init__(self, *words: str) -> None:
        self._words = words

    @property
    def valid(self) -> str:
        return " | ".join(f'"{word}"' for word in self._words)

    def takes(self, value: Any) -> bool:
        return value in self._words


class Minutes:
    """An offset from UTC."""

    valid = f"a whole number of minutes from {WEST} to {EAST}"

    def takes(self, value: Any) -> bool:
        return type(value) is int and WEST <= value <= EAST


class Tables:
    """A list of tables, or one of several words. `numbers` are fields that each table has besides its name."""

    def __init__(self, *words: str, numbers: tuple[str, ...] = ()) -> None:
        self._words, self._numbers = words, numbers

    @property
    def valid(self) -> str:
        form = ", ".join(['"schema": "…"', '"table": "…"', *(f'"{number}": 0 or more' for number in self._numbers)])
        return " | ".join([*(f'"{word}"' for word in self._words), f"[{{{form}}}, …]"])

    def takes(self, value: Any) -> bool:
        return value in self._words if isinstance(value, str) else isinstance(value, list) and all(map(self._is_table, value))

    def _is_table(self, item: Any) -> bool:
        return (
            isinstance(item, dict)
            and set(item) == {"schema", "table", *self._numbers}
            and all(isinstance(item[name], str) for name in ("schema", "table"))
            and all(type(item[number]) is int and item[number] >= 0 for number in self._numbers)
        )


Kind = Choice | Minutes | Tables


def _switch(default: Any, kind: Kind, about: str, *, one_task: bool = False) -> Any:
    """`one_task`: it has no value for all tasks, because a task uses its value up."""
    metadata = {"kind": kind, "about": about, "one_task": one_task}
    return field(default_factory=list, metadata=metadata) if default == [] else field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Switches:
    """The values of one task."""

    # docs/facts/dms.md section 2: "The sequence is monotonic within a task even when the clock moves back" [docs: Qlik]; section 10:
    # under autocommit the log has the *start* of the statement [observed: MariaDB], so its times go back.
    sequence_time: str = _switch(
        "processed", Choice("processed", "binlog"),
        "time of a change sequence: the commit's time in the binlog, never back within the task (processed), or as it is (binlog)",
    )  # fmt: skip
    # docs/facts/dms.md section 2: "That its time is UTC for a MySQL source: [unknown]".
    sequence_zone: int = _switch(0, Minutes(), "zone of the change sequence's time, in minutes east of UTC")
    # docs/facts/dms.md section 2: "Whether it stays monotonic across resume, reboot and failover: [unknown]".
    sequence_counter: str = _switch(
        "continues", Choice("continues", "restarts"), "the change sequence's counter at a resume, a failover included"
    )
    # docs/facts/dms.md section 2: "Changes that DMS reads again may get new numbers. [unknown]".
    reread_sequence: str = _switch(
        "new", Choice("new", "same"), "change sequence of a change that is read again after a resume"
    )
    # docs/facts/dms.md section 2 e: a resume reads again from the last checkpoint; what a stop writes first is unknown.
    stop_flush: str | list[Document] = _switch(
        "all", Tables("all", "none"), "tables whose pending changes a stop writes; those of the others are read again at the resume"
    )
    # docs/facts/dms.md section 10: "A change below the boundary may arrive after the load (DMS buffers)" [inferred].
    held_tables: list[Document] = _switch([], Tables(), "tables whose changes are written to no file")
    # docs/facts/dms.md section 4: MySQL stopping during a full load ends the task "successfully", short of rows [docs: guide].
    short_loads: list[Document] = _switch(
        [], Tables(numbers=("rows",)), "rows of the next load of a table, which ends as if these were all", one_task=True
    )
    # docs/facts/dms.md section 4: "DMS keeps the table definition that it read before, so DDL since the start can make a reload
    # fail" [docs: guide]. It does not say which DDL.
    reload_definition: str = _switch(
        "retained", Choice("retained", "fails", "current"),
        "ReloadTables after DDL: reads the columns that the table had when the task started or resumed, fails, or reads those of now",
    )  # fmt: skip
    # docs/facts/dms.md section 4: "Whether resume-processing fully loads a table that was added to the mappings is documented nowhere".
    added_tables: str = _switch(
        "followed", Choice("followed", "loaded"), "tables that the mappings have gained, at a resume: changes only, or a load first"
    )

    def holds(self, key: Key) -> bool:
        return _among(key, self.held_tables)

    def flushes_at_stop(self, key: Key) -> bool:
        return self.stop_flush == "all" or (isinstance(self.stop_flush, list) and _among(key, self.stop_flush))

    def short_load(self, key: Key) -> int | None:
        """How many rows the next load of the table delivers, or None."""
        return next((item["rows"] for item in self.short_loads if _key(item) == key), None)

    def without_short_load(self, key: Key) -> list[Document]:
        return without(self.short_loads, [key])


def without(tables: list[Document], keys: list[Key]) -> list[Document]:
    return [item for item in tables if _key(item) not in keys]


def _key(item: Document) -> Key:
    return item["schema"], item["table"]


def _among(key: Key, tables: list[Document]) -> bool:
    return any(_key(item) == key for item in tables)


_FIELDS = {f.name: f for f in fields(Switches)}


def check(given: Any, *, one_task: bool) -> None:
    """Raises BadSwitch unless all are switches with valid values; null stands for a switch's default."""
    if not isinstance(given, dict):
        raise BadSwitch('"switches" is an object, as in {"sequence_time": "binlog"}')
    for name, value in given.items():
        if name not in _FIELDS:
            raise BadSwitch(f"no switch {name!r}; there are: {', '.join(_FIELDS)}")
        metadata = _FIELDS[name].metadata
        if value is not None and not metadata["kind"].takes(value):
            raise BadSwitch(f"{name}: {value!r} is not valid; valid: {metadata['kind'].valid}")
        if metadata["one_task"] and not one_task:
            raise BadSwitch(f'{name}: needs a "task"; it is used up by one')


def describe(values: Mapping[str, Any]) -> Document:
    """Every switch with its value, its default and its valid values."""
    current = Switches(**values)
    default = Switches()
    return {
        name: {
            "value": getattr(current, name),
            "default": getattr(default, name),
            "valid": f.metadata["kind"].valid,
            "about": f.metadata["about"],
        }
        for name, f in _FIELDS.items()
    }
