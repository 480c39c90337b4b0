"""Ongoing changes: rows, timestamps, sequence, files and when they appear (docs/facts/dms.md sections 1 and 2)."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime

import pytest

from sandbox.tests.aws.lab import CDC_FILE, Lab, wait_for


def test_insert_update_delete_with_the_whole_row(lab: Lab) -> None:
    lab.orders(3)
    task = lab.task().run()
    lab.sql(
        "INSERT INTO {s}.orders VALUES (10, 'new', 1)",
        "UPDATE {s}.orders SET status = 'paid' WHERE id = 1",
        "DELETE FROM {s}.orders WHERE id = 2",
    )
    task.flush()
    rows = [(r["Op"], r["id"], r["status"], str(r["amount"])) for r in lab.changes()]
    assert rows == [("I", 10, "new", "1.00"), ("U", 1, "paid", "0.25"), ("D", 2, "new", "0.50")]
    table = task.table()
    assert (table["Inserts"], table["Updates"], table["Deletes"]) == (1, 1, 1)
    assert (table["AppliedInserts"], table["AppliedUpdates"], table["AppliedDeletes"]) == (1, 1, 1)


def test_one_commit_time_for_a_transaction_over_all_tables(lab: Lab) -> None:
    """So changes of one key within a transaction tie, unless the sequence orders them."""
    lab.orders(2)
    lab.orders(2, table="lines")
    task = lab.task(rules=[lab.include(), lab.add_column("_seq", "$AR_H_CHANGE_SEQ")]).run("orders", "lines")
    lab.transaction(
        "UPDATE {s}.orders SET status = 'a' WHERE id = 1",
        "SELECT SLEEP(1.1)",
        "UPDATE {s}.lines SET status = 'b' WHERE id = 1",
        "UPDATE {s}.orders SET status = 'c' WHERE id = 1",
    )
    task.flush()
    orders, lines = lab.changes(), lab.changes("lines")
    assert len({r["_ts"] for r in orders + lines}) == 1
    assert orders[0]["_ts"].endswith(".000000"), "a binlog event header has whole seconds"
    assert [r["status"] for r in orders] == ["a", "c"]
    sequence = [orders[0]["_seq"], lines[0]["_seq"], orders[1]["_seq"]]
    assert sequence == sorted(set(sequence)), "strictly increasing, also over tables"


def test_change_sequence_is_35_digits_of_commit_time_and_counter(lab: Lab) -> None:
    lab.orders(1)
    task = lab.task(rules=[lab.include(), lab.add_column("_seq", "$AR_H_CHANGE_SEQ")]).run()
    lab.sql(*[f"UPDATE {{s}}.orders SET amount = {i} WHERE id = 1" for i in range(2, 12)])
    task.flush()
    rows = lab.changes()
    assert len(rows) == 10
    sequences = [r["_seq"] for r in rows]
    assert all(re.fullmatch(r"\d{35}", s) for s in sequences)
    assert sequences == sorted(set(sequences))
    for row in rows:
        assert row["_seq"][:14] == re.sub(r"\D", "", row["_ts"])[:14]


def test_other_headers(lab: Lab) -> None:
    lab.orders(1)
    rules = [
        lab.include(),
        lab.add_column("op", "$AR_H_OPERATION"),
        lab.add_column("pos", "$AR_H_STREAM_POSITION"),
        lab.add_column("committed", "$AR_H_COMMIT_TIMESTAMP", type="datetime", precision=6),
        lab.add_column("copy", "$status"),
        lab.add_column("constant", "'mysql'"),
    ]
    task = lab.task(rules=rules).run()
    lab.sql("DELETE FROM {s}.orders")
    task.flush()
    loaded, change = lab.loaded()[0], lab.changes()[0]
    assert (loaded["op"], loaded["pos"], loaded["copy"], loaded["constant"]) == ("INSERT", "", "new", "mysql")
    assert abs((loaded["committed"].replace(tzinfo=UTC) - datetime.now(UTC)).total_seconds()) < 60
    assert (change["op"], change["copy"], change["constant"]) == ("DELETE", "new", "mysql")
    assert re.fullmatch(r"binlog\.\d+:\d+", change["pos"])
    assert str(change["committed"]) == change["_ts"].partition(".")[0]


def test_a_changed_key_is_one_update_with_the_new_key(lab: Lab) -> None:
    lab.orders(2)
    task = lab.task(rules=[lab.include(), lab.before_image()]).run()
    lab.sql("UPDATE {s}.orders SET id = 100 WHERE id = 1", "UPDATE {s}.orders SET status = 'x' WHERE id = 2")
    task.flush()
    rows = [(r["Op"], r["id"], r["before_id"]) for r in lab.changes()]
    assert rows == [("U", 100, 1), ("U", 2, None)], "the before image is filled only when the key changed"


def test_before_image_of_all_columns(lab: Lab) -> None:
    lab.orders(1)
    task = lab.task(rules=[lab.include(), lab.before_image("all")]).run()
    lab.sql("UPDATE {s}.orders SET id = 7, status = 'z' WHERE id = 1")
    task.flush()
    row = lab.changes()[0]
    assert (row["before_id"], row["before_status"], str(row["before_amount"])) == (1, "new", "0.25")


def test_inserts_and_updates_drops_deletes(lab: Lab) -> None:
    """The article's setting: deletes never reach the bucket."""
    lab.orders(2)
    task = lab.task(s3={"CdcInsertsAndUpdates": True}).run()
    lab.sql("INSERT INTO {s}.orders VALUES (9, 'x', 1)", "UPDATE {s}.orders SET status = 'y' WHERE id = 1", "DELETE FROM {s}.orders WHERE id = 2")
    task.flush()
    assert [(r["Op"], r["id"]) for r in lab.changes()] == [("I", 9), ("U", 1)]
    assert (task.table()["Deletes"], task.table()["AppliedDeletes"]) == (1, 0)


