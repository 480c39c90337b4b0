"""A clock that jumps (sandbox/README.md, Databend, The clock). It never goes back, so each test has a server of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.tests.databend.client import Client, Server, wait_until

HOUR = 3_600


@pytest.fixture
def own(data: Path) -> Iterator[Client]:
    server = Server(data)
    client = Client(server.port)
    client.run("CREATE DATABASE d")
    client.run("USE d")
    yield client
    server.stop()


def advance(client: Client, seconds: float) -> None:
    status, document, _ = client.request("POST", "/_sandbox/clock", {"advance_seconds": seconds})
    assert status == 200 and document["ahead_seconds"] >= seconds, document


def reason(client: Client, stream: str) -> str:
    return client.value(f"SELECT invalid_reason FROM system.streams WHERE name = '{stream}'") or ""


def test_a_stream_left_behind_goes_stale_after_the_retention(own: Client) -> None:
    own.run("CREATE TABLE short (id INT) DATA_RETENTION_PERIOD_IN_HOURS = 1")
    own.run("CREATE TABLE long (id INT)")
    for table in ("short", "long"):
        own.run(f"INSERT INTO {table} VALUES (0)")
        own.run(f"CREATE STREAM s_{table} ON TABLE {table}")
        own.run(f"CREATE STREAM read_{table} ON TABLE {table}")
        own.run(f"INSERT INTO {table} VALUES (1)")
        own.run(f"INSERT INTO {table} VALUES (2)")
        own.run(f"CREATE TABLE into_{table} (id INT)")
        own.run(f"INSERT INTO into_{table} SELECT id FROM read_{table}")
    advance(own, 2 * HOUR)
    assert "is gone" in reason(own, "s_short")
    assert own.code("SELECT * FROM s_short") == 2013
    assert own.run("SELECT id FROM s_long ORDER BY id") == [["1"], ["2"]]
    # What is up to date needs no old version.
    assert reason(own, "read_short") == reason(own, "s_long") == "" and own.run("SELECT * FROM read_short") == []
    assert own.run("SELECT id FROM short ORDER BY id") == [["0"], ["1"], ["2"]]
    assert "DATA_RETENTION_PERIOD_IN_HOURS='1'" in (own.value("SELECT table_option FROM system.tables WHERE database = 'd' AND name = 'short'") or "")
    advance(own, 23 * HOUR)
    assert own.code("SELECT * FROM s_long") == 2013 and own.run("SELECT * FROM read_long") == []


def test_versions_younger_than_the_retention_stay(own: Client) -> None:
    own.run("CREATE TABLE t (id INT)")
    own.run("INSERT INTO t VALUES (0)")
    advance(own, 20 * HOUR)
    own.run("CREATE STREAM s ON TABLE t")
    own.run("INSERT INTO t VALUES (1)")
    advance(own, 20 * HOUR)
    assert own.run("SELECT id FROM s") == [["1"]]


def test_schedules_and_history_go_by_it(own: Client) -> None:
    own.run("CREATE TASK hourly SCHEDULE = 60 MINUTE AS SELECT 1")
    own.run("ALTER TASK hourly RESUME")
    runs = "SELECT count(*) FROM system.task_history WHERE name = 'hourly' AND state = 'SUCCEEDED'"
    assert own.value(runs) == "0"
    advance(own, HOUR + 1)
    wait_until(lambda: own.value(runs) == "1", "the run that is due")
    own.run("ALTER TASK hourly SUSPEND")
    # History is kept for seven days.
    advance(own, 6 * 24 * HOUR)
    assert own.value(runs) == own.value("SELECT count(*) FROM TASK_HISTORY(TASK_NAME => 'hourly')") == "1"
    advance(own, 24 * HOUR)
    assert own.value(runs) == own.value("SELECT count(*) FROM TASK_HISTORY(TASK_NAME => 'hourly')") == "0"


def test_time_does_not_go_back_at_a_restart(data: Path) -> None:
    first = Server(data)
    advance(Client(first.port), HOUR)
    first.stop()
    second = Server(data)
    assert Client(second.port).request("GET", "/_sandbox/clock")[1] == {"ahead_seconds": HOUR}
    second.stop()


@pytest.mark.parametrize("wrong", [{}, {"advance_seconds": -1}, {"advance_seconds": "soon"}, []])
def test_a_jump_without_sense_is_refused(client: Client, wrong: object) -> None:
    assert client.request("POST", "/_sandbox/clock", wrong)[0] == 400
