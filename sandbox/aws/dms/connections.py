"""TestConnection: really connects to the source, really lists the bucket, and asks the role's policies."""

import threading
from collections.abc import Callable
from typing import Any

import pymysql

from ..worker.source import SourceConfig
from .certificates import VERIFYING
from .context import ACCOUNT, Context, page, public, select
from .endpoints import MYSQL
from .errors import invalid_state
from .store import Document

FILTERS = {
    "endpoint-arn": lambda d: d["EndpointArn"],
    "replication-instance-arn": lambda d: d["ReplicationInstanceArn"],
}


def source_config(context: Context, endpoint: Document) -> SourceConfig:
    mode, authority = endpoint["SslMode"], None
    if mode in VERIFYING:
        authority = context.require("certificate", endpoint["CertificateArn"], "Certificate")["CertificatePem"]
    return SourceConfig(
        host=endpoint["ServerName"],
        port=int(endpoint["Port"]),
        user=endpoint["Username"],
        password=endpoint["_Password"],
        tls=mode != "none",
        authority=authority,
        verify_name=mode == "verify-full",
        skip_table_suspension_for_partition_ddl=_is_set(endpoint, "skipTableSuspensionForPartitionDdl"),
    )


def _is_set(endpoint: Document, attribute: str) -> bool:
    """Whether ExtraConnectionAttributes (`a=b;c=d`) set this one."""
    parts = (endpoint.get("ExtraConnectionAttributes") or "").split(";")
    pairs = (part.strip().partition("=") for part in parts)
    return any(name.lower() == attribute.lower() and value.strip().lower() in ("true", "y", "1") for name, _, value in pairs)


class Actions:
    #: `head_bucket(name)`: None, or why the bucket cannot be used.
    def __init__(self, context: Context, head_bucket: Callable[[str], str | None]) -> None:
        self._context = context
        self._head_bucket = head_bucket

    def TestConnection(self, request: dict[str, Any]) -> dict[str, Any]:
        instance = self._context.require("instance", request["ReplicationInstanceArn"], "Replication Instance")
        endpoint = self._context.require("endpoint", request["EndpointArn"], "Endpoint")
        if instance["ReplicationInstanceStatus"] != "available":
            raise invalid_state(f"Replication Instance {instance['ReplicationInstanceArn']} is not available.")
        connection = self._put(instance, endpoint, "testing", None)
        threading.Thread(target=self._test, args=(instance, endpoint), daemon=True).start()
        return {"Connection": public(connection)}

    def DescribeConnections(self, request: dict[str, Any]) -> dict[str, Any]:
        found = select(self._context.store.all("connection"), request, FILTERS, "Connections")
        items, more = page(found, request)
        return {"Connections": [public(c) for c in items], **more}

    def DeleteConnection(self, request: dict[str, Any]) -> dict[str, Any]:
        key = _key(request["ReplicationInstanceArn"], request["EndpointArn"])
        connection = self._context.require("connection", key, "Connection")
        self._context.store.delete("connection", key)
        return {"Connection": public(connection | {"Status": "deleting"})}

    def ensure(self, instance: Document, endpoint: Document) -> str | None:
        """Tests unless it was tested with success; None, or why the connection fails."""
        known = self._context.store.get("connection", _key(instance["ReplicationInstanceArn"], endpoint["EndpointArn"]))
        if known is not None and known["Status"] == "successful":
            return None
        return self._test(instance, endpoint)

    def _test(self, instance: Document, endpoint: Document) -> str | None:
        failure = self.failure(endpoint)
        self._put(instance, endpoint, "failed" if failure else "successful", failure)
        return failure

    def _put(self, instance: Document, endpoint: Document, status: str, failure: str | None) -> Document:
        connection = {
            "ReplicationInstanceArn": instance["ReplicationInstanceArn"],
            "ReplicationInstanceIdentifier": instance["ReplicationInstanceIdentifier"],
            "EndpointArn": endpoint["EndpointArn"],
            "EndpointIdentifier": endpoint["EndpointIdentifier"],
            "Status": status,
            "LastFailureMessage": failure,
        }
        key = _key(connection["ReplicationInstanceArn"], connection["EndpointArn"])
        self._context.store.put("connection", key, connection)
        return connection

    def failure(self, endpoint: Document) -> str | None:
        """Tries the endpoint; None, or why it does not work."""
        if endpoint["EngineName"] in MYSQL:
            return self._mysql_failure(endpoint)
        if endpoint["EngineName"] == "s3":
            return self._s3_failure(endpoint["S3Settings"])
        return f"The sandbox cannot connect to engine {endpoint['EngineName']}."

    def _s3_failure(self, settings: Document) -> str | None:
        bucket, folder = settings["BucketName"], (settings.get("BucketFolder") or "").strip("/")
        problem = self._head_bucket(bucket) or _owner_problem(settings)
        if problem is None:
            problem = self._context.roles.s3_target_problem(
                settings["ServiceAccessRoleArn"], bucket, folder, settings.get("CannedAclForObjects")
            )
        return problem and f"Test Endpoint failed: Application-Status: 1020912, Application-Message: {problem}"

    def _mysql_failure(self, endpoint: Document) -> str | None:
        try:
            source_config(self._context, endpoint).connect().close()
        except (pymysql.MySQLError, OSError) as error:
            detail = error.args[-1] if error.args else error
            return (
                "Test Endpoint failed: Application-Status: 1020912, Application-Message: Cannot connect to ODBC provider "
                f"Network error has occurred, Application-Detailed-Message: RetCode: SQL_ERROR Message: {detail}"
            )
        return None


def _owner_problem(settings: Document) -> str | None:
    """docs/facts/dms.md section 1: without ExpectedBucketOwner, the account of the role is expected to own the bucket."""
    expected = settings.get("ExpectedBucketOwner") or settings["ServiceAccessRoleArn"].split(":")[4]
    if expected == ACCOUNT:
        return None
    return f"Access denied: the bucket {settings['BucketName']} belongs to account {ACCOUNT}, not to the expected owner {expected}."


def _key(instance: str, endpoint: str) -> str:
    return f"{instance}|{endpoint}"
