"""Settings that a statement brings for itself, as the product sends them (docs/facts/databend.md, "MERGE and INSERT")."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.tests.databend.client import Client, Server

HINT = "/*+ SET_VAR(enable_join_runtime_filter=0) SET_VAR(timezone='Asia/Tokyo') */"
PRINTED = "/*+ SET_VAR(enable_join_runtime_filter=0)SET_VAR(timezone='Asia/Tokyo')*/"
FLOOR = "COALESCE((SELECT max(floor) FROM floors WHERE raw_database = 'raw' AND raw_table = 'log'), '')"


def merge(db: str, *, outer: str = HINT, inner: str = "", twice: bool = False) -> str:
    """A merge task's statement: newest change per key at or above the floor."""
    floor = FLOOR.replace("floors", f"{db}.floors")
    reading = f"SELECT {inner} id, op FROM {db}.changes AS r WHERE COALESCE(r.op, '') >= {floor}"
    if twice:
        # As where a changed key is read as a delete of the old one as well.
        reading = f"{reading} UNION ALL {reading}"
    return (
        f"MERGE INTO {db}.big AS t USING (SELECT {outer} * FROM ({reading}) AS c "
        "WHERE c.id IS NOT NULL QUALIFY row_number() OVER (PARTITION BY c.id ORDER BY c.op DESC) = 1) AS s ON t.id = s.id "
        "WHEN MATCHED AND s.op > t.op THEN UPDATE SET op = s.op, zone = timezone() "
        "WHEN NOT MATCHED THEN INSERT (id, op, zone) VALUES (s.id, s.op, timezone())"
    )


@pytest.fixture
def chain(client: Client) -> Client:
    """A raw table with a stream, 1,000 rows in ODS, and no floors. The runtime filter is on, as it is by default."""
    client.run("CREATE TABLE log (id BIGINT NOT NULL, op VARCHAR) storage_format = 'parquet'")
    client.run("CREATE TABLE big (id BIGINT NOT NULL, op VARCHAR, zone VARCHAR) storage_format = 'parquet'")
    client.run("CREATE TABLE floors (raw_database VARCHAR, raw_table VARCHAR, floor VARCHAR)")
    client.run("CREATE STREAM changes ON TABLE log APPEND_ONLY = TRUE")
    client.run("INSERT INTO big SELECT number, '', 'old' FROM numbers(1000)")
    change(client)
    return client


def change(client: Client) -> None:
    client.run("INSERT INTO log SELECT number % 20 * 50, lpad(to_string(number), 9, '0') FROM numbers(400)")


def doubled(client: Client) -> bool:
    return client.value("SELECT count(*) - count(DISTINCT id) FROM big") != "0"


def zones(client: Client, table: str = "big") -> list[list[str | None]]:
    return client.run(f"SELECT DISTINCT zone FROM {table} WHERE zone <> 'old'")


def pending(client: Client) -> str | None:
    return client.value("SELECT count(*) FROM changes")


@pytest.mark.parametrize("options", [{}, {"twice": True}, {"outer": "", "inner": HINT}])
def test_a_hint_inside_using_cures_the_merge_and_sets_the_zone(chain: Client, db: str, options: dict[str, Any]) -> None:
    assert chain.run(merge(db, **options)) == [["0", "20"]]
    assert (doubled(chain), zones(chain), pending(chain)) == (False, [["Asia/Tokyo"]], "0")
    assert chain.value("SELECT timezone()") == "UTC"


@pytest.mark.parametrize("outer", ["", HINT.replace(") SET_VAR", "), SET_VAR"), HINT.replace("'", '"')])
def test_without_a_hint_that_the_engine_reads_keys_are_inserted_again(chain: Client, db: str, outer: str) -> None:
    chain.run(merge(db, outer=outer))
    assert (doubled(chain), zones(chain)) == (True, [["UTC"]])


def test_the_engine_ignores_a_hint_of_merge_itself(chain: Client, db: str) -> None:
    chain.run(merge(db, outer="").replace("MERGE INTO", f"MERGE {HINT} INTO"))
    assert (doubled(chain), zones(chain)) == (True, [["UTC"]])


def test_a_hint_can_switch_the_filter_on_as_well(chain: Client, db: str) -> None:
    chain.run("SET enable_join_runtime_filter = 0")
    chain.run(merge(db, outer="/*+ SET_VAR(enable_join_runtime_filter=1) */"))
    assert doubled(chain)


@pytest.fixture
def role(chain: Client, db: str, server: Server) -> Iterator[Client]:
    """A user of a role that has no more than the pipeline's privileges; its session has the filter on."""
    name = f"merger_{db}"
    chain.run(f"CREATE ROLE {name}")
    chain.run(f"CREATE USER {name} IDENTIFIED BY 'secret' WITH DEFAULT_ROLE = '{name}'")
    for grant in (f"SELECT, INSERT, UPDATE, DELETE ON {db}.*", "SUPER ON *.*"):
        chain.run(f"GRANT {grant} TO ROLE {name}")
    chain.run(f"GRANT ROLE {name} TO {name}")
    client = Client(server.port, user=name, password="secret")
    client.run(f"USE {db}")
    client.run("SET enable_join_runtime_filter = 1")
    yield client
    chain.run(f"DROP USER {name}")
    chain.run(f"DROP ROLE {name}")


