"""Evaluates IAM policy documents: an explicit deny wins, then an allow, else the answer is no.

Source: IAM user guide, "Policy evaluation logic" and "IAM JSON policy elements".
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

ALLOWED = "allowed"
EXPLICIT_DENY = "explicitDeny"
IMPLICIT_DENY = "implicitDeny"

Policy = Mapping[str, Any]


def parse(document: str | Policy) -> Policy:
    parsed = json.loads(document) if isinstance(document, str) else document
    return parsed if isinstance(parsed, Mapping) else {}


def decide(policies: Iterable[Policy], action: str, resource: str, context: Mapping[str, str]) -> str:
    """The EvalDecision of SimulatePrincipalPolicy."""
    decision = IMPLICIT_DENY
    for policy in policies:
        for statement in statements(policy):
            if not (_takes(statement, "Action", action, fold=True) and _takes(statement, "Resource", resource, fold=False)):
                continue
            if not conditions_hold(statement.get("Condition"), context):
                continue
            if statement.get("Effect") == "Deny":
                return EXPLICIT_DENY
            if statement.get("Effect") == "Allow":
                decision = ALLOWED
    return decision


def trusts(policy: Policy, service: str, context: Mapping[str, str]) -> bool:
    """Whether a trust policy lets a service assume the role."""
    for statement in statements(policy):
        principal = statement.get("Principal")
        services = as_list(principal.get("Service")) if isinstance(principal, Mapping) else []
        if (
            statement.get("Effect") == "Allow"
            and service in services
            and _takes({"Action": statement.get("Action")}, "Action", "sts:AssumeRole", fold=True)
            and conditions_hold(statement.get("Condition"), context)
        ):
            return True
    return False


def statements(policy: Policy) -> list[Mapping[str, Any]]:
    found = policy.get("Statement", [])
    return [found] if isinstance(found, Mapping) else list(found)


def as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def _like(pattern: str, value: str, *, fold: bool = False) -> bool:
    expression = "".join(".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern)
    return re.fullmatch(expression, value, re.IGNORECASE | re.DOTALL if fold else re.DOTALL) is not None


def _takes(statement: Mapping[str, Any], element: str, value: str, *, fold: bool) -> bool:
    """Action/NotAction, Resource/NotResource."""
    if element in statement:
        return any(_like(p, value, fold=fold) for p in as_list(statement[element]))
    if "Not" + element in statement:
        return not any(_like(p, value, fold=fold) for p in as_list(statement["Not" + element]))
    return False


def conditions_hold(conditions: Mapping[str, Any] | None, context: Mapping[str, str]) -> bool:
    present = {k.lower(): v for k, v in context.items()}
    return all(
        _condition(operator, present.get(key.lower()), [str(v) for v in as_list(wanted)])
        for operator, keys in (conditions or {}).items()
        for key, wanted in keys.items()
    )


def _condition(operator: str, value: str | None, wanted: list[str]) -> bool:
    if operator == "Null":
        return (value is None) == (wanted[0].lower() == "true")
    optional = operator.endswith("IfExists")
    operator = operator.removesuffix("IfExists")
    if value is None:
        return optional or operator.startswith(("StringNot", "ArnNot"))
    match operator:
        case "StringEquals":
            return value in wanted
        case "StringNotEquals":
            return value not in wanted
        case "StringEqualsIgnoreCase":
            return value.lower() in [w.lower() for w in wanted]
        case "StringLike" | "ArnLike" | "ArnEquals":
            return any(_like(w, value) for w in wanted)
        case "StringNotLike" | "ArnNotLike" | "ArnNotEquals":
            return not any(_like(w, value) for w in wanted)
        case "Bool":
            return value.lower() == wanted[0].lower()
    return False
