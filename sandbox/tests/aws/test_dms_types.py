"""MySQL type -> Parquet type, the same by the full load and by the binlog (docs/facts/dms.md section 3)."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from sandbox.tests.aws.lab import Lab

# column type, value in SQL, Parquet type, value in the file
CASES: list[tuple[str, str, pa.DataType, Any]] = [
    ("TINYINT", "-128", pa.int8(), -128),
    ("TINYINT(1)", "1", pa.int8(), 1),
    ("BOOLEAN", "TRUE", pa.int8(), 1),
    ("TINYINT UNSIGNED", "255", pa.uint8(), 255),
    ("SMALLINT", "-32768", pa.int16(), -32768),
    ("SMALLINT UNSIGNED", "65535", pa.uint16(), 65535),
    ("MEDIUMINT", "-8388608", pa.int32(), -8388608),
    ("MEDIUMINT UNSIGNED", "16777215", pa.uint32(), 16777215),
    ("INT", "-2147483648", pa.int32(), -2147483648),
    ("INT UNSIGNED", "4294967295", pa.uint32(), 4294967295),
    ("BIGINT", "-9223372036854775808", pa.int64(), -(2**63)),
    ("BIGINT UNSIGNED", "18446744073709551615", pa.uint64(), 2**64 - 1),
    ("YEAR", "2026", pa.int16(), 2026),
    ("YEAR", "0", pa.int16(), 0),
    ("BIT(1)", "b'1'", pa.bool_(), True),
    ("BIT(1)", "b'0'", pa.bool_(), False),
    ("BIT(64)", "b'1000000000000000000000000000000000000000000000000000000000000001'", pa.binary(), b"\x80\0\0\0\0\0\0\x01"),
    ("BIT(12)", "b'101010101010'", pa.binary(), b"\x0a\xaa"),
    ("DECIMAL(12,2)", "-1234567890.12", pa.decimal128(12, 2), Decimal("-1234567890.12")),
    ("DECIMAL(10,10)", "0.0000000001", pa.decimal128(10, 10), Decimal("0.0000000001")),
    ("DECIMAL(38,0)", "99999999999999999999999999999999999999", pa.decimal128(38, 0), Decimal("9" * 38)),
    ("DECIMAL(65,30)", "-12345678901234567890123456789012345.123456789012345678901234567890", pa.string(),
     "-12345678901234567890123456789012345.123456789012345678901234567890"),
    ("FLOAT", "0.1", pa.float64(), 0.10000000149011612),
    ("DOUBLE", "0.1", pa.float64(), 0.1),
    ("DATE", "'2024-02-29'", pa.date32(), date(2024, 2, 29)),
    ("DATE", "'0000-00-00'", pa.date32(), None),
    ("DATE", "'2024-00-10'", pa.date32(), None),
    ("DATETIME", "'1999-12-31 23:59:59'", pa.timestamp("us"), datetime(1999, 12, 31, 23, 59, 59)),
    ("DATETIME(3)", "'2024-01-01 00:00:00.123'", pa.timestamp("us"), datetime(2024, 1, 1, 0, 0, 0, 123000)),
    ("DATETIME(6)", "'1000-01-01 00:00:00.000001'", pa.timestamp("us"), datetime(1000, 1, 1, 0, 0, 0, 1)),
    ("DATETIME", "'0000-00-00 00:00:00'", pa.timestamp("us"), None),
    # The session's time zone is +02:00; TIMESTAMP is converted to UTC, DATETIME is not.
    ("TIMESTAMP NULL", "'2024-06-01 12:00:00'", pa.timestamp("us"), datetime(2024, 6, 1, 10, 0, 0)),
    ("TIMESTAMP(6) NULL", "'2024-06-01 12:00:00.654321'", pa.timestamp("us"), datetime(2024, 6, 1, 10, 0, 0, 654321)),
    ("TIMESTAMP NULL", "'0000-00-00 00:00:00'", pa.timestamp("us"), None),
    ("TIME", "'-838:59:59'", pa.string(), "-838:59:59"),
    ("TIME(4)", "'12:34:56.7891'", pa.string(), "12:34:56.7891"),
    ("TIME(6)", "'-00:00:01.500000'", pa.string(), "-00:00:01.500000"),
    ("CHAR(10)", "'häß '", pa.string(), "häß"),
    ("VARCHAR(300)", "REPEAT('ü', 300)", pa.string(), "ü" * 300),
    ("VARCHAR(20) CHARACTER SET latin1", "'café €'", pa.string(), "café €"),
    ("TINYTEXT", "'t'", pa.string(), "t"),
    ("TEXT", "'😀'", pa.string(), "😀"),
    ("MEDIUMTEXT", "'m'", pa.string(), "m"),
    ("LONGTEXT", "'l'", pa.string(), "l"),
    ("JSON", "'{\"a\": [1, null]}'", pa.string(), '{"a": [1, null]}'),
    ("ENUM('a','it''s','c')", "'it''s'", pa.string(), "it's"),
    ("SET('x','y','z')", "'x,z'", pa.string(), "x,z"),
    ("SET('x','y')", "''", pa.string(), ""),
    ("BINARY(4)", "x'0100'", pa.binary(), b"\x01\0\0\0"),
    ("VARBINARY(10)", "x'00ff'", pa.binary(), b"\x00\xff"),
    ("TINYBLOB", "x'01'", pa.binary(), b"\x01"),
    ("BLOB", "x'02'", pa.binary(), b"\x02"),
    ("MEDIUMBLOB", "x'03'", pa.binary(), b"\x03"),
    ("LONGBLOB", "x'04'", pa.binary(), b"\x04"),
    ("POINT", "POINT(1, 2)", pa.binary(),
     bytes.fromhex("00000000" "0101000000" "000000000000f03f" "0000000000000040")),
]  # fmt: skip


@pytest.fixture(scope="module")
def names() -> list[str]:
    return [f"c{i}" for i in range(len(CASES))]


def test_all_types_by_full_load_and_by_binlog(lab: Lab, names: list[str]) -> None:
    columns = ", ".join(f"{n} {kind}" for n, (kind, *_) in zip(names, CASES, strict=True))
    values = ", ".join(value for _, value, *_ in CASES)
    connection = lab.source.connect()
    with connection, connection.cursor() as cursor:
        cursor.execute("SET sql_mode = '', time_zone = '+02:00'")
        cursor.execute(f"CREATE TABLE {lab.schema}.orders (id INT PRIMARY KEY, {columns})")
        cursor.execute(f"INSERT INTO {lab.schema}.orders VALUES (1, {values})")
        cursor.execute(f"INSERT INTO {lab.schema}.orders (id) VALUES (2)")
        nothing = cursor.execute(f"UPDATE {lab.schema}.orders SET {', '.join(n + ' = NULL' for n in names)} WHERE id = 2")
        assert nothing is not None
        # parquet-1-0 as pyarrow writes it has no UINT32 (FIDELITY.md).
        task = lab.task(s3={"ParquetVersion": "parquet-2-0"}).run()
        cursor.execute(f"INSERT INTO {lab.schema}.orders VALUES (3, {values})")
        cursor.execute(f"UPDATE {lab.schema}.orders SET c0 = 0 WHERE id = 2")
    assert task.flush() == 1
    load, change = lab.parquet(lab.load_files()[0]), lab.parquet(lab.cdc_files()[0])
    assert load.schema.equals(change.schema)
    first, third = load.to_pylist()[0], change.to_pylist()[0]
    for name, (kind, value, expected_type, expected) in zip(names, CASES, strict=True):
        # A fixed number of bytes is a matter of the writer.
        assert load.schema.field(name).type == expected_type, kind
        assert first[name] == expected, f"full load of {kind} {value}"
        assert third[name] == expected, f"binlog of {kind} {value}"
    nulls = load.to_pylist()[1]
    assert all(nulls[n] is None for n in names if not CASES[names.index(n)][0].startswith("TIMESTAMP NULL "))
    assert task.table()["TableState"] == "Table completed"


def test_timestamps_in_milliseconds_on_demand(lab: Lab) -> None:
    lab.sql("CREATE TABLE {s}.orders (id INT PRIMARY KEY, at DATETIME(6))", "INSERT INTO {s}.orders VALUES (1, '2024-01-01 00:00:00.123456')")
    task = lab.task(s3={"ParquetTimestampInMillisecond": True}).run()
    lab.sql("INSERT INTO {s}.orders VALUES (2, '2024-01-01 00:00:00.123456')")
    task.flush()
    for key in (lab.load_files()[0], lab.cdc_files()[0]):
        assert lab.parquet(key).schema.field("at").type == pa.timestamp("ms")
        assert lab.parquet(key).to_pylist()[0]["at"] == datetime(2024, 1, 1, 0, 0, 0, 123000)
        assert isinstance(lab.parquet(key).to_pylist()[0]["_ts"], str)


def test_lobs_are_cut_at_lob_max_size(lab: Lab) -> None:
    """JSON is a LOB: what is longer becomes invalid JSON, without an error."""
    lab.sql(
        "CREATE TABLE {s}.orders (id INT PRIMARY KEY, j JSON, t TEXT, l LONGTEXT, b LONGBLOB)",
        "INSERT INTO {s}.orders VALUES (1, CONCAT('[\"', REPEAT('ä', 1000), '\"]'), REPEAT('t', 2000), REPEAT('ä', 1000), REPEAT('b', 2000))",
    )
    task = lab.task(settings={"TargetMetadata": {"LobMaxSize": 1}}).run()
    lab.sql("UPDATE {s}.orders SET id = 2")
    task.flush()
    for row in (lab.loaded()[0], lab.changes()[0]):
        assert row["j"] == '["' + "ä" * 511
        assert row["l"] == "ä" * 512
        assert row["b"] == b"b" * 1024
        assert row["t"] == "t" * 2000, "TEXT is not a LOB"


def test_no_lobs_without_support_or_key(lab: Lab) -> None:
    lab.sql(
        "CREATE TABLE {s}.orders (id INT PRIMARY KEY, j JSON, t TEXT)",
        "CREATE TABLE {s}.loose (id INT, j JSON, t TEXT)",
        "INSERT INTO {s}.orders VALUES (1, '1', 'x')",
        "INSERT INTO {s}.loose VALUES (1, '1', 'x')",
    )
    lab.task(s3={"TimestampColumnName": None}).run("orders", "loose")
    assert lab.loaded() == [{"Op": "I", "id": 1, "j": "1", "t": "x"}]
    assert lab.loaded("loose") == [{"Op": "I", "id": 1, "t": "x"}], "a LOB needs a primary or unique key"
    lab.task(s3={"TimestampColumnName": None}, settings={"TargetMetadata": {"SupportLobs": False}}).run("orders", "loose")
    assert lab.loaded() == [{"Op": "I", "id": 1, "t": "x"}]


def test_full_lob_mode_fails_for_s3(lab: Lab) -> None:
    lab.orders(1)
    task = lab.task(settings={"TargetMetadata": {"FullLobMode": True, "LimitedSizeLobMode": False}}).start()
    assert "LOB" in task.wait("failed")["LastFailureMessage"]


def test_change_data_type_rule(lab: Lab) -> None:
    lab.sql("CREATE TABLE {s}.orders (id INT PRIMARY KEY, amount DECIMAL(12,2), at DATETIME(6))", "INSERT INTO {s}.orders VALUES (1, 1.5, '2024-01-01 01:02:03.5')")
    rules = [lab.include()] + [
        lab.rule("transformation", "change-data-type", column=c, rule_target="column", data_type={"type": "string", "length": 40})
        for c in ("amount", "at")
    ]
    task = lab.task(rules=rules).run()
    lab.sql("UPDATE {s}.orders SET id = 2")
    task.flush()
    for row in (lab.loaded()[0], lab.changes()[0]):
        assert (row["amount"], row["at"]) == ("1.50", "2024-01-01 01:02:03.500000")
