"""iam:SimulatePrincipalPolicy and SimulateCustomPolicy, which moto does not have.

Answers from the policies the role has now. As in AWS, resource policies, trust policies and the network are not
part of a simulation (docs/facts/dms.md section 7).
"""

import json
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from werkzeug.wrappers import Response

from . import policy
from .roles import Roles

SIMULATIONS = {"SimulatePrincipalPolicy", "SimulateCustomPolicy"}
_NAMESPACE = "https://iam.amazonaws.com/doc/2010-05-08/"


def simulate(roles: Roles, action: str, body: bytes) -> Response:
    form = {k: v[0] for k, v in parse_qs(body.decode()).items()}
    actions = _members(form, "ActionNames")
    resources = _members(form, "ResourceArns") or ["*"]
    policies = [json.loads(p) for p in _members(form, "PolicyInputList")]
    if action == "SimulatePrincipalPolicy":
        source = form.get("PolicySourceArn", "")
        if ":role/" not in source:
            return _error(400, "InvalidInput", f"Invalid Entity Arn: {source}: the sandbox simulates roles.")
        if not roles.exists(source):
            return _error(404, "NoSuchEntity", f"The role with ARN {source} cannot be found.")
        policies += roles.policies(source)
    if not actions:
        return _error(400, "ValidationError", "1 validation error detected: Value at 'actionNames' must not be empty")
    context = _context(form)
    results = "".join(
        f"<member><EvalActionName>{escape(name)}</EvalActionName><EvalResourceName>{escape(resource)}</EvalResourceName>"
        f"<EvalDecision>{policy.decide(policies, name, resource, context)}</EvalDecision>"
        "<MatchedStatements/><MissingContextValues/></member>"
        for name in actions
        for resource in resources
    )
    return _xml(
        200,
        f'<{action}Response xmlns="{_NAMESPACE}"><{action}Result><IsTruncated>false</IsTruncated>'
        f"<EvaluationResults>{results}</EvaluationResults></{action}Result>"
        f"<ResponseMetadata><RequestId>sandbox</RequestId></ResponseMetadata></{action}Response>",
    )


def _members(form: dict[str, str], name: str) -> list[str]:
    prefix = f"{name}.member."
    found = {int(k[len(prefix) :]): v for k, v in form.items() if k.startswith(prefix) and k[len(prefix) :].isdigit()}
    return [found[i] for i in sorted(found)]


def _context(form: dict[str, str]) -> dict[str, str]:
    entries: dict[str, str] = {}
    number = 1
    while f"ContextEntries.member.{number}.ContextKeyName" in form:
        prefix = f"ContextEntries.member.{number}."
        entries[form[prefix + "ContextKeyName"]] = form.get(prefix + "ContextKeyValues.member.1", "")
        number += 1
    return entries


def _error(status: int, code: str, message: str) -> Response:
    return _xml(
        status,
        f'<ErrorResponse xmlns="{_NAMESPACE}"><Error><Type>Sender</Type><Code>{code}</Code>'
        f"<Message>{escape(message)}</Message></Error><RequestId>sandbox</RequestId></ErrorResponse>",
    )


def _xml(status: int, text: str) -> Response:
    return Response(f'<?xml version="1.0" encoding="UTF-8"?>{text}', status, content_type="text/xml")
