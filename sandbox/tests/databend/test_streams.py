"""Streams (docs/facts/databend.md, "Streams")."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sandbox.tests.databend.client import Client, DatabendError, wait_until

MERGE = (
    "MERGE INTO ods t USING (SELECT id, op FROM s QUALIFY ROW_NUMBER() OVER (PARTITION BY id ORDER BY op DESC) = 1) x "
    "ON t.id = x.id WHEN MATCHED THEN UPDATE SET t.op = x.op WHEN NOT MATCHED THEN INSERT (id, op) VALUES (x.id, x.op)"
)


@pytest.fixture
def raw(client: Client) -> Client:
    """A raw table with one row, a stream behind that row, an ODS table."""
    client.run("CREATE TABLE raw (id INT, op VARCHAR)")
    client.run("INSERT INTO raw VALUES (0, 'old')")
    client.run("CREATE STREAM s ON TABLE raw APPEND_ONLY = TRUE COMMENT = 'it''s'")
    client.run("CREATE TABLE ods (id INT, op VARCHAR)")
    return client


def ids(client: Client) -> list[str | None]:
    return [row[0] for row in client.run("SELECT id FROM s ORDER BY id")]


def add(client: Client, *numbers: int) -> None:
    client.run("INSERT INTO raw VALUES " + ", ".join(f"({number}, 'I')" for number in numbers))


def test_a_stream_shows_what_was_appended_since(raw: Client) -> None:
    assert ids(raw) == []
    add(raw, 1, 2)
    assert ids(raw) == ["1", "2"]
    raw.run("SELECT * FROM s")
    assert raw.columns == ["id", "op", "change$action", "change$is_update", "change$row_id"]


def test_reading_does_not_consume(raw: Client) -> None:
    add(raw, 1)
    assert ids(raw) == ids(raw) == ["1"]
    raw.run("EXPLAIN INSERT INTO ods SELECT id, op FROM s")
    assert ids(raw) == ["1"]


def test_with_consume_does(raw: Client) -> None:
    add(raw, 1)
    assert raw.run("SELECT id FROM s WITH CONSUME") == [["1"]]
    assert ids(raw) == []


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO ods SELECT id, op FROM s",
        MERGE,
        "MERGE INTO ods t USING s AS x ON t.id = x.id WHEN NOT MATCHED THEN INSERT (id, op) VALUES (x.id, x.op)",
        "REPLACE INTO ods ON (id) SELECT id, op FROM s",
        "DELETE FROM ods WHERE id IN (SELECT id FROM s)",
        "CREATE TABLE copied AS SELECT id, op FROM s",
        "COPY INTO @~/unloaded/ FROM (SELECT id FROM s) FILE_FORMAT = (TYPE = CSV)",
        "COPY INTO @~/unloaded/ FROM s FILE_FORMAT = (TYPE = PARQUET)",
    ],
)
def test_every_dml_consumes_all_rows_used_or_not(raw: Client, statement: str) -> None:
    add(raw, 1, 2)
    raw.run(statement)
    assert ids(raw) == []


def test_dml_that_uses_no_row_consumes_too(raw: Client) -> None:
    add(raw, 1)
    raw.run("INSERT INTO ods SELECT id, op FROM s WHERE FALSE")
    assert (ids(raw), raw.value("SELECT count(*) FROM ods")) == ([], "0")


def test_the_articles_merge_runs_with_the_runtime_filter_left_alone(raw: Client) -> None:
    raw.run("SET enable_join_runtime_filter = 1")
    add(raw, 1, 2)
    assert raw.run(MERGE) == [["2", "0"]]
    add(raw, 2)
    assert raw.run(MERGE) == [["0", "1"]]
    assert raw.state["settings"]["enable_join_runtime_filter"] == "1"


def test_a_merge_with_the_runtime_filter_inserts_existing_keys_again(raw: Client) -> None:
    """The engine's own defect (docs/engine-defects.md), which must not be hidden by how streams are made here."""
    raw.run("CREATE TABLE big (id BIGINT NOT NULL, op VARCHAR) storage_format = 'parquet'")
    raw.run("CREATE TABLE log (id BIGINT NOT NULL, op VARCHAR) storage_format = 'parquet'")
    raw.run("CREATE STREAM changes ON TABLE log APPEND_ONLY = TRUE")
    merge = MERGE.replace("INTO ods t", "INTO big t").replace("FROM s ", "FROM changes ")
    raw.run("INSERT INTO big SELECT number, 'old' FROM numbers(1000)")
    doubled = {}
    for setting in ("0", "1"):
        raw.run("INSERT INTO log SELECT number % 20 * 50, lpad(to_string(number), 9, '0') FROM numbers(400)")
        raw.run(f"SET enable_join_runtime_filter = {setting}")
        raw.run(merge)
        doubled[setting] = raw.value("SELECT count(*) - count(DISTINCT id) FROM big") != "0"
        assert raw.value("SELECT count(*) FROM changes") == "0"
    assert doubled == {"0": False, "1": True}


