"""Switches: what AWS leaves open, both ways (sandbox/aws/switches.py). Every test fails where its switch has no effect."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import Any

import pytest

from sandbox.aws.switches import Switches, _FIELDS
from sandbox.aws.worker.change_seq import FIRST, STEP
from sandbox.tests.aws.lab import Lab, Task, wait_for

DEFAULTS = {
    "sequence_time": "processed", "sequence_zone": 0, "sequence_counter": "continues", "reread_sequence": "new", "stop_flush": "all",
    "held_tables": [], "short_loads": [], "reload_definition": "retained", "added_tables": "followed",
}  # fmt: skip


def numbered(lab: Lab, **more: Any) -> Task:
    return lab.task(rules=[lab.include(), lab.add_column("_seq", "$AR_H_CHANGE_SEQ")], **more)


def counter(row: dict[str, Any]) -> int:
    return int(row["_seq"][16:])


def read(task: Task, updates: int, table: str = "orders") -> None:
    """Waits until DMS has read so many updates, which need not be in a file yet."""
    wait_for("the changes to be read", lambda: task.table(table)["Updates"] == updates)


# -- the mechanism


def test_every_switch_is_shown_with_its_default_and_its_valid_values(lab: Lab) -> None:
    shown = lab.service.admin("GET", "dms/switches")["switches"]
    assert {name: switch["value"] for name, switch in shown.items()} == DEFAULTS
    assert {name: switch["default"] for name, switch in shown.items()} == DEFAULTS
    assert all(switch["valid"] and switch["about"] for switch in shown.values())
    assert set(shown) == set(_FIELDS) and Switches() == Switches(**DEFAULTS)


def test_a_task_has_values_of_its_own_beside_those_of_all_tasks(lab: Lab) -> None:
    one, other = lab.task(), lab.task()
    lab.service.admin("POST", "dms/switches", {"switches": {"sequence_zone": 60, "sequence_time": "binlog"}})
    one.switch(sequence_zone=-60)

    def values(task: Task | None) -> tuple[int, str]:
        where = f"?task={task.arn}" if task else ""
        shown = lab.service.admin("GET", f"dms/switches{where}")["switches"]
        return shown["sequence_zone"]["value"], shown["sequence_time"]["value"]

    assert [values(one), values(other), values(None)] == [(-60, "binlog"), (60, "binlog"), (60, "binlog")]
    assert lab.service.admin("GET", "dms/switches")["tasks"] == {one.describe()["ReplicationTaskIdentifier"]: {"sequence_zone": -60}}
    one.switch(sequence_zone=None)
    assert values(one) == (60, "binlog"), "null takes a value back"
    one.switch(sequence_zone=-60)
    lab.service.admin("DELETE", "dms/switches", {"task": one.arn})
    assert [values(one), values(other)] == [(60, "binlog"), (60, "binlog")]
    one.switch(sequence_zone=-60)
    lab.service.admin("DELETE", "dms/switches")
    assert [values(one), values(other)] == [(0, "processed"), (0, "processed")]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"switches": {"sequence_tme": "binlog"}}, "no switch 'sequence_tme'; there are: sequence_time, sequence_zone, "),
        ({"switches": {"sequence_time": "commit"}}, '"processed" | "binlog"'),
        ({"switches": {"sequence_zone": 900}}, "from -720 to 840"),
        ({"switches": {"sequence_zone": "+09:00"}}, "from -720 to 840"),
        ({"switches": {"sequence_zone": True}}, "from -720 to 840"),
        ({"switches": {"stop_flush": ["orders"]}}, '"all" | "none" | [{"schema": "…", "table": "…"}, …]'),
        ({"switches": {"held_tables": [{"schema": "a", "table": "b", "rows": 1}]}}, "held_tables"),
        ({"switches": {"short_loads": []}}, 'needs a "task"'),
        ({"switches": []}, "is an object"),
        ({"sequence_time": "binlog"}, '"switches": {…}'),
        ({}, "switches"),
    ],
)
def test_an_unknown_switch_or_value_is_refused_with_the_valid_ones(lab: Lab, body: dict[str, object], says: str) -> None:
    with pytest.raises(AssertionError) as refused:
        lab.service.admin("POST", "dms/switches", body)
    text = str(refused.value).encode().decode("unicode_escape")
    assert ": 400 " in text and says in text
    assert {n: s["value"] for n, s in lab.service.admin("GET", "dms/switches")["switches"].items()} == DEFAULTS


def test_an_unknown_task_is_refused(lab: Lab) -> None:
    for method, path, body in (
        ("POST", "dms/switches", {"task": "nobody", "switches": {}}), ("GET", "dms/switches?task=nobody", None),
        ("POST", "dms/hold", {"task": "nobody", "tables": []}), ("POST", "dms/kill", {"task": "nobody"}),
    ):  # fmt: skip
        with pytest.raises(AssertionError, match="409 .*there is no task nobody"):
            lab.service.admin(method, path, body)


# -- the change sequence


def _long_statement(lab: Lab) -> None:
    """Starts first, under autocommit, and is committed last."""
    slow = Thread(target=lab.sql, args=("UPDATE {s}.orders SET amount = SLEEP(2.5) WHERE id = 1",))
    slow.start()
    time.sleep(1.2)
    lab.sql("UPDATE {s}.orders SET amount = 7 WHERE id = 2")
    slow.join()


def _long_transaction(lab: Lab) -> None:
    """The same, with BEGIN and COMMIT."""
    connection = lab.source.connect()
    with connection, connection.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute(f"UPDATE {lab.schema}.orders SET amount = 0 WHERE id = 1")
        time.sleep(1.2)
        lab.sql("UPDATE {s}.orders SET amount = 7 WHERE id = 2")
        time.sleep(1.2)
        cursor.execute("COMMIT")


@pytest.mark.parametrize(
    ("changes", "sequence_time", "goes_back", "sequence_goes_back"),
    [
        (_long_statement, "processed", True, False),
        (_long_statement, "binlog", True, True),
        (_long_transaction, "processed", False, False),
        (_long_transaction, "binlog", False, False),
    ],
)
def test_the_sequences_time_is_the_starts_of_a_statement_and_the_commits_of_a_transaction(
    lab: Lab, changes: Callable[[Lab], None], sequence_time: str, goes_back: bool, sequence_goes_back: bool
) -> None:
    """docs/facts/dms.md section 10, "What the source's clock proves"."""
    lab.orders(2)
    task = numbered(lab).switch(sequence_time=sequence_time).run()
    changes(lab)
    task.flush()
    first, second = lab.changes()
    assert [first["id"], second["id"]] == [2, 1], "in the order of the commits"
    assert (second["_ts"] < first["_ts"]) is goes_back
    assert (second["_seq"] < first["_seq"]) is sequence_goes_back
    assert counter(second) == counter(first) + STEP, "the counter rises whatever the time does"


@pytest.mark.parametrize("minutes", [0, 540, -210])
def test_the_sequences_time_has_a_zone_and_commit_times_have_not(lab: Lab, minutes: int) -> None:
    lab.orders(1)
    task = numbered(lab).switch(sequence_zone=minutes).run()
    before = datetime.now(UTC).replace(tzinfo=None) - timedelta(seconds=1)
    lab.sql("UPDATE {s}.orders SET status = 'x'")
    task.flush()
    (row,) = lab.changes()
    committed = datetime.strptime(row["_ts"], "%Y-%m-%d %H:%M:%S.%f")
    assert datetime.strptime(row["_seq"][:14], "%Y%m%d%H%M%S") - committed == timedelta(minutes=minutes)
    assert before <= committed <= before + timedelta(minutes=1)


def _stop(lab: Lab, task: Task) -> None:
    task.stop()


def _kill(lab: Lab, task: Task) -> None:
    lab.service.admin("POST", "dms/kill", {"task": task.arn})


def _reboot(lab: Lab, task: Task) -> None:
    lab.dms.reboot_replication_instance(ReplicationInstanceArn=lab.instance)
    task.failed()
    lab.dms.get_waiter("replication_instance_available").wait(WaiterConfig={"Delay": 0.2, "MaxAttempts": 100})


@pytest.mark.parametrize("end", [_stop, _kill, _reboot])
@pytest.mark.parametrize("how", ["continues", "restarts"])
def test_the_counter_continues_or_restarts_at_a_resume(lab: Lab, how: str, end: Callable[[Lab, Task], None]) -> None:
    lab.orders(1)
    task = numbered(lab).switch(sequence_counter=how).run()
    # All within one second of the source's clock.
    change = "SET STATEMENT timestamp = 1900000000 FOR UPDATE {s}.orders SET status = '%s'"
    lab.sql(change % "one")
    task.flush()
    end(lab, task)
    lab.sql(change % "two")
    task.resume().flush()
    rows = lab.changes()
    assert [r["status"] for r in rows] == ["one", "one", "two"]
    if how == "continues":
        assert [counter(r) for r in rows] == [FIRST + STEP * n for n in (1, 2, 3)]
    else:
        assert [counter(r) for r in rows] == [FIRST + STEP * n for n in (1, 1, 2)]


def test_a_counter_that_restarts_orders_two_changes_of_a_second_wrongly(lab: Lab) -> None:
    """docs/facts/dms.md section 2: the reason for the switch."""
    lab.orders(1)
    task = numbered(lab).switch(sequence_counter="restarts").run()
    change = "SET STATEMENT timestamp = 1900000000 FOR UPDATE {s}.orders SET status = '%s'"
    lab.sql(*[change % n for n in range(5)])
    task.flush()
    lab.sql(change % "5")
    task.flush()  # the checkpoint is now behind the first five
    task.stop()
    lab.sql(change % "6")
    task.resume().flush()
    by_sequence = sorted(lab.changes(), key=lambda r: r["_seq"])
    assert by_sequence[-1]["status"] == "5", "the newest is 6"


def test_reload_target_restarts_the_counter_too(lab: Lab) -> None:
    lab.orders(1)
    task = numbered(lab).switch(sequence_counter="restarts").run()
    lab.sql("UPDATE {s}.orders SET status = 'x'")
    task.flush()
    task.stop()
    task.start("reload-target").loaded("orders")
    lab.sql("UPDATE {s}.orders SET status = 'y'")
    task.flush()
    assert counter(lab.changes()[-1]) == FIRST + STEP


@pytest.mark.parametrize("numbers", ["new", "same"])
@pytest.mark.parametrize("end", [_stop, _kill])
def test_changes_that_are_read_again_have_new_numbers_or_the_same(lab: Lab, numbers: str, end: Callable[[Lab, Task], None]) -> None:
    lab.orders(3)
    task = numbered(lab).switch(reread_sequence=numbers).run()
    lab.sql("UPDATE {s}.orders SET status = 'one' WHERE id = 1")
    task.flush()
    lab.transaction(*[f"UPDATE {{s}}.orders SET status = 'two' WHERE id = {n}" for n in (1, 2, 3)])
    task.flush()
    end(lab, task)
    lab.sql("UPDATE {s}.orders SET status = 'three' WHERE id = 1")
    task.resume().flush()
    rows = lab.changes()
    assert [r["status"] for r in rows] == ["one"] + ["two"] * 6 + ["three"]
    first, again = rows[1:4], rows[4:7]
    assert ([r["_seq"] for r in first] == [r["_seq"] for r in again]) is (numbers == "same")
    assert rows[-1]["_seq"] > max(r["_seq"] for r in rows[:-1])
    assert [r["_seq"] for r in again] == sorted({r["_seq"] for r in again})


def test_numbers_stay_the_same_over_several_resumes_with_a_counter_that_restarts(lab: Lab) -> None:
    lab.orders(1)
    task = numbered(lab).switch(reread_sequence="same", sequence_counter="restarts").run()
    for number in range(4):
        # Written together with what is read again, so the checkpoint stays where it is.
        lab.sql(f"UPDATE {{s}}.orders SET status = '{number}'")
        task.flush()
        task.stop()
        task.resume()
    task.flush()
    seen: dict[str, set[str]] = {}
    for row in lab.changes():
        seen.setdefault(row["status"], set()).add(row["_seq"])
    assert [len(seen[str(n)]) for n in range(4)] == [1, 1, 1, 1]
    assert len(lab.changes()) == 5 + 4 + 3 + 2, "they were read again"
    assert {int(s[16:]) for each in seen.values() for s in each} == {FIRST + STEP}


# -- tables that the mappings have gained


@pytest.mark.parametrize("loads", [False, True])
def test_added_tables_are_followed_or_loaded_at_the_resume(lab: Lab, loads: bool) -> None:
    lab.orders(1)
    lab.orders(2, table="lines")
    task = lab.task(rules=[lab.include("orders")]).run()
    task.stop()
    rules = json.dumps({"rules": [lab.include("orders"), lab.include("lines")]})
    lab.dms.modify_replication_task(ReplicationTaskArn=task.arn, TableMappings=rules)
    task.wait("stopped")
    task.switch(added_tables="loaded" if loads else "followed")
    task.resume().loaded("lines")
    lab.sql("UPDATE {s}.lines SET status = 'x' WHERE id = 1")
    task.flush()
    assert (task.table("lines")["FullLoadRows"], len(lab.loaded("lines"))) == ((2, 2) if loads else (0, 0))
    assert [r["status"] for r in lab.changes("lines")] == ["x"]


# -- what a stop writes


@pytest.mark.parametrize(("flush", "written"), [("all", {"orders", "lines"}), ("none", set()), ("lines", {"lines"})])
def test_a_stop_writes_all_pending_changes_or_none_or_those_of_some_tables(lab: Lab, flush: str, written: set[str]) -> None:
    lab.orders(1)
    lab.orders(1, table="lines")
    value: Any = [lab.item("lines")] if flush == "lines" else flush
    task = numbered(lab).switch(stop_flush=value).run("orders", "lines")
    lab.transaction("UPDATE {s}.orders SET status = 'x'", "UPDATE {s}.lines SET status = 'x'")
    read(task, 1)
    read(task, 1, "lines")
    task.stop()
    assert {t for t in ("orders", "lines") if lab.cdc_files(t)} == written
    task.resume().flush()
    for table in ("orders", "lines"):
        assert {r["status"] for r in lab.changes(table)} == {"x"}, "nothing is lost"
    assert len(lab.changes()) == 1 + ("orders" in written)


# -- held tables


def test_a_held_tables_changes_wait_until_they_are_released_and_those_of_others_do_not(lab: Lab) -> None:
    lab.orders(1)
    lab.orders(1, table="lines")
    task = numbered(lab, s3={"CdcMaxBatchInterval": 1}).run("orders", "lines")
    assert lab.service.admin("POST", "dms/hold", {"tables": [lab.item()]}) == {"held_tables": [lab.item()]}
    lab.sql("UPDATE {s}.orders SET status = 'held'", "UPDATE {s}.lines SET status = 'free'")
    wait_for("the other's file", lambda: lab.cdc_files("lines"))
    task.flush()
    time.sleep(1.5)
    assert lab.cdc_files() == []
    lab.sql("ALTER TABLE {s}.orders ADD COLUMN note TEXT", "UPDATE {s}.orders SET note = 'n'")
    read(task, 2)  # what it has not read, it does not read twice
    task.stop()
    assert lab.cdc_files() == [], "a stop does not write them either"
    task.resume().flush()
    assert lab.cdc_files() == [], "nor does a resume"
    read(task, 4)
    assert lab.service.admin("POST", "dms/release", {"tables": [lab.item()]}) == {"held_tables": []}
    wait_for("its files", lambda: len(lab.cdc_files()) == 2, 5)
    assert [(r["status"], r.get("note")) for r in lab.changes()] == [("held", None), ("held", "n")]


def test_tables_are_held_and_released_for_one_task_or_for_all(lab: Lab) -> None:
    one, other = lab.task(), lab.task()

    def held(task: Task) -> list[str]:
        shown = lab.service.admin("GET", f"dms/switches?task={task.arn}")["switches"]["held_tables"]["value"]
        return [t["table"] for t in shown]

    lab.service.admin("POST", "dms/hold", {"tables": [lab.item("a")]})
    lab.service.admin("POST", "dms/hold", {"task": one.arn, "tables": [lab.item("b")]})
    assert (held(one), held(other)) == (["a", "b"], ["a"])
    lab.service.admin("POST", "dms/release", {"task": one.arn, "tables": [lab.item("a")]})
    assert (held(one), held(other)) == (["b"], ["a"])
    lab.service.admin("POST", "dms/release", {})
    assert (held(one), held(other)) == ([], [])
    with pytest.raises(AssertionError, match="400"):
        lab.service.admin("POST", "dms/hold", {"tables": "orders"})
