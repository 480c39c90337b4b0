"""The full load: names, columns, timestamps, file settings (docs/facts/dms.md section 1)."""

from __future__ import annotations

import io
import re
import time
from datetime import UTC, datetime

import pyarrow.parquet as pq

from sandbox.tests.aws.lab import Lab, wait_for


def test_one_file_per_table_and_none_for_an_empty_one(lab: Lab) -> None:
    lab.orders(3)
    lab.orders(0, table="empty")
    task = lab.task().run("orders", "empty")
    assert lab.keys() == [f"{lab.schema}/orders/LOAD00000001.parquet"]
    assert [r["id"] for r in lab.loaded()] == [1, 2, 3]
    assert task.table()["FullLoadRows"] == 3


def test_bucket_folder_comes_first(lab: Lab) -> None:
    lab.orders()
    lab.task(s3={"BucketFolder": "landing/mysql"}).run()
    assert lab.keys() == [f"landing/mysql/{lab.schema}/orders/LOAD00000001.parquet"]


def test_columns_are_op_timestamp_source_added_before_image(lab: Lab) -> None:
    lab.orders()
    lab.task(rules=[lab.include(), lab.before_image(), lab.add_column("_seq", "$AR_H_CHANGE_SEQ")]).run()
    table = lab.parquet(lab.load_files()[0])
    assert table.column_names == ["Op", "_ts", "id", "status", "amount", "_seq", "before_id"]
    first = table.to_pylist()[0]
    assert (first["Op"], first["_seq"], first["before_id"]) == ("I", "", None)


def test_no_op_and_no_timestamp_unless_asked_for(lab: Lab) -> None:
    lab.orders()
    lab.task(s3={"IncludeOpForFullLoad": None, "TimestampColumnName": None}).run()
    assert lab.parquet(lab.load_files()[0]).column_names == ["id", "status", "amount"]


def test_every_row_has_its_own_transfer_time_as_text(lab: Lab) -> None:
    lab.orders(500)
    before = datetime.now(UTC)
    lab.task().run()
    stamps = [r["_ts"] for r in lab.loaded()]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}", s) for s in stamps)
    assert stamps == sorted(stamps) and len(set(stamps)) == 500
    assert before < datetime.fromisoformat(stamps[0] + "+00:00")


def test_use_task_start_time_gives_all_rows_one_earlier_time(lab: Lab) -> None:
    lab.orders(500)
    task = lab.task(s3={"UseTaskStartTimeForFullLoadTimestamp": True}).run()
    stamps = {r["_ts"] for r in lab.loaded()}
    assert len(stamps) == 1
    assert datetime.fromisoformat(stamps.pop() + "+00:00") <= task.table()["FullLoadStartTime"].astimezone(UTC)


def test_max_file_size_splits_and_the_counter_is_hexadecimal(lab: Lab) -> None:
    lab.sql(
        "CREATE TABLE {s}.wide (id INT PRIMARY KEY, filler VARCHAR(255))",
        "INSERT INTO {s}.wide SELECT seq, REPEAT(SHA2(seq, 512), 1) FROM {s}.seq_1_to_2000",
    )
    lab.task(s3={"MaxFileSize": 10, "RowGroupLength": 100, "EncodingType": "plain"}).run("wide")
    names = [k.rpartition("/")[2] for k in lab.load_files("wide")]
    assert len(names) > 10
    assert names[9] == "LOAD0000000A.parquet"
    assert sorted(r["id"] for r in lab.loaded("wide")) == list(range(1, 2001))


def test_parquet_settings_reach_the_file(lab: Lab) -> None:
    lab.orders(250)
    lab.task(s3={"ParquetVersion": "parquet-2-0", "RowGroupLength": 100, "CompressionType": "gzip", "EnableStatistics": False}).run()
    meta = pq.ParquetFile(io.BytesIO(lab.body(lab.load_files()[0]))).metadata
    assert meta.num_row_groups == 3
    assert meta.format_version == "2.6"
    assert meta.row_group(0).column(2).compression == "GZIP"
    assert meta.row_group(0).column(2).statistics is None


