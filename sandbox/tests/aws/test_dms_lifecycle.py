"""Start, stop, resume, reload: statuses, stop reasons, checkpoints, repeats (docs/facts/dms.md section 4)."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from sandbox.tests.aws.lab import SOON, Lab, Task, wait_for


def _refused(code: str, text: str = ""):  # type: ignore[no-untyped-def]
    return pytest.raises(ClientError, match=rf"\({code}\).*{text}")


def test_statuses_from_creating_to_stopped(lab: Lab) -> None:
    lab.orders(2)
    task = lab.task()
    described = task.describe()
    assert described["Status"] == "ready"
    assert "ReplicationTaskStats" not in described and "StopReason" not in described
    lab.dms.start_replication_task(ReplicationTaskArn=task.arn, StartReplicationTaskType="start-replication")
    assert task.describe()["Status"] in ("starting", "running")
    only = [{"Name": "replication-task-arn", "Values": [task.arn]}]
    lab.dms.get_waiter("replication_task_running").wait(Filters=only, WaiterConfig=SOON)
    task.loaded("orders")
    running = task.describe()
    assert running["RecoveryCheckpoint"].startswith("checkpoint:V1#")
    assert running["ReplicationTaskStats"]["FullLoadProgressPercent"] == 100
    stopped = task.stop()
    assert stopped["StopReason"] == "Stop Reason NORMAL"
    assert stopped["ReplicationTaskStats"]["StopDate"] >= stopped["ReplicationTaskStats"]["StartDate"]
    lab.dms.get_waiter("replication_task_stopped").wait(Filters=only, WaiterConfig=SOON)


def test_each_start_type_only_at_its_time(lab: Lab) -> None:
    lab.orders(1)
    task = lab.task()
    for kind in ("resume-processing", "reload-target"):
        with _refused("InvalidParameterCombinationException", "first time"):
            task.start(kind)
    with _refused("InvalidResourceStateFault"):
        lab.dms.stop_replication_task(ReplicationTaskArn=task.arn)
    task.run()
    for kind in ("start-replication", "resume-processing"):
        with _refused("InvalidResourceStateFault", "cannot be started, invalid state"):
            task.start(kind)
    task.stop()
    with _refused("InvalidParameterCombinationException", "START_REPLICATION, valid only for tasks running for the first time"):
        task.start("start-replication")
    task.resume()


def test_resume_repeats_the_last_flush_and_the_sequence_goes_on(lab: Lab) -> None:
    lab.orders(3)
    task = lab.task(rules=[lab.include(), lab.add_column("_seq", "$AR_H_CHANGE_SEQ")]).run()
    lab.sql("UPDATE {s}.orders SET status = 'one' WHERE id = 1")
    task.flush()
    lab.sql("UPDATE {s}.orders SET status = 'two' WHERE id = 1")
    wait_for("the change to be read", lambda: task.table()["Updates"] == 2)
    task.stop()
    assert [r["status"] for r in lab.changes()] == ["one", "two"], "a stop writes what is pending"
    lab.sql("UPDATE {s}.orders SET status = 'three' WHERE id = 1")
    task.resume().flush()
    rows = lab.changes()
    assert [r["status"] for r in rows] == ["one", "two", "two", "three"], "at least once: the last flush comes again"
    sequences = [r["_seq"] for r in rows]
    assert sequences == sorted(set(sequences)), "no number twice, never back"


def test_nothing_is_lost_when_the_source_works_during_start_and_stop(lab: Lab) -> None:
    lab.orders(100)
    task = lab.task().start()
    for number in range(101, 151):
        lab.sql(f"INSERT INTO {{s}}.orders VALUES ({number}, 'x', 1)")
    task.loaded("orders")
    task.stop()
    lab.sql("INSERT INTO {s}.orders SELECT seq, 'y', 1 FROM {s}.seq_151_to_200")
    task.resume().flush()
    ids = {r["id"] for r in lab.loaded()} | {r["id"] for r in lab.changes()}
    assert ids == set(range(1, 201))


def test_stop_after_cached_changes_applied(lab: Lab) -> None:
    lab.orders(2)
    lab.service.admin("POST", "faults", {"match": "PutObject .*/LOAD", "action": "delay", "delay_ms": 2000, "count": -1})
    task = lab.task(settings={"FullLoadSettings": {"StopTaskCachedChangesApplied": True}}).start()
    wait_for("load", lambda: task.table().get("TableState") == "Full load")
    lab.sql("UPDATE {s}.orders SET status = 'cached' WHERE id = 1")
    ended = task.wait("stopped")
    assert ended["StopReason"] == "Stop Reason STOPPED_AFTER_CACHED_EVENTS"
    assert [r["status"] for r in lab.changes()] == ["cached"]
    assert task.table()["TableState"] == "Table completed"
    lab.sql("UPDATE {s}.orders SET status = 'later' WHERE id = 1")
    task.resume().flush()
    assert lab.changes()[-1]["status"] == "later"
    assert task.describe()["Status"] == "running", "a resume does not stop again"


def test_stop_with_cached_changes_not_applied_leaves_only_load_files(lab: Lab) -> None:
    lab.orders(2)
    lab.service.admin("POST", "faults", {"match": "PutObject .*/LOAD", "action": "delay", "delay_ms": 2000, "count": -1})
    task = lab.task(settings={"FullLoadSettings": {"StopTaskCachedChangesNotApplied": True}}).start()
    wait_for("load", lambda: task.table().get("TableState") == "Full load")
    lab.sql("DELETE FROM {s}.orders WHERE id = 1")
    ended = task.wait("stopped")
    assert ended["StopReason"] == "Stop Reason STOPPED_AFTER_FULL_LOAD"
    assert lab.keys() == lab.load_files()
    lab.sql("DELETE FROM {s}.orders WHERE id = 2")
    task.resume().flush()
    assert [(r["Op"], r["id"]) for r in lab.changes()] == [("D", 1), ("D", 2)]


def test_reload_target_loads_all_again_and_keeps_the_sequence_rising(lab: Lab) -> None:
    lab.orders(2)
    task = lab.task(
        s3={"UseTaskStartTimeForFullLoadTimestamp": True},
        rules=[lab.include(), lab.add_column("_seq", "$AR_H_CHANGE_SEQ")],
        settings={"FullLoadSettings": {"TargetTablePrepMode": "DO_NOTHING"}},
    ).run()
    lab.sql("UPDATE {s}.orders SET status = 'x' WHERE id = 1")
    task.flush()
    task.stop()
    first_start = lab.loaded()[0]["_ts"]
    highest = lab.changes()[-1]["_seq"]
    lab.sql("INSERT INTO {s}.orders VALUES (3, 'new', 1)")
    task.start("reload-target")
    task.loaded("orders")
    lab.sql("UPDATE {s}.orders SET status = 'y' WHERE id = 1")
    task.flush()
    assert [r["id"] for r in lab.loaded()] == [1, 2, 3], "the same name, written again"
    assert lab.loaded()[0]["_ts"] > first_start, "a new task start"
    assert lab.changes()[-1]["_seq"] > highest


def test_reload_tables_of_a_running_task_keeps_the_task_start(lab: Lab) -> None:
    lab.orders(2)
    lab.orders(2, table="lines")
    task = lab.task(s3={"UseTaskStartTimeForFullLoadTimestamp": True}).run("orders", "lines")
    started = lab.loaded()[0]["_ts"]
    lab.sql("INSERT INTO {s}.orders VALUES (3, 'new', 1)")
    task.flush()
    one = [{"SchemaName": lab.schema, "TableName": "orders"}]
    lab.dms.reload_tables(ReplicationTaskArn=task.arn, TablesToReload=one)
    wait_for("reloaded", lambda: task.table()["FullLoadReloaded"] and task.table()["TableState"] == "Table completed")
    assert [r["id"] for r in lab.loaded()] == [1, 2, 3]
    assert {r["_ts"] for r in lab.loaded()} == {started}, "newer rows with the old time (docs/facts/dms.md section 2 c)"
    assert lab.cdc_files() == [], "DROP_AND_CREATE deleted the change files, in Databend or not"
    assert not task.table("lines")["FullLoadReloaded"]
    lab.sql("DELETE FROM {s}.orders WHERE id = 3")
    task.flush()
    assert [r["Op"] for r in lab.changes()] == ["D"], "changes go on after it"


def test_reload_tables_is_refused_when_not_running_or_too_many(lab: Lab) -> None:
    lab.orders(1)
    task = lab.task()
    one = [{"SchemaName": lab.schema, "TableName": "orders"}]
    with _refused("InvalidResourceStateFault"):
        lab.dms.reload_tables(ReplicationTaskArn=task.arn, TablesToReload=one)
    task.run()
    with _refused("InvalidParameterValueException"):
        lab.dms.reload_tables(ReplicationTaskArn=task.arn, TablesToReload=one * 11)
    with _refused("ResourceNotFoundFault"):
        lab.dms.reload_tables(ReplicationTaskArn=task.arn, TablesToReload=[one[0] | {"TableName": "nowhere"}])


def test_changes_only_from_a_given_position(lab: Lab) -> None:
    lab.orders(2)
    connection = lab.source.connect()
    with connection, connection.cursor() as cursor:
        cursor.execute("SHOW MASTER STATUS")
        file, offset, *_ = cursor.fetchone()
    lab.sql("UPDATE {s}.orders SET status = 'before the start' WHERE id = 1")
    task = lab.task(migration="cdc", CdcStartPosition=f"{file}:{offset}").start()
    task.wait("running")
    task.flush()
    assert lab.load_files() == []
    assert [r["status"] for r in lab.changes()] == ["before the start"]
    checkpoint = task.stop()["RecoveryCheckpoint"]
    task.start("start-replication", CdcStartPosition=checkpoint)
    task.wait("running")
    task.flush()
    assert len(lab.changes()) == 2, "a RecoveryCheckpoint is a start position too"


def test_changes_only_until_a_given_commit_time(lab: Lab) -> None:
    lab.orders(1)
    task = lab.task(migration="cdc", CdcStopPosition="commit_time:2020-01-01T00:00:00").start()
    task.wait("running")
    lab.sql("UPDATE {s}.orders SET status = 'too late'")
    assert task.wait("stopped")["StopReason"] == "Stop Reason STOPPED_AT_COMMIT_TIME"
    assert lab.keys() == []


def test_a_task_that_fails_says_why_and_can_be_resumed(lab: Lab) -> None:
    lab.orders(1)
    task = lab.task().run()
    lab.service.admin("POST", "dms/fail-task", {"task": task.arn, "message": "Out of luck."})
    failed = wait_for("failed", lambda: (d := task.describe())["Status"] == "failed" and d)
    assert "Out of luck." in failed["LastFailureMessage"]
    assert failed["StopReason"] == "Stop Reason FATAL_ERROR Error Level FATAL"
    lab.sql("UPDATE {s}.orders SET status = 'meanwhile'")
    task.resume().flush()
    assert lab.changes()[-1]["status"] == "meanwhile"


def test_a_table_in_error_is_suspended_and_the_others_go_on(lab: Lab) -> None:
    lab.orders(1)
    lab.orders(1, table="lines")
    task = lab.task().run("orders", "lines")
    lab.service.admin("POST", "dms/table-error", {"task": task.arn, "schema": lab.schema, "table": "orders"})
    wait_for("table error", lambda: task.table()["TableState"] == "Table error")
    assert task.describe()["ReplicationTaskStats"]["TablesErrored"] == 1
    lab.sql("UPDATE {s}.orders SET status = 'x'", "UPDATE {s}.lines SET status = 'x'")
    task.flush()
    assert lab.cdc_files() == [] and len(lab.cdc_files("lines")) == 1
    lab.dms.reload_tables(ReplicationTaskArn=task.arn, TablesToReload=[{"SchemaName": lab.schema, "TableName": "orders"}])
    wait_for("well again", lambda: task.table()["TableState"] == "Table completed")
    lab.sql("UPDATE {s}.orders SET status = 'y'")
    task.flush()
    assert [r["status"] for r in lab.changes()] == ["y"]


def test_a_full_load_that_was_interrupted_begins_again(lab: Lab) -> None:
    lab.orders(3)
    lab.service.admin("POST", "faults", {"match": "PutObject .*/LOAD", "action": "delay", "delay_ms": 1500, "count": 1})
    task = lab.task().start()
    wait_for("load", lambda: task.table().get("TableState") == "Full load")
    task.wait("running")
    task.stop()
    lab.sql("INSERT INTO {s}.orders VALUES (4, 'new', 1)")
    task.resume()
    task.loaded("orders")
    task.flush()
    assert {r["id"] for r in lab.loaded()} | {r["id"] for r in lab.changes()} == {1, 2, 3, 4}


def _states(task: Task) -> list[str]:
    return [t["TableState"] for t in task.tables()]


def test_add_column_drop_column_create_table(lab: Lab) -> None:
    lab.orders(1)
    task = lab.task(s3={"TimestampColumnName": None}).run()
    lab.sql(
        "UPDATE {s}.orders SET status = 'old'",
        "ALTER TABLE {s}.orders ADD COLUMN note TEXT AFTER id",
        "UPDATE {s}.orders SET note = 'n'",
        "ALTER TABLE {s}.orders DROP COLUMN status",
        "UPDATE {s}.orders SET note = 'm'",
        "CREATE TABLE {s}.fresh (id INT PRIMARY KEY)",
        "INSERT INTO {s}.fresh VALUES (1)",
    )
    task.flush()
    files = [lab.parquet(k) for k in lab.cdc_files()]
    assert files[-1].column_names == ["Op", "id", "note", "amount"]
    rows = [row for file in files for row in file.to_pylist()]
    assert [r["Op"] for r in rows] == ["U", "U", "U"]
    assert [r["note"] for r in rows[1:]] == ["n", "m"]
    assert lab.changes("fresh") == [{"Op": "I", "id": 1}]
    assert task.table()["Ddls"] == 2
    assert set(_states(task)) == {"Table completed"}


def test_altered_columns_are_ignored_on_demand(lab: Lab) -> None:
    lab.orders(1)
    task = lab.task(settings={"ChangeProcessingDdlHandlingPolicy": {"HandleSourceTableAltered": False}}).run()
    lab.sql("UPDATE {s}.orders SET status = 'x'")
    task.flush()
    lab.sql("ALTER TABLE {s}.orders ADD COLUMN note TEXT", "UPDATE {s}.orders SET note = 'n'")
    task.flush()
    lab.sql("ALTER TABLE {s}.orders ADD COLUMN more TEXT", "UPDATE {s}.orders SET note = 'm'")
    task.flush()
    assert "note" not in lab.parquet(lab.cdc_files()[-1]).column_names


def test_truncate_deletes_the_tables_files(lab: Lab) -> None:
    """AWS's default, and a danger: files that are not in Databend yet go too (docs/facts/dms.md section 3)."""
    lab.orders(2)
    lab.orders(2, table="orders2")
    task = lab.task().run("orders", "orders2")
    lab.sql("UPDATE {s}.orders SET status = 'x'")
    task.flush()
    assert len(lab.keys(f"{lab.schema}/orders/")) == 2
    lab.sql("TRUNCATE TABLE {s}.orders")
    task.flush()
    assert lab.keys(f"{lab.schema}/orders/") == []
    assert lab.load_files("orders2") != []
    assert lab.changes() == [], "and no D rows"
    assert task.table()["Ddls"] == 1


