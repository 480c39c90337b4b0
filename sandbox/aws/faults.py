"""Faults on demand: what goes wrong with which action, how often."""

import random
import re
import threading
from dataclasses import asdict, dataclass, field
from typing import Any

ACTIONS = ("refuse", "delay", "drop_before", "drop_after", "error", "throttle")


class BadRule(ValueError):
    """The rule cannot be used; the message says why."""


@dataclass
class Rule:
    match: str
    action: str
    #: How many requests it meets; -1: until cleared.
    count: int = 1
    probability: float = 1.0
    #: Waited before the action.
    delay_ms: int = 0
    #: Of `error` and `throttle`: what the client sees as the error's code.
    code: str = ""
    message: str = "A fault was asked for."
    #: How many it has hit.
    hits: int = 0
    pattern: re.Pattern[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.action not in ACTIONS:
            raise BadRule(f"action {self.action!r} is not one of {', '.join(ACTIONS)}")
        if not 0 <= self.probability <= 1:
            raise BadRule("probability must be between 0 and 1")
        try:
            self.pattern = re.compile(self.match, re.IGNORECASE)
        except re.error as error:
            raise BadRule(f"match {self.match!r} is not a regular expression: {error}") from error

    def to_json(self) -> dict[str, Any]:
        shown = asdict(self)
        del shown["pattern"]
        return shown


class Faults:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[Rule] = []

    def add(self, raw: Any) -> Rule:
        if not isinstance(raw, dict):
            raise BadRule('a rule is an object: {"match": "...", "action": "..."}')
        known = {"match", "action", "count", "probability", "delay_ms", "code", "message"}
        if unknown := set(raw) - known:
            raise BadRule(f"unknown field {sorted(unknown)[0]!r}; known are {', '.join(sorted(known))}")
        if not isinstance(raw.get("match"), str) or not isinstance(raw.get("action"), str):
            raise BadRule('"match" and "action" are needed')
        rule = Rule(**raw)
        with self._lock:
            self._rules.append(rule)
        return rule

    def list(self) -> list[dict[str, Any]]:
        with self._lock:
            return [r.to_json() for r in self._rules]

    def clear(self) -> None:
        with self._lock:
            self._rules.clear()

    def hit(self, action: str, path: str) -> Rule | None:
        """The rule that this request runs into, if any. `match` is searched in `service:Action /path`."""
        subject, name = f"{action} {path}", action.partition(":")[2]
        with self._lock:
            for rule in self._rules:
                if 0 <= rule.count <= rule.hits:
                    continue
                if not (rule.pattern.search(subject) or rule.pattern.search(name)):
                    continue
                if random.random() >= rule.probability:
                    continue
                rule.hits += 1
                return rule
        return None
