"""Tasks (docs/facts/databend.md, "Tasks")."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator

import pytest

from sandbox.tests.databend.client import Client, wait_until

OFTEN = "SCHEDULE = 500 MILLISECOND"


@pytest.fixture
def task(client: Client) -> Iterator[str]:
    """A name for a task; it and its children go after the test. Names are account-wide."""
    name = f"task_{uuid.uuid4().hex[:12]}"
    client.run("CREATE TABLE log (what VARCHAR)")
    yield name
    for [each] in client.run(f"SELECT name FROM system.tasks WHERE name LIKE '{name}%'"):
        client.run(f"DROP TASK {each}")


def about(client: Client, name: str) -> dict[str, str | None]:
    [row] = client.run(f"SELECT * FROM system.tasks WHERE name = '{name}'")
    return dict(zip(client.columns, row, strict=True))


def logged(client: Client) -> list[str | None]:
    return [row[0] for row in client.run("SELECT what FROM log ORDER BY what")]


def runs(client: Client, name: str, state: str = "SUCCEEDED") -> int:
    condition = f"name = '{name}' AND state = '{state}'"
    return int(client.value(f"SELECT count(*) FROM system.task_history WHERE {condition}") or 0)


def note(db: str, what: str) -> str:
    return f"INSERT INTO {db}.log VALUES ('{what}')"


# Making and changing them


def test_a_task_begins_suspended_with_its_definition_printed_anew(client: Client, task: str) -> None:
    client.run(
        f"CREATE TASK {task} WAREHOUSE = 'default' SCHEDULE = 1 MINUTE SUSPEND_TASK_AFTER_NUM_FAILURES = 3 "
        "COMMENT = 'c' enable_join_runtime_filter = 0, timezone = 'UTC' AS "
        "copy into raw.orders /* all */ from @st/orders/ pattern = '.*[.]parquet' file_format = (type = parquet) purge = true;"
    )
    row = about(client, task)
    assert row["state"] == "Suspended"
    assert row["definition"] is not None
    assert row["definition"].startswith("COPY INTO raw.orders FROM '@st/orders/' PATTERN = '.*[.]parquet'")
    assert "all" not in row["definition"] and "FORCE = false" in row["definition"]
    assert (row["warehouse"], row["schedule"], row["comment"]) == ("default", "INTERVAL 60 SECOND", "c")
    assert (row["suspend_task_after_num_failures"], row["after"], row["condition_text"]) == ("3", "", "")
    assert row["session_parameters"] == '{"enable_join_runtime_filter":"0","timezone":"UTC"}'
    assert row["next_schedule_time"] is None


def test_columns_are_the_engines(client: Client, task: str) -> None:
    client.run(f"CREATE TASK {task} {OFTEN} AS SELECT 1")
    columns = [row[0] for row in client.run("DESCRIBE system.tasks")]
    client.run("SHOW TASKS")
    assert client.columns == columns
    client.run(f"DESCRIBE TASK {task}")
    assert client.columns == columns
    columns = [row[0] for row in client.run("DESCRIBE system.task_history")]
    client.run("SELECT * FROM task_history()")
    assert client.columns == columns


def test_show_tasks_filters_with_wildcards_and_system_tasks_by_equality(client: Client, task: str) -> None:
    for name in (task, task.replace("_", "x")):
        client.run(f"CREATE TASK {name} {OFTEN} AS SELECT 1")
    assert len(client.run(f"SHOW TASKS LIKE '{task}'")) == 2
    assert len(client.run(f"SHOW TASKS WHERE name = '{task}'")) == 1
    client.run(f"DROP TASK {task.replace('_', 'x')}")


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ("SCHEDULE = 1 MINUTE AFTER 'x'", 1005),
        ("WAREHOUSE = 'default'", 1005),
        ("SCHEDULE = USING CRON '0 3 * * *'", 1065),
        ("SCHEDULE = USING CRON '0 0 3 * * *' 'Mars/Base'", 1065),
        ("SCHEDULE = 100 MILLISECOND", 1065),
        ("AFTER 'no_such_task'", 2611),
        ("SCHEDULE = 1 MINUTE no_such_setting = 1", 2801),
        ("SCHEDULE = 1 HOUR", 1005),
    ],
)
def test_what_databend_refuses_is_refused(client: Client, task: str, options: str, code: int) -> None:
    assert client.code(f"CREATE TASK {task} {options} AS SELECT 1") == code
    assert client.run(f"SELECT name FROM system.tasks WHERE name = '{task}'") == []


def test_the_articles_two_mistakes_are_refused(client: Client, task: str) -> None:
    assert client.code(f"CREATE TASK {task} SCHEDULE = USING CRON '0 3 * * *' AS DELETE FROM log") == 1065
    assert client.code("SELECT * FROM TABLE(TASK_HISTORY()) ORDER BY scheduled_time DESC LIMIT 20") == 1005


def test_schedules_print_as_in_databend(client: Client, task: str) -> None:
    client.run(f"CREATE TASK {task} SCHEDULE = 30 SECOND AS SELECT 1")
    assert about(client, task)["schedule"] == "INTERVAL 30 SECOND"
    client.run(f"ALTER TASK {task} SET SCHEDULE = USING CRON '0 0 3 * * *' 'Asia/Shanghai'")
    assert about(client, task)["schedule"] == "CRON 0 0 3 * * * TIMEZONE Asia/Shanghai"
    client.run(f"CREATE TASK {task}_child AFTER '{task}' AS SELECT 1")
    child = about(client, f"{task}_child")
    assert (child["schedule"], child["after"]) == (None, task)


def test_create_if_not_exists_and_or_replace(client: Client, task: str) -> None:
    client.run(f"CREATE TASK {task} {OFTEN} AS SELECT 1")
    assert client.code(f"CREATE TASK {task} {OFTEN} AS SELECT 2") == 2612
    client.run(f"CREATE TASK IF NOT EXISTS {task} {OFTEN} AS SELECT 2")
    before = about(client, task)
    assert before["definition"] == "SELECT 1"
    client.run(f"ALTER TASK {task} RESUME")
    client.run(f"CREATE OR REPLACE TASK {task} {OFTEN} AS SELECT 2")
    after = about(client, task)
    assert (after["definition"], after["state"]) == ("SELECT 2", "Suspended")
    assert after["id"] != before["id"]


def test_alter_changes_one_thing_at_a_time(client: Client, task: str) -> None:
    client.run(f"CREATE TASK {task} WAREHOUSE = 'large' {OFTEN} COMMENT = 'c' AS SELECT 1")
    for action in (
        "SET SUSPEND_TASK_AFTER_NUM_FAILURES = 5", "SET timezone = 'Asia/Tokyo'", "MODIFY AS select  2",
        "MODIFY WHEN STREAM_STATUS('a.b') = true", "SET COMMENT = 'd' WAREHOUSE = 'other'",
    ):  # fmt: skip
        client.run(f"ALTER TASK {task} {action}")
    row = about(client, task)
    assert (row["suspend_task_after_num_failures"], row["comment"], row["warehouse"]) == ("5", "d", "other")
    assert (row["definition"], row["condition_text"]) == ("SELECT 2", "STREAM_STATUS('a.b') = TRUE")
    assert row["session_parameters"] == '{"timezone":"Asia/Tokyo"}'
    client.run(f"ALTER TASK {task} UNSET WAREHOUSE")
    assert about(client, task)["warehouse"] is None


def test_after_can_be_added_and_removed_but_not_in_a_circle(client: Client, task: str) -> None:
    client.run(f"CREATE TASK {task} {OFTEN} AS SELECT 1")
    client.run(f"CREATE TASK {task}_b {OFTEN} AS SELECT 1")
    client.run(f"CREATE TASK {task}_c AFTER '{task}' AS SELECT 1")
    client.run(f"ALTER TASK {task}_c ADD AFTER '{task}_b'")
    assert about(client, f"{task}_c")["after"] == f"{task},{task}_b"
    assert client.code(f"ALTER TASK {task} ADD AFTER '{task}_c'") == 1006
    client.run(f"ALTER TASK {task}_c REMOVE AFTER '{task}'")
    assert about(client, f"{task}_c")["after"] == f"{task}_b"


def test_a_started_task_cannot_be_altered(client: Client, task: str) -> None:
    client.run(f"CREATE TASK {task} SCHEDULE = 1 MINUTE AS SELECT 1")
    client.run(f"CREATE TASK {task}_child AFTER '{task}' AS SELECT 1")
    client.run(f"ALTER TASK {task} RESUME")
    assert client.code(f"ALTER TASK {task} SET COMMENT = 'x'") == 1006
    assert client.code(f"ALTER TASK {task}_child MODIFY AS SELECT 2") == 1006
    client.run(f"ALTER TASK {task}_child RESUME")
    client.run(f"ALTER TASK {task} SUSPEND")
    client.run(f"ALTER TASK {task} SET COMMENT = 'x'")
    assert client.code(f"ALTER TASK {task}_child MODIFY AS SELECT 2") == 1006
    assert about(client, task)["last_suspended_on"] is not None


def test_unknown_tasks(client: Client) -> None:
    for statement in ("DROP TASK nope", "ALTER TASK nope RESUME", "EXECUTE TASK nope", "DESCRIBE TASK nope"):
        assert client.code(statement) == 2611
    client.run("DROP TASK IF EXISTS nope")
    client.run("ALTER TASK IF EXISTS nope RESUME")


def test_quoted_names_keep_their_quotes_and_unquoted_ones_their_case(client: Client, task: str) -> None:
    client.run(f'CREATE TASK "{task}" {OFTEN} AS SELECT 1')
    assert client.run(f"SELECT name FROM system.tasks WHERE name = '\"{task}\"'") == [[f'"{task}"']]
    assert client.code(f"EXECUTE TASK {task}") == 2611
    client.run(f'DROP TASK "{task}"')
    client.run(f"CREATE TASK {task}_Big {OFTEN} AS SELECT 1")
    assert client.code(f"EXECUTE TASK {task}_big") == 2611


# Running them


def test_a_run_that_is_not_waited_for_is_over_when_the_answer_comes(client: Client, task: str, db: str) -> None:
    client.run(f"CREATE TASK {task} SCHEDULE = 1 MINUTE AS {note(db, 'a')}")
    client.run(f"CREATE TASK {task}_child AFTER '{task}' AS {note(db, 'b')}")
    client.run(f"ALTER TASK {task}_child RESUME")
    status, _, _ = client.request("POST", "/_sandbox/tasks/run", {"task": task})
    assert (status, logged(client), runs(client, f"{task}_child")) == (200, ["a", "b"], 1)
    assert client.request("POST", "/_sandbox/tasks/run", {"task": f"{task}_nobody"})[0] == 404
    assert client.request("POST", "/_sandbox/tasks/run", {"name": task})[0] == 400


def test_a_started_task_runs_on_its_interval(client: Client, task: str, db: str) -> None:
    client.run(f"CREATE TASK {task} {OFTEN} AS {note(db, 'a')}")
    client.run(f"ALTER TASK {task} RESUME")
    row = about(client, task)
    assert (row["state"], row["next_schedule_time"] is not None) == ("Started", True)
    wait_until(lambda: runs(client, task) >= 2, "two runs")
    client.run(f"ALTER TASK {task} SUSPEND")
    wait_until(lambda: runs(client, task, "EXECUTING") == 0, "the last run has ended")
    done = runs(client, task)
    assert len(logged(client)) == done
    time.sleep(1)
    assert runs(client, task) == done


def test_a_cron_task_runs_when_due(client: Client, task: str, db: str) -> None:
    client.run(f"CREATE TASK {task} SCHEDULE = USING CRON '* * * * * *' 'UTC' AS {note(db, 'a')}")
    client.run(f"ALTER TASK {task} RESUME")
    wait_until(lambda: runs(client, task), "a run")
    [[microseconds]] = client.run(
        f"SELECT to_unix_timestamp(scheduled_time) * 1000000 - to_int64(scheduled_time) FROM system.task_history WHERE name = '{task}' LIMIT 1"
    )
    assert microseconds == "0"


def test_execute_task_runs_a_suspended_task_once(client: Client, task: str, db: str) -> None:
    client.run(f"CREATE TASK {task} SCHEDULE = 1 MINUTE AS {note(db, 'a')}")
    client.run(f"EXECUTE TASK {task}")
    wait_until(lambda: runs(client, task) == 1, "the run")
    assert logged(client) == ["a"]
    assert about(client, task)["state"] == "Suspended"


def test_a_child_runs_after_its_parent_succeeded(client: Client, task: str, db: str) -> None:
    client.run(f"CREATE TASK {task} SCHEDULE = 1 MINUTE AS {note(db, '1 parent')}")
    client.run(f"CREATE TASK {task}_child AFTER '{task}' AS INSERT INTO {db}.log SELECT concat('2 after ', max(what)) FROM {db}.log")
    client.run(f"ALTER TASK {task}_child RESUME")
    client.run(f"EXECUTE TASK {task}")
    wait_until(lambda: runs(client, f"{task}_child") == 1, "the child's run")
    assert logged(client) == ["1 parent", "2 after 1 parent"]
    history = client.run(f"SELECT run_id, root_task_id FROM system.task_history WHERE name LIKE '{task}%'")
    assert history[0] == history[1] and history[0][1] == about(client, task)["id"]


def stamped(db: str, task: str) -> str:
    """A block that takes a while and logs when it begins and ends."""
    entry = f"INSERT INTO {db}.log SELECT concat(to_string(now()), ' {{}} {task}')"
    return f"BEGIN {entry.format('begin')}; SELECT sleep(0.8); {entry.format('end')}; END"


def steps(client: Client) -> list[str]:
    return [(entry or "").split(" ")[2] for entry in logged(client)]


def test_siblings_run_side_by_side_and_their_common_child_once(client: Client, task: str, db: str) -> None:
    client.run(f"CREATE TASK {task} SCHEDULE = 60 MINUTE AS SELECT 1")
    siblings = [f"{task}_{number}" for number in range(3)]
    for name in siblings:
        client.run(f"CREATE TASK {name} AFTER '{task}' AS {stamped(db, name)}")
    after = ", ".join(f"'{name}'" for name in siblings)
    client.run(f"CREATE TASK {task}_last AFTER {after} AS SELECT 1")
    for name in (*siblings, f"{task}_last"):
        client.run(f"ALTER TASK {name} RESUME")
    client.request("POST", "/_sandbox/tasks/run", {"task": task})
    assert steps(client) == ["begin"] * 3 + ["end"] * 3
    assert runs(client, f"{task}_last") == 1
    assert client.value(f"SELECT count(DISTINCT run_id) FROM system.task_history WHERE name LIKE '{task}%'") == "1"


def test_roots_run_side_by_side(client: Client, task: str, db: str) -> None:
    roots = [f"{task}_{number}" for number in range(2)]
    for name in roots:
        client.run(f"CREATE TASK {name} SCHEDULE = 60 MINUTE AS {stamped(db, name)}")
        client.run(f"EXECUTE TASK {name}")
    for name in roots:
        wait_until(lambda name=name: runs(client, name) == 1, f"the run of {name}")
    assert steps(client) == ["begin"] * 2 + ["end"] * 2


def test_a_child_waits_for_all_its_parents(client: Client, task: str, db: str) -> None:
    client.run(f"CREATE TASK {task} SCHEDULE = 1 MINUTE AS SELECT 1")
    for name in ("b", "c"):
        client.run(f"CREATE TASK {task}_{name} AFTER '{task}' AS {note(db, name)}")
        client.run(f"ALTER TASK {task}_{name} RESUME")
    client.run(f"CREATE TASK {task}_d AFTER '{task}_b', '{task}_c' AS {note(db, 'd')}")
    client.run(f"ALTER TASK {task}_d RESUME")
    client.run(f"EXECUTE TASK {task}")
    wait_until(lambda: runs(client, f"{task}_d") == 1, "the last run")
    assert logged(client) == ["b", "c", "d"]


def test_neither_a_suspended_child_nor_one_of_a_failed_parent_runs(client: Client, task: str, db: str) -> None:
    client.run(f"CREATE TASK {task} SCHEDULE = 1 MINUTE AS SELECT 1")
    client.run(f"CREATE TASK {task}_suspended AFTER '{task}' AS {note(db, 'suspended')}")
    client.run(f"CREATE TASK {task}_fails AFTER '{task}' AS SELECT 1 / 0")
    client.run(f"CREATE TASK {task}_behind AFTER '{task}_fails' AS {note(db, 'behind')}")
    for name in ("fails", "behind"):
        client.run(f"ALTER TASK {task}_{name} RESUME")
    client.run(f"EXECUTE TASK {task}")
    wait_until(lambda: runs(client, f"{task}_fails", "FAILED") == 1, "the failed run")
    time.sleep(0.5)
    assert logged(client) == []


def test_a_failure_is_in_the_history_with_code_and_text(client: Client, task: str) -> None:
    client.run(f"CREATE TASK {task} SCHEDULE = 1 MINUTE AS SELECT * FROM nowhere.t")
    client.run(f"EXECUTE TASK {task}")
    wait_until(lambda: runs(client, task, "FAILED") == 1, "the failed run")
    [[code, text, completed]] = client.run(
        f"SELECT exception_code, exception_text, completed_time IS NOT NULL FROM system.task_history WHERE name = '{task}'"
    )
    assert (code, completed) == ("1003", "1")
    assert text is not None and "nowhere" in text


def test_a_task_is_suspended_after_n_failures_in_a_row(client: Client, task: str, db: str) -> None:
    client.run("CREATE TABLE wrong (id INT)")
    client.run(f"CREATE TASK {task} SCHEDULE = 60 MINUTE SUSPEND_TASK_AFTER_NUM_FAILURES = 2 AS SELECT 1 / (SELECT count(*) FROM {db}.wrong)")
    client.run(f"ALTER TASK {task} RESUME")
    # One success in between, and the count begins again.
    for statement in ("DELETE FROM wrong", "INSERT INTO wrong VALUES (1)", "DELETE FROM wrong", "DELETE FROM wrong"):
        assert about(client, task)["state"] == "Started"
        client.run(statement)
        client.request("POST", "/_sandbox/tasks/run", {"task": task})
    assert about(client, task)["state"] == "Suspended"
    assert (runs(client, task, "FAILED"), runs(client, task)) == (3, 1)
    assert about(client, task)["next_schedule_time"] is None


def test_a_block_runs_in_order_and_is_not_atomic(client: Client, task: str, db: str) -> None:
    client.run(f"CREATE TASK {task} SCHEDULE = 1 MINUTE AS BEGIN {note(db, 'first')}; SELECT 1 / 0; {note(db, 'third')}; END")
    client.run(f"EXECUTE TASK {task}")
    wait_until(lambda: runs(client, task, "FAILED") == 1, "the failed run")
    assert logged(client) == ["first"]


def test_a_transaction_inside_a_block_is_atomic(client: Client, task: str, db: str) -> None:
    client.run(
        f"CREATE TASK {task} SCHEDULE = 1 MINUTE AS BEGIN BEGIN; {note(db, 'first')}; SELECT 1 / (SELECT count(*) - 1 FROM {db}.log); COMMIT; END"
    )
    client.run(f"EXECUTE TASK {task}")
    wait_until(lambda: runs(client, task, "FAILED") == 1, "the failed run")
    assert logged(client) == []
    client.run("INSERT INTO log VALUES ('x')")
    client.run(f"EXECUTE TASK {task}")
    wait_until(lambda: runs(client, task) == 1, "the run")
    assert logged(client) == ["first", "x"]


def clean_up(db: str, between: str = "") -> str:
    """A clean-up's block: what is deleted is recorded in the same transaction, and the DELETE reads the record."""
    return (
        f"BEGIN\nBEGIN;\nINSERT INTO \"{db}\".\"horizons\" (name, horizon) SELECT 'raw', max(seq) FROM \"{db}\".\"raw\";\n{between}"
        f"DELETE /*+ SET_VAR(timezone='UTC') */ FROM \"{db}\".\"raw\" WHERE seq < (SELECT max(horizon) FROM \"{db}\".\"horizons\" "
        "WHERE name = 'raw');\nCOMMIT;\nEND"
    )


