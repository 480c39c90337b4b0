"""Source filters in selection rules (user guide, "Using source filters"): the same rows by the full load and by the binlog."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sandbox.aws.dms import mappings
from sandbox.tests.aws.lab import Lab, wait_for


def _where(column: str, *conditions: tuple[str, ...]) -> dict[str, Any]:
    names = {1: (), 2: ("value",), 3: ("start-value", "end-value")}
    return {
        "filter-type": "source",
        "column-name": column,
        "filter-conditions": [
            {"filter-operator": operator, **dict(zip(names[len(values) + 1], values, strict=True))} for operator, *values in conditions
        ],
    }


ROWS = {
    1: ("1", "10.50", "'berlin'", "'2024-01-01'", "'2024-01-01 10:00:00'", "b'1'"),
    2: ("2", "20.50", "'O''Hara \\\\ `x`'", "'2024-06-01'", "'2024-06-01 10:00:00'", "b'0'"),
    3: ("-3", "-1.00", "'zürich 😀'", "'2025-01-01'", "'2025-01-01 10:00:00'", "b'1'"),
    4: ("NULL", "NULL", "NULL", "NULL", "NULL", "NULL"),
}


@pytest.mark.parametrize(
    ("filters", "taken"),
    [
        ([_where("n", ("eq", "2"))], [2]),
        ([_where("n", ("noteq", "2"))], [1, 3]),
        ([_where("n", ("gte", "1"))], [1, 2]),
        ([_where("n", ("ste", "1"))], [1, 3]),
        ([_where("n", ("lte", "1"))], [1, 3]),
        ([_where("n", ("between", "1", "2"))], [1, 2]),
        ([_where("n", ("notbetween", "1", "2"))], [3]),
        ([_where("n", ("null",))], [4]),
        ([_where("n", ("notnull",))], [1, 2, 3]),
        ([_where("n", ("eq", "2"), ("null",))], [2, 4]),
        ([_where("n", ("gte", "1")), _where("city", ("eq", "berlin"))], [1]),
        ([_where("price", ("gte", "10.5"))], [1, 2]),
        ([_where("city", ("eq", "O'Hara \\ `x`"))], [2]),
        ([_where("city", ("eq", "zürich 😀"))], [3]),
        ([_where("day", ("between", "2024-02-01", "2024-12-31"))], [2]),
        ([_where("at", ("gte", "2024-06-01 10:00:00"))], [2, 3]),
        ([_where("flag", ("eq", "1"))], [1, 3]),
    ],
)
def test_rows_of_load_and_changes_are_the_same(lab: Lab, filters: list[dict[str, Any]], taken: list[int]) -> None:
    lab.sql(
        "CREATE TABLE {s}.orders (id INT PRIMARY KEY, n BIGINT, price DECIMAL(10,2), city VARCHAR(40), day DATE, at DATETIME, flag BIT(1))",
        *[f"INSERT INTO {{s}}.orders VALUES ({i}, {', '.join(v)})" for i, v in ROWS.items()],
    )
    task = lab.task(rules=[lab.include("orders") | {"filters": filters}]).run()
    assert [r["id"] for r in lab.loaded()] == taken
    lab.sql(*[f"INSERT INTO {{s}}.orders VALUES ({i + 10}, {', '.join(v)})" for i, v in ROWS.items()], "DELETE FROM {s}.orders WHERE id < 10")
    task.flush()
    assert [(r["Op"], r["id"]) for r in lab.changes()] == [("I", i + 10) for i in taken] + [("D", i) for i in taken]
    assert (task.table()["FullLoadRows"], task.table()["Inserts"]) == (len(taken), len(taken))


def test_rules_for_one_table_add_up(lab: Lab) -> None:
    lab.orders(4)
    rules = [lab.include("orders") | {"filters": [_where("id", ("eq", i))]} for i in ("1", "3")]
    lab.task(rules=rules).run()
    assert [r["id"] for r in lab.loaded()] == [1, 3]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"filters": [{}]}, "filter-type"),
        ({"filters": {}}, "not a list"),
        ({"filters": [{"filter-type": "source", "column-name": "n"}]}, "filter-conditions"),
        ({"filters": [_where("n", ("like", "1"))]}, "'like' is not one of"),
        ({"filters": [{**_where("n", ("eq", "1")), "filter-conditions": [{"filter-operator": "between", "start-value": 1}]}]}, "end-value"),
        ({"filters": [_where("n", ("null",))], "rule-action": "explicit"}, "rule-action include"),
        ({"filters": [_where("n", ("null",))], "object-locator": {"schema-name": "s", "table-name": "%"}}, "wildcards"),
    ],
)
def test_filters_that_dms_refuses(change: dict[str, Any], reason: str) -> None:
    rule = {
        "rule-type": "selection", "rule-id": "1", "rule-name": "1", "rule-action": "include",
        "object-locator": {"schema-name": "s", "table-name": "t"},
    } | change  # fmt: skip
    with pytest.raises(mappings.MappingError, match=f"Rule 1.*{reason}"):
        mappings.parse(json.dumps({"rules": [rule]}))


@pytest.mark.parametrize("column", ["nothing", "document"])
def test_a_filter_on_a_missing_column_or_a_lob_is_a_table_error(lab: Lab, column: str) -> None:
    lab.sql("CREATE TABLE {s}.orders (id INT PRIMARY KEY, document JSON)")
    task = lab.task(rules=[lab.include("orders") | {"filters": [_where(column, ("notnull",))]}]).start()
    wait_for("table error", lambda: task.table().get("TableState") == "Table error")
