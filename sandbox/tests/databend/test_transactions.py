"""Transactions as a server keeps them (docs/facts/databend.md, "ALTER TABLE, transactions")."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sandbox.tests.databend.client import Client


@pytest.fixture
def table(client: Client) -> Client:
    client.run("CREATE TABLE t (id INT)")
    return client


def count(client: Client) -> int:
    return int(client.value("SELECT count(*) FROM t") or 0)


def test_several_statements_commit_together(table: Client, connect: Callable[[], Client], db: str) -> None:
    other = connect()
    table.run("BEGIN")
    assert (table.state["txn_state"], table.state["need_sticky"]) == ("Active", True)
    table.run("INSERT INTO t VALUES (1)")
    table.run("INSERT INTO t VALUES (2)")
    assert count(table) == 2
    assert other.value(f"SELECT count(*) FROM {db}.t") == "0"
    table.run("COMMIT")
    assert other.value(f"SELECT count(*) FROM {db}.t") == "2"


def test_rollback_undoes_all(table: Client) -> None:
    table.run("BEGIN")
    table.run("INSERT INTO t VALUES (1)")
    table.run("ROLLBACK")
    assert (count(table), table.state["txn_state"]) == (0, "AutoCommit")


@pytest.mark.parametrize("wrong", ["SELECT nothing", "SELEC 1", "INSERT INTO t VALUES ('x')", "SELECT * FROM missing"])
def test_after_an_error_everything_is_refused_until_rollback(table: Client, wrong: str) -> None:
    table.run("BEGIN")
    table.run("INSERT INTO t VALUES (1)")
    table.code(wrong)
    assert table.state["txn_state"] == "Fail"
    assert table.code("SELECT 1") == 4002
    assert table.code("INSERT INTO t VALUES (2)") == 4002
    assert table.code("also not SQL") == 4002
    table.run("ROLLBACK")
    assert count(table) == 0


def test_commit_of_a_failed_transaction_commits_nothing(table: Client) -> None:
    table.run("BEGIN")
    table.run("INSERT INTO t VALUES (1)")
    table.code("SELECT nothing")
    table.run("COMMIT")
    assert (count(table), table.state["txn_state"]) == (0, "AutoCommit")


def test_ddl_commits(table: Client) -> None:
    table.run("BEGIN")
    table.run("INSERT INTO t VALUES (1)")
    table.run("CREATE TABLE other (id INT)")
    assert table.state["txn_state"] == "AutoCommit"
    table.run("ROLLBACK")
    assert count(table) == 1


def test_a_conflict_fails_at_commit(table: Client, connect: Callable[[], Client], db: str) -> None:
    table.run("INSERT INTO t VALUES (1)")
    table.run("BEGIN")
    table.run("UPDATE t SET id = 2")
    connect().run(f"UPDATE {db}.t SET id = 3")
    assert table.code("COMMIT") == 4001
    assert table.state["txn_state"] == "AutoCommit"
    assert table.value("SELECT id FROM t") == "3"


def test_inserts_of_two_transactions_and_a_delete_beside_an_insert_do_not_conflict(
    table: Client, connect: Callable[[], Client], db: str
) -> None:
    table.run("CREATE TABLE horizons (horizon INT)")
    table.run("INSERT INTO t VALUES (1), (2)")
    other = connect()
    other.run(f"USE {db}")
    for client, horizon in ((table, 2), (other, 0)):
        client.run("BEGIN")
        client.run(f"INSERT INTO horizons VALUES ({horizon})")
    table.run("DELETE FROM t WHERE id < (SELECT max(horizon) FROM horizons)")
    # Committed behind the DELETE, so that it stays although the DELETE would take it.
    connect().run(f"INSERT INTO {db}.t VALUES (0)")
    for client in (table, other):
        client.run("COMMIT")
    assert table.run("SELECT id FROM t ORDER BY id") == [["0"], ["2"]]
    assert table.value("SELECT count(*) FROM horizons") == "2"


@pytest.mark.parametrize(("hint", "code"), [("", 4001), ("/*+ SET_VAR(enable_compact_after_write=0) */", None)])
def test_an_insert_that_compacts_its_table_conflicts_with_other_inserts(
    table: Client, connect: Callable[[], Client], db: str, hint: str, code: int | None
) -> None:
    """The engine compacts a table when an insert finds 25 small blocks, inside a transaction too."""
    for _ in range(24):
        table.run("INSERT INTO t VALUES (0)")
    table.run("BEGIN")
    table.run(f"INSERT {hint} INTO t VALUES (1)")
    connect().run(f"INSERT INTO {db}.t VALUES (2)")
    if code is None:
        table.run("COMMIT")
    else:
        assert table.code("COMMIT") == code
    assert count(table) == (26 if code is None else 25)
