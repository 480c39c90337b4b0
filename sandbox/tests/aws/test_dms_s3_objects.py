"""What an S3 endpoint's settings make of the objects themselves: ACL, encryption, owner, padding (docs/facts/dms.md section 1)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.tests.aws.lab import ACCOUNT, Lab, wait_for

KEY = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/00000000-0000-0000-0000-000000000001"


def _may_set_acls(lab: Lab) -> None:
    statement = {"Effect": "Allow", "Action": "s3:PutObjectAcl", "Resource": f"arn:aws:s3:::{lab.bucket}/*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    lab.iam.put_role_policy(RoleName=lab.name, PolicyName="acl", PolicyDocument=document)


def test_head_tells_the_size(lab: Lab) -> None:
    lab.s3.put_object(Bucket=lab.bucket, Key="x", Body=b"0123456789")
    assert lab.s3.head_object(Bucket=lab.bucket, Key="x")["ContentLength"] == 10


def test_every_object_gets_the_canned_acl(lab: Lab) -> None:
    lab.orders(1)
    _may_set_acls(lab)
    task = lab.task(s3={"CannedAclForObjects": "public-read"}).run()
    lab.sql("DELETE FROM {s}.orders")
    task.flush()
    assert len(lab.keys()) == 2
    for key in lab.keys():
        grants = lab.s3.get_object_acl(Bucket=lab.bucket, Key=key)["Grants"]
        assert any(g["Grantee"].get("URI", "").endswith("/AllUsers") and g["Permission"] == "READ" for g in grants)


def test_no_acl_unless_asked_for(lab: Lab) -> None:
    lab.orders(1)
    lab.task(s3={"CannedAclForObjects": "none"}).run()
    grants = lab.s3.get_object_acl(Bucket=lab.bucket, Key=lab.keys()[0])["Grants"]
    assert [g["Permission"] for g in grants] == ["FULL_CONTROL"]


@pytest.mark.parametrize(
    ("settings", "algorithm", "key"),
    [({}, "AES256", None), ({"EncryptionMode": "sse-kms", "ServerSideEncryptionKmsKeyId": KEY}, "aws:kms", KEY)],
)
def test_every_object_is_encrypted_as_asked_for(lab: Lab, settings: dict[str, Any], algorithm: str, key: str | None) -> None:
    lab.orders(1)
    task = lab.task(s3=settings).run()
    lab.sql("DELETE FROM {s}.orders")
    task.flush()
    assert len(lab.keys()) == 2
    for name in lab.keys():
        head = lab.s3.head_object(Bucket=lab.bucket, Key=name)
        assert (head["ServerSideEncryption"], head.get("SSEKMSKeyId")) == (algorithm, key)


def test_encryption_changes_from_kms_only(lab: Lab) -> None:
    kms = {"EncryptionMode": "sse-kms", "ServerSideEncryptionKmsKeyId": KEY}
    endpoint = lab.s3_endpoint(**kms)
    lab.dms.modify_endpoint(EndpointArn=endpoint, S3Settings={"EncryptionMode": "sse-s3"})
    with pytest.raises(ClientError, match="InvalidParameterCombinationException.*SSE_S3 to SSE_KMS"):
        lab.dms.modify_endpoint(EndpointArn=endpoint, S3Settings=kms)


@pytest.mark.parametrize(("owner", "status"), [(ACCOUNT, "successful"), ("999999999999", "failed")])
def test_the_bucket_belongs_to_the_expected_account(lab: Lab, owner: str, status: str) -> None:
    endpoint = lab.s3_endpoint(ExpectedBucketOwner=owner)
    lab.dms.test_connection(ReplicationInstanceArn=lab.instance, EndpointArn=endpoint)
    only = [{"Name": "endpoint-arn", "Values": [endpoint]}]
    tested = wait_for("tested", lambda: (c := lab.dms.describe_connections(Filters=only)["Connections"][0])["Status"] != "testing" and c)
    assert tested["Status"] == status
    assert status == "successful" or owner in tested["LastFailureMessage"]


@pytest.mark.parametrize(("setting", "text"), [(True, "ab   "), (False, "ab")])
def test_trailing_padding_fills_up_char_columns(lab: Lab, setting: bool, text: str) -> None:
    lab.sql("CREATE TABLE {s}.orders (id INT PRIMARY KEY, c CHAR(5), v VARCHAR(5))", "INSERT INTO {s}.orders VALUES (1, 'ab', 'ab'), (2, NULL, NULL)")
    task = lab.task(s3={"AddTrailingPaddingCharacter": setting}).run()
    lab.sql("UPDATE {s}.orders SET id = id + 10")
    task.flush()
    for rows in (lab.loaded(), lab.changes()):
        assert [(r["c"], r["v"]) for r in rows] == [(text, "ab"), (None, None)]
