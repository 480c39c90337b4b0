"""Source filters of selection rules: which rows of a table a task takes.

Source: AWS DMS user guide, "Using source filters". Filters of a rule are joined by AND, the conditions of a filter by OR.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

#: filter-operator -> how many values it takes.
OPERATORS = {
    "eq": 1, "noteq": 1, "gte": 1, "lte": 1, "ste": 1, "between": 2, "notbetween": 2, "null": 0, "notnull": 0,
}  # fmt: skip
_SQL = {"eq": "{c} = {0}", "noteq": "{c} <> {0}", "gte": "{c} >= {0}", "lte": "{c} <= {0}", "ste": "{c} <= {0}",
        "between": "{c} BETWEEN {0} AND {1}", "notbetween": "{c} NOT BETWEEN {0} AND {1}",
        "null": "{c} IS NULL", "notnull": "{c} IS NOT NULL"}  # fmt: skip


class FilterError(ValueError):
    """The filters are not what DMS takes; says why."""


@dataclass(frozen=True)
class Condition:
    operator: str
    values: tuple[str, ...]

    def sql(self, column: str) -> str:
        return _SQL[self.operator].format(*map(_literal, self.values), c=column)

    def holds(self, value: Any, bounds: tuple[Any, ...]) -> bool:
        """As SQL has it: a comparison with NULL holds for nothing."""
        if self.operator in ("null", "notnull"):
            return (value is None) == (self.operator == "null")
        if value is None:
            return False
        match self.operator:
            case "eq":
                return bool(value == bounds[0])
            case "noteq":
                return bool(value != bounds[0])
            case "gte":
                return bool(value >= bounds[0])
            case "lte" | "ste":
                return bool(value <= bounds[0])
        inside = bool(bounds[0] <= value <= bounds[1])
        return inside == (self.operator == "between")


@dataclass(frozen=True)
class Filter:
    column: str
    conditions: tuple[Condition, ...]


#: The filters of one selection rule, all of which must hold.
RuleFilters = tuple[Filter, ...]


def parse(raw: Any) -> RuleFilters:
    if raw is None:
        return ()
    if not isinstance(raw, list):
        raise FilterError('"filters" is not a list')
    return tuple(_filter(item) for item in raw)


def _filter(raw: Any) -> Filter:
    if not isinstance(raw, dict) or raw.get("filter-type") != "source":
        raise FilterError('a filter needs "filter-type": "source"')
    column, conditions = raw.get("column-name"), raw.get("filter-conditions")
    if not column or not isinstance(conditions, list) or not conditions:
        raise FilterError('a filter needs a "column-name" and a list of "filter-conditions"')
    return Filter(str(column), tuple(_condition(c) for c in conditions))


def _condition(raw: Any) -> Condition:
    operator = raw.get("filter-operator") if isinstance(raw, dict) else None
    if operator not in OPERATORS:
        raise FilterError(f"filter-operator {operator!r} is not one of {', '.join(OPERATORS)}")
    names = {0: (), 1: ("value",), 2: ("start-value", "end-value")}[OPERATORS[operator]]
    missing = [n for n in names if raw.get(n) is None]
    if missing:
        raise FilterError(f'filter-operator {operator} needs a "{missing[0]}"')
    return Condition(operator, tuple(str(raw[n]) for n in names))


def where(rules: tuple[RuleFilters, ...]) -> str:
    """The condition of the full load's SELECT: rows that one of the rules takes."""
    return " OR ".join(f"({' AND '.join(f'({_any(f)})' for f in rule)})" for rule in rules)


def _any(one: Filter) -> str:
    column = "`" + one.column.replace("`", "``") + "`"
    return " OR ".join(c.sql(column) for c in one.conditions)


def _literal(text: str) -> str:
    """Hexadecimal, so that no SQL mode has a say in its quotes; the column's type decides how it is compared."""
    return f"CONVERT(x'{text.encode().hex()}' USING utf8mb4)"


def row_test(
    rules: tuple[RuleFilters, ...], places: Mapping[str, int], bound: Callable[[str, str], Any]
) -> Callable[[tuple[Any, ...]], bool]:
    """The same test for changed rows. `bound(column, text)` is a value of the filter as the binlog gives the column's values."""
    compiled = [
        [(places[f.column], [(c, tuple(bound(f.column, v) for v in c.values)) for c in f.conditions]) for f in rule] for rule in rules
    ]

    def test(row: tuple[Any, ...]) -> bool:
        return any(all(any(c.holds(row[at], bounds) for c, bounds in conditions) for at, conditions in rule) for rule in compiled)

    return test
