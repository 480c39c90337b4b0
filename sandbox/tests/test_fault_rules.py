"""Rules of faults, without a server (sandbox/faults.py)."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from sandbox.faults import BadRule, Faults, action, statement


def with_chances(*chances: float) -> Faults:
    """A registry whose dice fall as given, over and over."""
    dice = itertools.cycle(chances)
    return Faults(default_code=1104, chance=lambda: next(dice))


def rule(**fields: Any) -> dict[str, Any]:
    return {"match": "x", "action": "error", "count": -1} | fields


def hits(faults: Faults, texts: tuple[str, ...], times: int = 4) -> list[bool]:
    return [faults.take(texts) is not None for _ in range(times)]


def test_a_probability_of_zero_never_hits_and_one_always() -> None:
    for probability, expected in ((0, [False] * 4), (1, [True] * 4)):
        faults = with_chances(0.0, 0.999_999)
        faults.add(rule(probability=probability))
        assert hits(faults, statement("x")) == expected


def test_a_probability_in_between_hits_when_the_dice_fall_below_it() -> None:
    faults = with_chances(0.29, 0.3, 0.9, 0.1)
    added = faults.add(rule(probability=0.3))
    assert hits(faults, statement("x")) == [True, False, False, True]
    assert added.hits == 2


def test_the_dice_are_fair_unless_a_test_loads_them() -> None:
    faults = Faults(default_code=1104)
    faults.add(rule(probability=0.5))
    # One in 10^60 for a fair coin.
    assert set(hits(faults, statement("x"), 200)) == {True, False}


def test_a_miss_by_chance_leaves_the_request_to_the_next_rule() -> None:
    faults = with_chances(0.9, 0.0)
    faults.add(rule(probability=0.5, message="first"))
    faults.add(rule(message="second"))
    taken = faults.take(statement("x"))
    assert taken is not None and taken.message == "second"


def test_a_rule_meets_as_many_requests_as_it_counts() -> None:
    faults = with_chances(0.0)
    added = faults.add(rule(count=2))
    assert added.left == 2
    assert hits(faults, statement("x")) == [True, True, False, False]
    assert (added.left, added.hits) == (0, 2)
    assert faults.add(rule(count=0)).left == 0
    assert not any(hits(faults, statement("x")))


def test_the_first_rule_that_matches_decides() -> None:
    faults = with_chances(0.0)
    for match in ("^MERGE", "orders"):
        faults.add(rule(match=match, message=match))
    assert faults.take(statement("SELECT 1")) is None
    for sql, expected in (("merge into\norders", "^MERGE"), ("DELETE FROM orders", "orders")):
        taken = faults.take(statement(sql))
        assert taken is not None and taken.message == expected


def test_a_pattern_reaches_over_the_lines_of_a_statement() -> None:
    faults = with_chances(0.0)
    faults.add(rule(match="INSERT INTO .*horizons"))
    assert faults.take(statement("insert into a\nselect 1 from horizons")) is not None


@pytest.mark.parametrize("match", ["^dms:StartReplicationTask", "startreplicationtask$", "^StartReplicationTask$", "Task /x"])
def test_an_action_is_matched_with_its_path_or_by_its_name(match: str) -> None:
    faults = with_chances(0.0)
    faults.add(rule(match=match))
    assert faults.take(action("dms:StartReplicationTask", "/x")) is not None
    assert faults.take(action("dms:StopTask", "/y")) is None


def test_clear_ends_every_rule() -> None:
    faults = with_chances(0.0)
    faults.add(rule())
    faults.clear()
    assert faults.all() == [] and faults.take(statement("x")) is None


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ([], "JSON object"),
        ({"action": "error"}, "match"),
        ({"match": "x"}, "action"),
        ({"match": 1, "action": "error"}, "match"),
        (rule(action="explode"), "explode"),
        (rule(match="("), "regular expression"),
        (rule(probability=1.1), "probability"),
        (rule(probability=-0.1), "probability"),
        (rule(delay_ms=-1), "delay_ms"),
        (rule(count="many"), "many"),
        (rule(code="not a number"), "not a number"),
        (rule(often=1), "often"),
    ],
)
def test_a_rule_that_cannot_be_used_says_why(wrong: Any, named: str) -> None:
    faults = with_chances(0.0)
    with pytest.raises(BadRule, match=named):
        faults.add(wrong)
    assert faults.all() == []


def test_a_code_is_of_the_servers_kind() -> None:
    assert Faults(default_code=1104).add(rule()).document()["code"] == 1104
    assert Faults(default_code=1104).add(rule(code=4001)).document()["code"] == 4001
    assert Faults(default_code="").add(rule(code="SlowDown")).document()["code"] == "SlowDown"
