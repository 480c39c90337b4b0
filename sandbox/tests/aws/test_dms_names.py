"""Names that bite: quotes, backticks, reserved words, 64 characters, every plane that MySQL takes, 200 columns."""

from __future__ import annotations

import pytest

from sandbox.tests.aws.lab import Lab

#: MySQL's identifiers are of the basic plane, so no emoji of the others; they are for values and file contents.
TABLES = [
    "select", "order by", "it's", 'say "hi"', "back`tick", "``", "semi;colon", "a--b", "/*c*/", "100%", "a_b", "dot.ted", "sla/sh", "back\\slash",
    "ünï cödé", "日本語", "☃", "x" * 64, "é" * 64, "#hash?&=+", "$dollar", "0123", "UPPER", "(t)", "a\tb",
]  # fmt: skip


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _rules(lab: Lab) -> list[dict[str, object]]:
    return [lab.include(), lab.add_column("_seq", "$AR_H_CHANGE_SEQ"), lab.before_image()]


@pytest.mark.parametrize("name", TABLES)
def test_a_table_of_that_name_is_loaded_and_followed(lab: Lab, name: str) -> None:
    table = f"{lab.schema}.{_quoted(name)}"
    lab.source.run(
        f"CREATE TABLE {table} (id INT PRIMARY KEY, {_quoted(name)} VARCHAR(40))",
        f"INSERT INTO {table} VALUES (1, 'a'), (2, 'b')",
    )
    task = lab.task(rules=_rules(lab)).run(name)
    lab.source.run(
        f"UPDATE {table} SET {_quoted(name)} = '😀' WHERE id = 1",
        f"ALTER TABLE {table} ADD COLUMN {_quoted(name[:60] + '_2')} INT",
        f"INSERT INTO {table} VALUES (3, NULL, 7)",
    )
    task.flush()
    folder = f"{lab.schema}/{name}/"
    keys = lab.keys(folder)
    assert keys == lab.keys(), "the folder is the name, as it is"
    assert f"{folder}LOAD00000001.parquet" in keys
    rows = sorted((r for k in keys if "LOAD" not in k.removeprefix(folder) for r in lab.parquet(k).to_pylist()), key=lambda r: r["_seq"])
    assert [(r["Op"], r["id"], r[name]) for r in rows] == [("U", 1, "😀"), ("I", 3, None)]
    assert rows[1][name[:60] + "_2"] == 7
    assert (task.table(name)["Ddls"], task.table(name)["TableState"]) == (1, "Table completed")
    lab.source.run(f"TRUNCATE TABLE {table}")
    task.flush()
    assert lab.keys() == []


def test_two_hundred_columns_and_an_empty_table(lab: Lab) -> None:
    columns = [f"c{i}" for i in range(200)]
    lab.sql(
        f"CREATE TABLE {{s}}.orders ({', '.join(f'{c} VARCHAR(8)' for c in columns)}, PRIMARY KEY (c0, c199))",
        "CREATE TABLE {s}.empty LIKE {s}.orders",
        f"INSERT INTO {{s}}.orders VALUES ({', '.join(repr(c) for c in columns)})",
    )
    task = lab.task(rules=_rules(lab), s3={"TimestampColumnName": None}).run("orders", "empty")
    lab.sql("INSERT INTO {s}.empty SELECT * FROM {s}.orders", "UPDATE {s}.orders SET c199 = 'new', c100 = NULL")
    task.flush()
    assert lab.load_files("empty") == []
    (inserted,) = lab.changes("empty")
    assert [inserted[c] for c in columns] == columns
    (updated,) = lab.changes()
    assert (updated["before_c0"], updated["before_c199"], updated["c199"], updated["c100"]) == ("c0", "c199", "new", None)
    assert updated["c99"] == "c99"


@pytest.mark.parametrize(
    ("kind", "old", "new"),
    [
        ("BINARY(3)", "x'0100'", "x'0101'"),
        ("VARBINARY(8)", "x''", "x'00'"),
        ("DECIMAL(20,4)", "1.5", "-1.5"),
        ("BIGINT UNSIGNED", "18446744073709551615", "0"),
        ("DATETIME(6)", "'2024-01-01 00:00:00.000001'", "'2024-01-01 00:00:00'"),
        ("DATE", "'2024-01-01'", "'1999-12-31'"),
        ("VARCHAR(20) COLLATE utf8mb4_bin", "'a'", "'A'"),
        ("VARCHAR(20)", "''", "'😀'"),
        ("ENUM('x','y')", "'x'", "'y'"),
        ("DOUBLE", "0.1", "0.2"),
        ("TIME", "'-00:00:01'", "'00:00:01'"),
        ("BIT(9)", "b'1'", "b'100000000'"),
    ],
)
def test_keys_of_odd_types_tell_what_changed(lab: Lab, kind: str, old: str, new: str) -> None:
    lab.sql(f"CREATE TABLE {{s}}.orders (k {kind} PRIMARY KEY, n INT)", f"INSERT INTO {{s}}.orders VALUES ({old}, 1)")
    task = lab.task(rules=_rules(lab)).run()
    lab.sql("UPDATE {s}.orders SET n = 2", f"UPDATE {{s}}.orders SET k = {new}", "DELETE FROM {s}.orders")
    task.flush()
    loaded, (same, moved, deleted) = lab.loaded()[0]["k"], lab.changes()
    assert (same["k"], same["before_k"]) == (loaded, None)
    assert moved["before_k"] == loaded and moved["k"] not in (loaded, None)
    assert (deleted["Op"], deleted["k"]) == ("D", moved["k"])
