"""Column values of a row event.

A reader takes the event and an offset, and gives the value and the offset behind it. Values are what
`types.values_array` wants: integers, days and microseconds since 1970 for dates and times, Decimal, str, bytes.
"""

import struct
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

from ..columns import SourceColumn
from ..types import BINARY
from . import json_value

Reader = Callable[[bytes, int], tuple[Any, int]]

EPOCH = date(1970, 1, 1).toordinal()
DAY = 86_400_000_000


class UnreadableColumn(ValueError):
    """The binlog holds the column in a form that is not read; says which and why."""


def reader(column: SourceColumn, kind: int, meta: tuple[int, int]) -> Reader:
    """The reader of a column whose TABLE_MAP says `kind` and `meta`."""
    if kind == 254:  # STRING: the real type hides in the metadata
        return _string_like(column, meta)
    if kind in _INTEGER_SIZES:
        return _integer(_INTEGER_SIZES[kind], column.unsigned)
    match kind:
        case 4:
            return _float
        case 5:
            return lambda data, at: (_DOUBLE.unpack_from(data, at)[0], at + 8)
        case 7:
            return _old_timestamp
        case 10 | 14:
            return _date
        case 11:
            return _old_time
        case 12:
            return _old_datetime
        case 13:
            return lambda data, at: (1900 + data[at] if data[at] else 0, at + 1)
        case 15 | 253:
            return _prefixed(column, 1 if meta[0] | meta[1] << 8 < 256 else 2)
        case 16:
            return _bit(column, meta)
        case 17:
            return _timestamp(meta[0])
        case 18:
            return _datetime(meta[0])
        case 19:
            return _time(meta[0])
        case 246:
            return _decimal(column, meta[0], meta[1])
        case 252 | 255:
            return _prefixed(column, meta[0])
        case 245:
            return _json(meta[0])
        case 140 | 141:
            raise UnreadableColumn(f"column {column.name}: compressed columns are not captured")
    raise UnreadableColumn(f"column {column.name}: binlog type {kind} is not known")


_INTEGER_SIZES = {1: 1, 2: 2, 9: 3, 3: 4, 8: 8}
_DOUBLE = struct.Struct("<d")
_FLOAT = struct.Struct("<f")


def _integer(size: int, unsigned: bool) -> Reader:
    decode = int.from_bytes
    signed = not unsigned
    return lambda data, at: (decode(data[at : at + size], "little", signed=signed), at + size)


def _float(data: bytes, at: int) -> tuple[float, int]:
    return _FLOAT.unpack_from(data, at)[0], at + 4


def _prefixed(column: SourceColumn, width: int) -> Reader:
    decode = int.from_bytes
    if column.data_type in BINARY:
        pad = column.length or 0 if column.data_type == "binary" else 0

        def read_bytes(data: bytes, at: int) -> tuple[bytes, int]:
            start = at + width
            end = start + decode(data[at:start], "little")
            value = data[start:end]
            # The binlog leaves out the trailing zeros of BINARY(n), SELECT does not.
            return (value.ljust(pad, b"\0") if pad else value), end

        return read_bytes
    codec = column.codec

    def read_text(data: bytes, at: int) -> tuple[str, int]:
        start = at + width
        end = start + decode(data[at:start], "little")
        return data[start:end].decode(codec, "replace"), end

    return read_text


def _json(width: int) -> Reader:
    decode = int.from_bytes

    def read(data: bytes, at: int) -> tuple[str, int]:
        start = at + width
        end = start + decode(data[at:start], "little")
        return json_value.text(data[start:end]), end

    return read


def _string_like(column: SourceColumn, meta: tuple[int, int]) -> Reader:
    first, second = meta
    if first in (247, 248) and column.data_type not in ("enum", "set"):
        return _integer(second, unsigned=True)
    if first == 247:
        return _enum(column, second)
    if first == 248:
        return _set(column, second)
    length = second if first & 0x30 == 0x30 else second | ((first & 0x30) ^ 0x30) << 4
    return _prefixed(column, 1 if length < 256 else 2)


def _enum(column: SourceColumn, size: int) -> Reader:
    members = ("", *column.members)  # 0 is the error value ''

    def read(data: bytes, at: int) -> tuple[str, int]:
        return members[int.from_bytes(data[at : at + size], "little")], at + size

    return read


def _set(column: SourceColumn, size: int) -> Reader:
    members = column.members

    def read(data: bytes, at: int) -> tuple[str, int]:
        bits = int.from_bytes(data[at : at + size], "little")
        return ",".join(m for i, m in enumerate(members) if bits >> i & 1), at + size

    return read


def _bit(column: SourceColumn, meta: tuple[int, int]) -> Reader:
    size = (meta[1] * 8 + meta[0] + 7) // 8
    if column.length == 1:
        return lambda data, at: (data[at] == 1, at + 1)
    return lambda data, at: (data[at : at + size], at + size)