@pytest.fixture
def raw(client: Client) -> Client:
    client.run("CREATE TABLE horizons (name VARCHAR, horizon VARCHAR)")
    client.run("CREATE TABLE raw (seq VARCHAR, n INT)")
    client.run("INSERT INTO raw VALUES ('1', 0), ('2', 0), ('3', 1)")
    return client


def test_a_delete_sees_what_its_transaction_has_recorded(raw: Client, task: str, db: str) -> None:
    raw.run(f"CREATE TASK {task} SCHEDULE = 1 MINUTE AS {clean_up(db)}")
    assert about(raw, task)["definition"] == clean_up(db).replace("='UTC') */", "='UTC')*/") + ";"
    raw.request("POST", "/_sandbox/tasks/run", {"task": task})
    assert raw.run("SELECT seq FROM raw") == [["3"]]
    assert raw.run("SELECT * FROM horizons") == [["raw", "3"]]


@pytest.mark.parametrize("between", ["SELECT 1 / (n - n) FROM {db}.raw;\n", "INSERT INTO {db}.missing VALUES (1);\n"])
def test_a_failure_between_record_and_delete_takes_both_back(raw: Client, task: str, db: str, between: str) -> None:
    raw.run(f"CREATE TASK {task} SCHEDULE = 1 MINUTE AS {clean_up(db, between.format(db=db))}")
    raw.request("POST", "/_sandbox/tasks/run", {"task": task})
    assert (runs(raw, task, "FAILED"), runs(raw, task)) == (1, 0)
    assert raw.value("SELECT count(*) FROM raw") == "3"
    assert raw.value("SELECT count(*) FROM horizons") == "0"