def test_inserts_only(lab: Lab) -> None:
    lab.orders(2)
    task = lab.task(s3={"CdcInsertsOnly": True, "IncludeOpForFullLoad": False}).run()
    lab.sql("INSERT INTO {s}.orders VALUES (9, 'x', 1)", "UPDATE {s}.orders SET status = 'y'", "DELETE FROM {s}.orders WHERE id = 2")
    task.flush()
    assert [r["id"] for r in lab.changes()] == [9]
    assert "Op" not in lab.changes()[0], "without IncludeOpForFullLoad these files have no Op either"


def test_without_op_in_the_load_changes_have_it_still(lab: Lab) -> None:
    lab.orders(1)
    task = lab.task(s3={"IncludeOpForFullLoad": False}).run()
    lab.sql("DELETE FROM {s}.orders")
    task.flush()
    assert "Op" not in lab.loaded()[0]
    assert lab.changes()[0]["Op"] == "D"


def test_files_are_named_by_their_time_and_counted_from_the_first_change(lab: Lab) -> None:
    lab.orders(1)
    lab.orders(1, table="lines")
    lab.task(s3={"CdcMaxBatchInterval": 4}).run("orders", "lines")
    began = time.time()
    lab.sql("UPDATE {s}.orders SET status = 'first'")
    time.sleep(1.5)
    middle = time.time()
    lab.sql("UPDATE {s}.lines SET status = 'later'", "UPDATE {s}.orders SET status = 'second'")
    wait_for("both files", lambda: lab.cdc_files() and lab.cdc_files("lines"))
    assert [r["status"] for r in lab.changes()] == ["first", "second"], "one file for the interval"
    assert len(lab.cdc_files()) == 1
    # The upper bounds leave room for a busy machine.
    assert 3.9 < _named(lab.cdc_files()[0]) - began < 9
    assert _named(lab.cdc_files("lines")[0]) - middle > 3.9, "every table has its own clock"


def _named(key: str) -> float:
    """The time in a file's name."""
    found = CDC_FILE.search(key)
    assert found, key
    stamp = found.group().removesuffix(".parquet")
    return datetime.strptime(stamp + "000", "%Y%m%d-%H%M%S%f").replace(tzinfo=UTC).timestamp()


def test_min_file_size_flushes_early(lab: Lab) -> None:
    lab.sql("CREATE TABLE {s}.orders (id INT PRIMARY KEY, filler VARCHAR(3000))")
    lab.task(s3={"CdcMinFileSize": 64}).run()
    lab.sql("INSERT INTO {s}.orders SELECT seq, REPEAT('x', 2000) FROM {s}.seq_1_to_20")
    time.sleep(1)
    assert lab.cdc_files() == []
    lab.sql("INSERT INTO {s}.orders SELECT seq, REPEAT('x', 2000) FROM {s}.seq_21_to_40")
    wait_for("file before the interval", lambda: lab.cdc_files())


def test_rolled_back_changes_do_not_appear(lab: Lab) -> None:
    lab.orders(2)
    task = lab.task().run()
    lab.transaction("UPDATE {s}.orders SET status = 'no'", "ROLLBACK", "START TRANSACTION", "UPDATE {s}.orders SET status = 'yes' WHERE id = 1")
    task.flush()
    assert [(r["id"], r["status"]) for r in lab.changes()] == [(1, "yes")]


