"""State survives the service: objects, roles, subnets, DMS; a running task goes on."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from sandbox.tests.aws.lab import Lab, Service, Source, make_instance


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_everything_is_there_after_a_restart(tmp_path: Path, source: Source, number: int) -> None:
    service = Service(tmp_path / "data")
    lab = Lab(service, source, make_instance(service))
    try:
        lab.orders(3)
        task = lab.task(rules=[lab.include(), lab.add_column("_seq", "$AR_H_CHANGE_SEQ")]).run()
        lab.sql("UPDATE {s}.orders SET status = 'one' WHERE id = 1")
        task.flush()
        lab.s3.put_object(Bucket=lab.bucket, Key="big", Body=bytes(9_000_000))
        lab.s3.upload_file(__file__, lab.bucket, "this file")
        lab.s3.delete_object(Bucket=lab.bucket, Key="big")
        before = {o["Key"]: (o["ETag"], o["LastModified"]) for o in lab.s3.list_objects_v2(Bucket=lab.bucket)["Contents"]}
        subnets = sorted(s["SubnetId"] for s in service.client("ec2").describe_subnets()["Subnets"])
        lab.sql("UPDATE {s}.orders SET status = 'pending' WHERE id = 1")

        service.admin("POST", "dms/clock", {"offset_seconds": 60})
        service.admin("POST", "dms/switches", {"switches": {"sequence_zone": 60}})
        task.switch(stop_flush="none")
        service.restart(number)
        switches = service.admin("GET", f"dms/switches?task={task.arn}")["switches"]
        assert (switches["sequence_zone"]["value"], switches["stop_flush"]["value"]) == (60, "none")
        assert service.admin("GET", "dms/clock")["offset_seconds"] == 60

        lab.dms, lab.s3, lab.iam = service.client("dms"), service.client("s3"), service.client("iam")
        task._dms = lab.dms
        after = {o["Key"]: (o["ETag"], o["LastModified"]) for o in lab.s3.list_objects_v2(Bucket=lab.bucket)["Contents"]}
        assert {k: after.get(k) for k in before} == before
        assert lab.body("this file") == Path(__file__).read_bytes()
        assert lab.iam.get_role_policy(RoleName=lab.name, PolicyName="target")["PolicyDocument"]["Statement"]
        assert sorted(s["SubnetId"] for s in service.client("ec2").describe_subnets()["Subnets"]) == subnets
        task.wait("running")
        lab.sql("UPDATE {s}.orders SET status = 'two' WHERE id = 1")
        task.flush()
        rows = lab.changes()
        statuses = [r["status"] for r in rows]
        assert statuses[-2:] == ["pending", "two"] and statuses[0] == "one", "nothing is lost"
        sequences = [r["_seq"] for r in rows]
        assert sequences == sorted(set(sequences))
        hours = [int(s[8:10]) - int(r["_ts"][11:13]) for s, r in zip(sequences, rows, strict=True)]
        assert hours[0] == 0 and hours[-1] in (1, -23), "the running task has its switches again"
        assert lab.loaded()[0]["id"] == 1
        task.stop()
    finally:
        service.stop()
        lab.sql("DROP DATABASE {s}")