def test_clean_ups_of_two_tables_record_in_one(raw: Client, task: str, db: str) -> None:
    raw.run("CREATE TABLE other AS SELECT * FROM raw")
    tables = {f"{task}_a": "raw", f"{task}_b": "other"}
    for name, table in tables.items():
        block = clean_up(db, "SELECT sleep(0.3);\n").replace('"raw"', f'"{table}"').replace("'raw'", f"'{table}'")
        raw.run(f"CREATE TASK {name} SCHEDULE = 1 MINUTE AS {block}")
        raw.run(f"EXECUTE TASK {name}")
    for name in tables:
        wait_until(lambda name=name: runs(raw, name) == 1, f"the run of {name}")
    assert raw.run("SELECT * FROM horizons ORDER BY name") == [["other", "3"], ["raw", "3"]]
    assert raw.value("SELECT (SELECT count(*) FROM raw) + (SELECT count(*) FROM other)") == "2"


def test_session_parameters_hold_while_the_task_runs(client: Client, task: str, db: str) -> None:
    client.run(f"CREATE TASK {task} SCHEDULE = 1 MINUTE timezone = 'Asia/Tokyo' AS INSERT INTO {db}.log SELECT timezone()")
    client.run(f"EXECUTE TASK {task}")
    wait_until(lambda: runs(client, task) == 1, "the run")
    assert logged(client) == ["Asia/Tokyo"]


