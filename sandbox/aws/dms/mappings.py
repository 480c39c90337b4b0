"""Table mappings: which tables a task takes and what it does to their names and columns.

Source: AWS DMS user guide, "Using table mapping to specify task settings" (selection rules with
wildcards, transformation rules); docs/facts/dms.md sections 1-3.
"""

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from . import filters
from .filters import RuleFilters

SELECTION_ACTIONS = {"include", "exclude", "explicit"}

#: rule-target -> rule-action that the sandbox carries out.
NAME_ACTIONS = {
    "rename",
    "convert-lowercase",
    "convert-uppercase",
    "add-prefix",
    "remove-prefix",
    "replace-prefix",
    "add-suffix",
    "remove-suffix",
    "replace-suffix",
}
COLUMN_ACTIONS = NAME_ACTIONS | {
    "include-column",
    "remove-column",
    "add-column",
    "add-before-image-columns",
    "change-data-type",
}

HEADERS = {
    "AR_H_CHANGE_SEQ",
    "AR_H_STREAM_POSITION",
    "AR_H_TIMESTAMP",
    "AR_H_COMMIT_TIMESTAMP",
    "AR_H_OPERATION",
}
COLUMN_FILTERS = {"pk-only", "non-lob", "all"}


class MappingError(ValueError):
    """The mappings are not what DMS takes; the message says which rule and why."""


@lru_cache(maxsize=4096)
def _wildcard(pattern: str) -> re.Pattern[str]:
    """DMS wildcards: `%` any run, `_` one character, `[_]`/`[ab]`/`[^a]` a character class."""
    out = []
    i = 0
    while i < len(pattern):
        char = pattern[i]
        if char == "%":
            out.append(".*")
        elif char == "_":
            out.append(".")
        elif char == "[" and "]" in pattern[i + 1 :]:
            end = pattern.index("]", i + 1)
            out.append("[" + pattern[i + 1 : end].replace("\\", "\\\\") + "]")
            i = end
        else:
            out.append(re.escape(char))
        i += 1
    return re.compile("".join(out), re.DOTALL)


def matches(pattern: str | None, name: str) -> bool:
    return pattern is None or _wildcard(pattern).fullmatch(name) is not None


@dataclass(frozen=True)
class Locator:
    schema: str
    table: str | None = None
    column: str | None = None

    def takes_table(self, schema: str, table: str) -> bool:
        return matches(self.schema, schema) and matches(self.table, table)

    def takes_column(self, schema: str, table: str, column: str) -> bool:
        return self.takes_table(schema, table) and matches(self.column, column)


@dataclass(frozen=True)
class Selection:
    rule_id: str
    locator: Locator
    action: str
    load_order: int
    filters: RuleFilters = ()


@dataclass(frozen=True)
class Transformation:
    rule_id: str
    target: str
    locator: Locator
    action: str
    value: str | None
    old_value: str | None
    expression: str | None
    data_type: dict[str, Any] | None
    column_filter: str | None
    column_prefix: str
    column_suffix: str


