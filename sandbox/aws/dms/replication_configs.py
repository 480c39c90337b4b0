"""Serverless replication configurations: create, describe, modify, delete.

A configuration is a document of kind "config"; its replication, of kind "replication", has the same ARN and is there
from the beginning, in status `created` (terraform-provider-aws 5.100, replication_config.go). Starting and stopping:
replications.py.
"""

import re
from typing import Any

from .. import clock
from . import jobs, subnet_groups, tags, task_settings
from .context import Context, check_identifier, page, public, select
from .errors import DmsError, exists, invalid_combination, invalid_state, invalid_value
from .runner import Runner
from .store import Document

FILTERS = {
    "replication-config-arn": lambda d: d["ReplicationConfigArn"],
    "replication-config-id": lambda d: d["ReplicationConfigIdentifier"],
}
#: docs/facts/dms.md section 4: "modify only CREATED/STOPPED/FAILED". Terraform deletes in the same three.
RESTING = {"created", "stopped", "failed"}
#: botocore's model of ComputeConfig.
CAPACITIES = (1, 2, 4, 8, 16, 32, 64, 128, 192, 256, 384)
WINDOW = "sun:06:00-sun:14:00"


class Actions:
    def __init__(self, context: Context, runner: Runner) -> None:
        self._context, self._runner = context, runner

    def CreateReplicationConfig(self, request: dict[str, Any]) -> dict[str, Any]:
        name = check_identifier(request["ReplicationConfigIdentifier"], "ReplicationConfigIdentifier", 255)
        if any(c["ReplicationConfigIdentifier"] == name for c in self._context.store.all("config")):
            raise exists(f"Replication Config already exists: {name}.")
        jobs.endpoints(self._context, request)
        jobs.check_mappings(request["TableMappings"])
        now = clock.now()
        arn = self._arn(request.get("ResourceIdentifier"))
        config = {
            "ReplicationConfigIdentifier": name,
            "ReplicationConfigArn": arn,
            "SourceEndpointArn": request["SourceEndpointArn"],
            "TargetEndpointArn": request["TargetEndpointArn"],
            "ReplicationType": request["ReplicationType"],
            "ComputeConfig": self._compute(request["ComputeConfig"], {}),
            "ReplicationSettings": task_settings.complete(request.get("ReplicationSettings")),
            "SupplementalSettings": request.get("SupplementalSettings"),
            "TableMappings": request["TableMappings"],
            "ReplicationConfigCreateTime": now,
            "ReplicationConfigUpdateTime": now,
        }
        replication = {
            "ReplicationConfigArn": arn,
            "Status": "created",
            "ReplicationCreateTime": now,
            "ReplicationUpdateTime": now,
            "_started": False,
            "_stats": {},
        }
        self._context.store.put("config", arn, config)
        self._context.store.put("replication", arn, replication)
        tags.create(self._context, arn, request.get("Tags"))
        return {"ReplicationConfig": public(config)}

    def _arn(self, identifier: str | None) -> str:
        if identifier is None:
            return self._context.arn("replication-config")
        if len(identifier) > 31 or not re.fullmatch(r"[A-Za-z](-?[A-Za-z0-9])*", identifier):
            raise invalid_value(f"The parameter ResourceIdentifier {identifier!r} must be at most 31 letters, digits or single hyphens.")
        arn = self._context.arn("replication-config", identifier)
        if self._context.store.get("config", arn):
            raise exists(f"Replication Config already exists: {arn}.")
        return arn

    def _compute(self, given: dict[str, Any], current: dict[str, Any]) -> dict[str, Any]:
        """ComputeConfig laid over the current one, with what AWS fills in."""
        compute = {**current, **given}
        for key in ("MaxCapacityUnits", "MinCapacityUnits"):
            if key in compute and compute[key] not in CAPACITIES:
                raise invalid_value(f"{key} {compute[key]} is not one of {', '.join(map(str, CAPACITIES))}.")
        if "MaxCapacityUnits" not in compute:
            raise invalid_combination("The parameter MaxCapacityUnits must be provided.")
        if compute.get("MinCapacityUnits", 1) > compute["MaxCapacityUnits"]:
            raise invalid_combination("MinCapacityUnits must not be greater than MaxCapacityUnits.")
        if given.get("MultiAZ") and given.get("AvailabilityZone"):
            raise invalid_combination("AvailabilityZone cannot be set when MultiAZ is true.")
        group = subnet_groups.named(self._context, compute.get("ReplicationSubnetGroupId"))
        zones = [s["SubnetAvailabilityZone"]["Name"] for s in group.get("Subnets", [])] or [f"{self._context.region}a"]
        if compute.get("MultiAZ"):
            compute.pop("AvailabilityZone", None)
        else:
            compute.setdefault("AvailabilityZone", zones[0])
        compute.setdefault("MultiAZ", False)
        compute.setdefault("KmsKeyId", self._context.default_key)
        compute.setdefault("PreferredMaintenanceWindow", WINDOW)
        return compute

    def DescribeReplicationConfigs(self, request: dict[str, Any]) -> dict[str, Any]:
        found = select(self._context.store.all("config"), request, FILTERS, "Replication Configs")
        items, more = page(found, request)
        return {"ReplicationConfigs": [public(c) for c in items], **more}

    def ModifyReplicationConfig(self, request: dict[str, Any]) -> dict[str, Any]:
        arn = request["ReplicationConfigArn"]
        config = self._context.require("config", arn, "Replication Config")
        replication = self._resting(arn, "modified")
        changed = dict(config)
        if "ReplicationConfigIdentifier" in request:
            changed["ReplicationConfigIdentifier"] = check_identifier(
                request["ReplicationConfigIdentifier"], "ReplicationConfigIdentifier", 255
            )
        for key in ("ReplicationType", "TableMappings", "SupplementalSettings", "SourceEndpointArn", "TargetEndpointArn"):
            if key in request:
                changed[key] = request[key]
        jobs.endpoints(self._context, changed)
        jobs.check_mappings(changed["TableMappings"])
        if "ComputeConfig" in request:
            changed["ComputeConfig"] = self._compute(request["ComputeConfig"], config["ComputeConfig"])
        if "ReplicationSettings" in request:
            changed["ReplicationSettings"] = task_settings.complete(request["ReplicationSettings"], current=config["ReplicationSettings"])
        now = clock.now()
        changed["ReplicationConfigUpdateTime"] = replication["ReplicationUpdateTime"] = now
        self._context.store.put("config", arn, changed)
        # It cannot start meanwhile, which Terraform does not wait for (terraform-provider-aws issue 35650).
        self._context.store.change_later("replication", arn, "Status", "modifying", replication["Status"])
        return {"ReplicationConfig": public(changed)}

    def DeleteReplicationConfig(self, request: dict[str, Any]) -> dict[str, Any]:
        arn = request["ReplicationConfigArn"]
        config = self._context.require("config", arn, "Replication Config")
        replication = self._resting(arn, "deleted")
        self._context.store.change_later("config", arn, "_status", "deleting", None)
        self._context.store.change_later("replication", arn, "Status", "deleting", None)
        answer = public(config)
        self._runner.forget(replication)
        return {"ReplicationConfig": answer}

    def _resting(self, arn: str, verb: str) -> Document:
        replication = self._context.require("replication", arn, "Replication")
        if replication["Status"] not in RESTING:
            raise _in_state(arn, replication["Status"], f"be {verb}")
        return replication


def _in_state(arn: str, status: str, what: str) -> DmsError:
    """The words of issue 35650."""
    return invalid_state(f"Replication for Replication Config: {arn} is in {status.upper()} state and cannot {what}")