def _days(year: int, month: int, day: int) -> int | None:
    """Days since 1970, or None for a zero or impossible date (docs/facts/dms.md section 3: NULL)."""
    try:
        return date(year, month, day).toordinal() - EPOCH
    except ValueError:
        return None


def _date(data: bytes, at: int) -> tuple[int | None, int]:
    packed = data[at] | data[at + 1] << 8 | data[at + 2] << 16
    return _days(packed >> 9, packed >> 5 & 15, packed & 31), at + 3


def _fraction(data: bytes, at: int, digits: int) -> tuple[int, int]:
    """Microseconds behind a TIME2/DATETIME2/TIMESTAMP2 value."""
    size = (digits + 1) // 2
    value = int.from_bytes(data[at : at + size], "big")
    return value * 10 ** (6 - 2 * size), at + size


def _datetime(digits: int) -> Reader:
    def read(data: bytes, at: int) -> tuple[int | None, int]:
        packed = int.from_bytes(data[at : at + 5], "big") - 0x8000000000
        micros, end = _fraction(data, at + 5, digits)
        months, clock = packed >> 22, packed & 0x1FFFF
        days = _days(months // 13, months % 13, packed >> 17 & 31)
        if days is None:
            return None, end
        seconds = (clock >> 12) * 3600 + (clock >> 6 & 63) * 60 + (clock & 63)
        return days * DAY + seconds * 1_000_000 + micros, end

    return read


def _timestamp(digits: int) -> Reader:
    def read(data: bytes, at: int) -> tuple[int | None, int]:
        seconds = int.from_bytes(data[at : at + 4], "big")
        micros, end = _fraction(data, at + 4, digits)
        return (seconds * 1_000_000 + micros if seconds or micros else None), end

    return read


def _old_timestamp(data: bytes, at: int) -> tuple[int | None, int]:
    seconds = int.from_bytes(data[at : at + 4], "little")
    return (seconds * 1_000_000 if seconds else None), at + 4


def _old_datetime(data: bytes, at: int) -> tuple[int | None, int]:
    number = int.from_bytes(data[at : at + 8], "little")
    day, clock = divmod(number, 1_000_000)
    days = _days(day // 10000, day // 100 % 100, day % 100)
    if days is None:
        return None, at + 8
    seconds = clock // 10000 * 3600 + clock // 100 % 100 * 60 + clock % 100
    return days * DAY + seconds * 1_000_000, at + 8


def _clock(negative: bool, hours: int, minutes: int, seconds: int, micros: int, digits: int) -> str:
    """A TIME as MySQL prints it."""
    text = f"{'-' if negative else ''}{hours:02d}:{minutes:02d}:{seconds:02d}"
    return text + f".{micros:06d}"[: digits + 1] if digits else text


def _time(digits: int) -> Reader:
    size = 3 + (digits + 1) // 2
    offset = 1 << (8 * size - 1)
    fraction_bits = 8 * (size - 3)

    def read(data: bytes, at: int) -> tuple[str, int]:
        packed = int.from_bytes(data[at : at + size], "big") - offset
        negative, packed = packed < 0, abs(packed)
        clock = packed >> fraction_bits
        micros = (packed & ((1 << fraction_bits) - 1)) * 10 ** (6 - 2 * (size - 3)) if fraction_bits else 0
        return _clock(negative, clock >> 12 & 0x3FF, clock >> 6 & 63, clock & 63, micros, digits), at + size

    return read


def _old_time(data: bytes, at: int) -> tuple[str, int]:
    number = int.from_bytes(data[at : at + 3], "little", signed=True)
    negative, number = number < 0, abs(number)
    return _clock(negative, number // 10000, number // 100 % 100, number % 100, 0, 0), at + 3


_DIGIT_BYTES = (0, 1, 1, 2, 2, 3, 3, 4, 4, 4)


def _decimal(column: SourceColumn, precision: int, scale: int) -> Reader:
    integral = precision - scale
    whole_words, whole_rest = divmod(integral, 9)
    part_words, part_rest = divmod(scale, 9)
    groups = [(_DIGIT_BYTES[whole_rest], whole_rest)] if whole_rest else []
    groups += [(4, 9)] * (whole_words + part_words)
    if part_rest:
        groups.append((_DIGIT_BYTES[part_rest], part_rest))
    size = sum(width for width, _ in groups)
    as_text = precision > 38  # types.parquet_type

    def read(data: bytes, at: int) -> tuple[Any, int]:
        raw = bytearray(data[at : at + size])
        negative = not raw[0] & 0x80
        raw[0] ^= 0x80
        if negative:
            raw = bytearray(b ^ 0xFF for b in raw)
        number, cursor = 0, 0
        for width, digits in groups:
            number = number * 10**digits + int.from_bytes(raw[cursor : cursor + width], "big")
            cursor += width
        # Built from digits: arithmetic would round to the context's 28 digits.
        digits_tuple = tuple(map(int, str(number)))
        value = Decimal((int(negative and number != 0), digits_tuple, -scale))
        return (format(value, "f") if as_text else value), at + size

    return read