def test_a_failing_statement_consumes_nothing(raw: Client) -> None:
    add(raw, 1)
    raw.code("INSERT INTO ods SELECT id / 0, op FROM s")
    assert raw.code("INSERT INTO ods SELECT op, op FROM s") == 1006
    assert ids(raw) == ["1"]


def test_the_offset_goes_back_with_the_transaction(raw: Client) -> None:
    add(raw, 1)
    raw.run("BEGIN")
    raw.run("INSERT INTO ods SELECT id, op FROM s")
    assert ids(raw) == []
    raw.run("ROLLBACK")
    assert (ids(raw), raw.value("SELECT count(*) FROM ods")) == (["1"], "0")


def test_rows_of_the_own_transaction_are_seen_and_commit_with_it(raw: Client, connect: Callable[[], Client], db: str) -> None:
    raw.run("BEGIN")
    add(raw, 1)
    raw.run("INSERT INTO ods SELECT id, op FROM s")
    assert connect().value(f"SELECT count(*) FROM {db}.s") == "0"
    raw.run("COMMIT")
    assert (ids(raw), raw.value("SELECT count(*) FROM ods")) == ([], "1")


def test_a_transaction_that_fails_gives_the_rows_back(raw: Client) -> None:
    add(raw, 1)
    raw.run("BEGIN")
    raw.run("INSERT INTO ods SELECT id, op FROM s")
    raw.code("SELECT nothing")
    raw.run("COMMIT")
    assert ids(raw) == ["1"]


def test_rows_that_come_while_a_statement_runs_stay_for_the_next(raw: Client, connect: Callable[[], Client], db: str) -> None:
    add(raw, 1)
    raw.run("BEGIN")
    raw.run("INSERT INTO ods SELECT id, op FROM s")
    connect().run(f"INSERT INTO {db}.raw VALUES (2, 'I')")
    raw.run("COMMIT")
    assert ids(raw) == ["2"]


def test_two_consumers_of_one_stream_conflict(raw: Client, connect: Callable[[], Client], db: str) -> None:
    add(raw, 1)
    raw.run("BEGIN")
    raw.run("INSERT INTO ods SELECT id, op FROM s")
    connect().run(f"INSERT INTO {db}.ods SELECT id, op FROM {db}.s")
    assert raw.code("COMMIT") == 4001
    assert raw.value("SELECT count(*) FROM ods") == "1"


def test_consumers_of_different_streams_do_not(raw: Client, connect: Callable[[], Client], db: str) -> None:
    raw.run("CREATE STREAM other ON TABLE raw")
    raw.run("CREATE TABLE second (id INT, op VARCHAR)")
    add(raw, 1)
    raw.run("BEGIN")
    raw.run("INSERT INTO ods SELECT id, op FROM s")
    connect().run(f"INSERT INTO {db}.second SELECT id, op FROM {db}.other")
    raw.run("COMMIT")
    assert (raw.value("SELECT count(*) FROM ods"), raw.value("SELECT count(*) FROM second")) == ("1", "1")


def test_a_stream_on_an_empty_table_has_everything(client: Client) -> None:
    client.run("CREATE TABLE raw (id INT, op VARCHAR)")
    client.run("CREATE STREAM s ON TABLE raw")
    assert ids(client) == []
    add(client, 1, 2)
    assert ids(client) == ["1", "2"]
    client.run("SELECT * FROM s")
    assert client.columns == ["id", "op", "change$action", "change$is_update", "change$row_id"]
    client.run("CREATE TABLE ods (id INT, op VARCHAR)")
    client.run(MERGE)
    assert ids(client) == []


def test_deleted_and_updated_rows_do_not_show(raw: Client) -> None:
    add(raw, 1, 2, 3)
    raw.run("DELETE FROM raw WHERE id = 2")
    raw.run("UPDATE raw SET op = 'x' WHERE id = 0")
    assert ids(raw) == ["1", "3"]


