"""Files of a table: Parquet, or CSV as AWS's default format is."""

import csv
import gzip
import io
from datetime import datetime
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from .settings import S3Settings


class ParquetSink:
    """Writes record batches of one schema; a batch is a row group."""

    def __init__(self, stream: BinaryIO, schema: pa.Schema, s3: S3Settings) -> None:
        second = s3.parquet_version == "parquet-2-0"
        self._length = s3.row_group_length
        self._writer = pq.ParquetWriter(
            stream,
            schema,
            version="2.6" if second else "1.0",
            data_page_version="2.0" if second else "1.0",
            compression="gzip" if s3.compression == "gzip" else "none",
            use_dictionary=s3.encoding != "plain",
            dictionary_pagesize_limit=s3.dict_page_size_limit,
            data_page_size=s3.data_page_size,
            write_statistics=s3.enable_statistics,
            store_schema=False,
        )

    def write(self, table: pa.Table) -> None:
        self._writer.write_table(table, row_group_size=self._length)

    def close(self) -> None:
        self._writer.close()


class CsvSink:
    """CSV with the endpoint's delimiters; AddColumnName writes a header line."""

    def __init__(self, stream: BinaryIO, schema: pa.Schema, s3: S3Settings) -> None:
        self._zip = gzip.GzipFile(fileobj=stream, mode="wb") if s3.compression == "gzip" else None
        self._text = io.TextIOWrapper(self._zip or stream, encoding="utf-8", newline="", write_through=True)
        self._null = s3.csv_null_value
        self._writer = csv.writer(
            self._text,
            delimiter=s3.csv_delimiter,
            lineterminator=s3.csv_row_delimiter,
            doublequote=s3.rfc_4180,
            escapechar=None if s3.rfc_4180 else "\\",
            quoting=csv.QUOTE_MINIMAL,
        )
        if s3.add_column_name:
            self._writer.writerow(schema.names)

    def write(self, table: pa.Table) -> None:
        columns = [c.to_pylist() for c in table.columns]
        for row in zip(*columns, strict=True):
            self._writer.writerow([csv_text(v, self._null) for v in row])

    def close(self) -> None:
        self._text.flush()
        self._text.detach()
        if self._zip is not None:
            self._zip.close()


def csv_text(value: Any, null: str) -> str:
    if value is None:
        return null
    if isinstance(value, bytes):
        return value.hex().upper()
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    return str(value)


def open_sink(stream: BinaryIO, schema: pa.Schema, s3: S3Settings) -> ParquetSink | CsvSink:
    return ParquetSink(stream, schema, s3) if s3.parquet else CsvSink(stream, schema, s3)


def encode(table: pa.Table, s3: S3Settings) -> bytes:
    stream = io.BytesIO()
    sink = open_sink(stream, table.schema, s3)
    sink.write(table)
    sink.close()
    return stream.getvalue()
