"""Replication instances. They compute nothing: every task gets a process of its own, which a reboot kills."""

from typing import Any

from .. import clock
from . import subnet_groups, tags
from .context import Context, check_identifier, page, public, select
from .errors import exists, invalid_combination, invalid_state, invalid_value
from .runner import STARTING, Runner
from .store import Document

#: The default engine (docs/facts/dms.md section 9, pitfall 21).
ENGINE = "3.5.4"
FILTERS = {
    "replication-instance-arn": lambda d: d["ReplicationInstanceArn"],
    "replication-instance-id": lambda d: d["ReplicationInstanceIdentifier"],
    "replication-instance-class": lambda d: d["ReplicationInstanceClass"],
    "engine-version": lambda d: d["EngineVersion"],
}
STATUS = "ReplicationInstanceStatus"


class Actions:
    def __init__(self, context: Context, runner: Runner) -> None:
        self._context, self._runner = context, runner

    def CreateReplicationInstance(self, request: dict[str, Any]) -> dict[str, Any]:
        name = check_identifier(request["ReplicationInstanceIdentifier"], "ReplicationInstanceIdentifier", 63)
        if any(i["ReplicationInstanceIdentifier"] == name for i in self._context.store.all("instance")):
            raise exists(f"Replication Instance already exists: {name}.")
        if not request["ReplicationInstanceClass"].startswith("dms."):
            raise invalid_value(f"Replication instance class {request['ReplicationInstanceClass']} is not valid.")
        storage = request.get("AllocatedStorage", 50)
        if not 5 <= storage <= 6144:
            raise invalid_value("Allocated storage must be between 5 and 6144 GB.")
        group = subnet_groups.named(self._context, request.get("ReplicationSubnetGroupIdentifier"))
        zones = [s["SubnetAvailabilityZone"]["Name"] for s in group.get("Subnets", [])] or [f"{self._context.region}a"]
        multi = request.get("MultiAZ", False)
        if multi and request.get("AvailabilityZone"):
            raise invalid_value("AvailabilityZone cannot be set when MultiAZ is true.")
        document = {
            "ReplicationInstanceIdentifier": name,
            "ReplicationInstanceClass": request["ReplicationInstanceClass"],
            "AllocatedStorage": storage,
            "InstanceCreateTime": clock.now(),
            "VpcSecurityGroups": _groups(request.get("VpcSecurityGroupIds")),
            "AvailabilityZone": request.get("AvailabilityZone") or zones[0],
            "SecondaryAvailabilityZone": zones[1] if multi and len(zones) > 1 else None,
            "ReplicationSubnetGroup": public(group),
            "PreferredMaintenanceWindow": request.get("PreferredMaintenanceWindow", "sun:06:00-sun:14:00"),
            "PendingModifiedValues": {},
            "MultiAZ": multi,
            "EngineVersion": request.get("EngineVersion", ENGINE),
            "AutoMinorVersionUpgrade": request.get("AutoMinorVersionUpgrade", True),
            "KmsKeyId": request.get("KmsKeyId") or self._context.default_key,
            "ReplicationInstanceArn": self._context.arn("rep"),
            "ReplicationInstancePrivateIpAddress": "127.0.0.1",
            "ReplicationInstancePrivateIpAddresses": ["127.0.0.1"],
            "ReplicationInstancePublicIpAddresses": [],
            "PubliclyAccessible": request.get("PubliclyAccessible", True),
            "DnsNameServers": request.get("DnsNameServers"),
            "NetworkType": request.get("NetworkType", "IPV4"),
            "_subnet_group": group.get("ReplicationSubnetGroupIdentifier"),
        }
        arn = document["ReplicationInstanceArn"]
        self._context.store.put("instance", arn, document)
        self._context.store.change_later("instance", arn, STATUS, "creating", "available")
        tags.create(self._context, arn, request.get("Tags"))
        return {"ReplicationInstance": public(document)}

    def DescribeReplicationInstances(self, request: dict[str, Any]) -> dict[str, Any]:
        found = select(self._context.store.all("instance"), request, FILTERS, "Replication Instances")
        items, more = page(found, request)
        return {"ReplicationInstances": [public(i) for i in items], **more}

    def ModifyReplicationInstance(self, request: dict[str, Any]) -> dict[str, Any]:
        instance = self._find(request["ReplicationInstanceArn"])
        if instance[STATUS] != "available":
            raise invalid_state(f"Replication Instance {instance['ReplicationInstanceIdentifier']} is not available.")
        name = request.get("ReplicationInstanceIdentifier")
        if name:
            instance["ReplicationInstanceIdentifier"] = check_identifier(name, "ReplicationInstanceIdentifier", 63)
        # Without ApplyImmediately AWS keeps these for the maintenance window.
        deferred = {
            k: request[k]
            for k in ("ReplicationInstanceClass", "AllocatedStorage", "MultiAZ", "EngineVersion", "NetworkType")
            if k in request and request[k] != instance.get(k)
        }
        for key in ("AutoMinorVersionUpgrade", "PreferredMaintenanceWindow"):
            if key in request:
                instance[key] = request[key]
        if "VpcSecurityGroupIds" in request:
            instance["VpcSecurityGroups"] = _groups(request["VpcSecurityGroupIds"])
        if request.get("ApplyImmediately"):
            instance.update(deferred)
        else:
            instance["PendingModifiedValues"] = instance["PendingModifiedValues"] | deferred
        arn = instance["ReplicationInstanceArn"]
        self._context.store.put("instance", arn, instance)
        if request.get("ApplyImmediately"):
            self._context.store.change_later("instance", arn, STATUS, "modifying", "available")
        return {"ReplicationInstance": public(instance)}

    def RebootReplicationInstance(self, request: dict[str, Any]) -> dict[str, Any]:
        """Fails the running tasks, which resume from their checkpoints.

        Source: docs/facts/dms.md, "Starting and stopping" [docs: guide]; the parameters from the API model.
        """
        instance = self._find(request["ReplicationInstanceArn"])
        arn = instance["ReplicationInstanceArn"]
        forced, planned = request.get("ForceFailover", False), request.get("ForcePlannedFailover", False)
        if forced and planned:
            raise invalid_combination("ForceFailover and ForcePlannedFailover can't both be true.")
        if (forced or planned) and not instance["MultiAZ"]:
            raise invalid_combination(f"Replication Instance {arn} is not configured for Multi-AZ and cannot fail over.")
        if instance[STATUS] != "available":
            raise invalid_state(f"Replication Instance {instance['ReplicationInstanceIdentifier']} is not available.")
        for task in self._context.store.all("task"):
            if task["ReplicationInstanceArn"] == arn and task["Status"] in STARTING | {"running"}:
                self._runner.kill(task["ReplicationTaskArn"], "The replication instance was rebooted.")
        if (forced or planned) and instance.get("SecondaryAvailabilityZone"):
            zones = instance["AvailabilityZone"], instance["SecondaryAvailabilityZone"]
            instance["SecondaryAvailabilityZone"], instance["AvailabilityZone"] = zones
        self._context.store.change_later("instance", arn, STATUS, "rebooting", "available")
        return {"ReplicationInstance": public(instance)}

    def DeleteReplicationInstance(self, request: dict[str, Any]) -> dict[str, Any]:
        instance = self._find(request["ReplicationInstanceArn"])
        arn = instance["ReplicationInstanceArn"]
        if any(t["ReplicationInstanceArn"] == arn for t in self._context.store.all("task")):
            raise invalid_state(f"Replication Instance {arn} has one or more replication tasks.")
        self._context.store.change_later("instance", arn, STATUS, "deleting", None)
        self._context.store.delete_where("connection", lambda c: c["ReplicationInstanceArn"] == arn)
        return {"ReplicationInstance": public(instance)}

    def _find(self, arn: str) -> Document:
        return self._context.require("instance", arn, "Replication Instance")


def _groups(ids: list[str] | None) -> list[dict[str, str]]:
    return [{"VpcSecurityGroupId": i, "Status": "active"} for i in ids or []]