def test_what_mysql_does_not_log_is_not_captured(lab: Lab) -> None:
    """Facts section 3: cascades are not in the binlog; generated and invisible columns are left out."""
    lab.sql(
        "CREATE TABLE {s}.parent (id INT PRIMARY KEY)",
        "CREATE TABLE {s}.child (id INT PRIMARY KEY, parent INT, twice INT AS (parent * 2) STORED, half INT AS (parent / 2) VIRTUAL, "
        "hidden INT INVISIBLE DEFAULT 3, FOREIGN KEY (parent) REFERENCES {s}.parent (id) ON DELETE CASCADE)",
        "INSERT INTO {s}.parent VALUES (1), (2)",
        "INSERT INTO {s}.child (id, parent) VALUES (10, 1), (20, 2)",
    )
    task = lab.task(s3={"TimestampColumnName": None}).run("parent", "child")
    lab.sql("INSERT INTO {s}.child (id, parent) VALUES (30, 2)", "DELETE FROM {s}.parent WHERE id = 1")
    task.flush()
    assert lab.loaded("child")[0] == {"Op": "I", "id": 10, "parent": 1}
    assert lab.changes("child") == [{"Op": "I", "id": 30, "parent": 2}]
    assert [r["Op"] for r in lab.changes("parent")] == ["D"]


@pytest.mark.parametrize(
    ("settings", "pattern"),
    [
        ({}, r"\d{4}/\d\d/\d\d/\d{8}-\d{9}\.parquet"),
        ({"DatePartitionSequence": "YYYYMMDDHH", "DatePartitionDelimiter": "DASH"}, r"\d{4}-\d\d-\d\d-\d\d/\d{8}-\d{9}\.parquet"),
        ({"DatePartitionSequence": "DDMMYYYY", "DatePartitionDelimiter": "NONE"}, r"\d{8}/\d{8}-\d{9}\.parquet"),
    ],
)
def test_date_partitions_are_of_the_commit(lab: Lab, settings: dict[str, str], pattern: str) -> None:
    lab.orders(1)
    task = lab.task(s3={"DatePartitionEnabled": True, **settings}).run()
    lab.sql("UPDATE {s}.orders SET status = 'x'")
    task.flush()
    prefix = f"{lab.schema}/orders/"
    names = [k.removeprefix(prefix) for k in lab.keys(prefix)]
    assert "LOAD00000001.parquet" in names
    assert any(re.fullmatch(pattern, n) for n in names), names


def test_partition_timezone_moves_folder_and_file_name(lab: Lab) -> None:
    lab.orders(1)
    task = lab.task(s3={"DatePartitionEnabled": True, "DatePartitionSequence": "YYYYMMDDHH", "DatePartitionTimezone": "Asia/Tokyo"}).run()
    lab.sql("UPDATE {s}.orders SET status = 'x'")
    task.flush()
    key = next(k for k in lab.keys() if "LOAD" not in k)
    folder, name = key.removeprefix(f"{lab.schema}/orders/").rsplit("/", 1)
    hour = datetime.fromtimestamp(time.time() + 9 * 3600, UTC)
    assert folder.startswith(hour.strftime("%Y/%m/%d/"))
    assert abs(datetime.strptime(name[:15], "%Y%m%d-%H%M%S").replace(tzinfo=UTC).timestamp() - hour.timestamp()) < 60


def test_preserve_transactions_writes_csv_under_cdc_path(lab: Lab) -> None:
    lab.orders(1)
    lab.orders(1, table="lines")
    task = lab.task(s3={"PreserveTransactions": True, "CdcPath": "txn", "TimestampColumnName": None}).run("orders", "lines")
    lab.transaction("UPDATE {s}.orders SET status = 'a'", "DELETE FROM {s}.lines", "UPDATE {s}.orders SET status = 'b'")
    task.flush()
    assert lab.cdc_files() == []
    keys = lab.keys("txn/")
    assert len(keys) == 1 and re.fullmatch(r"txn/CDC_TXN-\d{17}\.csv", keys[0])
    s = lab.schema
    assert lab.body(keys[0]).decode().splitlines() == [
        f"U,orders,{s},1,a,0.25", f"D,lines,{s},1,new,0.25", f"U,orders,{s},1,b,0.25",
    ]  # fmt: skip


def test_column_names_in_the_binlog_are_not_needed(lab: Lab) -> None:
    lab.orders(1)
    task = lab.task().run()
    lab.sql("SET GLOBAL binlog_row_metadata = 'NO_LOG'")
    try:
        lab.sql("UPDATE {s}.orders SET status = 'plain'")
        task.flush()
    finally:
        lab.sql("SET GLOBAL binlog_row_metadata = 'FULL'")
    assert lab.changes()[0]["status"] == "plain"


def test_flush_waits_for_everything_committed(lab: Lab) -> None:
    lab.orders(0)
    task = lab.task().run()
    for number in range(5):
        lab.sql(f"INSERT INTO {{s}}.orders SELECT seq + {number * 1000}, 'x', 1 FROM {{s}}.seq_1_to_1000")
        task.flush()
        assert len(lab.changes()) == (number + 1) * 1000
