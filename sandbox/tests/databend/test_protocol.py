"""The query protocol (docs/facts/databend.md, "HTTP protocol")."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from sandbox.tests.databend.client import Client, Server

Connect = Callable[[], Client]


def test_login_answers_the_version_and_a_session(connect: Connect) -> None:
    status, document, headers = connect().login
    assert status == 200
    assert document == {"version": "1.2.895"}
    assert headers["x-databend-session-id"]


def test_a_wrong_password_is_refused(server: Server) -> None:
    status, document, _ = Client(server.port, password="wrong").login
    assert (status, document["error"]["code"]) == (401, 5100)
    status, _, _ = Client(server.port, user="someone").login
    assert status == 401


def test_results_come_in_pages_until_next_uri_is_null(client: Client) -> None:
    document = client.post("SELECT number FROM numbers(25)", pagination={"max_rows_per_page": 10})
    sizes, last = [], None
    while document["next_uri"]:
        sizes.append(len(document["data"]))
        last = document["next_uri"]
        _, document, _ = client.request("GET", document["next_uri"])
    assert sizes == [10, 10, 5]
    assert last is not None and last.endswith("/final")
    rows = client.run("SELECT number FROM numbers(25) ORDER BY number", pagination={"max_rows_per_page": 10})
    assert rows == [[str(number)] for number in range(25)]


def test_a_page_can_be_asked_for_again(client: Client) -> None:
    document = client.post("SELECT number FROM numbers(20) ORDER BY 1", pagination={"max_rows_per_page": 10})
    pages = [client.request("GET", document["next_uri"])[1]["data"] for _ in range(2)]
    assert pages[0] == pages[1] and len(pages[0]) == 10


def test_a_slow_statement_is_answered_as_running_first(client: Client) -> None:
    document = client.post("SELECT sleep(1.5)", pagination={"wait_time_secs": 0.2})
    assert (document["state"], document["data"]) == ("Running", [])
    assert "/page/0" in document["next_uri"]
    _, document, _ = client.request("GET", document["next_uri"])
    assert (document["state"], len(document["data"])) == ("Succeeded", 1)


def test_a_repeated_request_runs_once_and_is_answered_alike(client: Client) -> None:
    client.run("CREATE TABLE t (id INT)")
    query_id = uuid.uuid4().hex
    first = client.post("INSERT INTO t VALUES (1)", query_id)
    again = client.post("INSERT INTO t VALUES (1)", query_id)
    assert first["data"] == again["data"] == [["1"]]
    assert client.value("SELECT count(*) FROM t") == "1"


def test_an_unknown_query_is_404(client: Client) -> None:
    status, document, _ = client.request("GET", "/v1/query/none/page/0")
    assert status == 404
    assert "none" in document["error"]["message"]


def test_errors_come_under_http_200_without_a_backtrace(client: Client) -> None:
    status, document, _ = client.request("POST", "/v1/query", {"sql": "SELECT * FROM missing", "session": client.state})
    assert status == 200
    assert (document["state"], document["error"]["code"]) == ("Failed", 1025)
    assert "<unknown>" not in document["error"]["message"]
    assert client.code("SELECT * FROM missing.t") == 1003
    assert client.code("SELECT nothing") == 1065
    assert client.code("SELEC 1") == 1005
    assert client.code("") == 1005


def test_write_progress_counts_what_was_written(client: Client) -> None:
    client.run("CREATE TABLE t (id INT)")
    def written(sql: str) -> int:
        return client.post(sql)["stats"]["write_progress"]["rows"]
    assert written("INSERT INTO t VALUES (1), (2)") == 2
    assert written("UPDATE t SET id = 3 WHERE id = 1") == 1
    assert written("DELETE FROM t") == 2
    assert written("SELECT 1") == 0


def test_the_session_is_echoed(client: Client, db: str) -> None:
    client.run("SET timezone = 'Asia/Tokyo'")
    assert client.state["database"] == db
    assert client.state["settings"] == {"timezone": "Asia/Tokyo"}
    assert (client.state["txn_state"], client.state["need_sticky"]) == ("AutoCommit", False)
    client.run("UNSET timezone")
    assert client.state["settings"] == {}


def test_settings_and_database_that_the_client_brings_are_applied(server: Server, db: str) -> None:
    client = Client(server.port, state={"database": db, "settings": {"timezone": "Europe/Berlin"}})
    assert client.run("SELECT currentDatabase(), timezone()") == [[db, "Europe/Berlin"]]


def test_a_missing_database_matters_only_to_names_without_one(server: Server, db: str) -> None:
    client = Client(server.port, state={"database": f"{db}_new"})
    assert client.value("SELECT 1") == "1"
    assert client.code("SELECT * FROM t") == 1025
    assert client.code("CREATE TABLE t (id INT)") != 0
    client.run(f"CREATE DATABASE {db}_new")
    client.run("CREATE TABLE t (id INT)")
    assert client.value(f"SELECT count(*) FROM {db}_new.t") == "0"
    client.run(f"DROP DATABASE {db}_new")
    client.run("USE default")
    assert client.state["database"] == "default"


def test_sessions_are_isolated(client: Client, connect: Connect) -> None:
    client.run("SET max_threads = 3")
    other = connect().run("SELECT value FROM system.settings WHERE name = 'max_threads'")
    assert client.run("SELECT value FROM system.settings WHERE name = 'max_threads'") == [["3"]]
    assert other != [["3"]]


def test_an_unknown_session_begins_anew_but_not_its_transaction(client: Client) -> None:
    client.cookie = f"databend_session={uuid.uuid4()}"
    assert client.value("SELECT 1") == "1"
    client.cookie = f"databend_session={uuid.uuid4()}"
    client.state = {**client.state, "txn_state": "Active"}
    assert client.code("SELECT 1") == 4002


def test_values_are_text(client: Client) -> None:
    [row] = client.run(
        "SELECT TRUE, FALSE, to_binary('ab'), '2026-01-02 03:04:05.6'::TIMESTAMP, '2026-01-02'::DATE, "
        "1.50::DECIMAL(12, 2), 0.1::FLOAT, 1::DOUBLE, parse_json('{\"b\": [1, null]}'), NULL, [1, NULL], (1, 'x'), {'k': 2}"
    )
    assert row == [
        "1", "0", "6162", "2026-01-02 03:04:05.600000", "2026-01-02", "1.50", "0.1", "1", '{"b":[1,null]}', None,
        "[1,NULL]", '(1,"x")', '{"k":2}',
    ]  # fmt: skip


def test_timestamps_follow_the_sessions_time_zone(client: Client) -> None:
    client.run("SET timezone = 'Asia/Shanghai'")
    document = client.post("SELECT to_timestamp(0)")
    assert document["data"] == [["1970-01-01 08:00:00.000000"]]
    assert document["settings"]["timezone"] == "Asia/Shanghai"


def test_types_have_databends_names(client: Client) -> None:
    client.run("CREATE TABLE t (a INT NOT NULL, b DECIMAL(12, 2), c VARIANT, d TIMESTAMP, e ARRAY(STRING), f BIGINT UNSIGNED)")
    client.run("SELECT * FROM t")
    assert client.types == [
        "Int32", "Nullable(Decimal(12, 2))", "Nullable(Variant)", "Nullable(Timestamp)",
        "Nullable(Array(Nullable(String)))", "Nullable(UInt64)",
    ]  # fmt: skip


def test_heartbeat_kill_and_final_are_answered(client: Client) -> None:
    document = client.post("SELECT 1")
    assert client.request("POST", "/v1/session/heartbeat", {"node_to_queries": {}})[1] == {"queries_to_remove": []}
    assert client.request("POST", document["kill_uri"])[0] == 200
    assert client.request("POST", document["final_uri"])[1]["next_uri"] is None


def test_logout_ends_the_session_and_its_transaction(client: Client, connect: Connect, db: str) -> None:
    client.run("CREATE TABLE t (id INT)")
    client.run("BEGIN")
    client.run("INSERT INTO t VALUES (1)")
    assert client.request("POST", "/v1/session/logout", {})[0] == 200
    assert client.code("COMMIT") == 4002
    assert connect().value(f"SELECT count(*) FROM {db}.t") == "0"


def test_the_start_says_that_the_engine_reports_telemetry(server: Server) -> None:
    assert "telemetry" in server.log()
