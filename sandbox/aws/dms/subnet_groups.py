"""Replication subnet groups."""

from typing import Any

from . import tags
from .context import Context, page, public, select
from .errors import DmsError, access_denied, exists, invalid_state, not_found
from .store import Document

#: DMS acts in the VPC through this role of the account (docs/facts/dms.md section 7).
VPC_ROLE = "dms-vpc-role"
FILTERS = {"replication-subnet-group-id": lambda d: d["ReplicationSubnetGroupIdentifier"]}


def named(context: Context, name: str | None) -> Document:
    """The group that a request names; nothing when it names none."""
    if name is None:
        return {}
    group = context.store.get("subnet_group", context.arn("subgrp", name.lower()))
    if group is None:
        raise not_found(f"Replication subnet group {name} not found.")
    return group


class Actions:
    def __init__(self, context: Context) -> None:
        self._context = context

    def CreateReplicationSubnetGroup(self, request: dict[str, Any]) -> dict[str, Any]:
        name = request["ReplicationSubnetGroupIdentifier"].lower()
        if name == "default":
            raise DmsError("InvalidParameterValueException", "The subnet group identifier must not be default.")
        arn = self._context.arn("subgrp", name)
        if self._context.store.get("subnet_group", arn):
            raise exists(f"Replication subnet group {name} already exists.")
        document = {
            "ReplicationSubnetGroupIdentifier": name,
            "ReplicationSubnetGroupDescription": request["ReplicationSubnetGroupDescription"],
            "SubnetGroupStatus": "Complete",
            "SupportedNetworkTypes": ["IPV4"],
            **self._subnets(request["SubnetIds"]),
        }
        self._context.store.put("subnet_group", arn, document)
        tags.create(self._context, arn, request.get("Tags"))
        return {"ReplicationSubnetGroup": public(document)}

    def _subnets(self, ids: list[str]) -> Document:
        if not self._context.roles.trusts(VPC_ROLE, "dms.amazonaws.com"):
            raise access_denied(
                f"The IAM Role arn:aws:iam::{self._context.roles.account}:role/{VPC_ROLE} is not configured properly."
            )
        found = self._context.roles.subnets(ids)
        missing = [i for i in ids if i not in found]
        if missing:
            raise DmsError("InvalidSubnet", f"The subnet ID '{missing[0]}' does not exist.")
        zones = {s["zone"] for s in found.values()}
        if len(zones) < 2:
            raise DmsError(
                "ReplicationSubnetGroupDoesNotCoverEnoughAZs",
                f"The replication subnet group does not meet availability zone (AZ) coverage requirement. "
                f"Add subnets to cover at least 2 AZs. Current AZ coverage: {sorted(zones)}.",
            )
        if len({s["vpc"] for s in found.values()}) > 1:
            raise DmsError("InvalidSubnet", "The subnets are not all in the same VPC.")
        return {
            "VpcId": next(iter(found.values()))["vpc"],
            "Subnets": [
                {"SubnetIdentifier": i, "SubnetAvailabilityZone": {"Name": found[i]["zone"]}, "SubnetStatus": "Active"}
                for i in sorted(set(ids))
            ],
        }

    def DescribeReplicationSubnetGroups(self, request: dict[str, Any]) -> dict[str, Any]:
        groups = select(self._context.store.all("subnet_group"), request, FILTERS, "Replication Subnet Groups")
        items, more = page(groups, request)
        return {"ReplicationSubnetGroups": [public(g) for g in items], **more}

    def ModifyReplicationSubnetGroup(self, request: dict[str, Any]) -> dict[str, Any]:
        arn, group = self._find(request["ReplicationSubnetGroupIdentifier"])
        group.update(self._subnets(request["SubnetIds"]))
        if "ReplicationSubnetGroupDescription" in request:
            group["ReplicationSubnetGroupDescription"] = request["ReplicationSubnetGroupDescription"]
        self._context.store.put("subnet_group", arn, group)
        return {"ReplicationSubnetGroup": public(group)}

    def DeleteReplicationSubnetGroup(self, request: dict[str, Any]) -> dict[str, Any]:
        arn, group = self._find(request["ReplicationSubnetGroupIdentifier"])
        name = group["ReplicationSubnetGroupIdentifier"]
        if any(i["_subnet_group"] == name for i in self._context.store.all("instance")):
            raise invalid_state(f"Cannot delete the replication subnet group '{name}' because at least one replication instance is still using it.")
        if any((c["ComputeConfig"].get("ReplicationSubnetGroupId") or "").lower() == name for c in self._context.store.all("config")):
            raise invalid_state(f"Cannot delete the replication subnet group '{name}' because at least one replication config is still using it.")
        self._context.store.delete("subnet_group", arn)
        self._context.store.delete("tags", arn)
        return {}

    def _find(self, name: str) -> tuple[str, Document]:
        arn = self._context.arn("subgrp", name.lower())
        return arn, self._context.require("subnet_group", arn, "Replication subnet group")
