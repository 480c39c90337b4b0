"""Certificates, and endpoints that check the source's with them (botocore's model; user guide, "Using SSL")."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.supervisor import ports, sources
from sandbox.tests.aws.lab import ACCOUNT, SOON, Lab, Source, wait_for
from sandbox.tests.aws.tls import Authority, start_mysql


def _refused(code: str, text: str = ""):  # type: ignore[no-untyped-def]
    return pytest.raises(ClientError, match=rf"\({code}\)(?s:.*){text}")


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority("the authority")


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Source]:
    """A server whose certificate is for another address than the one it is reached at."""
    home = tmp_path_factory.mktemp("tls")
    files = authority.server(home / "certificate", "127.0.0.2")
    port = ports.choose(set())
    server = start_mysql(home, port, *files)
    sources.wait_ready(server, port, 60)
    yield Source(port)
    server.stop(10)


def _import(lab: Lab, authority: Authority, name: str = "ca", **more: Any) -> dict[str, Any]:
    answer = lab.dms.import_certificate(CertificateIdentifier=f"{lab.name}-{name}", CertificatePem=authority.pem, **more)
    return answer["Certificate"]


def test_a_certificate_is_read_described_and_deleted(lab: Lab, authority: Authority) -> None:
    made = _import(lab, authority, Tags=[{"Key": "team", "Value": "data"}])
    arn = made["CertificateArn"]
    assert arn.startswith(f"arn:aws:dms:us-east-1:{ACCOUNT}:cert:")
    assert (made["SigningAlgorithm"], made["KeyLength"], made["CertificatePem"]) == ("SHA256withRSA", 2048, authority.pem)
    assert made["ValidFromDate"] < made["CertificateCreationDate"] < made["ValidToDate"]
    for name, value in (("certificate-arn", arn), ("certificate-id", f"{lab.name}-ca")):
        found = lab.dms.describe_certificates(Filters=[{"Name": name, "Values": [value]}])["Certificates"]
        assert [c["CertificateArn"] for c in found] == [arn]
    assert lab.dms.list_tags_for_resource(ResourceArn=arn)["TagList"][0]["Value"] == "data"
    with _refused("ResourceAlreadyExistsFault"):
        _import(lab, authority)
    lab.dms.delete_certificate(CertificateArn=arn)
    with _refused("ResourceNotFoundFault"):
        lab.dms.delete_certificate(CertificateArn=arn)


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"CertificatePem": "nonsense"}, "InvalidCertificateFault"),
        ({"CertificatePem": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}, "InvalidCertificateFault"),
        ({}, "InvalidParameterCombinationException"),
        ({"CertificateWallet": b"x"}, "InvalidParameterValueException"),
        ({"CertificateIdentifier": "a--b"}, "InvalidParameterValueException"),
    ],
)
def test_certificates_that_aws_refuses(lab: Lab, more: dict[str, Any], code: str) -> None:
    with _refused(code):
        lab.dms.import_certificate(**({"CertificateIdentifier": lab.name} | more))


def test_an_endpoint_that_verifies_needs_a_certificate_that_exists(lab: Lab, authority: Authority) -> None:
    with _refused("InvalidParameterCombinationException", "CertificateArn"):
        lab.source_endpoint(SslMode="verify-ca")
    with _refused("ResourceNotFoundFault"):
        lab.source_endpoint(SslMode="verify-ca", CertificateArn=f"arn:aws:dms:us-east-1:{ACCOUNT}:cert:NOWHERE")
    arn = _import(lab, authority)["CertificateArn"]
    endpoint = lab.source_endpoint(SslMode="verify-ca", CertificateArn=arn)
    with _refused("InvalidResourceStateFault", "used by one or more endpoints"):
        lab.dms.delete_certificate(CertificateArn=arn)
    lab.dms.delete_endpoint(EndpointArn=endpoint)
    lab.dms.get_waiter("endpoint_deleted").wait(Filters=[{"Name": "endpoint-arn", "Values": [endpoint]}], WaiterConfig=SOON)
    lab.dms.delete_certificate(CertificateArn=arn)


def _connection(lab: Lab, endpoint: str) -> dict[str, Any]:
    lab.dms.test_connection(ReplicationInstanceArn=lab.instance, EndpointArn=endpoint)

    def done() -> Any:
        found = lab.dms.describe_connections(Filters=[{"Name": "endpoint-arn", "Values": [endpoint]}])["Connections"][0]
        return found if found["Status"] != "testing" else None

    return wait_for("connection tested", done)


@pytest.mark.parametrize(
    ("mode", "known", "reason"),
    [
        ("none", False, None),
        ("require", False, None),
        ("verify-ca", True, None),
        ("verify-ca", False, "certificate verify failed"),
        ("verify-full", True, "IP address mismatch"),
    ],
)
def test_the_sources_certificate_is_really_verified(
    lab: Lab, authority: Authority, secure: Source, mode: str, known: bool, reason: str | None
) -> None:
    arn = _import(lab, authority if known else Authority("a stranger"))["CertificateArn"]
    more = {"CertificateArn": arn} if mode.startswith("verify") else {}
    tested = _connection(lab, lab.source_endpoint(Port=secure.port, SslMode=mode, **more))
    assert tested["Status"] == ("failed" if reason else "successful")
    assert (reason or "") in tested.get("LastFailureMessage", "")


def test_a_server_without_tls_is_not_taken_for_one_with(lab: Lab, authority: Authority) -> None:
    arn = _import(lab, authority)["CertificateArn"]
    assert _connection(lab, lab.source_endpoint(SslMode="verify-ca", CertificateArn=arn))["Status"] == "failed"


def test_a_task_reads_through_a_verified_connection(lab: Lab, authority: Authority, secure: Source) -> None:
    secure.run(
        f"CREATE DATABASE {lab.schema}",
        f"CREATE TABLE {lab.schema}.orders (id INT PRIMARY KEY, tls VARCHAR(100))",
        f"INSERT INTO {lab.schema}.orders VALUES (1, 'x')",
        "CREATE USER IF NOT EXISTS careful@'%' IDENTIFIED BY 'secret' REQUIRE SSL",
        "GRANT ALL PRIVILEGES ON *.* TO careful@'%'",
    )
    arn = _import(lab, authority)["CertificateArn"]
    connection = {"Port": secure.port, "Username": "careful", "Password": "secret"}
    plain = lab.source_endpoint(**connection)
    assert _connection(lab, plain)["Status"] == "failed", "the server takes this user with TLS only"
    task = lab.task(source=lab.source_endpoint(SslMode="verify-ca", CertificateArn=arn, **connection)).run()
    secure.run(f"DELETE FROM {lab.schema}.orders")
    task.flush()
    assert ([r["id"] for r in lab.loaded()], [r["Op"] for r in lab.changes()]) == ([1], ["D"])
