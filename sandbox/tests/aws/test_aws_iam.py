"""SimulatePrincipalPolicy, which moto does not have: from the role's real policies (docs/facts/dms.md section 7)."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from sandbox.aws.iam import policy
from sandbox.tests.aws.lab import ACCOUNT, Lab


def _decisions(lab: Lab, role: str, actions: list[str], resource: str) -> dict[str, str]:
    results = lab.iam.simulate_principal_policy(PolicySourceArn=role, ActionNames=actions, ResourceArns=[resource])
    return {r["EvalActionName"]: r["EvalDecision"] for r in results["EvaluationResults"]}


def test_inline_and_attached_policies_count(lab: Lab) -> None:
    objects = f"arn:aws:s3:::{lab.bucket}/shop/x"
    wanted = ["s3:PutObject", "s3:GetObject"]
    assert _decisions(lab, lab.role, wanted, objects) == {"s3:PutObject": "allowed", "s3:GetObject": "implicitDeny"}
    statement = {"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    arn = lab.iam.create_policy(PolicyName=lab.name, PolicyDocument=document)["Policy"]["Arn"]
    lab.iam.attach_role_policy(RoleName=lab.name, PolicyArn=arn)
    assert _decisions(lab, lab.role, wanted, objects)["s3:GetObject"] == "allowed"


def test_an_explicit_deny_wins(lab: Lab) -> None:
    statement = {"Effect": "Deny", "Action": "s3:Put*", "Resource": f"arn:aws:s3:::{lab.bucket}/locked/*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    lab.iam.put_role_policy(RoleName=lab.name, PolicyName="deny", PolicyDocument=document)
    bucket = f"arn:aws:s3:::{lab.bucket}"
    assert _decisions(lab, lab.role, ["s3:PutObject"], f"{bucket}/locked/x") == {"s3:PutObject": "explicitDeny"}
    assert _decisions(lab, lab.role, ["s3:PutObject"], f"{bucket}/free/x") == {"s3:PutObject": "allowed"}


def test_unknown_role(lab: Lab) -> None:
    with pytest.raises(ClientError, match="NoSuchEntity"):
        _decisions(lab, f"arn:aws:iam::{ACCOUNT}:role/nobody", ["s3:PutObject"], "*")


@pytest.mark.parametrize(
    ("condition", "trusted"),
    [
        ({}, True),
        ({"StringEquals": {"aws:SourceAccount": ACCOUNT}}, True),
        ({"StringEquals": {"aws:SourceAccount": "999999999999"}}, False),
        ({"ArnLike": {"aws:SourceArn": f"arn:aws:dms:us-east-1:{ACCOUNT}:*"}}, True),
        ({"StringEquals": {"sts:ExternalId": "x"}}, False),
    ],
)
def test_trust_conditions(condition: dict[str, dict[str, str]], trusted: bool) -> None:
    statement = {"Effect": "Allow", "Principal": {"Service": ["dms.amazonaws.com"]}, "Action": "sts:AssumeRole", "Condition": condition}
    context = {"aws:SourceAccount": ACCOUNT, "aws:SourceArn": f"arn:aws:dms:us-east-1:{ACCOUNT}:task:X"}
    assert policy.trusts({"Statement": statement}, "dms.amazonaws.com", context) is trusted
