"""Statements in the binlog: what each does to which table.

Of a statement this reads its first words, the names of tables, and, of an ALTER TABLE, the first words of each of its parts. It
knows every statement that MySQL and MariaDB write to the binlog as text; of what it does not know nobody could say what AWS
DMS would do, so that is an error.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Effect(StrEnum):
    CREATE = "create"
    DROP = "drop"
    RENAME = "rename"
    TRUNCATE = "truncate"
    #: Columns that are added, dropped, renamed or changed.
    ALTER = "alter"
    #: Partitions.
    PARTITION = "partition"
    #: A table's index, default, option: nothing that DMS captures.
    OTHER = "other"


@dataclass(frozen=True)
class Statement:
    effect: Effect
    schema: str
    table: str


class UnknownStatement(ValueError):
    pass


_TOKEN = re.compile(
    r"""(?P<space>\s+|\#[^\n]*|--(?=\s|$)[^\n]*)
    |/\*(?:!\d*|M!\d*)?(?P<comment>.*?)\*/
    |`(?P<name>(?:[^`]|``)*)`
    |(?P<text>'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*")
    |(?P<word>[\w$@]+)
    |(?P<sign>.)""",
    re.VERBOSE | re.DOTALL,
)

#: Statements about nothing that is in a table's rows or definition, by their first words.
_ELSEWHERE = {
    "ALTER DATABASE", "ALTER EVENT", "ALTER FUNCTION", "ALTER PROCEDURE", "ALTER SCHEMA", "ALTER SERVER", "ALTER TABLESPACE",
    "ALTER USER", "ALTER VIEW", "ALTER INSTANCE", "ALTER LOGFILE", "ALTER SEQUENCE",
    "CREATE DATABASE", "CREATE EVENT", "CREATE FUNCTION", "CREATE PACKAGE", "CREATE PROCEDURE", "CREATE ROLE", "CREATE SCHEMA",
    "CREATE SEQUENCE", "CREATE SERVER", "CREATE TABLESPACE", "CREATE TRIGGER", "CREATE USER", "CREATE VIEW", "CREATE AGGREGATE",
    "DROP DATABASE", "DROP EVENT", "DROP FUNCTION", "DROP PACKAGE", "DROP PREPARE", "DROP PROCEDURE", "DROP ROLE", "DROP SCHEMA",
    "DROP SEQUENCE", "DROP SERVER", "DROP TABLESPACE", "DROP TRIGGER", "DROP USER", "DROP VIEW", "RENAME USER",
    "BEGIN", "COMMIT", "RELEASE", "ROLLBACK", "SAVEPOINT", "START",
    "ANALYZE", "CHECK", "FLUSH", "GRANT", "INSTALL", "OPTIMIZE", "REPAIR", "REVOKE", "SET", "UNINSTALL", "XA",
    # A statement with rows is here only where binlog_format is not ROW; DMS needs ROW (docs/facts/dms.md section 4).
    "DELETE", "INSERT", "REPLACE", "UPDATE", "LOAD",
}  # fmt: skip
#: Words between the first one and the kind of thing.
_BETWEEN = {"OR", "REPLACE", "TEMPORARY", "ONLINE", "OFFLINE", "IGNORE", "UNIQUE", "FULLTEXT", "SPATIAL", "ALGORITHM", "DEFINER", "SQL", "UNDO"}
_COLUMN_WORDS = {"CHANGE", "MODIFY"}
_NOT_A_COLUMN = {
    "INDEX", "KEY", "PRIMARY", "UNIQUE", "FULLTEXT", "SPATIAL", "CONSTRAINT", "FOREIGN", "CHECK", "PERIOD", "SYSTEM",
}  # fmt: skip


def parse(sql: str, schema: str) -> list[Statement]:
    """What a statement does to tables; empty if it does nothing to any. `schema` is the default one of its session."""
    words = _Words(sql, schema)
    first = words.take()
    if first == "TRUNCATE":
        words.skip("TABLE")
        return [Statement(Effect.TRUNCATE, *words.table())]
    if first in ("CREATE", "DROP", "ALTER", "RENAME"):
        temporary = words.pass_over()
        kind = words.take()
        if kind in ("TABLE", "TABLES"):
            return [] if temporary else _of_table(first, words)
        if kind == "INDEX":
            while words.take() not in ("ON", ""):
                pass
            return [Statement(Effect.OTHER, *words.table())]
        if f"{first} {kind}" in _ELSEWHERE:
            return []
    elif first in _ELSEWHERE or not first:
        return []
    raise UnknownStatement(f"the sandbox does not know what this does to a table: {sql[:200]}")


def _of_table(first: str, words: "_Words") -> list[Statement]:
    words.skip("IF", "NOT", "EXISTS")
    if first == "CREATE":
        return [Statement(Effect.CREATE, *words.table())]
    if first == "DROP":
        return [Statement(Effect.DROP, *table) for table in words.tables()]
    if first == "RENAME":
        found = []
        while True:
            found.append(Statement(Effect.RENAME, *words.table()))
            words.skip("WAIT", "NOWAIT")
            words.skip("TO")
            found.append(Statement(Effect.RENAME, *words.table()))
            if not words.skip(","):
                return found
    table = words.table()
    effects = {_of_part(part) for part in words.parts()}
    found = [Statement(effect, *table) for effect in (Effect.ALTER, Effect.PARTITION, Effect.RENAME) if effect in effects]
    return found or [Statement(Effect.OTHER, *table)]


def _of_part(part: list[str]) -> Effect:
    """One of the parts of an ALTER TABLE that commas separate."""
    words = [word for word in part if word not in ("IF", "NOT", "EXISTS", "COLUMN")]
    first, second = (words + ["", ""])[:2]
    if "PARTITION" in words[:2] or second == "PARTITIONING" or first in ("PARTITION", "REORGANIZE", "COALESCE"):
        return Effect.PARTITION
    if first in _COLUMN_WORDS:
        return Effect.ALTER
    if first in ("ADD", "DROP") and second not in _NOT_A_COLUMN:
        return Effect.ALTER
    if first == "RENAME":
        if "COLUMN" in part:
            return Effect.ALTER
        return Effect.OTHER if second in ("INDEX", "KEY") else Effect.RENAME
    return Effect.OTHER


class _Words:
    """The words of a statement: keywords in upper case, names as they are."""

    def __init__(self, sql: str, schema: str) -> None:
        self._tokens = list(_tokens(sql))
        self._at = 0
        self._schema = schema

    def take(self) -> str:
        word = self.peek()
        self._at += 1
        return word

    def peek(self) -> str:
        """The next word; empty at the end and for a quoted name."""
        if self._at >= len(self._tokens):
            return ""
        text, quoted = self._tokens[self._at]
        return "" if quoted else text.upper()

    def skip(self, *words: str) -> bool:
        """Passes over these words as far as they come; whether there was one."""
        began = self._at
        while self.peek() in words and self._at < len(self._tokens):
            self._at += 1
        return self._at > began

    def pass_over(self) -> bool:
        """Passes over what stands before the kind of thing: `OR REPLACE`, `DEFINER = a@b`. Whether it is temporary."""
        temporary = False
        while self.peek() in _BETWEEN:
            word = self.take()
            temporary = temporary or word == "TEMPORARY"
            if word in ("ALGORITHM", "DEFINER", "SQL"):
                self._value(word)
        return temporary

    def _value(self, word: str) -> None:
        self.skip("=", "SECURITY")
        self._at += 1
        while word == "DEFINER" and self.peek().startswith("@"):
            # `a`@`b`, of which the sign may be a word of its own.
            self._at += 1 if self.peek() != "@" else 2

    def table(self) -> tuple[str, str]:
        name = self._name()
        if self.skip("."):
            return name, self._name()
        return self._schema, name

    def tables(self) -> Iterator[tuple[str, str]]:
        yield self.table()
        while self.skip(","):
            yield self.table()

    def _name(self) -> str:
        if self._at >= len(self._tokens):
            raise UnknownStatement("a statement ends where the name of a table is expected")
        text, _ = self._tokens[self._at]
        self._at += 1
        return text

    def parts(self) -> Iterator[list[str]]:
        """What is left, divided by the commas that are in no parentheses. Names are left out."""
        part: list[str] = []
        depth = 0
        for text, quoted in self._tokens[self._at :]:
            if text == "(" and not quoted:
                depth += 1
            elif text == ")" and not quoted:
                depth -= 1
            elif text == "," and not quoted and depth == 0:
                yield part
                part = []
            elif depth == 0:
                part.append("" if quoted else text.upper())
        yield part


def _tokens(sql: str) -> Iterator[tuple[str, bool]]:
    """Words and signs, and whether each was in quotes. A comment that begins with `!` is a part of the statement."""
    for found in _TOKEN.finditer(sql):
        kind = found.lastgroup
        if kind == "comment":
            if found.group().startswith(("/*!", "/*M!")):
                yield from _tokens(found["comment"])
        elif kind == "name":
            yield found["name"].replace("``", "`"), True
        elif kind == "text":
            yield found["text"], True
        elif kind in ("word", "sign"):
            yield found[kind], False