def test_truncate_is_ignored_or_fails_the_task_on_demand(lab: Lab) -> None:
    lab.orders(2)
    task = lab.task(settings={"ChangeProcessingDdlHandlingPolicy": {"HandleSourceTableTruncated": False}}).run()
    strict = lab.task(
        s3={"BucketFolder": "strict"}, settings={"ErrorBehavior": {"ApplyErrorFailOnTruncationDdl": True}}
    ).run()
    lab.sql("TRUNCATE TABLE {s}.orders")
    task.flush()
    assert len(lab.load_files()) == 1
    failed = wait_for("failed", lambda: (d := strict.describe())["Status"] == "failed" and d)
    assert "Truncation" in failed["LastFailureMessage"]


def test_partition_ddl_suspends_the_table_unless_the_endpoint_says_otherwise(lab: Lab) -> None:
    lab.orders(5)
    lab.sql("ALTER TABLE {s}.orders PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (3), PARTITION p1 VALUES LESS THAN MAXVALUE)")
    patient = lab.source_endpoint(ExtraConnectionAttributes="skipTableSuspensionForPartitionDdl=true")
    strict, goes_on = lab.task(s3={"BucketFolder": "strict"}).run(), lab.task(source=patient).run()
    lab.sql("ALTER TABLE {s}.orders TRUNCATE PARTITION p0", "UPDATE {s}.orders SET status = 'x' WHERE id = 4")
    wait_for("suspended", lambda: strict.table()["TableState"] == "Table error")
    goes_on.flush()
    assert goes_on.table()["TableState"] == "Table completed"
    assert [(row["Op"], row["id"]) for row in lab.changes()] == [("U", 4)]
    assert goes_on.table()["Ddls"] == 0