@dataclass(frozen=True)
class TableMappings:
    selections: tuple[Selection, ...]
    transformations: tuple[Transformation, ...]

    def selects(self, schema: str, table: str) -> bool:
        """Excludes win over includes, whatever their order (user guide, selection rules)."""
        hits = [s for s in self.selections if s.locator.takes_table(schema, table)]
        if any(s.action == "exclude" for s in hits):
            return False
        return any(s.action in ("include", "explicit") for s in hits)

    def row_filters(self, schema: str, table: str) -> tuple[RuleFilters, ...]:
        """The filters of the rules that take the table, any of which lets a row in; nothing: all rows."""
        found = tuple(s.filters for s in self.selections if s.action != "exclude" and s.locator.takes_table(schema, table))
        return () if () in found else found

    def load_order(self, schema: str, table: str) -> int:
        """Tables with the higher load-order are loaded first."""
        return max(
            (s.load_order for s in self.selections if s.locator.takes_table(schema, table)),
            default=0,
        )

    def target_schema(self, schema: str) -> str:
        name = schema
        for rule in self.transformations:
            if rule.target == "schema" and matches(rule.locator.schema, schema):
                name = _renamed(rule, name)
        return name

    def target_table(self, schema: str, table: str) -> str:
        name = table
        for rule in self.transformations:
            if rule.target == "table" and rule.locator.takes_table(schema, table):
                name = _renamed(rule, name)
        return name

    def column_name(self, schema: str, table: str, column: str) -> str | None:
        """The column's name in the target, or None when a rule removes it."""
        name = column
        for rule in self._column_rules(schema, table):
            if not matches(rule.locator.column, column):
                continue
            if rule.action == "remove-column":
                return None
            if rule.action in NAME_ACTIONS:
                name = _renamed(rule, name)
        includes = [r for r in self._column_rules(schema, table) if r.action == "include-column"]
        if includes and not any(matches(r.locator.column, column) for r in includes):
            return None
        return name

    def column_type(self, schema: str, table: str, column: str) -> dict[str, Any] | None:
        for rule in self._column_rules(schema, table):
            if rule.action == "change-data-type" and matches(rule.locator.column, column):
                return rule.data_type
        return None

    def added_columns(self, schema: str, table: str) -> list[Transformation]:
        return [r for r in self._column_rules(schema, table) if r.action == "add-column"]

    def before_image(self, schema: str, table: str) -> Transformation | None:
        for rule in self._column_rules(schema, table):
            if rule.action == "add-before-image-columns":
                return rule
        return None

    def _column_rules(self, schema: str, table: str) -> list[Transformation]:
        return [
            r
            for r in self.transformations
            if r.target == "column" and r.locator.takes_table(schema, table)
        ]


def _renamed(rule: Transformation, name: str) -> str:
    value = rule.value or ""
    old = rule.old_value or ""
    match rule.action:
        case "rename":
            return value
        case "convert-lowercase":
            return name.lower()
        case "convert-uppercase":
            return name.upper()
        case "add-prefix":
            return value + name
        case "add-suffix":
            return name + value
        case "remove-prefix":
            return name.removeprefix(value)
        case "remove-suffix":
            return name.removesuffix(value)
        case "replace-prefix":
            return value + name.removeprefix(old) if name.startswith(old) else name
        case "replace-suffix":
            return name.removesuffix(old) + value if name.endswith(old) else name
    return name


def parse(text: str) -> TableMappings:
    """Reads and checks a TableMappings document."""
    try:
        document = json.loads(text)
    except ValueError as error:
        raise MappingError(f"Table mappings are not valid JSON: {error}") from error
    rules = document.get("rules") if isinstance(document, dict) else None
    if not isinstance(rules, list) or not rules:
        raise MappingError('Table mappings need a non-empty list "rules".')
    selections: list[Selection] = []
    transformations: list[Transformation] = []
    seen: set[str] = set()
    for position, rule in enumerate(rules):
        if not isinstance(rule, dict):
            raise MappingError(f"Rule {position + 1} of the table mappings is not an object.")
        rule_id = str(rule.get("rule-id", ""))
        if not rule_id:
            raise MappingError(f'Rule {position + 1} of the table mappings has no "rule-id".')
        if rule_id in seen:
            raise MappingError(f"Duplicate rule-id {rule_id} in the table mappings.")
        seen.add(rule_id)
        match rule.get("rule-type"):
            case "selection":
                selections.append(_selection(rule_id, rule))
            case "transformation":
                transformations.append(_transformation(rule_id, rule))
            case other:
                raise MappingError(
                    f"Rule {rule_id}: the sandbox does not carry out rule-type {other!r}; "
                    'it knows "selection" and "transformation".'
                )
    if not any(s.action in ("include", "explicit") for s in selections):
        raise MappingError("Table mappings need at least one selection rule that includes tables.")
    return TableMappings(tuple(selections), tuple(transformations))


def _locator(rule_id: str, rule: dict[str, Any], *, table: bool, column: bool) -> Locator:
    raw = rule.get("object-locator")
    if not isinstance(raw, dict) or not raw.get("schema-name"):
        raise MappingError(f'Rule {rule_id}: "object-locator" needs a "schema-name".')
    if table and not raw.get("table-name"):
        raise MappingError(f'Rule {rule_id}: "object-locator" needs a "table-name".')
    if column and not raw.get("column-name"):
        raise MappingError(f'Rule {rule_id}: "object-locator" needs a "column-name".')
    if raw.get("table-type", "table") != "table":
        # User guide, selection rules: views by full-load tasks only; Serverless not at all (docs/facts/dms.md section 4).
        raise MappingError(f'Rule {rule_id}: the sandbox migrates no views; "table-type" must be "table".')
    return Locator(raw["schema-name"], raw.get("table-name"), raw.get("column-name"))


