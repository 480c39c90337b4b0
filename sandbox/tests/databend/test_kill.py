"""KILL QUERY and the protocol's /kill (FIDELITY.md)."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable

from sandbox.tests.databend.client import Client

# Seconds in which the engine does nothing that could be seen from outside, and which cost nothing.
LONG = "SELECT sleep(2.5) AS n"


def begin(client: Client, sql: str) -> str:
    """Sends a statement without waiting for it."""
    query_id = uuid.uuid4().hex
    assert client.post(sql, query_id, pagination={"wait_time_secs": 0.2})["state"] == "Running"
    return query_id


def end(client: Client, query_id: str) -> tuple[int, str, float]:
    """Code and state of a query that was killed, and how long the client waited."""
    begun = time.monotonic()
    _, document, _ = client.request("GET", f"/v1/query/{query_id}/page/0")
    client.state = document["session"]
    return document["error"]["code"], document["state"], time.monotonic() - begun


def wait_for_the_end(client: Client) -> None:
    """A killed statement works on unseen; another of the same kind takes at least as long."""
    client.run(LONG)
    time.sleep(1)


def test_the_client_is_told_at_once_and_can_go_on(client: Client, db: str) -> None:
    query_id = begin(client, LONG)
    assert client.request("POST", f"/v1/query/{query_id}/kill")[0] == 200
    code, state, waited = end(client, query_id)
    assert (code, state) == (1043, "Failed") and waited < 1
    begun = time.monotonic()
    assert client.value("SELECT currentDatabase()") == db
    assert time.monotonic() - begun < 5


def test_another_session_kills_by_query_or_by_session(client: Client, connect: Callable[[], Client]) -> None:
    query_id = begin(client, LONG)
    connect().run(f"KILL QUERY '{query_id}'")
    assert end(client, query_id)[0] == 1043
    query_id = begin(client, LONG)
    assert client.cookie is not None
    connect().run(f"KILL QUERY '{client.cookie.split('=')[1]}'")
    assert end(client, query_id)[0] == 1043
    assert client.code(f"KILL QUERY '{query_id}'") == 1053


def test_a_killed_transaction_commits_nothing(client: Client, connect: Callable[[], Client], db: str) -> None:
    client.run("CREATE TABLE t (id BIGINT)")
    client.run("BEGIN")
    client.run("INSERT INTO t VALUES (1)")
    query_id = begin(client, f"INSERT INTO t {LONG}")
    connect().run(f"KILL QUERY '{query_id}'")
    assert end(client, query_id)[0] == 1043
    assert client.code("SELECT 1") == 4002
    client.run("ROLLBACK")
    other = connect()
    wait_for_the_end(other)
    assert other.value(f"SELECT count(*) FROM {db}.t") == "0"


def test_a_killed_consumer_of_a_stream_leaves_it_as_it_was(client: Client, connect: Callable[[], Client], db: str) -> None:
    client.run("CREATE TABLE t (id BIGINT)")
    client.run("CREATE TABLE into_it (id BIGINT)")
    client.run("CREATE STREAM s ON TABLE t")
    client.run("INSERT INTO t VALUES (1)")
    query_id = begin(client, f"INSERT INTO into_it SELECT s.id + n FROM s, ({LONG}) AS c")
    connect().run(f"KILL QUERY '{query_id}'")
    assert end(client, query_id)[0] == 1043
    other = connect()
    wait_for_the_end(other)
    assert other.run(f"SELECT id FROM {db}.into_it") == []
    assert other.run(f"SELECT id FROM {db}.s") == [["1"]]
