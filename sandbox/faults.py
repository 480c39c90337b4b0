"""Faults on demand: rules that let chosen statements and requests meet a bad network or a failing server.

One registry for both servers. What a rule is matched against is the server's: the text of a statement (`statement`) or
the name of an AWS action (`action`).
"""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

ACTIONS = ("refuse", "delay", "drop_before", "drop_after", "error", "throttle")
UNTIL_CLEARED = -1


class BadRule(ValueError):
    """The rule cannot be used; the message says why."""


@dataclass
class Rule:
    """What to do to the next ``count`` requests that match."""

    match: str
    action: str
    code: int | str
    """Of `error` and `throttle`: what the client sees as the error's code."""
    count: int = 1
    """How many requests it meets in all; -1: until cleared."""
    probability: float = 1.0
    delay_ms: int = 0
    """Waited before the action."""
    message: str = "fault injected by the sandbox"
    hits: int = 0

    def __post_init__(self) -> None:
        if self.action not in ACTIONS:
            raise BadRule(f"action: {self.action!r} is none of {', '.join(ACTIONS)}")
        if not 0 <= self.probability <= 1:
            raise BadRule("probability: a number between 0 and 1 is needed")
        if self.delay_ms < 0:
            raise BadRule("delay_ms: milliseconds are needed, 0 or more")
        try:
            self.pattern = re.compile(self.match, re.IGNORECASE | re.DOTALL)
        except re.error as error:
            raise BadRule(f"match: {self.match!r} is not a regular expression: {error}") from None

    @property
    def left(self) -> int:
        """How many more requests it meets."""
        return self.count if self.count == UNTIL_CLEARED else max(self.count - self.hits, 0)

    def document(self) -> dict[str, Any]:
        return dict(
            match=self.match, action=self.action, count=self.count, probability=self.probability,
            delay_ms=self.delay_ms, code=self.code, message=self.message, hits=self.hits,
        )  # fmt: skip


_FIELDS: dict[str, type] = {
    "match": str, "action": str, "count": int, "probability": float, "delay_ms": int, "message": str,
}  # fmt: skip


def statement(sql: str) -> tuple[str, ...]:
    """What a rule about Databend is searched in: the text of a statement, or the path of another request."""
    return (sql,)


def action(name: str, path: str) -> tuple[str, ...]:
    """What a rule about AWS is searched in: ``service:Action /path``, and the action's name alone."""
    return (f"{name} {path}", name.partition(":")[2])


class Faults:
    """The rules of one server. The first rule that matches decides."""

    def __init__(self, default_code: int | str, chance: Callable[[], float] = random.random) -> None:
        self._default_code = default_code
        self._chance = chance
        self._rules: list[Rule] = []
        self._lock = threading.Lock()

    def add(self, document: Any) -> Rule:
        rule = self._rule(document)
        with self._lock:
            self._rules.append(rule)
        return rule

    def all(self) -> list[Rule]:
        """Every rule since the last `clear`, used up or not."""
        with self._lock:
            return list(self._rules)

    def clear(self) -> None:
        with self._lock:
            self._rules.clear()

    def take(self, texts: Iterable[str]) -> Rule | None:
        """The rule for a request, used up by one."""
        texts = tuple(texts)
        with self._lock:
            for rule in self._rules:
                if rule.left and any(map(rule.pattern.search, texts)) and self._chance() < rule.probability:
                    rule.hits += 1
                    return rule
        return None

    def _rule(self, document: Any) -> Rule:
        if not isinstance(document, dict):
            raise BadRule('a rule is a JSON object, as in {"match": "MERGE", "action": "drop_after", "count": 1}')
        fields = _FIELDS | {"code": type(self._default_code)}
        if unknown := sorted(set(document) - set(fields)):
            raise BadRule(f"{unknown[0]}: no such field; known are {', '.join(sorted(fields))}")
        for name in ("match", "action"):
            if not isinstance(document.get(name), str):
                raise BadRule(f"{name}: a text is needed")
        try:
            given = {name: fields[name](value) for name, value in document.items()}
        except (TypeError, ValueError) as error:
            raise BadRule(f"{document}: {error}") from None
        return Rule(**{"code": self._default_code} | given)