def test_streams_survive_added_columns_and_compaction(raw: Client) -> None:
    add(raw, 1)
    raw.run("ALTER TABLE raw ADD COLUMN extra VARCHAR")
    add2 = "INSERT INTO raw VALUES (2, 'I', 'e')"
    raw.run(add2)
    raw.run("OPTIMIZE TABLE raw COMPACT")
    assert raw.run("SELECT id, extra FROM s ORDER BY id") == [["1", None], ["2", "e"]]


def status(client: Client) -> str | None:
    return client.value(f"SELECT has_data FROM STREAM_STATUS('{client.state['database']}.s')")


def test_stream_status_means_that_the_table_has_changed(raw: Client) -> None:
    assert status(raw) == "0"
    raw.run("DELETE FROM raw WHERE id = 0")
    assert (status(raw), ids(raw)) == ("1", [])
    raw.run("INSERT INTO ods SELECT id, op FROM s")
    assert status(raw) == "0"
    raw.run("ALTER TABLE raw ADD COLUMN extra VARCHAR")
    assert (status(raw), ids(raw)) == ("1", [])
    assert raw.code("SELECT * FROM STREAM_STATUS('nope.s')") == 2730


def test_creating_a_stream_switches_change_tracking_on(raw: Client, db: str) -> None:
    options = raw.value(f"SELECT table_option FROM system.tables WHERE database = '{db}' AND name = 'raw'")
    assert options is not None and "CHANGE_TRACKING='true'" in options
    # Which is why a column's type cannot be changed any more (docs/facts/databend.md, "ALTER TABLE, transactions").
    assert raw.code("ALTER TABLE raw MODIFY COLUMN id BIGINT") == 1132


@pytest.mark.parametrize("statement", ["CREATE OR REPLACE TABLE raw (id INT, op VARCHAR)", "DROP TABLE raw"])
def test_a_stream_whose_table_is_replaced_or_dropped_is_invalid(raw: Client, db: str, statement: str) -> None:
    raw.run(statement)
    with pytest.raises(DatabendError, match="Base table .* dropped, cannot read from stream") as error:
        ids(raw)
    assert error.value.code == 2733
    reason = raw.value(f"SELECT invalid_reason FROM system.streams WHERE database = '{db}'")
    assert reason is not None and reason.startswith("Base table")
    raw.run("DROP STREAM s")


def test_a_renamed_table_keeps_its_stream(raw: Client, db: str) -> None:
    add(raw, 1)
    raw.run("ALTER TABLE raw RENAME TO renamed")
    assert ids(raw) == ["1"]
    assert raw.value(f"SELECT table_name FROM system.streams WHERE database = '{db}'") == f"{db}.renamed"


def test_create_drop_and_their_conditions(raw: Client) -> None:
    assert raw.code("CREATE STREAM s ON TABLE raw") == 2732
    add(raw, 1)
    raw.run("CREATE STREAM IF NOT EXISTS s ON TABLE raw")
    assert ids(raw) == ["1"]
    raw.run("CREATE OR REPLACE STREAM s ON TABLE raw")
    assert ids(raw) == []
    assert raw.code("CREATE STREAM raw ON TABLE ods") == 2302
    assert raw.code("CREATE STREAM x ON TABLE missing") == 1025
    assert raw.code("CREATE STREAM nowhere.x ON TABLE raw") == 1003
    raw.run("DROP STREAM s")
    assert raw.code("DROP STREAM s") == 2730
    raw.run("DROP STREAM IF EXISTS s")
    assert raw.code("SELECT * FROM s") == 1025


def test_a_stream_can_begin_in_the_past(raw: Client) -> None:
    snapshot = raw.value(f"SELECT snapshot_id FROM fuse_snapshot('{raw.state['database']}', 'raw') LIMIT 1")
    add(raw, 1)
    raw.run(f"CREATE STREAM at_snapshot ON TABLE raw AT (SNAPSHOT => '{snapshot}')")
    assert raw.run("SELECT id FROM at_snapshot") == [["1"]]
    raw.run("CREATE STREAM at_stream ON TABLE raw AT (STREAM => s)")
    assert raw.run("SELECT id FROM at_stream") == [["1"]]
    assert raw.code("CREATE STREAM x ON TABLE raw AT (SNAPSHOT => 'nope')") == 2733