def test_drop_and_rename_are_not_captured(lab: Lab) -> None:
    lab.orders(1)
    task = lab.task().run()
    lab.sql("DROP TABLE {s}.orders")
    task.flush()
    assert len(lab.load_files()) == 1
    assert task.table()["Ddls"] == 0


def test_a_task_without_tables_fails(lab: Lab) -> None:
    task = lab.task().start()
    failed = wait_for("failed", lambda: (d := task.describe())["Status"] == "failed" and d)
    assert "No tables were found" in failed["LastFailureMessage"]
    quiet = lab.task(settings={"ErrorBehavior": {"FailOnNoTablesCaptured": False}}).start()
    quiet.wait("running")
    lab.orders(0)
    lab.sql("INSERT INTO {s}.orders VALUES (1, 'x', 1)")
    quiet.flush()
    assert len(lab.changes()) == 1


def test_binlog_files_rotate_and_may_be_gone(lab: Lab) -> None:
    lab.orders(1)
    task = lab.task().run()
    lab.sql("UPDATE {s}.orders SET status = 'a'", "FLUSH BINARY LOGS", "UPDATE {s}.orders SET status = 'b'", "FLUSH BINARY LOGS")
    task.flush()
    assert [r["status"] for r in lab.changes()] == ["a", "b"]
    task.stop()
    connection = lab.source.connect()
    with connection, connection.cursor() as cursor:
        cursor.execute("SHOW MASTER STATUS")
        cursor.execute("PURGE BINARY LOGS TO %s", (cursor.fetchone()[0],))
    task.start("resume-processing")
    failed = wait_for("failed", lambda: (d := task.describe())["Status"] == "failed" and d)
    assert "Error reading binlog" in failed["LastFailureMessage"]


def test_create_table_as_select_and_myisam(lab: Lab) -> None:
    lab.orders(2)
    task = lab.task().run()
    lab.sql(
        "CREATE TABLE {s}.copy (PRIMARY KEY (id)) AS SELECT id, status FROM {s}.orders",
        "CREATE TABLE {s}.plain (id INT PRIMARY KEY) ENGINE = MyISAM",
        "INSERT INTO {s}.plain VALUES (7)",
    )
    task.flush()
    assert [(r["Op"], r["id"]) for r in lab.changes("copy")] == [("I", 1), ("I", 2)]
    assert [r["id"] for r in lab.changes("plain")] == [7]


def test_a_source_without_row_binlog_is_refused(lab: Lab) -> None:
    lab.orders(1)
    lab.sql("SET GLOBAL binlog_row_image = 'MINIMAL'")
    try:
        task = lab.task().start()
        failed = wait_for("failed", lambda: (d := task.describe())["Status"] == "failed" and d)
        assert "binlog_row_image" in failed["LastFailureMessage"]
    finally:
        lab.sql("SET GLOBAL binlog_row_image = 'FULL'")
