"""DMS ends in the middle of its work: one process is killed, the instance is rebooted or fails over."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from sandbox.tests.aws.lab import SOON, Lab, wait_for


def _kill(lab: Lab, task: object) -> None:
    lab.service.admin("POST", "dms/kill", {"task": task.arn})  # type: ignore[attr-defined]


def _met(lab: Lab) -> bool:
    return lab.service.admin("GET", "faults")["faults"][-1]["hits"] == 1


def test_a_killed_task_has_failed_and_resumes_from_its_checkpoint(lab: Lab) -> None:
    lab.orders(1)
    task, other = lab.task().run(), lab.task(s3={"BucketFolder": "other"}).run()
    lab.sql("UPDATE {s}.orders SET status = 'one'")
    task.flush()
    lab.sql("UPDATE {s}.orders SET status = 'pending'")
    wait_for("the change to be read", lambda: task.table()["Updates"] == 2)
    lab.service.admin("POST", "dms/kill", {"task": task.arn, "message": "Out of memory."})
    killed = task.describe()
    assert killed["Status"] == "failed", "as soon as the call answers"
    assert killed["LastFailureMessage"] == "Last Error Out of memory."
    assert killed["StopReason"] == "Stop Reason RECOVERABLE_ERROR Error Level RECOVERABLE"
    assert [r["status"] for r in lab.changes()] == ["one"], "nothing is flushed"
    assert other.describe()["Status"] == "running"
    with pytest.raises(AssertionError, match="409 .*is not running"):
        _kill(lab, task)
    task.resume().flush()
    assert [r["status"] for r in lab.changes()] == ["one", "one", "pending"]


def test_killed_between_a_file_and_its_checkpoint(lab: Lab) -> None:
    lab.orders(1)
    task = lab.task(s3={"CdcMaxBatchInterval": 1}).run()
    match = rf"PutObject /{lab.bucket}/{lab.schema}/orders/\d"
    lab.service.admin("POST", "faults", {"match": match, "action": "delay", "delay_ms": 1500})
    lab.sql("UPDATE {s}.orders SET status = 'x'")
    wait_for("the write", lambda: _met(lab))
    _kill(lab, task)
    wait_for("the file of the killed process", lab.cdc_files)
    task.resume().flush()
    assert [r["status"] for r in lab.changes()] == ["x", "x"]


def test_killed_before_a_file_is_written(lab: Lab) -> None:
    lab.orders(1)
    task = lab.task(s3={"CdcMaxBatchInterval": 1}).run()
    match = rf"PutObject /{lab.bucket}/{lab.schema}/orders/\d"
    lab.service.admin("POST", "faults", {"match": match, "action": "drop_before", "delay_ms": 1500})
    lab.sql("UPDATE {s}.orders SET status = 'x'")
    wait_for("the write", lambda: _met(lab))
    _kill(lab, task)
    task.resume().flush()
    assert [r["status"] for r in lab.changes()] == ["x"]


def test_killed_during_the_full_load_it_loads_again(lab: Lab) -> None:
    lab.orders(3)
    lab.orders(1, table="aaa")
    settings = {"FullLoadSettings": {"MaxFullLoadSubTasks": 1, "TargetTablePrepMode": "DO_NOTHING"}}
    lab.service.admin("POST", "faults", {"match": "PutObject .*/orders/LOAD", "action": "drop_before", "delay_ms": 1500})
    task = lab.task(settings=settings).start()
    wait_for("the write", lambda: _met(lab))
    _kill(lab, task)
    assert (task.table("aaa")["TableState"], task.table()["TableState"]) == ("Table completed", "Full load")
    loaded = task.table("aaa")["FullLoadEndTime"]
    lab.sql("INSERT INTO {s}.orders VALUES (4, 'new', 1)")
    task.resume().loaded("orders")
    assert [r["id"] for r in lab.loaded()] == [1, 2, 3, 4]
    assert task.table("aaa")["FullLoadEndTime"] == loaded, "what is loaded is not loaded again"


def test_killed_during_a_reload_it_reloads_at_the_resume(lab: Lab) -> None:
    lab.orders(2)
    task = lab.task().run()
    loaded = task.describe()["ReplicationTaskStats"]["FullLoadStartDate"]
    lab.service.admin("POST", "faults", {"match": "PutObject .*/orders/LOAD", "action": "drop_before", "delay_ms": 1500})
    lab.dms.reload_tables(ReplicationTaskArn=task.arn, TablesToReload=[{"SchemaName": lab.schema, "TableName": "orders"}])
    wait_for("the write", lambda: _met(lab))
    _kill(lab, task)
    assert task.table()["TableState"] == "Table is being reloaded" and lab.load_files() == []
    task.resume().loaded("orders")
    table = task.table()
    assert (table["FullLoadRows"], table["FullLoadReloaded"]) == (2, True)
    assert task.describe()["ReplicationTaskStats"]["FullLoadStartDate"] == loaded, "a reload changes nothing on the task"


# -- RebootReplicationInstance


@pytest.fixture
def pair(lab: Lab) -> Iterator[Lab]:
    """A Multi-AZ instance of the test's own."""
    lab.instance = lab.dms.create_replication_instance(
        ReplicationInstanceIdentifier=lab.name, ReplicationInstanceClass="dms.t3.micro",
        ReplicationSubnetGroupIdentifier="lab", MultiAZ=True,
    )["ReplicationInstance"]["ReplicationInstanceArn"]  # fmt: skip
    _available(lab)
    yield lab