def test_parquet_defaults(lab: Lab) -> None:
    lab.orders(10)
    lab.task().run()
    meta = pq.ParquetFile(io.BytesIO(lab.body(lab.load_files()[0]))).metadata
    assert meta.format_version == "1.0"
    assert meta.row_group(0).column(2).compression == "UNCOMPRESSED"
    assert "RLE_DICTIONARY" in meta.row_group(0).column(2).encodings or "PLAIN_DICTIONARY" in meta.row_group(0).column(2).encodings


def test_the_default_format_is_csv(lab: Lab) -> None:
    lab.orders(2)
    task = lab.task(s3={"DataFormat": None, "TimestampColumnName": None}).run()
    lab.sql("UPDATE {s}.orders SET status = 'a,\"b\"', amount = NULL WHERE id = 1")
    task.flush()
    keys = lab.keys()
    assert [k.rpartition(".")[2] for k in keys] == ["csv", "csv"]
    assert lab.body(keys[1]) == b"I,1,new,0.25\nI,2,new,0.50\n"
    assert lab.body(keys[0]) == b'U,1,"a,""b""",NULL\n'


def test_prep_mode_decides_what_becomes_of_old_files(lab: Lab) -> None:
    lab.orders(2)
    stray = f"{lab.schema}/orders/stray.parquet"
    other = f"{lab.schema}/other/stray.parquet"
    for key in (stray, other):
        lab.s3.put_object(Bucket=lab.bucket, Key=key, Body=b"x")
    lab.task(settings={"FullLoadSettings": {"TargetTablePrepMode": "DO_NOTHING"}}).run()
    assert stray in lab.keys()
    lab.task().run()  # AWS's default: DROP_AND_CREATE
    assert stray not in lab.keys() and other in lab.keys()


def test_full_load_only_stops_by_itself(lab: Lab) -> None:
    lab.orders(4)
    task = lab.task(migration="full-load").start()
    ended = task.wait("stopped")
    assert ended["StopReason"] == "Stop Reason FULL_LOAD_ONLY_FINISHED"
    stats = ended["ReplicationTaskStats"]
    assert (stats["FullLoadProgressPercent"], stats["TablesLoaded"], stats["TablesErrored"]) == (100, 1, 0)
    assert len(lab.loaded()) == 4


def test_changes_during_the_load_arrive_later_with_their_earlier_commit_time(lab: Lab) -> None:
    """The hazard of docs/facts/dms.md section 2 a: the loaded row looks newer than the change."""
    lab.orders(3)
    lab.orders(3, table="aaa")
    # One table after the other; the upload of the first is slow.
    lab.service.admin("POST", "faults", {"match": r"PutObject .*/aaa/LOAD", "action": "delay", "delay_ms": 3000, "count": -1})
    task = lab.task(settings={"FullLoadSettings": {"MaxFullLoadSubTasks": 1}}).start()
    wait_for("first table loading", lambda: task.table("aaa").get("TableState") == "Full load")
    assert task.describe()["ReplicationTaskStats"]["TablesQueued"] == 1
    lab.sql("UPDATE {s}.orders SET status = 'early' WHERE id = 1")
    time.sleep(1.1)
    task.loaded("orders", "aaa")
    task.flush()
    loaded = next(r for r in lab.loaded() if r["id"] == 1)
    change = next(r for r in lab.changes() if r["id"] == 1)
    assert loaded["status"] == "early", "the load sees the change"
    assert (change["Op"], change["status"]) == ("U", "early"), "and the change comes again"
    assert change["_ts"] < loaded["_ts"]


def test_a_million_narrow_rows_in_a_minute(lab: Lab) -> None:
    lab.sql(
        "CREATE TABLE {s}.narrow (id BIGINT PRIMARY KEY, customer BIGINT, status VARCHAR(20), amount DECIMAL(12,2), "
        "created DATETIME(6), updated TIMESTAMP)",
        "INSERT INTO {s}.narrow SELECT seq, seq % 1000, 'paid', seq / 100, '2024-01-01' + INTERVAL seq SECOND, "
        "'2024-01-01 00:00:01' FROM {s}.seq_1_to_1000000",
    )
    task = lab.task().start()
    began = time.monotonic()
    task.loaded("narrow", seconds=60)
    assert time.monotonic() - began < 60
    meta = pq.ParquetFile(io.BytesIO(lab.body(lab.load_files("narrow")[0]))).metadata
    assert meta.num_rows == 1_000_000
