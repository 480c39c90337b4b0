"""Results as text: what the driver reads (docs/facts/databend.md, "HTTP protocol").

The type names and texts are those of Databend's own HTTP handler; the driver's parser of them is the crate
``databend-driver-core``.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa

from sandbox.databend.parser import Parser

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBERS = {
    "int8": "Int8", "int16": "Int16", "int32": "Int32", "int64": "Int64",
    "uint8": "UInt8", "uint16": "UInt16", "uint32": "UInt32", "uint64": "UInt64",
    "float": "Float32", "double": "Float64", "bool": "Boolean", "null": "NULL",
}  # fmt: skip
_EXTENSIONS = {
    "Variant": "Variant", "Bitmap": "Bitmap", "Geometry": "Geometry", "Geography": "Geography", "Interval": "Interval",
    "TimestampTz": "Timestamp_Tz", "EmptyArray": "Array(Nothing)", "EmptyMap": "Map(Nothing)",
}  # fmt: skip


class Encoder:
    """Encodes for one session's time zone."""

    def __init__(self, parser: Parser, time_zone: str) -> None:
        self._parser = parser
        self._zone = ZoneInfo(time_zone)

    def table(self, table: pa.Table) -> tuple[list[dict[str, str]], list[list[str | None]]]:
        """Schema and rows of a result."""
        schema = [{"name": field.name, "type": type_name(field)} for field in table.schema]
        columns = [self._column(field, column) for field, column in zip(table.schema, table.columns, strict=True)]
        rows = [list(row) for row in zip(*columns, strict=True)] if columns else []
        return schema, rows

    def _column(self, field: pa.Field, column: pa.ChunkedArray) -> list[str | None]:
        extension = _extension(field)
        if extension == "Variant":
            return self._variants(column.to_pylist())
        if extension is None and pa.types.is_timestamp(field.type):
            return [None if value is None else self._timestamp(value) for value in column.cast(pa.int64()).to_pylist()]
        text = self._writer(field, nested=False)
        return [None if value is None else text(value) for value in column.to_pylist()]

    def _variants(self, values: list[bytes | None]) -> list[str | None]:
        texts = iter(self._parser.variants([value for value in values if value is not None]))
        return [None if value is None else next(texts) for value in values]

    def _timestamp(self, microseconds: int) -> str:
        local = (_EPOCH + timedelta(microseconds=microseconds)).astimezone(self._zone)
        return f"{local:%Y-%m-%d %H:%M:%S.%f}".rjust(26, "0")

    def _writer(self, field: pa.Field, *, nested: bool) -> Callable[[Any], str]:
        """How a value that is not null is written, by itself or inside an array, map or tuple."""
        extension, kind = _extension(field), field.type
        if extension == "Variant":
            return lambda value: self._parser.variants([value])[0]
        if extension == "Interval":
            return _quoted(_interval) if nested else _interval
        if extension in ("EmptyArray", "EmptyMap"):
            return lambda _: "[]" if extension == "EmptyArray" else "{}"
        if pa.types.is_boolean(kind):
            return lambda value: "1" if value else "0"
        if pa.types.is_float32(kind):
            return _float32
        if pa.types.is_floating(kind):
            return _float64
        if pa.types.is_timestamp(kind):
            def write(value: datetime) -> str:
                return self._timestamp((value.replace(tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1))
            return _quoted(write) if nested else write
        if pa.types.is_date(kind):
            return _quoted(date.isoformat) if nested else date.isoformat
        if _is_binary(kind):
            return lambda value: value.hex().upper()
        if _is_text(kind):
            return _json_string if nested else str
        if pa.types.is_map(kind):
            return self._map(kind)
        if pa.types.is_struct(kind):
            return self._tuple(kind)
        if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
            inner = self._nullable(kind.value_field)
            return lambda value: "[" + ",".join(map(inner, value)) + "]"
        return str

    def _nullable(self, field: pa.Field) -> Callable[[Any], str]:
        text = self._writer(field, nested=True)
        return lambda value: "NULL" if value is None else text(value)

    def _map(self, kind: pa.MapType) -> Callable[[Any], str]:
        key, item = self._nullable(kind.key_field), self._nullable(kind.item_field)
        return lambda value: "{" + ",".join(f"{key(k)}:{item(v)}" for k, v in value) + "}"

    def _tuple(self, kind: pa.StructType) -> Callable[[Any], str]:
        parts = [(kind.field(at).name, self._nullable(kind.field(at))) for at in range(kind.num_fields)]
        return lambda value: "(" + ",".join(text(value[name]) for name, text in parts) + ")"


def type_name(field: pa.Field) -> str:
    """Databend's name of a type, ``Nullable(…)`` around it where it is."""
    name = _plain_type_name(field)
    return f"Nullable({name})" if field.nullable and name != "NULL" else name


def _plain_type_name(field: pa.Field) -> str:
    kind, extension = field.type, _extension(field)
    if extension in _EXTENSIONS:
        return _EXTENSIONS[extension]
    if str(kind) in _NUMBERS:
        return _NUMBERS[str(kind)]
    if pa.types.is_decimal(kind):
        return f"Decimal({kind.precision}, {kind.scale})"
    if pa.types.is_timestamp(kind):
        return "Timestamp"
    if pa.types.is_date(kind):
        return "Date"
    if _is_text(kind):
        return "String"
    if _is_binary(kind):
        return "Binary"
    if pa.types.is_map(kind):
        return f"Map({type_name(kind.key_field)}, {type_name(kind.item_field)})"
    if pa.types.is_struct(kind):
        return f"Tuple({', '.join(type_name(kind.field(at)) for at in range(kind.num_fields))})"
    if pa.types.is_fixed_size_list(kind):
        return f"Vector({kind.list_size})"
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return f"Array({type_name(kind.value_field)})"
    raise ValueError(f"column {field.name}: no Databend type is known for arrow's {kind}")


def _extension(field: pa.Field) -> str | None:
    value = (field.metadata or {}).get(b"Extension")
    return value.decode() if value else None


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def _is_binary(kind: pa.DataType) -> bool:
    return (
        pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind)
        or pa.types.is_binary_view(kind)
    )  # fmt: skip


