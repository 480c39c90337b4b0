"""A clock that jumps: DMS's own (file names, load times) and the source's (commit times, change sequence)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from sandbox.tests.aws.lab import Lab, wait_for

HOUR = 3600


@pytest.fixture(autouse=True)
def right_again(lab: Lab) -> Iterator[None]:
    yield
    lab.service.admin("POST", "dms/clock", {"offset_seconds": 0})


def _shift(lab: Lab, seconds: float) -> None:
    answer = lab.service.admin("POST", "dms/clock", {"offset_seconds": seconds})
    assert answer == lab.service.admin("GET", "dms/clock") | {"now": answer["now"]}


def _hours(text: str, form: str) -> float:
    """How far a time is from now, in hours."""
    return round((datetime.strptime(text, form).replace(tzinfo=UTC) - datetime.now(UTC)) / timedelta(hours=1), 1)


def _file_hours(key: str) -> float:
    return _hours(key.rpartition("/")[2][:15], "%Y%m%d-%H%M%S")


def test_files_of_a_running_task_are_named_by_the_shifted_clock_and_changes_are_not(lab: Lab) -> None:
    lab.orders(1)
    task = lab.task(rules=[lab.include(), lab.add_column("_seq", "$AR_H_CHANGE_SEQ")]).run()
    seen: set[str] = set()
    sequences: list[str] = []
    for number, hours in enumerate((0, 3, -3, -3, 0)):
        _shift(lab, hours * HOUR)
        lab.sql(f"UPDATE {{s}}.orders SET amount = {number + 10}")
        task.flush()
        (key,) = set(lab.cdc_files()) - seen
        seen.add(key)
        assert _file_hours(key) == hours
        (row,) = lab.parquet(key).to_pylist()
        assert _hours(row["_ts"], "%Y-%m-%d %H:%M:%S.%f") == 0, "commit times are the source's"
        sequences.append(row["_seq"])
    assert sequences == sorted(set(sequences)), "in the order of the changes, whatever the files are called"
    assert lab.cdc_files() != sorted(seen, key=lambda k: lab.parquet(k).to_pylist()[0]["_seq"])


def test_load_times_and_dates_of_the_task_are_of_the_shifted_clock(lab: Lab) -> None:
    lab.orders(3)
    _shift(lab, -2 * HOUR)
    task = lab.task().run()
    assert {_hours(r["_ts"], "%Y-%m-%d %H:%M:%S.%f") for r in lab.loaded()} == {-2}
    late = datetime.now(UTC) - timedelta(hours=1)
    table, described = task.table(), task.describe()
    assert max(table["FullLoadStartTime"], table["FullLoadEndTime"], table["LastUpdateTime"]) < late
    assert max(described["ReplicationTaskStartDate"], described["ReplicationTaskStats"]["FullLoadFinishDate"]) < late
    early = lab.task(s3={"BucketFolder": "second", "UseTaskStartTimeForFullLoadTimestamp": True})
    _shift(lab, HOUR)
    early.run()
    rows = lab.parquet(lab.keys("second/")[0]).to_pylist()
    assert {_hours(r["_ts"], "%Y-%m-%d %H:%M:%S.%f") for r in rows} == {1}


def test_the_interval_is_not_of_that_clock(lab: Lab) -> None:
    lab.orders(1)
    lab.task(s3={"CdcMaxBatchInterval": 2}).run()
    lab.sql("UPDATE {s}.orders SET status = 'x'")
    _shift(lab, -24 * HOUR)
    wait_for("file", lambda: lab.cdc_files(), 10)


def test_a_source_clock_that_goes_back_does_not_turn_the_sequence(lab: Lab) -> None:
    """Facts section 2: monotonic per task even if the clock moves."""
    lab.orders(1)
    task = lab.task(rules=[lab.include(), lab.add_column("_seq", "$AR_H_CHANGE_SEQ")]).run()
    connection = lab.source.connect()
    with connection, connection.cursor() as cursor:
        for stamp in (2_000_000_000, 1_500_000_000, 1_600_000_000):
            cursor.execute(f"SET timestamp = {stamp}")
            cursor.execute(f"UPDATE {lab.schema}.orders SET amount = {stamp % 99_999_999}")
    task.flush()
    rows = lab.changes()
    assert [r["_ts"][:4] for r in rows] == ["2033", "2017", "2020"]
    sequences = [r["_seq"] for r in rows]
    assert sequences == sorted(set(sequences)) and all(re.fullmatch(r"20330518\d{27}", s) for s in sequences)
    task.stop()
    lab.sql("UPDATE {s}.orders SET status = 'now'")
    task.resume().flush()
    assert lab.changes()[-1]["_seq"] > sequences[-1], "also after a resume"


@pytest.mark.parametrize("body", [{}, {"offset_seconds": "soon"}, {"offset_seconds": 1e12}, {"offset_seconds": True}])
def test_a_clock_is_shifted_by_a_number_of_seconds(lab: Lab, body: dict[str, object]) -> None:
    with pytest.raises(AssertionError, match="400"):
        lab.service.admin("POST", "dms/clock", body)
