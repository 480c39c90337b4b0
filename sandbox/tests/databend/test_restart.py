"""What survives a restart of the sandbox, orderly or not."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

import pytest

from sandbox.tests.databend.client import Client, Server, wait_until


@pytest.mark.parametrize("way", [signal.SIGTERM, signal.SIGKILL])
def test_everything_survives(data: Path, way: signal.Signals) -> None:
    server = Server(data)
    client = Client(server.port)
    for sql in (
        "CREATE DATABASE raw",
        "CREATE TABLE raw.t (id INT)",
        "INSERT INTO raw.t VALUES (0)",
        "CREATE STREAM raw.s ON TABLE raw.t COMMENT = 'kept'",
        "INSERT INTO raw.t VALUES (1)",
        "CREATE TABLE raw.seen (id INT)",
        "INSERT INTO raw.seen SELECT id FROM raw.s",
        "INSERT INTO raw.t VALUES (2)",
        "CREATE STAGE st URL = 's3://bucket/' CONNECTION = (endpoint_url = 'http://127.0.0.1:1' access_key_id = 'a' secret_access_key = 'b')",
        "CREATE VIEW raw.v AS SELECT max(id) AS id FROM raw.t",
        "SET GLOBAL timezone = 'Asia/Tokyo'",
        "CREATE TASK runs SCHEDULE = 500 MILLISECOND AS INSERT INTO raw.seen VALUES (100)",
        "CREATE TASK rests SCHEDULE = 1 MINUTE timezone = 'UTC' AS SELECT 1",
        "EXECUTE TASK rests",
    ):
        client.run(sql)
    wait_until(lambda: client.run("SELECT 1 FROM system.task_history WHERE name = 'rests' AND state = 'SUCCEEDED'"), "a run")
    client.run("ALTER TASK runs RESUME")
    client.run("BEGIN")
    client.run("INSERT INTO raw.t VALUES (99)")
    code = server.stop(way)
    assert code == (0 if way is signal.SIGTERM else -way)

    server = Server(data)
    try:
        again = Client(server.port)
        assert again.run("SELECT id FROM raw.t ORDER BY id") == [["0"], ["1"], ["2"]]
        assert again.run("SELECT id FROM raw.s") == [["2"]]
        assert again.value("SELECT comment FROM system.streams") == "kept"
        assert again.run("SELECT * FROM raw.v") == [["2"]]
        assert again.value("SELECT url FROM system.stages") == "s3://bucket/"
        assert again.value("SELECT timezone()") == "Asia/Tokyo"
        assert again.run("SELECT name, state FROM system.tasks ORDER BY name") == [["rests", "Suspended"], ["runs", "Started"]]
        assert again.value("SELECT session_parameters FROM system.tasks WHERE name = 'rests'") == '{"timezone":"UTC"}'
        assert again.value("SELECT count(*) FROM system.task_history WHERE name = 'rests'") == "1"
        # The started task goes on by itself.
        before = int(again.value("SELECT count(*) FROM raw.seen") or 0)
        wait_until(lambda: int(again.value("SELECT count(*) FROM raw.seen") or 0) > before, "a run after the restart")
        # The session of before is served, its transaction is not.
        client._port = server.port  # noqa: SLF001
        assert client.code("INSERT INTO raw.t VALUES (98)") == 4002
        assert client.value("SELECT count(*) FROM raw.t") == "3"
    finally:
        server.stop()


def test_several_restarts_in_a_row(data: Path) -> None:
    for number in range(4):
        server = Server(data)
        client = Client(server.port)
        client.run("CREATE TABLE IF NOT EXISTS t (id INT)")
        client.run(f"INSERT INTO t VALUES ({number})")
        assert client.value("SELECT count(*) FROM t") == str(number + 1)
        server.stop(signal.SIGKILL)


def test_a_port_taken_at_the_last_moment_is_replaced_by_another(data: Path) -> None:
    server = Server(data)
    Client(server.port).run("CREATE TABLE t (id INT)")
    server.stop()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        # As if the program had chosen its ports just before the other one took one of them.
        stores = data / "engine" / "meta" / "stores"
        ports = [*map(str, range(20101, 20106)), str(taken.getsockname()[1])]
        for old, new in zip(stores.read_text().split(), ports, strict=True):
            (stores.parent / f"MetaStoreProvider-created-{old}").rename(stores.parent / f"MetaStoreProvider-created-{new}")
        stores.write_text("\n".join(ports))
        server = Server(data, SANDBOX_META_PORTS=",".join(ports), LD_PRELOAD=str(data / "preloaded.so"))
        try:
            assert Client(server.port).value("SELECT count(*) FROM t") == "0"
        finally:
            server.stop()


def test_a_run_that_was_cut_off_is_cancelled(data: Path) -> None:
    server = Server(data)
    client = Client(server.port)
    # The engine refuses to sleep for longer than three seconds at a time.
    client.run(f"CREATE TASK slow SCHEDULE = 1 MINUTE AS BEGIN {'SELECT sleep(3); ' * 10}END")
    client.run("EXECUTE TASK slow")
    wait_until(lambda: client.run("SELECT 1 FROM system.task_history WHERE state = 'EXECUTING'"), "the run has begun")
    server.stop(signal.SIGKILL)
    server = Server(data)
    try:
        assert Client(server.port).run("SELECT state FROM system.task_history") == [["CANCELLED"]]
    finally:
        server.stop()
