"""MySQL type -> Parquet type, and the text of the MySQL protocol -> Arrow arrays.

Source: docs/facts/dms.md, "Types". TINYINT(1) stays INT8, YEAR is
INT16, TIME is a string, binary stays binary, zero dates become NULL. What that table leaves open is decided
here and listed in FIDELITY.md: FLOAT is written as DOUBLE, BIT(2..63) as big-endian bytes, DECIMAL with more
than 38 digits as a string.
"""

from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from .columns import GEOMETRY, SourceColumn

INTEGERS = {
    ("tinyint", False): pa.int8(), ("tinyint", True): pa.uint8(),
    ("smallint", False): pa.int16(), ("smallint", True): pa.uint16(),
    ("mediumint", False): pa.int32(), ("mediumint", True): pa.uint32(),
    ("int", False): pa.int32(), ("int", True): pa.uint32(),
    ("bigint", False): pa.int64(), ("bigint", True): pa.uint64(),
}  # fmt: skip
BINARY = {"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"} | GEOMETRY
#: What add-column and change-data-type may ask for.
NAMED_TYPES = {
    "string": pa.string(), "wstring": pa.string(), "clob": pa.string(), "nclob": pa.string(),
    "int1": pa.int8(), "int2": pa.int16(), "int4": pa.int32(), "int8": pa.int64(),
    "uint1": pa.uint8(), "uint2": pa.uint16(), "uint4": pa.uint32(), "uint8": pa.uint64(),
    "real4": pa.float32(), "real8": pa.float64(), "boolean": pa.bool_(), "date": pa.date32(),
    "bytes": pa.binary(), "blob": pa.binary(),
}  # fmt: skip


class UnknownType(ValueError):
    """A source type that AWS DMS does not take from MySQL."""


def timestamp_type(milliseconds: bool) -> pa.DataType:
    return pa.timestamp("ms" if milliseconds else "us")


def parquet_type(column: SourceColumn, milliseconds: bool) -> pa.DataType:
    """The Parquet (Arrow) type of a source column."""
    kind = column.data_type
    if (kind, column.unsigned) in INTEGERS:
        return INTEGERS[kind, column.unsigned]
    if kind == "year":
        return pa.int16()
    if kind == "bit":
        return pa.bool_() if column.length == 1 else pa.binary()
    if kind == "decimal":
        precision = column.precision or 10
        return pa.decimal128(precision, column.scale or 0) if precision <= 38 else pa.string()
    if kind in ("float", "double"):
        return pa.float64()
    if kind == "date":
        return pa.date32()
    if kind in ("datetime", "timestamp"):
        return timestamp_type(milliseconds)
    if kind in BINARY:
        return pa.binary()
    if kind in ("char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set", "json", "time"):
        return pa.string()
    if kind in ("inet4", "inet6", "uuid"):
        raise UnknownType(f"column {column.name}: MariaDB's {kind} is not a type that DMS reads from a MySQL source")
    raise UnknownType(f"column {column.name}: source type {column.column_type} is not known")


def named_type(spec: dict[str, Any] | None, milliseconds: bool) -> pa.DataType:
    """The type an add-column or change-data-type rule asks for."""
    kind = str((spec or {}).get("type", "string")).lower()
    if kind in ("datetime", "timestamp"):
        return timestamp_type(milliseconds)
    if kind == "numeric":
        precision = int((spec or {}).get("precision", 38))
        return pa.decimal128(precision, int((spec or {}).get("scale", 0)))
    if kind not in NAMED_TYPES:
        raise UnknownType(f"data type {kind!r} in a transformation rule is not known")
    return NAMED_TYPES[kind]


def select_expression(column: SourceColumn) -> str:
    """How the full load asks for the column, so that the text loses nothing."""
    name = "`" + column.name.replace("`", "``") + "`"
    if column.data_type == "float":
        # The text of a FLOAT has six digits only. A sum would lose the sign of a zero.
        return f"CAST({name} AS DOUBLE)"
    return name


TextConverter = Callable[[Sequence[bytes | None]], pa.Array]


def text_converter(column: SourceColumn, target: pa.DataType) -> TextConverter:
    """A function from the column's texts (MySQL's text protocol) to an Arrow array."""
    kind = column.data_type
    if pa.types.is_boolean(target):
        return lambda texts: pa.array([None if t is None else t[-1] == 1 for t in texts], target)
    if kind in BINARY or kind == "bit":
        return lambda texts: pa.array(texts, pa.binary())
    if pa.types.is_date32(target):
        return _dates
    if pa.types.is_timestamp(target):
        return lambda texts: _timestamps(texts, target)

    def convert(texts: Sequence[bytes | None]) -> pa.Array:
        strings = pa.array(texts, pa.binary()).cast(pa.string())
        return strings if pa.types.is_string(target) else strings.cast(target)

    return convert


def _without_zero_dates(texts: Sequence[bytes | None]) -> pa.Array:
    """Zero dates, also those with only a zero month or day, become NULL (docs/facts/dms.md section 3)."""
    strings = pa.array(texts, pa.binary()).cast(pa.string())
    zero = pc.or_(pc.starts_with(strings, "0000"), pc.match_substring(strings, "-00"))
    return pc.if_else(pc.fill_null(zero, False), pa.scalar(None, pa.string()), strings)


def _dates(texts: Sequence[bytes | None]) -> pa.Array:
    strings = _without_zero_dates(texts)
    try:
        return strings.cast(pa.date32())
    except pa.ArrowInvalid:  # ALLOW_INVALID_DATES: 2024-02-31
        return pa.array([_date(s.as_py()) for s in strings], pa.date32())


def _timestamps(texts: Sequence[bytes | None], target: pa.DataType) -> pa.Array:
    strings = _without_zero_dates(texts)
    try:
        stamps = strings.cast(pa.timestamp("us"))
    except pa.ArrowInvalid:
        stamps = pa.array([_datetime(s.as_py()) for s in strings], pa.timestamp("us"))
    return stamps.cast(target, safe=False)


def _date(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        return None


def _datetime(text: str | None) -> datetime | None:
    try:
        return None if text is None else datetime.fromisoformat(text)
    except ValueError:
        return None


def binlog_value(column: SourceColumn, text: str) -> Any:
    """A text as MySQL would compare it with the column, in the form in which the binlog decoders give the column's values."""
    native = parquet_type(column, milliseconds=False)
    if column.data_type == "decimal" and not pa.types.is_decimal(native):
        raise UnknownType(f"column {column.name}: the sandbox has no source filters on DECIMAL with more than 38 digits")
    if column.data_type == "bit":
        number = int(text)
        return number == 1 if pa.types.is_boolean(native) else number.to_bytes(((column.length or 1) + 7) // 8, "big")
    try:
        if pa.types.is_decimal(native) or pa.types.is_integer(native):
            return Decimal(text)
        array = text_converter(column, native)([text.encode()])
    except (pa.ArrowException, ArithmeticError, ValueError) as error:
        raise UnknownType(f"column {column.name}: {text!r} of a source filter is no {column.column_type}: {error}") from error
    if pa.types.is_date32(native):
        array = array.cast(pa.int32())
    elif pa.types.is_timestamp(native):
        array = array.cast(pa.int64())
    return array[0].as_py()


def values_array(values: list[Any], target: pa.DataType) -> pa.Array:
    """Values as the binlog decoders give them (days, microseconds, Decimal, ...) -> an Arrow array."""
    if pa.types.is_timestamp(target) and target.unit == "ms":
        return pa.array(values, pa.timestamp("us")).cast(target, safe=False)
    return pa.array(values, target)