def test_when_decides_whether_there_is_a_run_at_all(client: Client, task: str, db: str) -> None:
    client.run("CREATE TABLE raw (id INT)")
    client.run("CREATE STREAM s ON TABLE raw")
    client.run(f"CREATE TASK {task} {OFTEN} WHEN STREAM_STATUS('{db}.s') = TRUE AS INSERT INTO {db}.log SELECT id FROM {db}.s")
    client.run(f"ALTER TASK {task} RESUME")
    time.sleep(1.2)
    assert client.run(f"SELECT state FROM system.task_history WHERE name = '{task}'") == []
    client.run("INSERT INTO raw VALUES (7)")
    wait_until(lambda: logged(client) == ["7"], "the row is there")
    wait_until(lambda: runs(client, task) == 1, "the run has ended")
    time.sleep(0.8)
    assert runs(client, task) == 1


def test_runs_of_a_task_do_not_overlap(client: Client, task: str, db: str) -> None:
    def stamped(what: str) -> str:
        return f"INSERT INTO {db}.log SELECT concat(to_string(now()), ' {what}')"

    client.run(f"CREATE TASK {task} {OFTEN} AS BEGIN {stamped('begin')}; SELECT sleep(0.8); {stamped('end')}; END")
    client.run(f"ALTER TASK {task} RESUME")
    client.run(f"EXECUTE TASK {task}")
    client.run(f"EXECUTE TASK {task}")
    wait_until(lambda: runs(client, task) >= 3, "three runs")
    client.run(f"ALTER TASK {task} SUSPEND")
    wait_until(lambda: runs(client, task, "EXECUTING") + runs(client, task, "SCHEDULED") == 0, "the last run has ended")
    steps = [(entry or "").rsplit(" ", 1)[1] for entry in logged(client)]
    assert steps == ["begin", "end"] * (len(steps) // 2)


def test_task_history_takes_arguments(client: Client, task: str) -> None:
    client.run(f"CREATE TASK {task} SCHEDULE = 1 MINUTE AS SELECT 1")
    for count in range(1, 4):
        client.run(f"EXECUTE TASK {task}")
        wait_until(lambda: runs(client, task) == count, "the run")  # noqa: B023
    assert client.value(f"SELECT count(*) FROM task_history(task_name => '{task}')") == "3"
    assert client.value(f"SELECT count(*) FROM task_history(task_name => '{task}', result_limit => 2) h") == "2"
    assert client.value(f"SELECT count(*) FROM task_history(task_name => '{task}', error_only => TRUE)") == "0"
    late = "scheduled_time_range_start => date_add(hour, 1, now())"
    assert client.value(f"SELECT count(*) FROM task_history(task_name => '{task}', {late})") == "0"
    assert client.code("SELECT * FROM task_history(nonsense => 1)") == 1006
    newest = client.run(f"SELECT scheduled_time FROM task_history(task_name => '{task}')")
    assert newest == sorted(newest, key=str, reverse=True)


def test_many_runs_are_read_quickly_and_alike(client: Client, task: str) -> None:
    client.run(f"CREATE TASK {task} SCHEDULE = 1 MINUTE COMMENT = 'c' timezone = 'UTC' AS SELECT 'it''s'")
    for _ in range(25):
        client.run(f"EXECUTE TASK {task}")
    wait_until(lambda: runs(client, task) == 25, "all runs")
    few = client.run(f"SELECT * EXCLUDE (run_id, query_id, completed_time, scheduled_time) FROM task_history(task_name => '{task}', result_limit => 1)")
    types = client.types
    many = client.run(f"SELECT * EXCLUDE (run_id, query_id, completed_time, scheduled_time) FROM task_history(task_name => '{task}')")
    assert many == few * 25
    assert client.types == types


def test_the_article_end_to_end(client: Client, task: str, db: str) -> None:
    """Load, then merge from the stream: its two tasks in one graph."""
    client.run("CREATE TABLE raw (id INT, op VARCHAR)")
    client.run("CREATE TABLE ods (id INT, op VARCHAR)")
    client.run("CREATE STREAM stream_raw ON TABLE raw APPEND_ONLY = TRUE")
    client.run(f"CREATE TASK {task} {OFTEN} AS INSERT INTO {db}.raw SELECT max(id) + 1, 'I' FROM (SELECT id FROM {db}.raw UNION ALL SELECT 0)")
    client.run(
        f"CREATE TASK {task}_merge AFTER '{task}' enable_join_runtime_filter = 0 AS MERGE INTO {db}.ods AS target USING "
        f"(SELECT * FROM (SELECT id, op FROM {db}.stream_raw) QUALIFY ROW_NUMBER() OVER (PARTITION BY id ORDER BY op DESC) = 1) AS source "
        "ON target.id = source.id WHEN MATCHED THEN UPDATE SET target.op = source.op "
        "WHEN NOT MATCHED THEN INSERT (id, op) VALUES (source.id, source.op)"
    )
    client.run(f"ALTER TASK {task}_merge RESUME")
    client.run(f"ALTER TASK {task} RESUME")
    wait_until(lambda: runs(client, f"{task}_merge") >= 3, "three merges")
    client.run(f"ALTER TASK {task} SUSPEND")
    wait_until(lambda: client.value("SELECT count(*) FROM stream_raw") == "0", "the stream is empty")
    assert client.run("SELECT id FROM ods ORDER BY id") == client.run("SELECT id FROM raw ORDER BY id")
