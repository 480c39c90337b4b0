"""Faults on demand, and what spoils a file in the bucket."""

from __future__ import annotations

import time

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, HTTPClientError

from sandbox.aws.actions import action_of
from sandbox.tests.aws.lab import Lab


def _once(lab: Lab, match: str, action: str, **more: object) -> None:
    lab.service.admin("POST", "faults", {"match": match, "action": action, "count": 1, **more})


@pytest.mark.parametrize(
    ("method", "path", "query", "action"),
    [
        ("GET", "/", "", "s3:ListBuckets"),
        ("PUT", "/b", "", "s3:CreateBucket"),
        ("GET", "/b", "list-type=2&prefix=x", "s3:ListObjectsV2"),
        ("GET", "/b", "versioning", "s3:GetBucketVersioning"),
        ("PUT", "/b/k/l", "", "s3:PutObject"),
        ("GET", "/b/k", "versionId=1", "s3:GetObject"),
        ("PUT", "/b/k", "partNumber=1&uploadId=u", "s3:UploadPart"),
        ("POST", "/b/k", "uploads", "s3:CreateMultipartUpload"),
        ("POST", "/b", "delete", "s3:DeleteObjects"),
        ("DELETE", "/b/k", "", "s3:DeleteObject"),
    ],
)
def test_actions_of_s3(method: str, path: str, query: str, action: str) -> None:
    assert action_of(method, path, query, {}, b"") == action


def test_error_and_throttle_are_answers_of_the_service(lab: Lab) -> None:
    dms, s3, iam = (lab.service.client(n, attempts=1) for n in ("dms", "s3", "iam"))
    _once(lab, "DescribeEndpoints", "throttle")
    with pytest.raises(ClientError, match="ThrottlingException"):
        dms.describe_endpoints()
    _once(lab, "^dms:DescribeEndpoints", "error")
    with pytest.raises(ClientError, match="InternalError"):
        dms.describe_endpoints()
    _once(lab, f"s3:PutObject /{lab.bucket}/x", "throttle")
    s3.put_object(Bucket=lab.bucket, Key="y", Body=b"")
    with pytest.raises(ClientError, match="SlowDown"):
        s3.put_object(Bucket=lab.bucket, Key="x", Body=b"")
    _once(lab, "iam:GetRole", "error", code="ServiceFailure", message="Not today.")
    with pytest.raises(ClientError, match=r"\(ServiceFailure\).*Not today"):
        iam.get_role(RoleName=lab.name)
    assert [r["hits"] for r in lab.service.admin("GET", "faults")["faults"]] == [1, 1, 1, 1]


def test_retries_of_a_client_get_over_a_fault(lab: Lab) -> None:
    lab.service.admin("POST", "faults", {"match": "putobject", "action": "error", "count": 2})
    lab.s3.put_object(Bucket=lab.bucket, Key="x", Body=b"1")
    assert lab.body("x") == b"1"


@pytest.mark.parametrize(("action", "done"), [("refuse", False), ("drop_before", False), ("drop_after", True)])
def test_a_cut_connection_before_and_after_the_work(lab: Lab, action: str, done: bool) -> None:
    client = lab.service.client("s3", attempts=1)
    _once(lab, "PutObject", action)
    with pytest.raises((ConnectionClosedError, HTTPClientError)):
        client.put_object(Bucket=lab.bucket, Key="x", Body=b"1")
    assert (lab.keys() == ["x"]) is done


def test_delay(lab: Lab) -> None:
    _once(lab, "DescribeEndpoints", "delay", delay_ms=700)
    began = time.monotonic()
    lab.dms.describe_endpoints()
    assert time.monotonic() - began > 0.7


def test_a_probability_reaches_the_rule(lab: Lab) -> None:
    """What it means is tested in tests/test_fault_rules.py; here a rule that hit in spite of it would make the call fail."""
    client = lab.service.client("dms", attempts=1)
    for probability, hits in ((0, 0), (1, 1)):
        _once(lab, "DescribeEndpoints", "error", probability=probability)
        if hits:
            with pytest.raises(ClientError, match="InternalError"):
                client.describe_endpoints()
        else:
            for _ in range(5):
                client.describe_endpoints()
        assert lab.service.admin("GET", "faults")["faults"][-1]["hits"] == hits


@pytest.mark.parametrize("rule", [{"match": "("}, {"match": "x", "action": "explode"}, {"match": "x", "action": "error", "often": 1}, []])
def test_bad_rules_are_refused(lab: Lab, rule: object) -> None:
    with pytest.raises(AssertionError, match="400"):
        lab.service.admin("POST", "faults", rule)


def test_a_task_gets_over_s3_errors(lab: Lab) -> None:
    lab.orders(1)
    task = lab.task().run()
    lab.service.admin("POST", "faults", {"match": f"PutObject /{lab.bucket}/", "action": "error", "count": 2})
    lab.sql("UPDATE {s}.orders SET status = 'x'")
    task.flush()
    assert len(lab.changes()) == 1


@pytest.mark.parametrize(("how", "size"), [("truncate", 5), ("empty", 0), ("garbage", 10)])
def test_damaged_files(lab: Lab, how: str, size: int) -> None:
    lab.s3.put_object(Bucket=lab.bucket, Key="f", Body=b"0123456789")
    lab.service.admin("POST", "s3/damage", {"bucket": lab.bucket, "key": "f", "how": how})
    assert len(lab.body("f")) == size and lab.body("f") != b"0123456789"


def test_unknown_admin_call_lists_the_known_ones(lab: Lab) -> None:
    with pytest.raises(AssertionError, match="POST /_sandbox/dms/flush"):
        lab.service.admin("POST", "nothing")