def test_system_streams_has_the_engines_columns(raw: Client, db: str) -> None:
    add(raw, 1)
    columns = [row[0] for row in raw.run("DESCRIBE system.streams")]
    [row] = raw.run(f"SELECT * FROM system.streams WHERE database = '{db}'")
    assert raw.columns == columns
    about = dict(zip(columns, row, strict=True))
    assert (about["name"], about["mode"], about["comment"], about["table_name"]) == ("s", "append_only", "it's", f"{db}.raw")
    assert (about["invalid_reason"], about["has_data"], about["owner"]) == ("", "1", "account_admin")
    assert about["snapshot_location"] and int(about["table_version"] or 0) > 0
    before = int(about["table_version"] or 0)
    raw.run("INSERT INTO ods SELECT id, op FROM s")
    after = raw.value(f"SELECT table_version FROM system.streams WHERE database = '{db}'")
    assert int(after or 0) >= before


def test_show_and_describe_streams(raw: Client, db: str) -> None:
    assert raw.run("SHOW STREAMS") == [["s", f"{db}.raw", "append_only"]]
    assert raw.columns == [f"Streams_in_{db}", "table_on", "mode"]
    raw.run(f"SHOW FULL STREAMS FROM {db} LIKE 's%'")
    full = ["created_on", "name", "database", "catalog", "table_on", "owner", "comment", "mode", "invalid_reason"]
    assert raw.columns == full
    assert raw.run("SHOW STREAMS LIKE 'x%'") == []
    assert raw.code("SHOW STREAMS FROM nowhere") == 1003
    assert raw.run("DESCRIBE STREAM s")[0][1] == "s"
    assert [row[0] for row in raw.run("DESCRIBE TABLE s")] == ["id", "op"]


def test_a_stream_goes_with_its_database(client: Client) -> None:
    client.run("CREATE OR REPLACE DATABASE gone")
    client.run("CREATE TABLE gone.raw (id INT)")
    client.run("CREATE STREAM gone.s ON TABLE gone.raw")
    client.run("DROP DATABASE gone")
    assert client.value("SELECT count(*) FROM system.streams WHERE database = 'gone'") == "0"


def test_a_stream_that_is_dropped_while_all_are_listed_is_not_in_the_list(raw: Client, db: str) -> None:
    add(raw, 1)
    raw.run("INSERT INTO ods SELECT id, op FROM s")
    number = raw.value(f"SELECT stream_id FROM system.streams WHERE database = '{db}'")
    add(raw, 2)
    raw.run("INSERT INTO ods SELECT id, op FROM s")
    # What another session's DROP STREAM has done when this one already has the list.
    raw.run(f"DROP TABLE _sandbox.stream_{number}")
    assert raw.run(f"SELECT name FROM system.streams WHERE database = '{db}'") == []
    assert raw.code("SELECT * FROM s") == 2730


def test_a_stream_that_lost_its_snapshot_is_stale(raw: Client, db: str, server: object) -> None:
    add(raw, 1)
    location = raw.value(f"SELECT snapshot_location FROM system.streams WHERE database = '{db}'")
    (server.data / "engine" / "data" / str(location)).unlink()  # type: ignore[attr-defined]
    reason = raw.value(f"SELECT invalid_reason FROM system.streams WHERE database = '{db}'")
    assert reason is not None and "NotFound" in reason


def test_a_name_in_another_case_or_with_quotes_is_the_same_only_if_it_folds_to_it(raw: Client, db: str) -> None:
    add(raw, 1)
    assert raw.run(f'SELECT x.id FROM {db.upper()}.S AS x JOIN "s" ON x.id = "s".id') == [["1"]]
    assert raw.code('SELECT * FROM "S"') == 1025


def test_a_view_over_a_stream_is_refused(raw: Client) -> None:
    assert raw.code("CREATE VIEW v AS SELECT * FROM s") == 1002


def test_many_statements_at_once_consume_each_row_once(raw: Client, connect: Callable[[], Client], db: str) -> None:
    import threading  # noqa: PLC0415

    stop = threading.Event()

    def consume() -> None:
        client = connect()
        while not stop.is_set():
            try:
                client.run(f"INSERT INTO {db}.ods SELECT id, op FROM {db}.s")
            except DatabendError as error:
                assert error.code == 4001, error

    threads = [threading.Thread(target=consume) for _ in range(2)]
    for thread in threads:
        thread.start()
    for number in range(1, 16):
        add(raw, number)
    wait_until(lambda: ids(raw) == [], "the stream is empty")
    stop.set()
    for thread in threads:
        thread.join()
    assert raw.run("SELECT count(*), count(DISTINCT id) FROM ods") == [["15", "15"]]
