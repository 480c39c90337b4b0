"""Table mappings: selection, renaming, columns (AWS DMS user guide, "Using table mapping")."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sandbox.aws.dms import mappings
from sandbox.tests.aws.lab import Lab


def _parse(*rules: dict[str, Any]) -> mappings.TableMappings:
    return mappings.parse(json.dumps({"rules": list(rules)}))


def _select(schema: str, table: str, action: str = "include", number: str = "1") -> dict[str, Any]:
    return {
        "rule-type": "selection", "rule-id": number, "rule-name": number, "rule-action": action,
        "object-locator": {"schema-name": schema, "table-name": table},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("pattern", "table", "taken"),
    [
        ("%", "orders", True),
        ("order%", "orders", True),
        ("order%", "reorders", False),
        ("order_", "orders", True),
        ("order_", "order", False),
        ("a_b", "axb", True),
        ("a[_]b", "axb", False),
        ("a[_]b", "a_b", True),
        ("log[0-9]", "log7", True),
        ("log[^0-9]", "log7", False),
        ("orders.old", "ordersxold", False),
    ],
)
def test_wildcards(pattern: str, table: str, taken: bool) -> None:
    assert _parse(_select("shop", pattern)).selects("shop", table) is taken


def test_exclude_wins_whatever_the_order() -> None:
    rules = _parse(_select("shop", "secret%", "exclude", "1"), _select("shop", "%", "include", "2"))
    assert rules.selects("shop", "orders")
    assert not rules.selects("shop", "secrets")
    assert not rules.selects("other", "orders")


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ("{", "not valid JSON"),
        ("{}", 'non-empty list "rules"'),
        (json.dumps({"rules": [_select("s", "t", "exclude")]}), "at least one selection rule"),
        (json.dumps({"rules": [_select("s", "t"), _select("s", "u")]}), "Duplicate rule-id 1"),
        (json.dumps({"rules": [_select("s", "t", "maybe")]}), "'maybe' is not one of"),
        (json.dumps({"rules": [_select("", "t")]}), 'needs a "schema-name"'),
        (json.dumps({"rules": [{"rule-id": "1", "rule-type": "table-settings"}]}), "'table-settings'"),
    ],
)
def test_bad_documents_are_refused_with_the_rule(document: str, reason: str) -> None:
    with pytest.raises(mappings.MappingError, match=reason.replace("(", r"\(")):
        mappings.parse(document)


@pytest.mark.parametrize("expression", ["$AR_H_USER", "$AR_H_TRANSACTION_ID", "CASE WHEN 1 THEN 2 END"])
def test_expressions_that_do_not_exist_for_mysql(expression: str) -> None:
    rule = {
        "rule-type": "transformation", "rule-id": "2", "rule-name": "2", "rule-action": "add-column", "rule-target": "column",
        "object-locator": {"schema-name": "s", "table-name": "t"}, "value": "c", "expression": expression,
    }  # fmt: skip
    with pytest.raises(mappings.MappingError, match="Rule 2"):
        _parse(_select("s", "t"), rule)


def test_only_selected_tables_are_read(lab: Lab) -> None:
    for table in ("orders", "orders_old", "secret"):
        lab.orders(1, table=table)
    rules = [lab.include("%"), lab.rule("selection", "exclude", table="secret")]
    task = lab.task(rules=rules).run("orders", "orders_old")
    lab.sql("UPDATE {s}.secret SET status = 'x'", "UPDATE {s}.orders SET status = 'x'")
    task.flush()
    assert {k.split("/")[1] for k in lab.keys()} == {"orders", "orders_old"}
    assert sorted(t["TableName"] for t in task.tables()) == ["orders", "orders_old"]


def test_names_are_changed_by_rules_and_statistics_keep_the_source_names(lab: Lab) -> None:
    lab.orders(1)
    rules = [
        lab.include(),
        {**lab.rule("transformation", "rename", rule_target="schema", value="landing"), "object-locator": {"schema-name": lab.schema}},
        lab.rule("transformation", "add-prefix", rule_target="table", value="t_"),
        lab.rule("transformation", "convert-uppercase", rule_target="table"),
        lab.rule("transformation", "rename", column="status", rule_target="column", value="state"),
        lab.rule("transformation", "remove-column", column="amount", rule_target="column"),
    ]
    task = lab.task(rules=rules).run()
    lab.sql("UPDATE {s}.orders SET status = 'x'")
    task.flush()
    keys = lab.keys()
    assert len(keys) == 2 and all(k.startswith("landing/T_ORDERS/") for k in keys)
    for key in keys:
        assert lab.parquet(key).column_names == ["Op", "_ts", "id", "state"]
    assert task.table("orders")["Updates"] == 1


def test_higher_load_order_is_loaded_first(lab: Lab) -> None:
    for table in ("aaa", "zzz"):
        lab.orders(1, table=table)
    rules = [lab.include("aaa"), lab.include("zzz") | {"load-order": 2}]
    task = lab.task(rules=rules, settings={"FullLoadSettings": {"MaxFullLoadSubTasks": 1}}).run("aaa", "zzz")
    assert task.table("zzz")["FullLoadEndTime"] <= task.table("aaa")["FullLoadStartTime"]
