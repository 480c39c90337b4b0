"""Nothing is lost, doubled or out of order when a task has to catch up: stops, kills, rotation, DDL in between."""

from __future__ import annotations

import random
import signal
from pathlib import Path
from typing import Any

import pytest

from sandbox.tests.aws.lab import Lab, Service, Source, make_instance

KEYS = 12


def _rules(lab: Lab) -> list[dict[str, object]]:
    return [lab.include(), lab.add_column("_seq", "$AR_H_CHANGE_SEQ"), lab.before_image()]


def test_old_rows_keep_the_columns_of_their_own_time(lab: Lab) -> None:
    """Changes that were made before an ALTER TABLE, read after it: the old names, the old values, files of their own."""
    lab.sql(
        "CREATE TABLE {s}.orders (id INT PRIMARY KEY, name VARCHAR(20), old INT, n INT, e ENUM('a','b'))",
        "INSERT INTO {s}.orders VALUES (1, 'one', 11, 21, 'a')",
    )
    task = lab.task(rules=_rules(lab), s3={"TimestampColumnName": None}).run()
    task.stop()
    lab.sql(
        "UPDATE {s}.orders SET name = 'two', old = 12, n = 22",
        "ALTER TABLE {s}.orders RENAME COLUMN name TO title",
        "UPDATE {s}.orders SET title = 'three'",
        "ALTER TABLE {s}.orders DROP COLUMN old",
        "UPDATE {s}.orders SET title = 'four'",
        "ALTER TABLE {s}.orders MODIFY n VARCHAR(20), ADD COLUMN extra INT FIRST",
        "UPDATE {s}.orders SET n = 'text', extra = 5",
    )
    task.resume().flush()
    files = [lab.parquet(k) for k in lab.cdc_files()]
    rows = [{k: v for k, v in row.items() if not k.startswith(("_", "before_"))} for f in files for row in f.to_pylist()]
    assert rows == [
        {"Op": "U", "id": 1, "name": "two", "old": 12, "n": 22, "e": "a"},
        {"Op": "U", "id": 1, "title": "three", "old": 12, "n": 22, "e": "a"},
        {"Op": "U", "id": 1, "title": "four", "n": 22, "e": "a"},
        {"Op": "U", "extra": 5, "id": 1, "title": "four", "n": "text", "e": "a"},
    ]
    assert task.table()["TableState"] == "Table completed"


def test_a_table_dropped_meanwhile_gives_what_it_had(lab: Lab) -> None:
    lab.orders(2)
    lab.orders(1, table="lines")
    task = lab.task(rules=_rules(lab)).run("orders", "lines")
    task.stop()
    lab.sql("UPDATE {s}.orders SET status = 'last'", "DROP TABLE {s}.orders", "UPDATE {s}.lines SET status = 'x'")
    task.resume().flush()
    assert [r["status"] for r in lab.changes()] == ["last", "last"]
    assert [r["status"] for r in lab.changes("lines")] == ["x"]


def test_a_table_made_again_with_other_columns(lab: Lab) -> None:
    lab.orders(1)
    task = lab.task(rules=_rules(lab), s3={"TimestampColumnName": None}).run()
    task.stop()
    lab.sql(
        "UPDATE {s}.orders SET status = 'old'",
        "DROP TABLE {s}.orders",
        "CREATE TABLE {s}.orders (code CHAR(3) PRIMARY KEY, id DATETIME)",
        "INSERT INTO {s}.orders VALUES ('new', '2024-01-01')",
    )
    task.resume().flush()
    old, new = lab.changes()
    assert (old["id"], old["status"]) == (1, "old")
    assert (new["code"], str(new["id"])) == ("new", "2024-01-01 00:00:00")


@pytest.mark.parametrize("seed", range(3))
def test_what_is_replayed_is_what_the_source_has(tmp_path: Path, source: Source, seed: int) -> None:
    """Random histories of two tables with stops, kills of the whole sandbox, rotation and size flushes in between."""
    service = Service(tmp_path / "data")
    lab = Lab(service, source, make_instance(service))
    chance = random.Random(seed)
    tables = {"t1": "id INT", "t2": "id VARBINARY(8)"}
    try:
        for table, key in tables.items():
            lab.sql(f"CREATE TABLE {{s}}.{table} ({key} PRIMARY KEY, v BIGINT, filler VARCHAR(300))")
            lab.sql(*[f"INSERT INTO {{s}}.{table} VALUES ({i}, 0, 'x')" for i in range(0, KEYS, 2)])
        s3 = {"TimestampColumnName": None, "CdcMinFileSize": chance.choice([1, 32_000]), "CdcMaxBatchInterval": chance.choice([1, 600])}
        task = lab.task(rules=_rules(lab), s3=s3).start()
        for step in range(60):
            _transaction(lab, chance, step)
            event = chance.random()
            if event < 0.05:
                lab.sql("FLUSH BINARY LOGS")
            elif event < 0.12:
                task.flush() if task.describe()["Status"] == "running" else None
            elif event < 0.17 and task.describe()["Status"] == "running":
                task.stop()
                _transaction(lab, chance, step)
                task.resume()
            elif event < 0.20:
                service.restart(chance.choice([signal.SIGKILL, signal.SIGTERM]))
                lab.dms, lab.s3 = service.client("dms"), service.client("s3")
                task._dms = lab.dms
        task.wait("running")
        task.loaded(*tables)
        task.flush()
        for table in tables:
            assert _replayed(lab, table) == _rows(lab, table)
            sequences = [r["_seq"] for r in lab.changes(table)]
            assert sequences == sorted(set(sequences)), "files in the order of their names, no number twice"
        task.stop()
    finally:
        service.stop()
        lab.sql("DROP DATABASE {s}")


def _transaction(lab: Lab, chance: random.Random, step: int) -> None:
    statements = []
    for _ in range(chance.randint(1, 5)):
        table, key, other = chance.choice(["t1", "t2"]), chance.randrange(KEYS), chance.randrange(KEYS)
        filler = "y" * chance.choice([1, 300])
        statements.append(chance.choice([
            f"INSERT INTO {{s}}.{table} VALUES ({key}, {step}, '{filler}') ON DUPLICATE KEY UPDATE v = {step}, filler = '{filler}'",
            f"UPDATE {{s}}.{table} SET v = v + 1",
            f"UPDATE {{s}}.{table} SET v = {step} WHERE id = {key}",
            f"DELETE FROM {{s}}.{table} WHERE id = {key}",
            f"UPDATE IGNORE {{s}}.{table} SET id = {other}, v = {step} WHERE id = {key}",
        ]))  # fmt: skip
    if chance.random() < 0.1:
        statements.append("ROLLBACK")
    lab.transaction(*statements)


def _replayed(lab: Lab, table: str) -> dict[Any, Any]:
    """The files as the product takes them: the load, then changes by their sequence; a changed key moves its row."""
    rows = {r["id"]: (r["v"], r["filler"]) for r in lab.loaded(table)}
    for row in sorted(lab.changes(table), key=lambda r: r["_seq"]):
        if row["before_id"] is not None:
            rows.pop(row["before_id"], None)
        if row["Op"] == "D":
            rows.pop(row["id"], None)
        else:
            rows[row["id"]] = (row["v"], row["filler"])
    return rows


def _rows(lab: Lab, table: str) -> dict[Any, Any]:
    connection = lab.source.connect()
    with connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT id, v, filler FROM {lab.schema}.{table}")
        return {key: tuple(rest) for key, *rest in cursor.fetchall()}
