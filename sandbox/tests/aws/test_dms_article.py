"""The article's own settings, and the article's own failures (docs/facts/dms.md sections 1, 2, 3 and 9)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sandbox.tests.aws.lab import Lab, Task, wait_for

ATTRIBUTES = (
    "dataFormat=parquet;parquetVersion=PARQUET_2_0;timestampColumnName=_dms_ingestion_timestamp;"
    "includeOpForFullLoad=true;cdcInsertsAndUpdates=true;addColumnName=true;"
)
#: Its section 2.4: "CDC tuning parameters".
TUNING = "cdcMinFileSize=32;cdcMaxBatchInterval=30;"
SETTINGS: dict[str, Any] = {
    "TargetMetadata": {
        "SupportLobs": True, "FullLobMode": False, "LobChunkSize": 32, "LimitedSizeLobMode": True, "LobMaxSize": 32,
        "InlineLobMaxSize": 0, "BatchApplyEnabled": False,
    },
    "FullLoadSettings": {"StopTaskCachedChangesApplied": False, "StopTaskCachedChangesNotApplied": False, "MaxFullLoadSubTasks": 8},
    "ChangeProcessingDdlHandlingPolicy": {
        "HandleSourceTableDropped": True, "HandleSourceTableTruncated": True, "HandleSourceTableAltered": True,
    },
    "ErrorBehavior": {"DataErrorPolicy": "LOG_ERROR", "TableErrorPolicy": "SUSPEND_TABLE", "FullLoadIgnoreConflicts": True},
    "Logging": {"EnableLogging": True, "CloudWatchLogGroup": None, "CloudWatchLogStream": None},
    "ValidationSettings": {"EnableValidation": False, "ValidationMode": "ROW_LEVEL", "ThreadCount": 5},
}  # fmt: skip


def _task(lab: Lab, attributes: str = ATTRIBUTES + TUNING) -> Task:
    """The article's endpoint, made of extra connection attributes alone, and its task."""
    unset = {"DataFormat": None, "IncludeOpForFullLoad": None, "TimestampColumnName": None, "CdcMaxBatchInterval": None}
    return lab.task(target=lab.s3_endpoint(attributes=attributes, BucketFolder="aurora/", **unset), settings=SETTINGS)


def _folder(lab: Lab) -> str:
    return f"aurora/{lab.schema}/orders/"


def _changes(lab: Lab) -> list[dict[str, Any]]:
    return [r for k in lab.keys(_folder(lab)) if "LOAD" not in k for r in lab.parquet(k).to_pylist()]


def _loaded(lab: Lab) -> list[dict[str, Any]]:
    return lab.parquet(_folder(lab) + "LOAD00000001.parquet").to_pylist()


def test_deletes_are_lost_and_changes_of_one_transaction_tie(lab: Lab) -> None:
    lab.orders(3)
    task = _task(lab).run()
    lab.transaction("UPDATE {s}.orders SET status = 'paid' WHERE id = 1", "UPDATE {s}.orders SET status = 'sent' WHERE id = 1")
    lab.sql("DELETE FROM {s}.orders WHERE id = 2")
    task.flush()
    rows = _changes(lab)
    assert [r["Op"] for r in rows] == ["U", "U"], "the delete never reaches the bucket"
    assert rows[0]["_dms_ingestion_timestamp"] == rows[1]["_dms_ingestion_timestamp"], "nothing tells which came last"
    assert set(rows[0]) == {"Op", "_dms_ingestion_timestamp", "id", "status", "amount"}
    assert task.table()["Deletes"] == 1, "DMS knows of it all the same"


@pytest.mark.parametrize(("given", "columns"), [("includeOpForFullLoad=true;", {"Op"}), ("", set())])
def test_op_is_missing_in_the_load_unless_it_is_asked_for(lab: Lab, given: str, columns: set[str]) -> None:
    """Its troubleshooting blames BatchApplyEnabled. With CdcInsertsAndUpdates, Op is missing in the changes too."""
    lab.orders(1)
    task = _task(lab, ATTRIBUTES.replace("includeOpForFullLoad=true;", given)).run()
    lab.sql("UPDATE {s}.orders SET status = 'x'")
    task.flush()
    assert {c for c in _loaded(lab)[0] if c == "Op"} == columns
    assert {c for c in _changes(lab)[0] if c == "Op"} == columns


def test_without_the_insert_settings_only_the_load_lacks_op(lab: Lab) -> None:
    lab.orders(1)
    task = _task(lab, "dataFormat=parquet;timestampColumnName=ts;").run()
    lab.sql("DELETE FROM {s}.orders")
    task.flush()
    assert "Op" not in _loaded(lab)[0] and _changes(lab)[0]["Op"] == "D"


def test_a_loaded_row_looks_newer_than_the_change_that_came_after_it(lab: Lab) -> None:
    lab.orders(1)
    lab.orders(1, table="aaa")
    lab.service.admin("POST", "faults", {"match": r"PutObject .*/LOAD", "action": "delay", "delay_ms": 2500, "count": -1})
    task = lab.task(
        target=lab.s3_endpoint(attributes=ATTRIBUTES, BucketFolder="aurora/", CdcMaxBatchInterval=600, TimestampColumnName=None),
        settings=SETTINGS | {"FullLoadSettings": {"MaxFullLoadSubTasks": 1}},
    ).start()
    wait_for("load of the first table", lambda: task.table("aaa").get("TableState") == "Full load")
    lab.sql("UPDATE {s}.orders SET status = 'early'", "SET @later = SLEEP(1.1)")
    task.loaded("orders", "aaa")
    task.flush()
    assert _changes(lab)[0]["_dms_ingestion_timestamp"] < _loaded(lab)[0]["_dms_ingestion_timestamp"]


def test_the_row_of_a_changed_key_stays_for_ever(lab: Lab) -> None:
    lab.orders(1)
    task = _task(lab).run()
    lab.sql("UPDATE {s}.orders SET id = 7")
    task.flush()
    assert [(r["Op"], r["id"]) for r in _changes(lab)] == [("U", 7)], "nothing says that row 1 is gone"


def test_json_beyond_32_kb_is_cut_without_an_error(lab: Lab) -> None:
    lab.sql(
        "CREATE TABLE {s}.orders (id INT PRIMARY KEY, j JSON)",
        "INSERT INTO {s}.orders VALUES (1, CONCAT('[\"', REPEAT('a', 40000), '\"]'))",
    )
    task = _task(lab).run()
    text = _loaded(lab)[0]["j"]
    assert len(text) == 32 * 1024
    with pytest.raises(ValueError, match="Unterminated"):
        json.loads(text)
    assert task.table()["TableState"] == "Table completed"


def test_its_file_size_of_32_kb_makes_a_flood_of_files(lab: Lab) -> None:
    lab.orders(0)
    task = _task(lab).run()
    for start in range(0, 20_000, 2_000):
        lab.sql(f"INSERT INTO {{s}}.orders SELECT seq + {start}, 'new', 1 FROM {{s}}.seq_1_to_2000")
    task.flush()
    assert len([k for k in lab.keys(_folder(lab)) if "LOAD" not in k]) >= 8
    assert len(_changes(lab)) == 20_000


def test_its_task_settings_delete_files_on_truncate(lab: Lab) -> None:
    lab.orders(1)
    task = _task(lab).run()
    lab.sql("TRUNCATE TABLE {s}.orders")
    task.flush()
    assert lab.keys() == []