def _quoted(write: Callable[[Any], str]) -> Callable[[Any], str]:
    return lambda value: f'"{write(value)}"'


def _json_string(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _float64(value: float) -> str:
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "inf" if value > 0 else "-inf"
    return repr(value).removesuffix(".0")


def _float32(value: float) -> str:
    """The shortest text that reads back as the same 32-bit number."""
    if value != value or value in (float("inf"), float("-inf")):
        return _float64(value)
    wanted = struct.pack("f", value)
    for digits in range(6, 10):
        text = f"{value:.{digits}g}"
        if struct.pack("f", float(text)) == wanted:
            return _float64(float(text))
    return _float64(value)


def _interval(value: Any) -> str:
    """Months, days and microseconds lie in one 128-bit number, which arrow takes for a decimal."""
    number = int(value)
    microseconds = _signed(number, 64)
    days = _signed(number >> 64, 32)
    months = _signed(number >> 96, 32)
    parts = []
    for count, unit in ((int(months / 12), "year"), (months - 12 * int(months / 12), "month"), (days, "day")):
        if count:
            parts.append(f"{count} {unit}{'' if abs(count) == 1 else 's'}")
    if microseconds or not parts:
        seconds, fraction = divmod(abs(microseconds), 1_000_000)
        clock = f"{'-' if microseconds < 0 else ''}{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
        parts.append(clock + (f".{fraction:06}".rstrip("0") if fraction else ""))
    return " ".join(parts)


def _signed(number: int, bits: int) -> int:
    number &= (1 << bits) - 1
    return number - (1 << bits) if number >> (bits - 1) else number
