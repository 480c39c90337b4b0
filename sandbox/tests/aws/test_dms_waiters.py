"""boto3's own waiters for instances, endpoints, connections and tasks: each succeeds, and gives up where AWS's answer says so."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import WaiterError

from sandbox.tests.aws.lab import SOON, Lab, wait_for

#: Waiters of what the sandbox has not: schema conversion.
ABSENT = ("extension_pack", "metadata_model")


def test_every_waiter_of_replication_succeeds(lab: Lab) -> None:
    lab.orders(1)
    used: set[str] = set()

    def wait(name: str, filter_name: str, arn: str) -> None:
        lab.dms.get_waiter(name).wait(Filters=[{"Name": filter_name, "Values": [arn]}], WaiterConfig=SOON)
        used.add(name)

    instance = lab.dms.create_replication_instance(ReplicationInstanceIdentifier=lab.name, ReplicationInstanceClass="dms.t3.micro")
    instance_arn = instance["ReplicationInstance"]["ReplicationInstanceArn"]
    wait("replication_instance_available", "replication-instance-arn", instance_arn)
    source, target = lab.source_endpoint(), lab.s3_endpoint()
    for endpoint in (source, target):
        lab.dms.test_connection(ReplicationInstanceArn=instance_arn, EndpointArn=endpoint)
        wait("test_connection_succeeds", "endpoint-arn", endpoint)
    task = lab.dms.create_replication_task(
        ReplicationTaskIdentifier=lab.name, SourceEndpointArn=source, TargetEndpointArn=target, ReplicationInstanceArn=instance_arn,
        MigrationType="full-load-and-cdc", TableMappings=_mappings(lab),
    )["ReplicationTask"]["ReplicationTaskArn"]  # fmt: skip
    wait("replication_task_ready", "replication-task-arn", task)
    lab.dms.start_replication_task(ReplicationTaskArn=task, StartReplicationTaskType="start-replication")
    wait("replication_task_running", "replication-task-arn", task)
    lab.dms.stop_replication_task(ReplicationTaskArn=task)
    wait("replication_task_stopped", "replication-task-arn", task)
    lab.dms.delete_replication_task(ReplicationTaskArn=task)
    wait("replication_task_deleted", "replication-task-arn", task)
    for endpoint in (source, target):
        lab.dms.delete_endpoint(EndpointArn=endpoint)
        wait("endpoint_deleted", "endpoint-arn", endpoint)
    lab.dms.delete_replication_instance(ReplicationInstanceArn=instance_arn)
    wait("replication_instance_deleted", "replication-instance-arn", instance_arn)
    assert used == {w for w in lab.dms.waiter_names if not w.startswith(ABSENT)}


def _mappings(lab: Lab) -> str:
    return json.dumps({"rules": [lab.include()]})


def _gives_up(lab: Lab, name: str, filter_name: str, arn: str) -> Any:
    with pytest.raises(WaiterError, match="terminal failure state"):
        lab.dms.get_waiter(name).wait(Filters=[{"Name": filter_name, "Values": [arn]}], WaiterConfig=SOON)


def test_the_waiter_for_a_connection_gives_up_when_it_failed(lab: Lab) -> None:
    endpoint = lab.source_endpoint(Password="wrong")
    lab.dms.test_connection(ReplicationInstanceArn=lab.instance, EndpointArn=endpoint)
    _gives_up(lab, "test_connection_succeeds", "endpoint-arn", endpoint)


def test_the_waiter_for_a_running_task_gives_up_when_it_failed(lab: Lab) -> None:
    task = lab.task().start()  # there are no tables
    wait_for("failed", lambda: task.describe()["Status"] == "failed")
    _gives_up(lab, "replication_task_running", "replication-task-arn", task.arn)
