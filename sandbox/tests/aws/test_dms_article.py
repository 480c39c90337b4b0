"""The article's own settings, and the article's own failures (facts/dms.md sections 1, 2 and 9)."""

from __future__ import annotations

from sandbox.tests.aws.lab import Lab

ATTRIBUTES = (
    "dataFormat=parquet;parquetVersion=PARQUET_2_0;timestampColumnName=_dms_ingestion_timestamp;"
    "includeOpForFullLoad=true;cdcInsertsAndUpdates=true;addColumnName=true;"
)


def test_deletes_are_lost_and_changes_of_one_transaction_tie(lab: Lab) -> None:
    lab.orders(3)
    target = lab.s3_endpoint(
        attributes=ATTRIBUTES, DataFormat=None, IncludeOpForFullLoad=None, TimestampColumnName=None, BucketFolder="aurora/"
    )
    task = lab.task(target=target).run()
    lab.transaction("UPDATE {s}.orders SET status = 'paid' WHERE id = 1", "UPDATE {s}.orders SET status = 'sent' WHERE id = 1")
    lab.sql("DELETE FROM {s}.orders WHERE id = 2")
    task.flush()
    changes = [k for k in lab.keys(f"aurora/{lab.schema}/orders/") if "LOAD" not in k]
    rows = [r for k in changes for r in lab.parquet(k).to_pylist()]
    assert [r["Op"] for r in rows] == ["U", "U"], "the delete never reaches the bucket"
    assert rows[0]["_dms_ingestion_timestamp"] == rows[1]["_dms_ingestion_timestamp"], "nothing tells which came last"
    assert "Op" in lab.parquet(f"aurora/{lab.schema}/orders/LOAD00000001.parquet").column_names


def test_its_task_settings_delete_files_on_truncate(lab: Lab) -> None:
    lab.orders(1)
    policy = {"HandleSourceTableDropped": True, "HandleSourceTableTruncated": True, "HandleSourceTableAltered": True}
    task = lab.task(settings={"ChangeProcessingDdlHandlingPolicy": policy, "Logging": {"CloudWatchLogGroup": None}}).run()
    lab.sql("TRUNCATE TABLE {s}.orders")
    task.flush()
    assert lab.keys() == []