def test_a_role_whose_session_has_the_filter_on_merges_safely(chain: Client, db: str, role: Client) -> None:
    role.run(merge(db, outer=""))
    assert doubled(chain)
    chain.run("TRUNCATE TABLE big")
    chain.run("INSERT INTO big SELECT number, '', 'old' FROM numbers(1000)")
    change(chain)
    assert role.run(merge(db)) == [["0", "20"]]
    assert (doubled(chain), zones(chain), pending(chain)) == (False, [["Asia/Tokyo"]], "0")
    assert role.state["settings"]["enable_join_runtime_filter"] == "1"


def test_a_task_of_a_role_keeps_the_hint(chain: Client, db: str, role: Client) -> None:
    name = f"task_hint_{db}"
    role.run(f"CREATE TASK {name} SCHEDULE = 1 MINUTE AS {merge(db)}")
    try:
        stored = chain.value(f"SELECT definition FROM system.tasks WHERE name = '{name}'")
        assert PRINTED in (stored or "")
        chain.request("POST", "/_sandbox/tasks/run", {"task": name})
        assert (doubled(chain), zones(chain), pending(chain)) == (False, [["Asia/Tokyo"]], "0")
    finally:
        chain.run(f"DROP TASK {name}")


@pytest.mark.parametrize("hinted", ["INSERT {hint} INTO ods SELECT", "INSERT INTO ods SELECT {hint}"])
def test_a_hint_of_insert_from_a_stream(chain: Client, hinted: str) -> None:
    chain.run("CREATE TABLE ods (id BIGINT, zone VARCHAR)")
    chain.run(f"{hinted.format(hint=HINT)} id, timezone() FROM changes WHERE op >= {FLOOR}")
    assert (zones(chain, "ods"), pending(chain)) == ([["Asia/Tokyo"]], "0")


def test_a_hint_of_delete(client: Client) -> None:
    client.run("CREATE TABLE old (at TIMESTAMP)")
    client.run("INSERT INTO old VALUES ('2026-01-01 00:00:00')")
    # Midnight in Tokyo is nine hours before midnight in UTC.
    assert client.run(f"DELETE {HINT} FROM old WHERE at <= '2026-01-01 00:00:00'") == [["0"]]
    assert client.run("DELETE FROM old WHERE at <= '2026-01-01 00:00:00'") == [["1"]]


@pytest.mark.parametrize("settings", ["timezone = 'Asia/Tokyo'", "timezone = 'Asia/Tokyo', enable_join_runtime_filter = 0"])
def test_settings_of_one_statement_hold_beside_a_stream(chain: Client, settings: str) -> None:
    chain.run("CREATE TABLE ods (id BIGINT, zone VARCHAR)")
    chain.run(f"SETTINGS ({settings}) INSERT INTO ods SELECT id, timezone() FROM changes")
    assert (zones(chain, "ods"), pending(chain)) == ([["Asia/Tokyo"]], "0")


# The floor: a scalar subquery on another table


@pytest.mark.parametrize(("floors", "merged"), [([], "20"), (["('raw', 'other', '9')"], "20"), (["('raw', 'log', '000000390')", "('raw', 'log', '000000385')"], "10")])
def test_a_merge_reads_the_floor(chain: Client, db: str, floors: list[str], merged: str) -> None:
    for floor in floors:
        chain.run(f"INSERT INTO floors VALUES {floor}")
    assert chain.run(merge(db)) == [["0", merged]]
    # Consumed as a whole, what is below the floor included.
    assert pending(chain) == "0"


def test_a_merge_with_a_floor_goes_back_with_its_transaction(chain: Client, db: str) -> None:
    chain.run("BEGIN")
    chain.run("INSERT INTO floors VALUES ('raw', 'log', '000000390')")
    assert chain.run(merge(db)) == [["0", "10"]]
    assert pending(chain) == "0"
    chain.run("ROLLBACK")
    assert pending(chain) == "400"
    assert chain.run(merge(db)) == [["0", "20"]]
    assert pending(chain) == "0"


def test_a_merge_that_fails_consumes_nothing(chain: Client, db: str) -> None:
    chain.code(merge(db).replace("zone = timezone()", "zone = to_string(1 / (t.id - t.id))"))
    assert (pending(chain), zones(chain)) == ("400", [])


@pytest.mark.parametrize(("floors", "left"), [([], "400"), (["('raw', 'log', '000000100')"], "300")])
def test_a_delete_compares_with_another_table(chain: Client, floors: list[str], left: str) -> None:
    for floor in floors:
        chain.run(f"INSERT INTO floors VALUES {floor}")
    chain.run(f"DELETE {HINT} FROM log WHERE op < (SELECT max(floor) FROM floors WHERE raw_database = 'raw' AND raw_table = 'log')")
    assert chain.value("SELECT count(*) FROM log") == left
