"""Serverless replications: configurations, states, limits (docs/facts/dms.md section 4; terraform-provider-aws 5.100)."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.tests.aws.lab import ACCOUNT, Lab, Service, Source, make_instance, wait_for
from sandbox.tests.aws.serverless import STARTING, Replication


def _refused(code: str, text: str = ""):  # type: ignore[no-untyped-def]
    return pytest.raises(ClientError, match=rf"\({code}\)(?s:.*){text}")


def _ids_loaded(lab: Lab) -> list[int]:
    """No ids while DMS clears the folder: a file may go between its listing and its reading."""
    try:
        return [row["id"] for row in lab.loaded()]
    except lab.s3.exceptions.NoSuchKey:
        return []


def test_it_loads_and_follows_changes_as_a_task_does(lab: Lab) -> None:
    lab.orders(3)
    replication = Replication(lab, rules=[lab.include(), lab.add_column("_seq", "$AR_H_CHANGE_SEQ")]).run()
    assert [r["id"] for r in lab.loaded()] == [1, 2, 3]
    lab.sql("UPDATE {s}.orders SET status = 'paid' WHERE id = 1", "DELETE FROM {s}.orders WHERE id = 2")
    assert replication.flush() == 1
    assert [(r["Op"], r["id"]) for r in lab.changes()] == [("U", 1), ("D", 2)]
    table = replication.table()
    assert (table["FullLoadRows"], table["Updates"], table["Deletes"]) == (3, 1, 1)
    stopped = replication.stop()
    assert stopped["StopReason"] == "Stop Reason NORMAL"
    assert stopped["RecoveryCheckpoint"].startswith("checkpoint:V1#")
    assert stopped["ReplicationStats"]["TablesLoaded"] == 1
    lab.sql("DELETE FROM {s}.orders WHERE id = 3")
    replication.start("resume-processing").wait("running")
    replication.flush()
    rows = lab.changes()
    assert rows[-1]["Op"] == "D" and rows[-1]["id"] == 3
    assert [r["_seq"] for r in rows] == sorted({r["_seq"] for r in rows})
    replication.stop()


def test_a_configuration_shows_what_it_was_given_and_what_aws_fills_in(lab: Lab) -> None:
    replication = Replication(lab, ReplicationSettings=json.dumps({"TargetMetadata": {"LobMaxSize": 64}}))
    config = lab.dms.describe_replication_configs(Filters=replication.only)["ReplicationConfigs"][0]
    assert config["ReplicationConfigArn"].startswith(f"arn:aws:dms:us-east-1:{ACCOUNT}:replication-config:")
    settings = json.loads(config["ReplicationSettings"])
    assert (settings["TargetMetadata"]["LobMaxSize"], settings["FullLoadSettings"]["MaxFullLoadSubTasks"]) == (64, 8)
    compute = config["ComputeConfig"]
    assert (compute["MaxCapacityUnits"], compute["MultiAZ"]) == (4, False)
    assert compute["AvailabilityZone"] in ("us-east-1a", "us-east-1b"), "one of its subnet group"
    assert compute["KmsKeyId"] and compute["PreferredMaintenanceWindow"] and "MinCapacityUnits" not in compute
    assert replication.describe()["Status"] == "created"
    assert "ReplicationStats" not in replication.describe()
    with _refused("InvalidResourceStateFault", "ReplicationConfigs"):
        lab.dms.delete_endpoint(EndpointArn=config["SourceEndpointArn"])


def test_its_subnet_group_is_in_use(lab: Lab) -> None:
    subnets = [s["SubnetIdentifier"] for s in lab.dms.describe_replication_subnet_groups()["ReplicationSubnetGroups"][0]["Subnets"]]
    lab.dms.create_replication_subnet_group(
        ReplicationSubnetGroupIdentifier=lab.name, ReplicationSubnetGroupDescription="d", SubnetIds=subnets
    )
    Replication(lab, ComputeConfig={"MaxCapacityUnits": 1, "ReplicationSubnetGroupId": lab.name})
    with _refused("InvalidResourceStateFault", "replication config"):
        lab.dms.delete_replication_subnet_group(ReplicationSubnetGroupIdentifier=lab.name)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"ComputeConfig": {"MaxCapacityUnits": 3}}, "InvalidParameterValueException"),
        ({"ComputeConfig": {"MinCapacityUnits": 2}}, "InvalidParameterCombinationException"),
        ({"ComputeConfig": {"MinCapacityUnits": 8, "MaxCapacityUnits": 4}}, "InvalidParameterCombinationException"),
        ({"ComputeConfig": {"MaxCapacityUnits": 4, "ReplicationSubnetGroupId": "nowhere"}}, "ResourceNotFoundFault"),
        ({"ComputeConfig": {"MaxCapacityUnits": 4, "MultiAZ": True, "AvailabilityZone": "us-east-1a"}}, "InvalidParameterCombinationException"),
        ({"TableMappings": "{}"}, "InvalidParameterValueException"),
        ({"ReplicationType": "sideways"}, "ValidationException"),
        ({"SourceEndpointArn": f"arn:aws:dms:us-east-1:{ACCOUNT}:endpoint:NOWHERE"}, "ResourceNotFoundFault"),
        ({"ReplicationConfigIdentifier": "a--b"}, "InvalidParameterValueException"),
        ({"ResourceIdentifier": "a--b"}, "InvalidParameterValueException"),
    ],
)
def test_configurations_that_aws_refuses(lab: Lab, changes: dict[str, Any], code: str) -> None:
    with _refused(code):
        Replication(lab, **changes)


def test_an_identifier_is_taken_once_and_may_name_the_arn(lab: Lab) -> None:
    first = Replication(lab, ResourceIdentifier=lab.name)
    assert first.arn.endswith(f":{lab.name}")
    with _refused("ResourceAlreadyExistsFault"):
        Replication(lab, ReplicationConfigIdentifier=first.config["ReplicationConfigIdentifier"])
    with _refused("ResourceAlreadyExistsFault"):
        Replication(lab, ResourceIdentifier=lab.name)


def test_views_are_not_migrated(lab: Lab) -> None:
    rule = lab.include()
    rule["object-locator"]["table-type"] = "view"
    with _refused("InvalidParameterValueException", "views"):
        Replication(lab, rules=[rule])


def test_a_start_goes_through_the_states_of_the_documentation(lab: Lab) -> None:
    lab.orders(1)
    replication = Replication(lab)
    seen: list[str] = []

    def running() -> bool:
        status = replication.describe()["Status"]
        if status not in seen:
            seen.append(status)
        return status == "running"

    replication.start()
    wait_for("running", running)
    assert seen == [*STARTING, "running"]
    described = replication.describe()
    assert described["ProvisionData"]["ProvisionState"] == "provisioned"
    assert (described["ProvisionData"]["ProvisionedCapacityUnits"], described["StartReplicationType"]) == (1, "start-replication")
    replication.stop()


def test_a_start_over_a_failing_connection_ends_as_failed(lab: Lab) -> None:
    lab.orders(1)
    replication = Replication(lab, TargetEndpointArn=lab.s3_endpoint(BucketName="no-such-bucket")).start()
    failed = replication.wait("failed")
    assert "no-such-bucket" in failed["FailureMessages"][0]
    lab.dms.modify_replication_config(ReplicationConfigArn=replication.arn, TargetEndpointArn=lab.s3_endpoint())
    replication.wait("failed")
    replication.start("resume-processing").wait("running")
    replication.loaded("orders")
    assert "FailureMessages" not in replication.describe()
    replication.stop()


def test_only_a_resting_configuration_is_modified_or_deleted(lab: Lab) -> None:
    lab.orders(1)
    replication = Replication(lab).start()
    for status in ("starting", "running"):
        if status == "running":
            replication.wait("running")
        with _refused("InvalidResourceStateFault", "state and cannot be modified"):
            lab.dms.modify_replication_config(ReplicationConfigArn=replication.arn, ReplicationType="cdc")
        with _refused("InvalidResourceStateFault", "state and cannot be deleted"):
            lab.dms.delete_replication_config(ReplicationConfigArn=replication.arn)
        with _refused("InvalidResourceStateFault", "Stop the task first"):
            lab.dms.modify_endpoint(EndpointArn=replication.config["TargetEndpointArn"], S3Settings={"CdcMaxBatchInterval": 5})
    replication.stop()
    lab.dms.modify_replication_config(ReplicationConfigArn=replication.arn, ComputeConfig={"MaxCapacityUnits": 16})
    with _refused("InvalidResourceStateFault", "is in MODIFYING state and cannot start"):
        replication.start("resume-processing")
    replication.wait("stopped")
    compute = lab.dms.describe_replication_configs(Filters=replication.only)["ReplicationConfigs"][0]["ComputeConfig"]
    assert (compute["MaxCapacityUnits"], compute["ReplicationSubnetGroupId"]) == (16, "lab")
    lab.dms.delete_replication_config(ReplicationConfigArn=replication.arn)
    assert replication.describe()["Status"] == "deleting"

    def gone() -> bool:
        try:
            lab.dms.describe_replication_configs(Filters=replication.only)
        except lab.dms.exceptions.ResourceNotFoundFault:
            return True
        return False

    wait_for("configuration gone", gone)
    with _refused("ResourceNotFoundFault"):
        replication.describe()


def test_each_start_type_only_at_its_time(lab: Lab) -> None:
    lab.orders(1)
    replication = Replication(lab)
    with _refused("InvalidParameterCombinationException", "first time"):
        replication.start("reload-target")
    with _refused("InvalidParameterValueException", "StartReplicationType"):
        replication.start("begin")
    for point in ({"CdcStartPosition": "binlog.000001:4"}, {"CdcStartTime": 1_700_000_000}):
        with _refused("InvalidParameterCombinationException", "custom CDC start points"):
            replication.start(**point)
    with _refused("InvalidResourceStateFault", "CREATED state and cannot stop"):
        lab.dms.stop_replication(ReplicationConfigArn=replication.arn)
    replication.start("resume-processing").wait("running")  # as Terraform does
    replication.loaded("orders")
    assert replication.describe()["StartReplicationType"] == "start-replication"
    replication.stop()
    with _refused("InvalidParameterCombinationException", "first time"):
        replication.start("start-replication")
    lab.sql("INSERT INTO {s}.orders VALUES (2, 'new', 1)")
    replication.start("reload-target").wait("running")
    wait_for("loaded again", lambda: _ids_loaded(lab) == [1, 2])
    replication.stop()


def test_tables_are_reloaded_while_it_runs(lab: Lab) -> None:
    lab.orders(1)
    replication = Replication(lab)
    one = [{"SchemaName": lab.schema, "TableName": "orders"}]
    with _refused("InvalidResourceStateFault"):
        lab.dms.reload_replication_tables(ReplicationConfigArn=replication.arn, TablesToReload=one)
    replication.run()
    lab.sql("INSERT INTO {s}.orders VALUES (2, 'new', 1)")
    replication.flush()
    lab.dms.reload_replication_tables(ReplicationConfigArn=replication.arn, TablesToReload=one)
    wait_for("reloaded", lambda: replication.table()["FullLoadReloaded"] and replication.table()["TableState"] == "Table completed")
    assert [r["id"] for r in lab.loaded()] == [1, 2]
    filtered = replication.tables(Filters=[{"Name": "table-state", "Values": ["Table error"]}])
    assert filtered == []
    replication.stop()


def test_deprovisioning_loses_the_table_statistics_but_not_the_place(lab: Lab) -> None:
    lab.orders(1)
    replication = Replication(lab).run()
    with pytest.raises(AssertionError, match="only a stopped or failed one"):
        lab.service.admin("POST", "dms/deprovision", {"task": replication.arn})
    replication.stop()
    assert replication.table()["FullLoadRows"] == 1
    lab.service.admin("POST", "dms/deprovision", {"task": replication.arn})
    assert replication.tables() == []
    assert replication.describe()["ProvisionData"]["ProvisionState"] == "deprovisioned"
    lab.sql("UPDATE {s}.orders SET status = 'meanwhile'")
    replication.start("resume-processing").wait("running")
    replication.flush()
    assert lab.changes()[-1]["status"] == "meanwhile"
    replication.stop()


def test_the_admin_calls_for_tasks_take_it_too(lab: Lab) -> None:
    lab.orders(1)
    lab.orders(1, table="lines")
    replication = Replication(lab).run("orders", "lines")
    name = replication.config["ReplicationConfigIdentifier"]
    lab.service.admin("POST", "dms/table-error", {"task": name, "schema": lab.schema, "table": "lines"})
    wait_for("table error", lambda: replication.table("lines")["TableState"] == "Table error")
    lab.service.admin("POST", "dms/fail-task", {"task": name, "message": "Out of luck."})
    failed = replication.wait("failed")
    assert "Out of luck." in failed["FailureMessages"][0] and "FATAL_ERROR" in failed["StopReason"]


def test_tags_of_a_configuration(lab: Lab) -> None:
    replication = Replication(lab, Tags=[{"Key": "team", "Value": "data"}])
    lab.dms.add_tags_to_resource(ResourceArn=replication.arn, Tags=[{"Key": "env", "Value": "test"}])
    lab.dms.remove_tags_from_resource(ResourceArn=replication.arn, TagKeys=["team"])
    tags = lab.dms.list_tags_for_resource(ResourceArn=replication.arn)["TagList"]
    assert [(t["Key"], t["Value"]) for t in tags] == [("env", "test")]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_it_goes_on_after_a_restart_of_the_sandbox(tmp_path: Path, source: Source, number: int) -> None:
    service = Service(tmp_path / "data")
    lab = Lab(service, source, make_instance(service))
    try:
        lab.orders(1)
        replication, starting = Replication(lab).run(), Replication(lab, TargetEndpointArn=lab.s3_endpoint(BucketFolder="two"))
        starting.start()
        lab.sql("UPDATE {s}.orders SET status = 'pending'")
        service.restart(number)
        lab.dms, lab.s3 = service.client("dms"), service.client("s3")
        replication._dms = starting._dms = lab.dms
        replication.wait("running")
        starting.wait("running")
        starting.loaded("orders")
        replication.flush()
        assert lab.changes()[-1]["status"] == "pending"
    finally:
        service.stop()
        lab.sql("DROP DATABASE {s}")