def _selection(rule_id: str, rule: dict[str, Any]) -> Selection:
    action = rule.get("rule-action")
    if action not in SELECTION_ACTIONS:
        raise MappingError(f"Rule {rule_id}: selection rule-action {action!r} is not one of "
                           f"{sorted(SELECTION_ACTIONS)}.")
    order = rule.get("load-order", 0)
    locator = _locator(rule_id, rule, table=True, column=False)
    try:
        found = filters.parse(rule.get("filters"))
    except filters.FilterError as error:
        raise MappingError(f"Rule {rule_id}: {error}.") from error
    # User guide, "Using source filters": only when rule-action is include, and no wildcards.
    if found and action != "include":
        raise MappingError(f"Rule {rule_id}: source filters are for rule-action include.")
    if found and re.search(r"[%\[]", locator.schema + (locator.table or "")):
        raise MappingError(f"Rule {rule_id}: source filters need the exact name of one table, without wildcards.")
    return Selection(rule_id, locator, action, int(order), found)


def _transformation(rule_id: str, rule: dict[str, Any]) -> Transformation:
    target, action = rule.get("rule-target"), rule.get("rule-action")
    allowed = {"schema": NAME_ACTIONS, "table": NAME_ACTIONS, "column": COLUMN_ACTIONS}.get(str(target))
    if allowed is None:
        raise MappingError(f"Rule {rule_id}: the sandbox does not carry out rule-target {target!r}.")
    if action not in allowed:
        raise MappingError(f"Rule {rule_id}: rule-action {action!r} is not carried out for rule-target {target!r}.")
    needs_column = target == "column" and action not in ("add-column", "add-before-image-columns")
    locator = _locator(rule_id, rule, table=target != "schema", column=needs_column)
    value, expression = rule.get("value"), rule.get("expression")
    if action in NAME_ACTIONS - {"convert-lowercase", "convert-uppercase"} and not value:
        raise MappingError(f'Rule {rule_id}: rule-action {action} needs a "value".')
    data_type = rule.get("data-type")
    if action == "add-column":
        if not value or not expression:
            raise MappingError(f'Rule {rule_id}: add-column needs "value" (the name) and "expression".')
        check_expression(rule_id, expression)
    if action in ("add-column", "change-data-type"):
        if data_type is not None and not isinstance(data_type, dict):
            raise MappingError(f'Rule {rule_id}: "data-type" is not an object.')
        if action == "change-data-type" and not data_type:
            raise MappingError(f'Rule {rule_id}: change-data-type needs a "data-type".')
    before = rule.get("before-image-def") or {}
    if action == "add-before-image-columns":
        if before.get("column-filter") not in COLUMN_FILTERS:
            raise MappingError(f'Rule {rule_id}: before-image-def.column-filter is not one of {sorted(COLUMN_FILTERS)}.')
        if not before.get("column-prefix") and not before.get("column-suffix"):
            raise MappingError(f"Rule {rule_id}: before-image-def needs a column-prefix or a column-suffix.")
    return Transformation(
        rule_id, str(target), locator, action, value, rule.get("old-value"), expression, data_type,
        before.get("column-filter"), before.get("column-prefix", ""), before.get("column-suffix", ""),
    )  # fmt: skip


def check_expression(rule_id: str, expression: str) -> None:
    """The sandbox evaluates one header, one source column, or one literal."""
    if expression.startswith("$"):
        name = expression[1:]
        if name.startswith("AR_H_") and name not in HEADERS:
            raise MappingError(
                f"Rule {rule_id}: header {expression} is not one of {sorted(HEADERS)} "
                "(AR_H_USER does not exist for a MySQL source)."
            )
        if re.fullmatch(r"\w+", name):
            return
    elif re.fullmatch(r"'[^']*'|-?\d+(\.\d+)?", expression):
        return
    raise MappingError(f"Rule {rule_id}: the sandbox does not evaluate the expression {expression!r}.")
