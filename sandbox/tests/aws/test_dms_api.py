"""The API: validation, error codes, filters, paging, tags, connections (docs/facts/dms.md sections 4 to 7)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.tests.aws.lab import ACCOUNT, SOON, Lab, make_role, wait_for


def _refused(code: str, text: str = ""):  # type: ignore[no-untyped-def]
    return pytest.raises(ClientError, match=rf"\({code}\)(?s:.*){text}")


# -- subnet groups and instances


def _subnets(lab: Lab, *zones: str) -> list[str]:
    ec2 = lab.service.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    return [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.1.{i}.0/24", AvailabilityZone=f"us-east-1{z}")["Subnet"]["SubnetId"]
        for i, z in enumerate(zones)
    ]


def _group(lab: Lab, subnets: list[str]) -> Any:
    return lab.dms.create_replication_subnet_group(
        ReplicationSubnetGroupIdentifier=lab.name, ReplicationSubnetGroupDescription="d", SubnetIds=subnets
    )["ReplicationSubnetGroup"]


def test_subnet_group_needs_existing_subnets_in_two_zones(lab: Lab) -> None:
    with _refused("InvalidSubnet", "subnet-0123"):
        _group(lab, ["subnet-0123"])
    with _refused("ReplicationSubnetGroupDoesNotCoverEnoughAZs"):
        _group(lab, _subnets(lab, "a", "a"))
    group = _group(lab, _subnets(lab, "a", "b"))
    assert group["SubnetGroupStatus"] == "Complete" and len(group["Subnets"]) == 2
    with _refused("ResourceAlreadyExistsFault"):
        _group(lab, _subnets(lab, "a", "b"))
    lab.dms.delete_replication_subnet_group(ReplicationSubnetGroupIdentifier=lab.name)
    with _refused("ResourceNotFoundFault"):
        lab.dms.delete_replication_subnet_group(ReplicationSubnetGroupIdentifier=lab.name)


def test_subnet_group_needs_the_accounts_vpc_role(lab: Lab) -> None:
    trust = lab.iam.get_role(RoleName="dms-vpc-role")["Role"]["AssumeRolePolicyDocument"]
    lab.iam.delete_role(RoleName="dms-vpc-role")
    try:
        with _refused("AccessDeniedFault", "dms-vpc-role is not configured properly"):
            _group(lab, _subnets(lab, "a", "b"))
    finally:
        lab.iam.create_role(RoleName="dms-vpc-role", AssumeRolePolicyDocument=json.dumps(trust))


def test_instance_life(lab: Lab) -> None:
    group = _group(lab, _subnets(lab, "a", "b"))["ReplicationSubnetGroupIdentifier"]
    made = lab.dms.create_replication_instance(
        ReplicationInstanceIdentifier=lab.name, ReplicationInstanceClass="dms.t3.micro", ReplicationSubnetGroupIdentifier=group
    )["ReplicationInstance"]
    arn = made["ReplicationInstanceArn"]
    assert made["ReplicationInstanceStatus"] == "creating"
    assert arn.startswith(f"arn:aws:dms:us-east-1:{ACCOUNT}:rep:") and lab.name not in arn
    only = [{"Name": "replication-instance-arn", "Values": [arn]}]
    lab.dms.get_waiter("replication_instance_available").wait(Filters=only, WaiterConfig=SOON)
    with _refused("ResourceAlreadyExistsFault"):
        lab.dms.create_replication_instance(ReplicationInstanceIdentifier=lab.name, ReplicationInstanceClass="dms.t3.micro")
    with _refused("InvalidResourceStateFault"):
        lab.dms.delete_replication_subnet_group(ReplicationSubnetGroupIdentifier=group)
    later = lab.dms.modify_replication_instance(ReplicationInstanceArn=arn, ReplicationInstanceClass="dms.r5.large")["ReplicationInstance"]
    assert later["PendingModifiedValues"]["ReplicationInstanceClass"] == "dms.r5.large"
    lab.dms.modify_replication_instance(ReplicationInstanceArn=arn, ReplicationInstanceClass="dms.r5.large", ApplyImmediately=True)
    lab.dms.get_waiter("replication_instance_available").wait(Filters=only, WaiterConfig=SOON)
    lab.dms.delete_replication_instance(ReplicationInstanceArn=arn)
    lab.dms.get_waiter("replication_instance_deleted").wait(Filters=only, WaiterConfig=SOON)


def test_instance_with_tasks_cannot_be_deleted(lab: Lab) -> None:
    lab.orders(1)
    lab.task()
    with _refused("InvalidResourceStateFault", "one or more replication tasks"):
        lab.dms.delete_replication_instance(ReplicationInstanceArn=lab.instance)


# -- endpoints


@pytest.mark.parametrize("name", ["1abc", "a--b", "ab-", "a_b"])
def test_identifiers_are_checked(lab: Lab, name: str) -> None:
    with _refused("InvalidParameterValueException", "EndpointIdentifier"):
        lab.source_endpoint(EndpointIdentifier=name)


def test_endpoint_shows_no_password_and_a_random_arn(lab: Lab) -> None:
    arn = lab.source_endpoint(EndpointIdentifier=f"{lab.name}-Mixed")
    shown = lab.dms.describe_endpoints(Filters=[{"Name": "endpoint-id", "Values": [f"{lab.name}-mixed"]}])["Endpoints"][0]
    assert shown["EndpointArn"] == arn and lab.name not in arn
    assert (shown["EndpointType"], shown["Status"], shown["EngineDisplayName"]) == ("SOURCE", "active", "MySQL")
    assert "sandbox" not in json.dumps(shown, default=str).replace('"sandbox"', "") and "Password" not in json.dumps(shown, default=str)
    with _refused("ResourceAlreadyExistsFault"):
        lab.source_endpoint(EndpointIdentifier=f"{lab.name}-mixed")


def test_mysql_endpoint_needs_its_connection(lab: Lab) -> None:
    with _refused("InvalidParameterCombinationException", "ServerName"):
        lab.dms.create_endpoint(EndpointIdentifier=lab.name, EndpointType="source", EngineName="mysql", Username="u", Password="p", Port=3306)
    with _refused("ValidationException", "endpointType"):
        lab.source_endpoint(EndpointType="sideways")
    with _refused("InvalidParameterValueException", "engine name"):
        lab.source_endpoint(EngineName="mongo-like")


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"CdcInsertsOnly": True, "CdcInsertsAndUpdates": True}, "InvalidParameterCombinationException"),
        ({"PreserveTransactions": True}, "InvalidParameterCombinationException"),
        ({"PreserveTransactions": True, "CdcPath": "x", "AddColumnName": True}, "InvalidParameterCombinationException"),
        ({"PreserveTransactions": True, "CdcPath": "x", "DatePartitionEnabled": True}, "InvalidParameterCombinationException"),
        ({"MaxFileSize": 1048577}, "InvalidParameterValueException"),
        ({"BucketName": ""}, "InvalidParameterValueException"),
        ({"DataFormat": "orc"}, "ValidationException"),
        ({"ServiceAccessRoleArn": f"arn:aws:iam::{ACCOUNT}:role/nobody"}, "AccessDeniedFault"),
    ],
)
def test_s3_settings_that_aws_refuses(lab: Lab, settings: dict[str, Any], code: str) -> None:
    with _refused(code):
        lab.s3_endpoint(**settings)


def test_an_empty_timestamp_column_is_refused_with_the_task(lab: Lab) -> None:
    lab.orders(1)
    with _refused("InvalidParameterValueException", "TimestampColumnName cannot be an empty string"):
        lab.task(s3={"TimestampColumnName": ""})


def test_a_role_that_dms_may_not_assume_is_refused(lab: Lab) -> None:
    statement = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    role = lab.iam.create_role(RoleName=f"{lab.name}-other", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    with _refused("AccessDeniedFault", "not configured properly"):
        lab.s3_endpoint(ServiceAccessRoleArn=role)


def test_extra_connection_attributes_are_settings(lab: Lab) -> None:
    arn = lab.s3_endpoint(attributes="parquetVersion=PARQUET_2_0;cdcInsertsAndUpdates=true;cdcMaxBatchInterval=30;unknownThing=1")
    settings = lab.dms.describe_endpoints(Filters=[{"Name": "endpoint-arn", "Values": [arn]}])["Endpoints"][0]["S3Settings"]
    assert (settings["ParquetVersion"], settings["CdcInsertsAndUpdates"]) == ("parquet-2-0", True)


def test_endpoint_of_a_running_task_cannot_be_changed(lab: Lab) -> None:
    lab.orders(1)
    target = lab.s3_endpoint()
    task = lab.task(target=target).run()
    with _refused("InvalidResourceStateFault", "Stop the task first"):
        lab.dms.modify_endpoint(EndpointArn=target, S3Settings={"CdcMaxBatchInterval": 5})
    with _refused("InvalidResourceStateFault", "part of one or more ReplicationTasks"):
        lab.dms.delete_endpoint(EndpointArn=target)
    task.stop()
    changed = lab.dms.modify_endpoint(EndpointArn=target, S3Settings={"TimestampColumnName": "ts2"})["Endpoint"]["S3Settings"]
    assert (changed["TimestampColumnName"], changed["BucketName"]) == ("ts2", lab.bucket)
    lab.sql("UPDATE {s}.orders SET status = 'x'")
    task.resume().flush()
    assert "ts2" in lab.changes()[0], "the next run works by the new setting"


def test_deleted_endpoint_is_gone(lab: Lab) -> None:
    arn = lab.source_endpoint()
    lab.dms.delete_endpoint(EndpointArn=arn)
    lab.dms.get_waiter("endpoint_deleted").wait(Filters=[{"Name": "endpoint-arn", "Values": [arn]}], WaiterConfig=SOON)


# -- connections


def _test(lab: Lab, endpoint: str) -> dict[str, Any]:
    status = lab.dms.test_connection(ReplicationInstanceArn=lab.instance, EndpointArn=endpoint)["Connection"]["Status"]
    assert status == "testing"
    only = [{"Name": "endpoint-arn", "Values": [endpoint]}]

    def done() -> Any:
        found = lab.dms.describe_connections(Filters=only)["Connections"][0]
        return found if found["Status"] != "testing" else None

    return wait_for("connection tested", done)


def test_connections_really_connect(lab: Lab) -> None:
    good = lab.source_endpoint()
    assert _test(lab, good)["Status"] == "successful"
    lab.dms.get_waiter("test_connection_succeeds").wait(Filters=[{"Name": "endpoint-arn", "Values": [good]}], WaiterConfig=SOON)
    bad = _test(lab, lab.source_endpoint(Password="wrong"))
    assert bad["Status"] == "failed" and "Access denied" in bad["LastFailureMessage"]
    closed = _test(lab, lab.source_endpoint(Port=1))
    assert closed["Status"] == "failed" and "Test Endpoint failed" in closed["LastFailureMessage"]


def test_connections_look_at_bucket_and_policies(lab: Lab) -> None:
    assert _test(lab, lab.s3_endpoint())["Status"] == "successful"
    missing = _test(lab, lab.s3_endpoint(BucketName="no-such-bucket"))
    assert missing["Status"] == "failed" and "no-such-bucket" in missing["LastFailureMessage"]
    for action in ("s3:DeleteObject", "s3:PutObjectTagging"):
        role = make_role(lab.iam, f"{lab.name}-{action[3:]}", lab.bucket, without=action)
        short = _test(lab, lab.s3_endpoint(ServiceAccessRoleArn=role))
        assert short["Status"] == "failed" and action in short["LastFailureMessage"]


def test_a_task_does_not_start_over_a_failing_connection(lab: Lab) -> None:
    lab.orders(1)
    task = lab.task(target=lab.s3_endpoint(BucketName="no-such-bucket"))
    with _refused("InvalidResourceStateFault", "Test connection"):
        task.start()
    assert task.describe()["Status"] == "ready"


# -- tasks


def test_task_refers_to_things_that_exist(lab: Lab) -> None:
    base: dict[str, Any] = {
        "ReplicationTaskIdentifier": lab.name,
        "SourceEndpointArn": lab.source_endpoint(),
        "TargetEndpointArn": lab.s3_endpoint(),
        "ReplicationInstanceArn": lab.instance,
        "MigrationType": "cdc",
        "TableMappings": json.dumps({"rules": [lab.include()]}),
    }
    missing = f"arn:aws:dms:us-east-1:{ACCOUNT}:endpoint:NOWHERE"
    with _refused("ResourceNotFoundFault"):
        lab.dms.create_replication_task(**base | {"SourceEndpointArn": missing})
    with _refused("InvalidParameterCombinationException", "not a source endpoint"):
        lab.dms.create_replication_task(**base | {"SourceEndpointArn": base["TargetEndpointArn"]})
    with _refused("InvalidParameterValueException", "Invalid Table Mappings document"):
        lab.dms.create_replication_task(**base | {"TableMappings": "{}"})
    with _refused("InvalidParameterValueException", "CloudWatchLogGroup"):
        settings = json.dumps({"Logging": {"CloudWatchLogGroup": "g"}})
        lab.dms.create_replication_task(**base | {"ReplicationTaskSettings": settings})
    with _refused("InvalidParameterValueException", "TargetTablePrepMode"):
        settings = json.dumps({"FullLoadSettings": {"TargetTablePrepMode": "PERHAPS"}})
        lab.dms.create_replication_task(**base | {"ReplicationTaskSettings": settings})
    with _refused("InvalidParameterValueException", "DataErrorPolicy"):
        settings = json.dumps({"ErrorBehavior": {"DataErrorPolicy": "HOPE"}})
        lab.dms.create_replication_task(**base | {"ReplicationTaskSettings": settings})
    with _refused("ValidationException"):
        lab.dms.create_replication_task(**base | {"MigrationType": "teleport"})


def test_settings_are_answered_complete(lab: Lab) -> None:
    lab.orders(1)
    task = lab.task(settings={"FullLoadSettings": {"MaxFullLoadSubTasks": 3}})
    settings = json.loads(task.describe()["ReplicationTaskSettings"])
    assert settings["FullLoadSettings"]["MaxFullLoadSubTasks"] == 3
    assert settings["FullLoadSettings"]["TargetTablePrepMode"] == "DROP_AND_CREATE"
    assert settings["TargetMetadata"]["LobMaxSize"] == 32
    without = lab.dms.describe_replication_tasks(WithoutSettings=True)["ReplicationTasks"]
    assert all("ReplicationTaskSettings" not in t for t in without)


def test_task_is_modified_only_at_rest_and_deleted_only_at_rest(lab: Lab) -> None:
    lab.orders(1)
    task = lab.task().run()
    settings = json.dumps({"FullLoadSettings": {"MaxFullLoadSubTasks": 2}})
    with _refused("InvalidResourceStateFault", "cannot be modified while it is running state"):
        lab.dms.modify_replication_task(ReplicationTaskArn=task.arn, ReplicationTaskSettings=settings)
    with _refused("InvalidResourceStateFault"):
        lab.dms.delete_replication_task(ReplicationTaskArn=task.arn)
    task.stop()
    lab.dms.modify_replication_task(ReplicationTaskArn=task.arn, ReplicationTaskSettings=settings)
    task.wait("stopped")
    assert json.loads(task.describe()["ReplicationTaskSettings"])["FullLoadSettings"]["MaxFullLoadSubTasks"] == 2
    lab.dms.delete_replication_task(ReplicationTaskArn=task.arn)
    lab.dms.get_waiter("replication_task_deleted").wait(
        Filters=[{"Name": "replication-task-arn", "Values": [task.arn]}], WaiterConfig=SOON
    )


def test_filters(lab: Lab) -> None:
    with _refused("ResourceNotFoundFault"):
        lab.dms.describe_replication_tasks(Filters=[{"Name": "replication-task-id", "Values": ["nobody"]}])
    with _refused("InvalidParameterValueException", "not valid"):
        lab.dms.describe_endpoints(Filters=[{"Name": "colour", "Values": ["red"]}])


def test_table_statistics_are_paged_and_filtered(lab: Lab) -> None:
    lab.sql(*[f"CREATE TABLE {{s}}.t{i:02} (id INT PRIMARY KEY)" for i in range(45)])
    task = lab.task()
    assert task.tables() == [], "nothing before the first start"
    task.start()
    wait_for("loaded", lambda: len(task.tables()) == 45 and all(t["TableState"] == "Table completed" for t in task.tables()))
    first = lab.dms.describe_table_statistics(ReplicationTaskArn=task.arn, MaxRecords=20)
    assert len(first["TableStatistics"]) == 20
    pages = lab.dms.get_paginator("describe_table_statistics").paginate(ReplicationTaskArn=task.arn, PaginationConfig={"PageSize": 20})
    names = [t["TableName"] for p in pages for t in p["TableStatistics"]]
    assert names == [f"t{i:02}" for i in range(45)]
    filtered = task.tables(Filters=[{"Name": "table-name", "Values": ["t07"]}, {"Name": "table-state", "Values": ["Table completed"]}])
    assert [t["TableName"] for t in filtered] == ["t07"]
    assert task.tables(Filters=[{"Name": "table-state", "Values": ["Table error"]}]) == []
    with _refused("InvalidParameterValueException", "MaxRecords"):
        task.tables(MaxRecords=5)


def test_tags(lab: Lab) -> None:
    arn = lab.source_endpoint(Tags=[{"Key": "team", "Value": "data"}])
    lab.dms.add_tags_to_resource(ResourceArn=arn, Tags=[{"Key": "env", "Value": "test"}])
    lab.dms.remove_tags_from_resource(ResourceArn=arn, TagKeys=["team"])
    tags = lab.dms.list_tags_for_resource(ResourceArn=arn)["TagList"]
    assert [(t["Key"], t["Value"]) for t in tags] == [("env", "test")]
    with _refused("ResourceNotFoundFault"):
        lab.dms.list_tags_for_resource(ResourceArn=arn[:-3])


def test_what_is_not_there_says_so(lab: Lab) -> None:
    client = lab.service.client("dms", attempts=1)
    with _refused("NotImplemented", "FIDELITY.md"):
        client.describe_applicable_individual_assessments()
