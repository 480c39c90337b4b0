"""Faults on demand (sandbox/README.md, Databend)."""

from __future__ import annotations

import http.client
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.tests.databend.client import Client, DatabendError, wait_until

CUT = (ConnectionError, http.client.BadStatusLine, http.client.RemoteDisconnected)


@pytest.fixture
def faulty(client: Client) -> Iterator[Client]:
    client.run("CREATE TABLE t (id INT)")
    yield client
    client.request("DELETE", "/_sandbox/faults")


def rule(client: Client, **fields: Any) -> dict[str, Any]:
    status, document, _ = client.request("POST", "/_sandbox/faults", fields)
    assert status == 200, document
    return document


def test_drop_after_does_the_work_and_the_repeated_request_finds_it(faulty: Client) -> None:
    rule(faulty, match="^INSERT INTO t", action="drop_after", count=1)
    query_id = uuid.uuid4().hex
    with pytest.raises(CUT):
        faulty.post("INSERT INTO t VALUES (1)", query_id)
    assert faulty.value("SELECT count(*) FROM t") == "1"
    assert faulty.post("INSERT INTO t VALUES (1)", query_id)["data"] == [["1"]]
    assert faulty.value("SELECT count(*) FROM t") == "1"


@pytest.mark.parametrize("action", ["drop_before", "refuse"])
def test_drop_before_and_refuse_do_nothing(faulty: Client, action: str) -> None:
    rule(faulty, match="insert into t", action=action)
    with pytest.raises(CUT):
        faulty.run("INSERT INTO t VALUES (1)")
    assert faulty.value("SELECT count(*) FROM t") == "0"
    faulty.run("INSERT INTO t VALUES (1)")


def test_a_connection_can_be_refused_at_login(faulty: Client) -> None:
    rule(faulty, match="/v1/session/login", action="refuse")
    with pytest.raises(CUT):
        Client(faulty._port)  # noqa: SLF001
    Client(faulty._port)  # noqa: SLF001


def test_error_answers_an_error_without_running(faulty: Client) -> None:
    rule(faulty, match="INSERT", action="error", code=4001, message="made up")
    with pytest.raises(DatabendError, match="made up") as error:
        faulty.run("INSERT INTO t VALUES (1)")
    assert error.value.code == 4001
    assert faulty.value("SELECT count(*) FROM t") == "0"


def test_throttle_is_503(faulty: Client) -> None:
    rule(faulty, match="SELECT 1", action="throttle")
    status, _, _ = faulty.request("POST", "/v1/query", {"sql": "SELECT 1", "session": faulty.state})
    assert status == 503
    assert faulty.value("SELECT 1") == "1"


def test_delay_is_late_but_right(faulty: Client) -> None:
    rule(faulty, match="SELECT 2", action="delay", delay_ms=400)
    begun = time.monotonic()
    assert faulty.value("SELECT 2") == "2"
    assert time.monotonic() - begun >= 0.4


def test_a_rule_ends_after_its_count(faulty: Client) -> None:
    rule(faulty, match="SELECT 3", action="error", count=2)
    assert faulty.code("SELECT 3") == faulty.code("SELECT 3") == 1104
    assert faulty.value("SELECT 3") == "3"
    assert faulty.request("GET", "/_sandbox/faults")[1] == []


def test_rules_are_listed_and_cleared(faulty: Client) -> None:
    rule(faulty, match="x", action="error", count=5, probability=0.5)
    [listed] = faulty.request("GET", "/_sandbox/faults")[1]
    assert (listed["match"], listed["count"], listed["probability"]) == ("x", 5, 0.5)
    assert faulty.request("DELETE", "/_sandbox/faults")[1] == []
    assert faulty.request("GET", "/_sandbox/faults")[1] == []


@pytest.mark.parametrize("wrong", [{}, {"match": "x", "action": "explode"}, {"match": "(", "action": "error"}, [1]])
def test_a_rule_without_sense_is_refused(faulty: Client, wrong: Any) -> None:
    status, document, _ = faulty.request("POST", "/_sandbox/faults", wrong)
    assert status == 400 and document["error"]


def test_statements_of_tasks_fail_too(faulty: Client, db: str) -> None:
    rule(faulty, match="^SELECT 'COPY_NOTHING'", action="error", code=1104, message="bucket is away")
    faulty.run(f"CREATE TASK f_{db} SCHEDULE = 1 MINUTE AS SELECT 'COPY_NOTHING'")
    faulty.run(f"EXECUTE TASK f_{db}")
    text = f"SELECT exception_text FROM system.task_history WHERE name = 'f_{db}' AND state = 'FAILED'"
    assert wait_until(lambda: faulty.run(text), "the failed run") == [["bucket is away"]]
    faulty.run(f"DROP TASK f_{db}")


def test_health(faulty: Client) -> None:
    assert faulty.request("GET", "/_sandbox/health")[1]["ready"] is True


def test_a_tasks_work_can_be_done_and_recorded_as_failed(faulty: Client, db: str) -> None:
    rule(faulty, match="^INSERT INTO .*'lost answer'", action="drop_after", message="the answer was lost")
    faulty.run(f"CREATE TABLE {db}.done (note VARCHAR)")
    faulty.run(f"CREATE TASK lost_{db} SCHEDULE = 1 MINUTE AS INSERT INTO {db}.done VALUES ('lost answer')")
    faulty.run(f"EXECUTE TASK lost_{db}")
    text = f"SELECT exception_text FROM system.task_history WHERE name = 'lost_{db}' AND state = 'FAILED'"
    assert wait_until(lambda: faulty.run(text), "the failed run") == [["the answer was lost"]]
    assert faulty.value(f"SELECT count(*) FROM {db}.done") == "1"
    faulty.run(f"DROP TASK lost_{db}")
