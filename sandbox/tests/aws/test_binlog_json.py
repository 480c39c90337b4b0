"""MySQL's binary JSON (sql-common/json_binary.h describes it), as text."""

from __future__ import annotations

import pytest

from sandbox.aws.worker.binlog import json_value


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "null"),
        # A type, then for a container: the number of members, its size, an entry per key and per value, keys, values.
        (b"\x02\x03\x00\x0f\x00\x05\x01\x00\x04\x00\x00\x0c\x0d\x00\x01x", '[1, null, "x"]'),
        (b"\x00\x01\x00\x0c\x00\x0b\x00\x01\x00\x04\x01\x00a", '{"a": true}'),
        (b"\x0b" + bytes.fromhex("000000000000f83f"), "1.5"),
        (b"\x0b" + bytes.fromhex("000000000000f03f"), "1.0"),
        (b"\x0a" + b"\xff" * 8, "18446744073709551615"),
        (b"\x0c\x03" + 'é"'.encode(), '"é\\""'),
        # An opaque value: a DECIMAL(3,2) of 1.50.
        (b"\x0f\xf6\x04\x03\x02\x81\x32", "1.50"),
    ],
)
def test_values(data: bytes, text: str):
    assert json_value.text(data) == text
