"""A serverless replication in one call, as lab.py makes tasks."""

from __future__ import annotations

import itertools
import json
from typing import Any

from sandbox.tests.aws.lab import Lab, wait_for

_numbers = itertools.count(1)
STARTING = (
    "initializing", "preparing_metadata_resources", "testing_connection", "fetching_metadata",
    "calculating_capacity", "provisioning_capacity", "replication_starting",
)  # fmt: skip


class Replication:
    def __init__(self, lab: Lab, *, rules: list[dict[str, Any]] | None = None, **more: Any) -> None:
        self._lab, self._dms = lab, lab.dms
        request: dict[str, Any] = {
            "ReplicationConfigIdentifier": f"{lab.name}-serverless-{next(_numbers)}",
            "ReplicationType": "full-load-and-cdc",
            "TableMappings": json.dumps({"rules": rules or [lab.include()]}),
            "ComputeConfig": {"MaxCapacityUnits": 4, "ReplicationSubnetGroupId": "lab"},
        }
        request |= more
        request.setdefault("SourceEndpointArn", lab.source_endpoint())
        request.setdefault("TargetEndpointArn", lab.s3_endpoint())
        self.config = self._dms.create_replication_config(**request)["ReplicationConfig"]
        self.arn = self.config["ReplicationConfigArn"]

    @property
    def only(self) -> list[dict[str, Any]]:
        return [{"Name": "replication-config-arn", "Values": [self.arn]}]

    def describe(self) -> dict[str, Any]:
        return self._dms.describe_replications(Filters=self.only)["Replications"][0]

    def wait(self, status: str, seconds: float = 60) -> dict[str, Any]:
        return wait_for(f"replication {status}", lambda: (d := self.describe())["Status"] == status and d, seconds)

    def start(self, kind: str = "start-replication", **more: Any) -> Replication:
        self._dms.start_replication(ReplicationConfigArn=self.arn, StartReplicationType=kind, **more)
        return self

    def run(self, *tables: str) -> Replication:
        self.start().wait("running")
        self.loaded(*(tables or ("orders",)))
        return self

    def loaded(self, *tables: str) -> None:
        wait_for(f"{tables} loaded", lambda: all(self.table(t).get("TableState") == "Table completed" for t in tables))

    def tables(self, **more: Any) -> list[dict[str, Any]]:
        answer = self._dms.describe_replication_table_statistics(ReplicationConfigArn=self.arn, **more)
        return answer["ReplicationTableStatistics"]

    def table(self, name: str = "orders") -> dict[str, Any]:
        return next((t for t in self.tables() if t["TableName"] == name), {})

    def flush(self) -> int:
        files = self._lab.service.admin("POST", "dms/flush", {"task": self.arn})["files"]
        return sum(files.values())

    def stop(self) -> dict[str, Any]:
        self._dms.stop_replication(ReplicationConfigArn=self.arn)
        return self.wait("stopped")