def _available(lab: Lab) -> dict[str, object]:
    condition = [{"Name": "replication-instance-arn", "Values": [lab.instance]}]
    lab.dms.get_waiter("replication_instance_available").wait(Filters=condition, WaiterConfig=SOON)
    return lab.dms.describe_replication_instances(Filters=condition)["ReplicationInstances"][0]


def test_a_reboot_fails_the_tasks_that_run(lab: Lab) -> None:
    lab.orders(1)
    folders = ("running", "stopped", "ready")
    running, stopped, ready = (lab.task(s3={"BucketFolder": folder}) for folder in folders)
    running.run()
    stopped.run().stop()
    lab.sql("UPDATE {s}.orders SET status = 'x'")
    answer = lab.dms.reboot_replication_instance(ReplicationInstanceArn=lab.instance)["ReplicationInstance"]
    assert answer["ReplicationInstanceStatus"] == "rebooting"
    with pytest.raises(ClientError, match=r"\(InvalidResourceStateFault\)"):
        lab.dms.reboot_replication_instance(ReplicationInstanceArn=lab.instance)
    with pytest.raises(ClientError, match=r"\(InvalidResourceStateFault\).*not available"):
        ready.start()
    assert "rebooted" in running.failed()["LastFailureMessage"]
    assert (stopped.describe()["Status"], ready.describe()["Status"]) == ("stopped", "ready")
    _available(lab)
    assert running.describe()["Status"] == "failed", "it does not resume by itself"
    assert running.resume().flush() == 1


@pytest.mark.parametrize("how", ["ForceFailover", "ForcePlannedFailover"])
def test_a_failover_fails_the_tasks_and_swaps_the_zones(pair: Lab, how: str) -> None:
    pair.orders(1)
    task = pair.task().run()
    before = _available(pair)
    pair.dms.reboot_replication_instance(ReplicationInstanceArn=pair.instance, **{how: True})
    task.failed()
    after = _available(pair)
    zones = ("AvailabilityZone", "SecondaryAvailabilityZone")
    assert [after[z] for z in zones] == [before[z] for z in reversed(zones)]
    pair.sql("UPDATE {s}.orders SET status = 'x'")
    assert task.resume().flush() == 1


def test_a_failover_needs_a_second_zone_and_one_of_its_two_kinds(lab: Lab, pair: Lab) -> None:
    with pytest.raises(ClientError, match="can't both be true"):
        pair.dms.reboot_replication_instance(ReplicationInstanceArn=pair.instance, ForceFailover=True, ForcePlannedFailover=True)
    single = next(i for i in lab.dms.describe_replication_instances()["ReplicationInstances"] if not i["MultiAZ"])
    with pytest.raises(ClientError, match="Multi-AZ"):
        lab.dms.reboot_replication_instance(ReplicationInstanceArn=single["ReplicationInstanceArn"], ForceFailover=True)
    with pytest.raises(ClientError, match=r"\(ResourceNotFoundFault\)"):
        lab.dms.reboot_replication_instance(ReplicationInstanceArn=single["ReplicationInstanceArn"] + "X")
