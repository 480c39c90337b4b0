"""What became of task runs: system.task_history and TASK_HISTORY()."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

from sandbox.databend.catalog import microseconds
from sandbox.databend.errors import BAD_ARGUMENTS, DatabendError
from sandbox.databend.store import Store
from sandbox.databend.tasks import Task, now_us

SCHEDULED, EXECUTING, SUCCEEDED, FAILED, CANCELLED = "SCHEDULED", "EXECUTING", "SUCCEEDED", "FAILED", "CANCELLED"

_LIMIT, _MOST = 100, 10_000
"""RESULT_LIMIT by default and at most (Databend's documentation of TASK_HISTORY)."""

_KEPT_DAYS = 7


class History:
    """All runs of the last seven days."""

    def __init__(self, store: Store) -> None:
        self._store = store
        # Whatever was running when the sandbox went down did not end.
        store.write(
            "UPDATE runs SET state = ?, completed_us = ? WHERE state IN (?, ?)",
            [CANCELLED, now_us(), SCHEDULED, EXECUTING],
        )
        store.write("DELETE FROM runs WHERE scheduled_us < ?", [now_us() - _KEPT_DAYS * 86_400_000_000])

    def add(self, task: Task, run_id: str, root_task_id: str, scheduled_us: int) -> int:
        """A run that is about to begin; returns its key here."""
        about = task.row()
        kept = ("owner", "comment", "schedule", "warehouse", "definition", "condition_text", "session_parameters")
        return self._store.write(
            "INSERT INTO runs (run_id, task_id, name, root_task_id, state, scheduled_us, query_id, exception_code, "
            "task_fields) VALUES (?, ?, ?, ?, ?, ?, '', 0, ?)",
            [run_id, task.id, task.name, root_task_id, SCHEDULED, scheduled_us,
             json.dumps({key: about[key] for key in kept})],
        )  # fmt: skip

    def executing(self, key: int, query_id: str) -> None:
        self._store.write("UPDATE runs SET state = ?, query_id = ? WHERE id = ?", [EXECUTING, query_id, key])

    def ended(self, key: int, error: DatabendError | None) -> None:
        self._store.write(
            "UPDATE runs SET state = ?, completed_us = ?, exception_code = ?, exception_text = ? WHERE id = ?",
            [FAILED if error else SUCCEEDED, now_us(), error.code if error else 0, error.message if error else None, key],
        )

    def rows(self) -> list[dict[str, Any]]:
        """Rows of system.task_history."""
        return self._select("TRUE", [], _MOST)

    def selected(self, arguments: dict[str, Any]) -> list[dict[str, Any]]:
        """Rows of TASK_HISTORY(name => value, …)."""
        conditions, values, limit = ["TRUE"], [], _LIMIT
        for name, value in arguments.items():
            match name:
                case "task_name":
                    conditions.append("name = ?")
                    values.append(str(value))
                case "root_task_id":
                    conditions.append("root_task_id = ?")
                    values.append(str(value))
                case "scheduled_time_range_start":
                    conditions.append("scheduled_us >= ?")
                    values.append(_moment(value))
                case "scheduled_time_range_end":
                    conditions.append("scheduled_us <= ?")
                    values.append(_moment(value))
                case "error_only":
                    conditions.append(f"state = '{FAILED}'" if value else "TRUE")
                case "result_limit":
                    limit = max(1, min(int(value), _MOST))
                case _:
                    raise DatabendError(BAD_ARGUMENTS, f"task_history has no argument '{name}'")
        return self._select(" AND ".join(conditions), values, limit)

    def _select(self, condition: str, values: list[Any], limit: int) -> list[dict[str, Any]]:
        values = [now_us() - _KEPT_DAYS * 86_400_000_000, *values]
        rows = self._store.rows(
            f"SELECT * FROM runs WHERE scheduled_us >= ? AND {condition} ORDER BY scheduled_us DESC, id DESC LIMIT ?", [*values, limit]
        )
        return [
            {
                **json.loads(row["task_fields"]),
                "name": row["name"],
                "id": row["task_id"],
                "state": row["state"],
                "run_id": row["run_id"],
                "query_id": row["query_id"],
                "exception_code": row["exception_code"],
                "exception_text": row["exception_text"],
                # Databend never repeats a run by itself.
                "attempt_number": 0,
                "completed_time": row["completed_us"],
                "scheduled_time": row["scheduled_us"],
                "root_task_id": row["root_task_id"],
            }
            for row in rows
        ]


def _moment(value: Any) -> int:
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    return microseconds(value.replace(tzinfo=value.tzinfo or UTC))
