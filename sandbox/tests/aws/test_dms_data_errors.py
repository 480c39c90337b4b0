"""Records that cannot be converted: DataErrorPolicy and its escalation (user guide, "Error handling task settings")."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.tests.aws.lab import Lab, Task, wait_for


def _task(lab: Lab, **behaviour: Any) -> Task:
    """A task that wants numbers of a text column; row 2 has none."""
    lab.sql("CREATE TABLE {s}.orders (id INT PRIMARY KEY, n VARCHAR(20))", "INSERT INTO {s}.orders VALUES (1, '10'), (2, 'ten'), (3, '30'), (4, NULL)")
    number = lab.rule("transformation", "change-data-type", column="n", rule_target="column", data_type={"type": "int4"})
    return lab.task(rules=[lab.include(), number], settings={"ErrorBehavior": behaviour})


@pytest.mark.parametrize("policy", ["LOG_ERROR", "IGNORE_RECORD"])
def test_the_record_is_left_out_and_the_others_come(lab: Lab, policy: str) -> None:
    task = _task(lab, DataErrorPolicy=policy).run()
    assert [(r["id"], r["n"]) for r in lab.loaded()] == [(1, 10), (3, 30), (4, None)]
    assert (task.table()["FullLoadRows"], task.table()["FullLoadErrorRows"]) == (3, 1)
    lab.sql("UPDATE {s}.orders SET n = CONCAT(n, '0')", "INSERT INTO {s}.orders VALUES (5, 'five')")
    task.flush()
    assert [(r["id"], r["n"]) for r in lab.changes()] == [(1, 100), (3, 300)]
    lab.sql("INSERT INTO {s}.orders VALUES (6, 'six')")
    assert task.flush() == 0, "nothing left to write"
    assert task.table()["TableState"] == "Table completed"


def test_the_table_is_suspended(lab: Lab) -> None:
    task = _task(lab, DataErrorPolicy="SUSPEND_TABLE").start()
    wait_for("table error", lambda: task.table().get("TableState") == "Table error")
    task.wait("running")
    assert lab.keys() == []


def test_the_table_is_suspended_by_a_change(lab: Lab) -> None:
    task = _task(lab, DataErrorPolicy="LOG_ERROR", DataErrorEscalationCount=2, DataErrorEscalationPolicy="SUSPEND_TABLE").run()
    lab.sql("INSERT INTO {s}.orders VALUES (5, 'five')")
    task.flush()
    wait_for("table error, the second error of the table", lambda: task.table()["TableState"] == "Table error")
    task.wait("running")


def test_the_task_fails(lab: Lab) -> None:
    task = _task(lab, DataErrorPolicy="STOP_TASK").start()
    failed = wait_for("failed", lambda: (d := task.describe())["Status"] == "failed" and d)
    assert "Data error in table" in failed["LastFailureMessage"] and "column n" in failed["LastFailureMessage"]
