"""Faults on demand: rules that let chosen statements meet a bad network or a failing server."""

from __future__ import annotations

import random
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sandbox.databend.errors import DatabendError

ACTIONS = ("refuse", "delay", "drop_before", "drop_after", "error", "throttle")


class BadRule(ValueError):
    """A rule that says nothing sensible."""


@dataclass
class Rule:
    """What to do to the next ``count`` requests whose text matches."""

    match: str
    action: str
    count: int
    probability: float
    delay_ms: int
    code: int
    message: str

    def document(self) -> dict[str, Any]:
        return dict(self.__dict__)


class Faults:
    """The rules in force. The first rule that matches a text decides."""

    def __init__(self) -> None:
        self._rules: list[Rule] = []
        self._lock = threading.Lock()

    def add(self, document: Any) -> Rule:
        rule = _rule(document)
        with self._lock:
            self._rules.append(rule)
        return rule

    def all(self) -> list[dict[str, Any]]:
        with self._lock:
            return [rule.document() for rule in self._rules]

    def clear(self) -> None:
        with self._lock:
            self._rules.clear()

    def take(self, text: str) -> Rule | None:
        """The rule for a text, used up by one."""
        with self._lock:
            for rule in self._rules:
                if rule.count != 0 and re.search(rule.match, text, re.I | re.S) and random.random() < rule.probability:
                    rule.count -= 1
                    self._rules = [each for each in self._rules if each.count != 0]
                    return rule
        return None

    @contextmanager
    def around_task_statement(self, sql: str) -> Iterator[None]:
        """A task has no connection that could be cut: there a statement is late, or fails before or after its work."""
        rule = self.take(sql)
        if rule is None:
            yield
            return
        time.sleep(rule.delay_ms / 1000)
        if rule.action not in ("delay", "drop_after"):
            raise DatabendError(rule.code, rule.message)
        yield
        if rule.action == "drop_after":
            # Done and committed, and recorded as failed: what a lost answer looks like from the task service.
            raise DatabendError(rule.code, rule.message)


def _rule(document: Any) -> Rule:
    if not isinstance(document, dict):
        raise BadRule("a rule is a JSON object, as in {\"match\": \"MERGE\", \"action\": \"drop_after\", \"count\": 1}")
    action, match = document.get("action"), document.get("match")
    if action not in ACTIONS:
        raise BadRule(f"action: {action!r} is none of {', '.join(ACTIONS)}")
    if not isinstance(match, str):
        raise BadRule("match: a regular expression over the SQL text is needed")
    try:
        re.compile(match)
        return Rule(
            match=match,
            action=action,
            # -1: until cleared.
            count=int(document.get("count", 1)),
            probability=float(document.get("probability", 1.0)),
            delay_ms=int(document.get("delay_ms", 0)),
            code=int(document.get("code", 1104)),
            message=str(document.get("message", "fault injected by the sandbox")),
        )
    except (re.error, TypeError, ValueError) as error:
        raise BadRule(f"{document}: {error}") from None
