"""A column of the source, as information_schema describes it."""

import re
from dataclasses import asdict, dataclass
from typing import Any

#: MySQL's character sets by the name of Python's codec; the rest have the same name or are refused.
CODECS = {
    "utf8mb4": "utf-8", "utf8mb3": "utf-8", "utf8": "utf-8", "latin1": "cp1252", "ascii": "ascii",
    "ucs2": "utf-16-be", "utf16": "utf-16-be", "utf16le": "utf-16-le", "utf32": "utf-32-be",
    "latin2": "iso8859-2", "latin5": "iso8859-9", "latin7": "iso8859-13", "greek": "iso8859-7",
    "hebrew": "iso8859-8", "cp1250": "cp1250", "cp1251": "cp1251", "cp1256": "cp1256",
    "cp1257": "cp1257", "cp850": "cp850", "cp852": "cp852", "cp866": "cp866", "koi8r": "koi8-r",
    "koi8u": "koi8-u", "big5": "big5", "gbk": "gbk", "gb2312": "gb2312", "gb18030": "gb18030",
    "sjis": "shift_jis", "cp932": "cp932", "ujis": "euc_jp", "eucjpms": "euc_jp", "euckr": "euc_kr",
    "tis620": "tis-620",
}  # fmt: skip

GEOMETRY = {
    "geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon",
    "geometrycollection", "geomcollection",
}  # fmt: skip

#: docs/facts/dms.md section 3: JSON -> CLOB, MEDIUM/LONGTEXT -> NCLOB, MEDIUM/LONGBLOB and GEOMETRY -> BLOB.
LOB_TYPES = {"json", "mediumtext", "longtext", "mediumblob", "longblob"} | GEOMETRY


@dataclass(frozen=True)
class SourceColumn:
    name: str
    #: DATA_TYPE, lower case; `json` also for MariaDB's longtext with a json_valid check.
    data_type: str
    #: COLUMN_TYPE, e.g. `decimal(12,2) unsigned`.
    column_type: str
    charset: str | None
    precision: int | None
    scale: int | None
    #: CHARACTER_MAXIMUM_LENGTH (bytes for binary types), or the bits of a BIT.
    length: int | None
    primary_key: bool
    #: Generated and invisible columns are in the row image, but DMS does not take them (docs/facts/dms.md section 3).
    hidden: bool

    @property
    def unsigned(self) -> bool:
        return "unsigned" in self.column_type.lower()

    @property
    def is_lob(self) -> bool:
        return self.data_type in LOB_TYPES

    @property
    def members(self) -> tuple[str, ...]:
        """The members of an ENUM or SET."""
        inner = self.column_type[self.column_type.index("(") + 1 : self.column_type.rindex(")")]
        return tuple(m.replace("''", "'") for m in re.findall(r"'((?:[^']|'')*)'", inner))

    @property
    def codec(self) -> str:
        return CODECS.get(self.charset or "utf8mb4", self.charset or "utf-8")

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class SourceTable:
    schema: str
    name: str
    columns: tuple[SourceColumn, ...]
    has_unique_key: bool

    @property
    def key(self) -> tuple[str, str]:
        return (self.schema, self.name)

    @property
    def primary_key(self) -> tuple[int, ...]:
        return tuple(i for i, c in enumerate(self.columns) if c.primary_key)

    def to_json(self) -> dict[str, Any]:
        return {
            "schema": self.schema,
            "name": self.name,
            "has_unique_key": self.has_unique_key,
            "columns": [c.to_json() for c in self.columns],
        }

    @staticmethod
    def from_json(raw: dict[str, Any]) -> "SourceTable":
        return SourceTable(
            raw["schema"],
            raw["name"],
            tuple(SourceColumn(**c) for c in raw["columns"]),
            raw["has_unique_key"],
        )
