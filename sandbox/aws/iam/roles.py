"""The account's roles and subnets, as moto keeps them in this process."""

import json
from typing import Any

from moto.ec2.models import ec2_backends
from moto.iam.exceptions import NotFoundException
from moto.iam.models import iam_backends

from . import policy

#: What the docs list for an S3 target (docs/facts/dms.md section 7), on the bucket's objects and on the bucket.
OBJECT_ACTIONS = ("s3:PutObject", "s3:DeleteObject", "s3:PutObjectTagging")
BUCKET_ACTIONS = ("s3:ListBucket",)

_VPC_ROLE_TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "dms.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


class Roles:
    def __init__(self, account: str, region: str) -> None:
        self.account = account
        self.region = region

    @property
    def _iam(self) -> Any:
        return iam_backends[self.account]["aws"]

    def create_account_defaults(self) -> None:
        """The roles of an account in which DMS was used before: its console makes `dms-vpc-role` once."""
        if self._role("dms-vpc-role") is None:
            self._iam.create_role(
                role_name="dms-vpc-role",
                assume_role_policy_document=json.dumps(_VPC_ROLE_TRUST),
                path="/",
                permissions_boundary=None,
                description="DMS manages the network of replication instances",
                tags=[],
                max_session_duration="3600",
            )

    def _role(self, name_or_arn: str) -> Any | None:
        try:
            return self._iam.get_role(name_or_arn.rpartition("/")[2])
        except NotFoundException:
            return None

    def exists(self, name_or_arn: str) -> bool:
        return self._role(name_or_arn) is not None

    def trusts(self, name_or_arn: str, service: str) -> bool:
        """Whether the role exists and the service may assume it for a resource of this account."""
        role = self._role(name_or_arn)
        if role is None:
            return False
        context = {
            "aws:SourceAccount": self.account,
            "aws:SourceArn": f"arn:aws:dms:{self.region}:{self.account}:*",
        }
        document = policy.parse(role.assume_role_policy_document)
        regional = service.replace(".amazonaws.com", f".{self.region}.amazonaws.com")
        return policy.trusts(document, service, context) or policy.trusts(document, regional, context)

    def policies(self, name_or_arn: str) -> list[policy.Policy]:
        """Inline and attached policies of a role."""
        role = self._role(name_or_arn)
        if role is None:
            return []
        documents = list(role.policies.values())
        documents += [v.document for m in role.managed_policies.values() for v in m.versions if v.is_default]
        return [policy.parse(d) for d in documents]

    def s3_target_problem(self, role: str, bucket: str, folder: str, acl: str | None = None) -> str | None:
        """None, or which permission DMS lacks to write below the folder."""
        if not self.trusts(role, "dms.amazonaws.com"):
            return f"The role {role} does not exist or does not trust dms.amazonaws.com."
        policies = self.policies(role)
        objects = f"arn:aws:s3:::{bucket}/{folder + '/' if folder else ''}probe"
        actions = OBJECT_ACTIONS if (acl or "none").lower() == "none" else (*OBJECT_ACTIONS, "s3:PutObjectAcl")
        wanted = [(a, objects) for a in actions] + [(a, f"arn:aws:s3:::{bucket}") for a in BUCKET_ACTIONS]
        for action, resource in wanted:
            if policy.decide(policies, action, resource, {}) != policy.ALLOWED:
                return f"Access Denied: {role} is not allowed {action} on {resource}."
        return None

    def subnets(self, ids: list[str]) -> dict[str, dict[str, str]]:
        """Zone and VPC of the subnets that exist."""
        found: dict[str, dict[str, str]] = {}
        for zone in ec2_backends[self.account][self.region].subnets.values():
            for subnet in zone.values():
                if subnet.id in ids:
                    found[subnet.id] = {"zone": subnet.availability_zone, "vpc": subnet.vpc_id}
        return found
