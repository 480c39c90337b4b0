"""What an output row of a table looks like: the source's columns, the mappings and the S3 settings together.

Column order (docs/facts/dms.md section 1, real output): Op, timestamp, source columns, add-column columns,
before-image columns.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ..dms import filters
from ..dms.mappings import TableMappings, Transformation
from .bad_records import RecordError
from .columns import SourceColumn, SourceTable
from .settings import S3Settings, TaskSettings
from .types import UnknownType, binlog_value, named_type, parquet_type, text_converter, values_array

OP_COLUMN = "Op"


@dataclass(frozen=True)
class Meta:
    """What the headers of one change say."""

    op: str
    #: yyyy-MM-dd HH:mm:ss.SSSSSS: the TimestampColumnName column.
    timestamp: str
    change_seq: str
    stream_position: str
    #: Microseconds since 1970.
    commit_time: int
    operation_time: int


@dataclass(frozen=True)
class Captured:
    """One change on its way to a file."""

    meta: Meta
    values: tuple[Any, ...]
    before: tuple[Any, ...] | None


@dataclass(frozen=True)
class Output:
    """A source column in the target."""

    index: int
    column: SourceColumn
    name: str
    native: pa.DataType
    type: pa.DataType
    lob_limit: int | None
    #: AddTrailingPaddingCharacter: the length that a CHAR is filled up to, else 0.
    pad: int = 0


@dataclass(frozen=True)
class Added:
    """An add-column column."""

    name: str
    type: pa.DataType
    expression: str
    source: Output | None


OPERATIONS = {"I": "INSERT", "U": "UPDATE", "D": "DELETE"}


class TablePlan:
    """Builds the full-load and CDC record batches of one table."""

    def __init__(self, table: SourceTable, mappings: TableMappings, s3: S3Settings, task: TaskSettings) -> None:
        self.table = table
        self.s3 = s3
        schema = task.target_schema or mappings.target_schema(table.schema)
        self.target = (schema, mappings.target_table(table.schema, table.name))
        every = [self._output(i, c, mappings, task) for i, c in enumerate(table.columns) if not c.hidden]
        self.outputs = [o for o in every if o is not None]
        if not self.outputs:
            raise UnknownType(f"table {table.schema}.{table.name} has no column left to migrate")
        self.added = [self._added(rule, every) for rule in mappings.added_columns(*table.key)]
        self.before = self._before(mappings.before_image(*table.key))
        self._primary_key = table.primary_key
        rules = mappings.row_filters(*table.key)
        #: Conditions of source filters: for the full load as SQL, for a changed row as a test of its values.
        self.where = filters.where(rules)
        self.takes = self._row_test(rules) if rules else None

    def _row_test(self, rules: tuple[filters.RuleFilters, ...]) -> Callable[[tuple[Any, ...]], bool]:
        columns = {c.name: c for c in self.table.columns}
        for name in (f.column for rule in rules for f in rule):
            if name not in columns:
                raise UnknownType(f"a source filter names column {name}, which {self.table.schema}.{self.table.name} has not")
            if columns[name].is_lob:
                raise UnknownType(f"a source filter names column {name}, which is a LOB")

        def bound(name: str, text: str) -> Any:
            return binlog_value(columns[name], text)

        return filters.row_test(rules, {c.name: i for i, c in enumerate(self.table.columns)}, bound)

    def _output(self, index: int, column: SourceColumn, mappings: TableMappings, task: TaskSettings) -> Output | None:
        if column.is_lob and (not task.support_lobs or not self.table.has_unique_key):
            return None  # LOBs need a primary or unique key (docs/facts/dms.md section 3)
        name = mappings.column_name(*self.table.key, column.name)
        if name is None:
            return None
        native = parquet_type(column, self.s3.timestamp_in_millisecond)
        spec = mappings.column_type(*self.table.key, column.name)
        target = named_type(spec, self.s3.timestamp_in_millisecond) if spec else native
        pad = (column.length or 0) if self.s3.padding and column.data_type == "char" else 0
        return Output(index, column, name, native, target, task.lob_limit if column.is_lob else None, pad)

    def _added(self, rule: Transformation, outputs: list[Output | None]) -> Added:
        expression, source = rule.expression or "", None
        if expression.startswith("$") and not expression.startswith("$AR_H_"):
            source = next((o for o in outputs if o and o.column.name == expression[1:]), None)
            if source is None:
                raise UnknownType(f"rule {rule.rule_id}: {self.table.schema}.{self.table.name} has no column {expression[1:]}")
        return Added(rule.value or "", named_type(rule.data_type, self.s3.timestamp_in_millisecond), expression, source)

    def _before(self, rule: Transformation | None) -> list[Output]:
        if rule is None:
            return []

        def wanted(output: Output) -> bool:
            if rule.column_filter == "pk-only":
                return output.column.primary_key
            return rule.column_filter == "all" or not output.column.is_lob

        return [
            Output(o.index, o.column, f"{rule.column_prefix}{o.name}{rule.column_suffix}", o.native, o.type, o.lob_limit, o.pad)
            for o in self.outputs
            if wanted(o)
        ]

    # -- schemas

    def schema(self, *, full_load: bool) -> pa.Schema:
        op = self.s3.include_op_for_full_load if full_load else self.s3.cdc_op_column
        fields = [pa.field(OP_COLUMN, pa.string())] if op else []
        if self.s3.timestamp_column:
            fields.append(pa.field(self.s3.timestamp_column, pa.string()))
        fields += [pa.field(o.name, o.type) for o in self.outputs]
        fields += [pa.field(a.name, a.type) for a in self.added]
        fields += [pa.field(b.name, b.type) for b in self.before]
        return pa.schema(fields)

    # -- full load

    def full_load_batch(self, texts: Sequence[Sequence[bytes | None]], stamps: pa.Array, now: int) -> pa.Table:
        """A table of rows read as text; `stamps` is the timestamp column, `now` the load time in microseconds."""
        count = len(texts[0])
        arrays: list[pa.Array] = []
        if self.s3.include_op_for_full_load:
            arrays.append(pa.repeat("I", count))
        if self.s3.timestamp_column:
            arrays.append(stamps)
        sources = [self._converter(o)(column) for o, column in zip(self.outputs, texts, strict=True)]
        arrays += sources
        position = {o.index: i for i, o in enumerate(self.outputs)}
        for added in self.added:
            if added.source is not None:
                arrays.append(_cast(sources[position[added.source.index]], added.type, added.name))
            else:
                arrays.append(_constant(_full_load_value(added.expression, now), count, added.type))
        arrays += [pa.nulls(count, b.type) for b in self.before]
        return pa.Table.from_arrays(arrays, schema=self.schema(full_load=True))

    def _converter(self, output: Output) -> Callable[[Sequence[bytes | None]], pa.Array]:
        convert = text_converter(output.column, output.native)

        def run(texts: Sequence[bytes | None]) -> pa.Array:
            if output.lob_limit is not None:
                texts = [cut_bytes(t, output) for t in texts]
            array = convert(texts)
            if output.pad:
                array = pc.utf8_rpad(array, output.pad)
            return _cast(array, output.type, output.name)

        return run

    # -- ongoing changes

    def cdc_batch(self, rows: list[Captured]) -> pa.Table:
        arrays: list[pa.Array] = []
        if self.s3.cdc_op_column:
            arrays.append(pa.array([r.meta.op for r in rows], pa.string()))
        if self.s3.timestamp_column:
            arrays.append(pa.array([r.meta.timestamp for r in rows], pa.string()))
        for output in self.outputs:
            arrays.append(_column(output, [r.values for r in rows]))
        for added in self.added:
            if added.source is not None:
                arrays.append(_cast(_column(added.source, [r.values for r in rows]), added.type, added.name))
            else:
                arrays.append(_headers([_header(added.expression, r.meta) for r in rows], added.type))
        if self.before:
            images = [self._before_image(r) for r in rows]
            arrays += [_column(b, images) for b in self.before]
        return pa.Table.from_arrays(arrays, schema=self.schema(full_load=False))

    def _before_image(self, row: Captured) -> tuple[Any, ...] | None:
        """Filled only when the primary key changed (docs/facts/dms.md section 2, real output)."""
        if row.before is None:
            return None
        changed = any(row.before[i] != row.values[i] for i in self._primary_key)
        return row.before if changed else None


def cut_bytes(text: bytes | None, output: Output) -> bytes | None:
    """Limited LOB mode truncates at LobMaxSize, with a warning in the log only (docs/facts/dms.md section 3)."""
    limit = output.lob_limit
    if text is None or limit is None or len(text) <= limit:
        return text
    if pa.types.is_binary(output.native):
        return text[:limit]
    return text[:limit].decode("utf-8", "ignore").encode()


def _cut(value: Any, output: Output) -> Any:
    if isinstance(value, str):
        cut = cut_bytes(value.encode(), output)
        return value if cut is None else cut.decode()
    return cut_bytes(value, output)


def _cast(array: pa.Array, target: pa.DataType, name: str) -> pa.Array:
    """As a transformation rule wants the column."""
    if array.type == target:
        return array
    try:
        return array.cast(target, safe=False)
    except pa.ArrowException as error:
        raise RecordError(f"column {name} cannot be converted: {error}") from error


def _column(output: Output, rows: list[tuple[Any, ...] | None]) -> pa.Array:
    index = output.index
    values = [None if row is None else row[index] for row in rows]
    if output.lob_limit is not None:
        values = [_cut(v, output) for v in values]
    array = values_array(values, output.native)
    if output.pad:
        array = pc.utf8_rpad(array, output.pad)
    return _cast(array, output.type, output.name)


def _literal(expression: str) -> str:
    return expression[1:-1] if expression.startswith("'") else expression


def _header(expression: str, meta: Meta) -> Any:
    match expression:
        case "$AR_H_CHANGE_SEQ":
            return meta.change_seq
        case "$AR_H_STREAM_POSITION":
            return meta.stream_position
        case "$AR_H_COMMIT_TIMESTAMP":
            return Micros(meta.commit_time)
        case "$AR_H_TIMESTAMP":
            return Micros(meta.operation_time)
        case "$AR_H_OPERATION":
            return OPERATIONS[meta.op]
    return _literal(expression)


def _full_load_value(expression: str, now: int) -> Any:
    """docs/facts/dms.md section 2: sequence and stream position are empty, the timestamps are the load's."""
    match expression:
        case "$AR_H_CHANGE_SEQ" | "$AR_H_STREAM_POSITION":
            return ""
        case "$AR_H_COMMIT_TIMESTAMP" | "$AR_H_TIMESTAMP":
            return Micros(now)
        case "$AR_H_OPERATION":
            return "INSERT"
    return _literal(expression)


class Micros(int):
    """Microseconds since 1970, to tell a time from a number."""


def _headers(values: list[Any], target: pa.DataType) -> pa.Array:
    if values and isinstance(values[0], Micros):
        return pa.array([int(v) for v in values], pa.timestamp("us")).cast(target, safe=False)
    return pa.array([None if v is None else str(v) for v in values], pa.string()).cast(target)


def _constant(value: Any, count: int, target: pa.DataType) -> pa.Array:
    one = _headers([value], target)
    return pa.repeat(one[0], count)
