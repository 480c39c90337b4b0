"""COPY and MERGE are the engine's own; these tests show that the way through the sandbox keeps them so."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sandbox.tests.databend.client import Client


@pytest.fixture
def stage(client: Client, db: str, tmp_path: Path) -> str:
    """A stage on two files, and a raw table for them."""
    for number in range(2):
        rows = pa.table({"Op": ["I", "U"], "id": pa.array([number * 2, number * 2 + 1], pa.int32())})
        pq.write_table(rows, tmp_path / f"LOAD{number:08X}.parquet")
    client.run(f"CREATE STAGE st_{db} URL = 'fs://{tmp_path}/'")
    client.run("CREATE TABLE raw (op VARCHAR, id INT)")
    return f"@st_{db}/"


COPY = "COPY INTO raw FROM {} PATTERN = '.*[.]parquet' FILE_FORMAT = (TYPE = PARQUET MISSING_FIELD_AS = FIELD_DEFAULT)"


def test_copy_answers_a_row_per_file_and_counts_rows(client: Client, stage: str) -> None:
    document = client.post(COPY.format(stage))
    assert [field["name"] for field in document["schema"]] == [
        "File", "Rows_loaded", "Errors_seen", "First_error", "First_error_line",
    ]  # fmt: skip
    assert sorted(document["data"], key=str) == [
        ["LOAD00000000.parquet", "2", "0", None, None], ["LOAD00000001.parquet", "2", "0", None, None],
    ]  # fmt: skip
    assert document["stats"]["write_progress"]["rows"] == 4
    # The load history knows them now.
    assert client.run(COPY.format(stage)) == []
    assert client.value(f"SELECT count(*) FROM copy_history('{client.state['database']}.raw')") == "2"


def test_purge_waits_for_commit(client: Client, stage: str, tmp_path: Path) -> None:
    client.run("BEGIN")
    client.run(COPY.format(stage) + " PURGE = TRUE")
    assert len(list(tmp_path.glob("*.parquet"))) == 2
    client.run("ROLLBACK")
    assert client.value("SELECT count(*) FROM raw") == "0"
    client.run(COPY.format(stage) + " PURGE = TRUE")
    assert list(tmp_path.glob("*.parquet")) == []


CHANGES_ONLY = "(.*/)?([^L/]|L[^O/]|LO[^A/]|LOA[^D/])[^/]*[.]parquet"


@pytest.mark.parametrize("location", ["@st_{db}/orders/", "@st_{db}/orders", "@st_{db}/"])
def test_a_pattern_takes_everything_but_the_full_load(client: Client, db: str, tmp_path: Path, location: str) -> None:
    changes = ["20261128-101112123.parquet", "2026/11/28/20261128-101112123.parquet", "sub/LOB.parquet"]
    for file in [*changes, "LOAD00000001.parquet", "sub/LOAD0000000A.parquet", "20261128-101112123.csv"]:
        path = tmp_path / "orders" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({"file": [file]}), path)
    client.run(f"CREATE STAGE st_{db} URL = 'fs://{tmp_path}/'")
    client.run("CREATE TABLE files (file VARCHAR)")
    client.run(f"COPY INTO files FROM {location.format(db=db)} PATTERN = '{CHANGES_ONLY}' FILE_FORMAT = (TYPE = PARQUET)")
    assert client.run("SELECT file FROM files ORDER BY file") == [[file] for file in sorted(changes)]
    client.run(f"DROP STAGE st_{db}")


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ("orders/a[.]parquet", True),
        # Of the whole path behind the location, not of a part of it…
        ("a[.]parquet", False),
        ("orders/a", False),
        # …but what is put around it binds closer than a choice: this is `^x` or `a[.]parquet$`.
        ("x|a[.]parquet", True),
        ("(x|a[.]parquet)", False),
    ],
)
def test_a_pattern_is_matched_against_the_whole_path(client: Client, db: str, tmp_path: Path, pattern: str, matches: bool) -> None:
    (tmp_path / "orders").mkdir()
    pq.write_table(pa.table({"id": [1]}), tmp_path / "orders" / "a.parquet")
    client.run(f"CREATE STAGE st_{db} URL = 'fs://{tmp_path}/'")
    assert len(client.run(f"LIST @st_{db}/ PATTERN = '{pattern}'")) == int(matches)
    assert client.code(f"LIST @st_{db}/ PATTERN = '(?!LOAD).*'") == 1005
    client.run(f"DROP STAGE st_{db}")


def test_a_task_loads_what_the_printed_copy_says(client: Client, stage: str, db: str) -> None:
    from sandbox.tests.databend.client import wait_until  # noqa: PLC0415

    client.run(f"CREATE TASK load_{db} SCHEDULE = 1 MINUTE AS {COPY.format(stage).replace('raw', db + '.raw')} PURGE = TRUE")
    client.run(f"EXECUTE TASK load_{db}")
    wait_until(lambda: client.value("SELECT count(*) FROM raw") == "4", "the rows are loaded")
    client.run(f"DROP TASK load_{db}")


def test_the_merge_defect_of_the_engine_is_there(client: Client) -> None:
    """docs/facts/databend.md, "MERGE and INSERT": a heavily deduplicated source inserts existing keys again."""
    client.run("CREATE TABLE target (id BIGINT NOT NULL, a VARCHAR)")
    client.run("INSERT INTO target SELECT number, 'a' FROM numbers(1000000)")
    client.run("CREATE TABLE source (id BIGINT NOT NULL, version BIGINT)")
    client.run("INSERT INTO source SELECT number % 1000 * 997, number FROM numbers(20000)")
    merge = (
        "MERGE INTO target t USING (SELECT * FROM source QUALIFY ROW_NUMBER() OVER (PARTITION BY id ORDER BY version DESC) = 1) s "
        "ON t.id = s.id WHEN MATCHED THEN UPDATE SET t.a = 'x' WHEN NOT MATCHED THEN INSERT (id, a) VALUES (s.id, 'new')"
    )
    [[inserted, updated]] = client.run(merge)
    assert int(inserted or 0) > 0, "the sandbox must not hide the defect"
    client.run("DELETE FROM target WHERE a = 'new'")
    client.run("SET enable_join_runtime_filter = 0")
    [[inserted, updated]] = client.run(merge)
    assert (inserted, updated) == ("0", "1000")
