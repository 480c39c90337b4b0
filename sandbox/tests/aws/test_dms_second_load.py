"""A table that is loaded a second time: ReloadTables, reload-target, another task (docs/facts/dms.md sections 4 and 10)."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.aws.worker.source import _parse_rows
from sandbox.supervisor import mariadb, ports, sources
from sandbox.supervisor.child import Child
from sandbox.tests.aws.lab import ROOT, Lab, Source, Task, wait_for

KEEP = {"FullLoadSettings": {"TargetTablePrepMode": "DO_NOTHING"}}
#: A file for every hundred rows.
SMALL = {"MaxFileSize": 1, "RowGroupLength": 100, "EncodingType": "plain"}


def _names(lab: Lab) -> list[str]:
    return [key.rpartition("/")[2] for key in lab.load_files()]


def _again(lab: Lab, task: Task, how: str) -> Task:
    """Loads the table a second time; returns the task that did."""
    if how == "reload":
        task.reload()
        return task
    task.stop()
    if how == "reload-target":
        return task.start("reload-target")
    return lab.task(s3=SMALL | {"UseTaskStartTimeForFullLoadTimestamp": True}, settings=KEEP).start()


@pytest.mark.parametrize("how", ["reload", "reload-target", "replaced"])
def test_files_are_named_from_one_again_and_with_do_nothing_all_others_stay(lab: Lab, how: str) -> None:
    lab.orders(300)
    task = lab.task(s3=SMALL | {"UseTaskStartTimeForFullLoadTimestamp": True}, settings=KEEP).run()
    assert _names(lab) == [f"LOAD0000000{n}.parquet" for n in (1, 2, 3)]
    (first_start,) = {r["_ts"] for r in lab.loaded()}
    lab.sql("UPDATE {s}.orders SET status = 'changed' WHERE id = 1")
    task.flush()
    changes = lab.cdc_files()
    before, described = task.table(), task.describe()
    lab.sql("DELETE FROM {s}.orders WHERE id > 100")
    task.flush()

    second = _again(lab, task, how)
    second.loaded("orders")
    assert _names(lab) == [f"LOAD0000000{n}.parquet" for n in (1, 2, 3)]
    fresh, *old = (lab.parquet(key).to_pylist() for key in lab.load_files())
    assert [r["status"] for r in fresh][:2] == ["changed", "new"], "the first file is written again"
    assert [len(rows) for rows in old] == [100, 100], "rows of the first load that the source no longer has"
    assert set(changes) < set(lab.cdc_files()), "files of changes stay too"
    ((start,), (old_start,)) = ({r["_ts"] for r in rows} for rows in (fresh, old[0]))
    assert old_start == first_start
    assert (start == first_start) is (how == "reload"), "ReloadTables keeps the task's start"

    after = second.table()
    assert after["FullLoadRows"] == 100
    assert after["FullLoadReloaded"] is (how == "reload")
    assert after["FullLoadStartTime"] > before["FullLoadEndTime"] and after["FullLoadEndTime"] >= after["FullLoadStartTime"]
    moved = second.describe()["ReplicationTaskStats"]["FreshStartDate"] != described["ReplicationTaskStats"]["FreshStartDate"]
    assert moved is (how != "reload"), "ReloadTables changes nothing on the task"
    if how == "reload":
        task.stop()
        task.resume()
        assert task.table()["FullLoadReloaded"], "stays true"


def test_statistics_while_a_table_is_reloaded(lab: Lab) -> None:
    lab.orders(2)
    lab.orders(1, table="lines")
    task = lab.task(settings=KEEP).run("orders", "lines")
    lab.sql("UPDATE {s}.orders SET status = 'x'")
    task.flush()
    lab.service.admin("POST", "faults", {"match": "PutObject .*/orders/LOAD", "action": "delay", "delay_ms": 1500})
    before = task.table()
    lab.dms.reload_tables(ReplicationTaskArn=task.arn, TablesToReload=[{"SchemaName": lab.schema, "TableName": "orders"}])
    during = wait_for("the reload", lambda: (t := task.table())["FullLoadStartTime"] > before["FullLoadStartTime"] and t)
    assert during["TableState"] == "Table is being reloaded" and during["FullLoadReloaded"]
    assert "FullLoadEndTime" not in during
    assert during["Updates"] == 2 and task.table("lines")["TableState"] == "Table completed"
    described = task.describe()
    assert described["Status"] == "running" and described["ReplicationTaskStats"]["TablesLoading"] == 1
    task.loaded("orders")
    assert task.table()["FullLoadRows"] == 2


def test_reload_tables_takes_ten_tables_none_twice(lab: Lab) -> None:
    tables = [f"t{n}" for n in range(11)]
    for table in tables:
        lab.orders(1, table=table)
    task = lab.task().run(*tables)
    with pytest.raises(ClientError, match="between 1 and 10"):
        task.reload(*tables)
    with pytest.raises(ClientError, match="twice"):
        task.reload("t1", "t1")
    task.reload(*tables[:10])
    assert [task.table(t)["FullLoadReloaded"] for t in tables] == [True] * 10 + [False]


def test_a_change_that_was_committed_before_a_load_arrives_after_it(lab: Lab) -> None:
    lab.orders(2)
    task = lab.task(rules=[lab.include(), lab.add_column("_seq", "$AR_H_CHANGE_SEQ")], settings=KEEP).run()
    lab.service.admin("POST", "dms/hold", {"task": task.arn, "tables": [lab.item()]})
    lab.sql("INSERT INTO {s}.orders VALUES (3, 'ghost', 1)", "DELETE FROM {s}.orders WHERE id = 3")
    wait_for("the changes to be read", lambda: task.table()["Deletes"] == 1)
    task.reload()
    assert [r["id"] for r in lab.loaded()] == [1, 2] and lab.cdc_files() == []
    began = task.table()["FullLoadStartTime"].timestamp()
    lab.service.admin("POST", "dms/release", {"task": task.arn})
    task.flush()
    (key,) = lab.cdc_files()
    assert [(r["Op"], r["id"]) for r in lab.parquet(key).to_pylist()] == [("I", 3), ("D", 3)]
    written = lab.s3.head_object(Bucket=lab.bucket, Key=key)["LastModified"].timestamp()
    assert written >= int(began)


def test_a_long_transaction_that_a_load_does_not_see_is_delivered_after_it(lab: Lab) -> None:
    lab.orders(2)
    task = lab.task(settings=KEEP).run()
    connection = lab.source.connect()
    with connection, connection.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute(f"UPDATE {lab.schema}.orders SET status = 'open' WHERE id = 1")
        task.reload()
        assert [r["status"] for r in lab.loaded()] == ["new", "new"]
        cursor.execute("COMMIT")
    task.flush()
    assert [(r["id"], r["status"]) for r in lab.changes()] == [(1, "open")]


# -- definitions


def _altered(lab: Lab, definition: str | None, ddl: str) -> Task:
    lab.orders(2)
    task = lab.task(s3={"TimestampColumnName": None}).switch(reload_definition=definition).run()
    lab.sql(f"ALTER TABLE {{s}}.orders {ddl}", "UPDATE {s}.orders SET amount = 5")
    task.flush()
    task.reload()
    return task


@pytest.mark.parametrize(
    ("definition", "ddl", "columns"),
    [
        (None, "DROP COLUMN status", None),
        (None, "RENAME COLUMN status TO state", None),
        (None, "ADD COLUMN note TEXT", ["Op", "id", "status", "amount"]),
        ("fails", "ADD COLUMN note TEXT", None),
        ("current", "ADD COLUMN note TEXT", ["Op", "id", "status", "amount", "note"]),
        ("current", "DROP COLUMN status", ["Op", "id", "amount"]),
    ],
)
def test_a_reload_goes_by_the_definition_that_dms_has_kept(
    lab: Lab, definition: str | None, ddl: str, columns: list[str] | None
) -> None:
    """docs/facts/dms.md section 4: "DDL since the start can make a reload fail; stop and resume first"."""
    task = _altered(lab, definition, ddl)
    if columns is not None:
        assert task.table()["TableState"] == "Table completed"
        assert lab.parquet(lab.load_files()[0]).column_names == columns
        return
    assert task.table()["TableState"] == "Table error" and task.describe()["Status"] == "running"
    before = lab.cdc_files()
    lab.sql("UPDATE {s}.orders SET amount = 6")
    task.flush()
    assert lab.cdc_files() == before, "a table in error is not followed"
    task.stop()
    task.resume()
    task.reload()
    assert task.table()["TableState"] == "Table completed" and lab.load_files() != []


def test_a_resume_reads_the_definitions_anew(lab: Lab) -> None:
    lab.orders(1)
    task = lab.task().run()
    task.stop()
    lab.sql("ALTER TABLE {s}.orders ADD COLUMN early INT")
    task.resume()
    lab.sql("ALTER TABLE {s}.orders ADD COLUMN late INT", "CREATE TABLE {s}.fresh (id INT PRIMARY KEY)", "INSERT INTO {s}.fresh VALUES (1)")
    task.flush()
    task.reload()
    assert lab.parquet(lab.load_files()[0]).column_names == ["Op", "_ts", "id", "status", "amount", "early"]
    lab.sql("ALTER TABLE {s}.fresh ADD COLUMN late INT")
    task.reload("fresh")
    assert lab.parquet(lab.load_files("fresh")[0]).column_names == ["Op", "_ts", "id"], "as DMS met it"


# -- loads that end short


@pytest.mark.parametrize("rows", [0, 2, 9])
def test_a_load_that_ends_short_looks_complete_and_only_the_next_one_is_short(lab: Lab, rows: int) -> None:
    lab.orders(5)
    lab.orders(5, table="lines")
    task = lab.task(settings=KEEP).switch(short_loads=[lab.item(rows=rows)]).run("orders", "lines")
    table, ended = task.table(), task.describe()
    assert table["TableState"] == "Table completed" and table["FullLoadEndTime"] >= table["FullLoadStartTime"]
    assert table["FullLoadRows"] == len(lab.loaded()) == min(rows, 5)
    assert (ended["Status"], ended["ReplicationTaskStats"]["TablesErrored"]) == ("running", 0)
    assert len(lab.loaded("lines")) == 5
    assert lab.service.admin("GET", f"dms/switches?task={task.arn}")["switches"]["short_loads"]["value"] == []
    task.reload()
    assert task.table()["FullLoadRows"] == len(lab.loaded()) == 5
    task.switch(short_loads=[lab.item(rows=1)])
    task.reload()
    assert (task.table()["TableState"], task.table()["FullLoadRows"], len(lab.loaded())) == ("Table completed", 1, 1)


@pytest.fixture
def brief(lab: Lab, tmp_path: Path) -> Iterator[tuple[Lab, Callable[[], None], Callable[[], None]]]:
    """A lab whose source the test may stop and start."""
    port = ports.choose(set())

    def start() -> None:
        running.append(mariadb.start(tmp_path, port, tmp_path / "log", lambda *_: None))
        sources.wait_ready(running[-1], port, 60)

    running: list[Child] = []
    start()
    yield Lab(lab.service, Source(port), lab.instance), lambda: running[-1].stop(10), start
    running[-1].stop(10)


@pytest.mark.parametrize("migration", ["full-load", "full-load-and-cdc"])
def test_a_source_that_stops_during_the_load_ends_it_successfully(
    brief: tuple[Lab, Callable[[], None], Callable[[], None]], migration: str
) -> None:
    """docs/facts/dms.md section 4: MySQL stopping during a full load ends the task "successfully", short of rows."""
    lab, stop, start = brief
    lab.sql(
        "CREATE TABLE {s}.orders (id INT PRIMARY KEY, filler VARCHAR(250))",
        "INSERT INTO {s}.orders SELECT seq, REPEAT('x', 250) FROM {s}.seq_1_to_100000",
    )
    lab.service.admin("POST", "faults", {"match": "PutObject .*/LOAD00000001", "action": "delay", "delay_ms": 4000})
    task = lab.task(migration=migration, s3={"MaxFileSize": 1, "RowGroupLength": 1000, "EncodingType": "plain"}).start()
    wait_for("the first file", lambda: lab.service.admin("GET", "faults")["faults"][-1]["hits"] == 1)
    stop()
    task.loaded("orders")
    assert 1000 <= task.table()["FullLoadRows"] == len(lab.loaded()) < 100_000
    if migration == "full-load":
        assert task.wait("stopped")["StopReason"] == "Stop Reason FULL_LOAD_ONLY_FINISHED"
    start()
    if migration == "full-load-and-cdc":
        lab.sql("DELETE FROM {s}.orders WHERE id = 1")
        task.flush()
        assert [(r["Op"], r["id"]) for r in lab.changes()] == [("D", 1)] and task.describe()["Status"] == "running"
        task.stop()


def _packet(*texts: bytes) -> bytes:
    body = b"".join(bytes([len(t)]) + t for t in texts)
    return len(body).to_bytes(3, "little") + b"\0" + body


@pytest.mark.parametrize("cut", [0, 3, 8])
def test_a_source_that_stops_in_the_middle_ends_the_rows_without_an_error(cut: int) -> None:
    rows = _packet(b"1", b"a") + _packet(b"2", b"b")
    columns: list[list[bytes | None]] = [[], []]
    counts = list(_parse_rows(io.BufferedReader(io.BytesIO(rows + _packet(b"3", b"c")[:cut])), columns, 10))  # type: ignore[arg-type]
    whole = 3 if cut == 8 else 2
    assert counts == [whole] and columns == [[b"1", b"2", b"3"][:whole], [b"a", b"b", b"c"][:whole]]


# -- LOAD files that a failed PURGE leaves behind


#: Of all clients: a role without s3:DeleteObject gets AccessDenied for DeleteObject and for DeleteObjects.
REFUSED: dict[str, Any] = {"match": r"^s3:DeleteObjects? ", "action": "error", "code": "AccessDenied", "count": -1}

COPY = """
import json, sys
from sandbox.databend.engine import Engine
folder, url, place = sys.argv[1:]
session = Engine(folder).session()
session.run("CREATE TABLE t (id BIGINT, status STRING, amount DECIMAL(12, 2), _ts STRING)")
connection = f"ACCESS_KEY_ID = 'x', SECRET_ACCESS_KEY = 'y', REGION = 'us-east-1', ENDPOINT_URL = '{url}'"
copy = f"COPY INTO t FROM 's3://{place}' CONNECTION = ({connection}) PATTERN = '.*LOAD.*' FILE_FORMAT = (TYPE = PARQUET) PURGE = TRUE"
print(json.dumps([len(session.rows(copy)) for _ in range(2)] + session.rows("SELECT count(*) AS n FROM t")))
"""


def test_a_copy_whose_purge_is_refused_succeeds_and_leaves_the_file(lab: Lab, tmp_path: Path) -> None:
    """With the real engine: the next COPY neither loads the file again nor purges it (docs/facts/databend.md, "Purge")."""
    lab.orders(3)
    lab.task(settings=KEEP).run()
    lab.service.admin("POST", "faults", REFUSED)
    command = [sys.executable, "-c", COPY, str(tmp_path), lab.service.url, f"{lab.bucket}/{lab.schema}/orders/"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == [1, 0, {"n": 3}]
    assert lab.service.admin("GET", "faults")["faults"][-1]["hits"] >= 1
    assert len(lab.load_files()) == 1


def test_a_refused_purge_leaves_load_files_for_the_next_load(lab: Lab) -> None:
    lab.orders(1)
    task = lab.task(settings=KEEP).run()
    lab.service.admin("POST", "faults", REFUSED)
    client = lab.service.client("s3", attempts=1)
    key = lab.load_files()[0]
    for purge in (
        lambda: client.delete_object(Bucket=lab.bucket, Key=key),
        lambda: client.delete_objects(Bucket=lab.bucket, Delete={"Objects": [{"Key": key}]}),
    ):
        with pytest.raises(ClientError, match="AccessDenied") as refused:
            purge()
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert lab.load_files() == [key]
    lab.service.admin("DELETE", "faults")
    lab.sql("DELETE FROM {s}.orders")
    task.reload()
    assert task.table()["FullLoadRows"] == 0 and lab.load_files() == [key], "an empty load overwrites nothing"
