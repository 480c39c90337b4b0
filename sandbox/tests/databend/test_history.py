"""How much of the task history is answered (Databend's documentation of TASK_HISTORY)."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.databend.errors import DatabendError
from sandbox.databend.history import History
from sandbox.databend.store import Store
from sandbox.databend.tasks import Task, now_us
from sandbox.tests.databend.client import Client, wait_until


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    store = Store(tmp_path / "history.sqlite")
    yield History(store)
    store.close()


def task(name: str) -> Task:
    now = now_us()
    return Task(id=1, name=name, definition={"text": "SELECT 1", "statements": ["SELECT 1"]}, created_us=now, committed_us=now)


def test_a_hundred_rows_unless_more_are_asked_for_and_ten_thousand_at_most(history: History) -> None:
    for number in range(10_050):
        key = history.add(task("busy"), str(number), "1", now_us())
        history.ended(key, DatabendError(1104, "no") if number % 100 == 0 else None)
    assert len(history.selected({})) == 100
    assert len(history.selected({"result_limit": 250})) == 250
    assert len(history.selected({"result_limit": 20_000})) == len(history.rows()) == 10_000
    # The newest come first.
    assert [row["run_id"] for row in history.selected({"result_limit": 2})] == ["10049", "10048"]
    assert {row["state"] for row in history.selected({"error_only": True, "result_limit": 10_000})} == {"FAILED"}
    assert history.selected({"task_name": "other"}) == []
    with pytest.raises(DatabendError, match="no argument"):
        history.selected({"nonsense": 1})


def test_what_is_older_than_seven_days_is_not_answered(history: History) -> None:
    day = 86_400_000_000
    for age in (8, 6):
        history.add(task("old"), f"{age} days", "1", now_us() - age * day)
    assert [row["run_id"] for row in history.rows()] == ["6 days"]


def test_the_function_answers_a_hundred_rows(client: Client) -> None:
    name = f"often_{uuid.uuid4().hex[:12]}"
    client.run(f"CREATE TASK {name} SCHEDULE = 1 MINUTE AS SELECT 1")
    for _ in range(105):
        client.run(f"EXECUTE TASK {name}")
    count = "SELECT count(*) FROM {} WHERE name = '" + name + "' AND state = 'SUCCEEDED'"
    wait_until(lambda: client.value(count.format("system.task_history")) == "105", "all runs", 60)
    assert client.value(count.format(f"TASK_HISTORY(TASK_NAME => '{name}')")) == "100"
    assert client.value(count.format(f"TASK_HISTORY(TASK_NAME => '{name}', RESULT_LIMIT => 103)")) == "103"
    client.run(f"DROP TASK {name}")
