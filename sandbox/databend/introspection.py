"""What a statement reads of the catalogue: the cloud's tables as subqueries, and of every list only what may be seen."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa

from sandbox.databend import catalog
from sandbox.databend.access import Access, Visibility
from sandbox.databend.engine import EngineSession, quote_name, quote_text
from sandbox.databend.grants import Grants
from sandbox.databend.history import History
from sandbox.databend.session import Session
from sandbox.databend.stage_masks import StageMasks
from sandbox.databend.streams import Streams
from sandbox.databend.tasks import Tasks

Edit = tuple[int, int, str]


class Introspection:
    """Puts subqueries where a statement names system tables."""

    def __init__(
        self, engine: EngineSession, streams: Streams, tasks: Tasks, history: History, grants: Grants, access: Access,
        masks: StageMasks, folder: Path,
    ) -> None:  # fmt: skip
        self._streams = streams
        self._tasks = tasks
        self._history = history
        self._grants = grants
        self._access = access
        self._masks = masks
        self._tables = {name: catalog.SystemTable(engine, name, folder) for name in ("tasks", "task_history", "streams")}

    def edits(self, session: Session, statement: dict[str, Any]) -> list[Edit]:
        """What to put where in the statement's text."""
        edits = []
        for site in statement["tables"]:
            subquery = self._system_table(session, site["database"] or session.database, site["name"])
            if subquery is not None:
                edits.append((site["start"], site["end"], named(subquery, site)))
        for site in statement["functions"]:
            text = self._table_function(session, site) if site["is_table"] else self._function(session, site)
            if text is not None:
                edits.append((site["start"], site["end"], text))
        return edits

    def streams(self, session: Session) -> str:
        seen = self._visibility(session)
        rows = self._streams.rows(session)
        return self._tables["streams"].subquery(
            row for row in rows if seen is None or seen.sees_table(row["database"], row["name"])
        )

    def show_tasks(self, session: Session, statement: dict[str, Any]) -> str:
        if statement["kind"] == "describe_task":
            condition = f"name = {quote_text(self._tasks.get(statement['name']).name)}"
        else:
            condition = statement["filter"] or "TRUE"
        return f"SELECT * FROM {self._all_tasks(session)} AS tasks WHERE {condition} ORDER BY name"

    def stream_status(self, session: Session, arguments: list[str | None]) -> bool:
        name = arguments[0] if len(arguments) == 1 else None
        database, _, stream = (name or "").rpartition(".")
        return self._streams.has_data(session, self._streams.get(database or session.database, stream))

    def shown(self, session: Session, table: pa.Table) -> pa.Table:
        """The rows of SHOW statements, which name no table that could have been replaced."""
        first = table.column_names[0] if table.column_names else ""
        seen = self._visibility(session)
        if first.startswith("databases_in_"):
            return _kept(table, lambda name: name != catalog.HIDDEN_DATABASE and (seen is None or seen.sees_database(name)))
        if seen is not None and first.startswith("Tables_in_"):
            database = first.removeprefix("Tables_in_")
            return _kept(table, lambda name: seen.sees_table(database, name))
        if seen is not None and "stage_type" in table.column_names:
            return _kept(table, seen.sees_stage)
        return table

    # Tables

    def _system_table(self, session: Session, database: str, name: str) -> str | None:
        match database, name:
            case "system", "tasks":
                return self._all_tasks(session)
            case "system", "task_history":
                return self._runs(session, self._history.rows())
            case "system", "streams" | "streams_terse":
                return self.streams(session)
            case "system", "stages":
                return catalog.stages(self._masks.subquery(), self._visibility(session))
        return catalog.filtered(database, name, self._visibility(session))

    def _all_tasks(self, session: Session) -> str:
        seen = self._visibility(session)
        return self._tables["tasks"].subquery(
            task.row() for task in self._tasks.all() if seen is None or seen.sees_task(task.owner)
        )

    def _runs(self, session: Session, rows: list[dict[str, Any]]) -> str:
        seen = self._visibility(session)
        return self._tables["task_history"].subquery(row for row in rows if seen is None or seen.sees_task(row["owner"]))

    def _visibility(self, session: Session) -> Visibility | None:
        rights = self._access.rights(session)
        return None if rights is None else Visibility(rights, self._streams)

    # Functions

    def _table_function(self, session: Session, site: dict[str, Any]) -> str | None:
        match site["name"]:
            case "task_history":
                arguments = {
                    name: session.engine.rows(f"SELECT {text} AS v")[0]["v"]
                    for name, text in site["named_arguments"].items()
                }
                return named(self._runs(session, self._history.selected(arguments)), site)
            case "stream_status":
                held = self.stream_status(session, site["arguments"])
                return named(f"(SELECT {'TRUE' if held else 'FALSE'} AS has_data)", site)
        return None

    def _function(self, session: Session, site: dict[str, Any]) -> str | None:
        """To the engine everybody is root."""
        if session.is_unrestricted:
            return None
        match site["name"]:
            case "current_user" | "user" | "session_user":
                return quote_text(session.identity.label)
            case "current_available_roles":
                return quote_text(json.dumps(self._grants.available(session.identity), separators=(",", ":")))
        return None


def named(subquery: str, site: dict[str, Any]) -> str:
    """A subquery in the place of a name answers to that name."""
    return f"{subquery} AS {quote_name(site['name'])}" if site["alias"] == "missing" else subquery


def _kept(table: pa.Table, keep: Callable[[str], bool]) -> pa.Table:
    """The rows whose first column is kept. (pyarrow filters no columns of the engine's kind of text.)"""
    rows = [row for row in table.to_pylist() if keep(next(iter(row.values())))]
    fields = [field.with_type(pa.string()) if field.type == pa.string_view() else field for field in table.schema]
    return pa.Table.from_pylist(rows, pa.schema(fields))
