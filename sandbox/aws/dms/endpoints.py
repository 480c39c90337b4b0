"""Endpoints: MySQL sources and S3 targets. Other engines can be described, but no task runs with them."""

import uuid
from typing import Any

from . import s3_settings, tags
from .certificates import VERIFYING
from .context import Context, check_identifier, page, public, select
from .errors import access_denied, exists, invalid_combination, invalid_state, invalid_value
from .store import Document

ENGINES = {
    "mysql": "MySQL", "mariadb": "MariaDB", "aurora": "Amazon Aurora MySQL", "s3": "Amazon S3",
    "postgres": "PostgreSQL", "aurora-postgresql": "Amazon Aurora PostgreSQL", "oracle": "Oracle",
    "sqlserver": "Microsoft SQL Server", "mongodb": "MongoDB", "redshift": "Amazon Redshift",
    "dynamodb": "Amazon DynamoDB", "kinesis": "Amazon Kinesis", "kafka": "Kafka", "opensearch": "Amazon OpenSearch Service",
}  # fmt: skip
MYSQL = {"mysql", "mariadb", "aurora"}
FILTERS = {
    "endpoint-arn": lambda d: d["EndpointArn"],
    "endpoint-id": lambda d: d["EndpointIdentifier"],
    "endpoint-type": lambda d: d["EndpointType"].lower(),
    "engine-name": lambda d: d["EngineName"],
}
CONNECTION = ("ServerName", "Port", "Username", "Password", "DatabaseName")
#: Statuses of a task or replication that does not use its endpoints; the steps of a serverless start are not among them.
IDLE = {"creating", "ready", "created", "modifying", "stopped", "failed", "deleting"}


class Actions:
    def __init__(self, context: Context) -> None:
        self._context = context

    def CreateEndpoint(self, request: dict[str, Any]) -> dict[str, Any]:
        name = check_identifier(request["EndpointIdentifier"], "EndpointIdentifier", 255)
        if any(e["EndpointIdentifier"] == name for e in self._context.store.all("endpoint")):
            raise exists(f"Endpoint already exists: {name}.")
        engine = request["EngineName"].lower()
        if engine not in ENGINES:
            raise invalid_value(f"The engine name {request['EngineName']} is not valid.")
        document: Document = {
            "EndpointIdentifier": name,
            # Taken in lower case, shown in upper case (terraform-provider-aws, s3_endpoint.go).
            "EndpointType": request["EndpointType"].upper(),
            "EngineName": engine,
            "EngineDisplayName": ENGINES[engine],
            "Status": "active",
            "KmsKeyId": request.get("KmsKeyId") or self._context.default_key,
            "EndpointArn": self._context.arn("endpoint"),
            "CertificateArn": request.get("CertificateArn"),
            "SslMode": request.get("SslMode", "none"),
            "ExternalId": str(uuid.uuid4()) if engine == "s3" else None,
            "ExtraConnectionAttributes": request.get("ExtraConnectionAttributes"),
        }
        self._apply(document, request)
        arn = document["EndpointArn"]
        self._context.store.put("endpoint", arn, document)
        tags.create(self._context, arn, request.get("Tags"))
        return {"Endpoint": public(document)}

    def _apply(self, document: Document, request: dict[str, Any]) -> None:
        """Takes over and checks what the engine needs."""
        certificate = document.get("CertificateArn")
        if certificate:
            self._context.require("certificate", certificate, "Certificate")
        elif document["SslMode"] in VERIFYING:
            raise invalid_combination(f"A CertificateArn must be provided for SslMode {document['SslMode']}.")
        if document["EngineName"] == "s3":
            self._apply_s3(document, request)
        elif document["EngineName"] in MYSQL:
            self._apply_mysql(document, request)
        else:
            document.update({k: v for k, v in request.items() if k.endswith("Settings") or k in CONNECTION[:3]})

    def _apply_s3(self, document: Document, request: dict[str, Any]) -> None:
        settings = document.get("S3Settings", {})
        before = dict(settings)
        settings |= s3_settings.from_attributes(request.get("ExtraConnectionAttributes"))
        settings |= request.get("S3Settings") or {}
        role = settings.get("ServiceAccessRoleArn") or request.get("ServiceAccessRoleArn")
        if not role:
            raise invalid_combination("The parameter ServiceAccessRoleArn must be provided for an S3 endpoint.")
        settings["ServiceAccessRoleArn"] = role
        s3_settings.check(settings)
        if before:
            s3_settings.check_change(before, settings)
        if not self._context.roles.trusts(role, "dms.amazonaws.com"):
            raise access_denied(f"The IAM Role {role} is not configured properly.")
        document["S3Settings"] = settings
        document["ServiceAccessRoleArn"] = role

    def _apply_mysql(self, document: Document, request: dict[str, Any]) -> None:
        if document["EndpointType"] != "SOURCE":
            raise invalid_value("The sandbox has MySQL endpoints as sources only.")
        given = request.get("MySQLSettings") or {}
        settings = dict(document.get("MySQLSettings") or {})
        passwords = (given.get("Password"), request.get("Password"), document.get("_Password"))
        password = next((p for p in passwords if p is not None), None)
        settings.update({k: request[k] for k in CONNECTION if k in request and k != "Password"})
        settings.update({k: v for k, v in given.items() if k != "Password"})
        if settings.get("SecretsManagerSecretId"):
            raise invalid_value("Secrets Manager is not part of the sandbox; give ServerName, Port, Username and Password.")
        missing = [k for k in ("ServerName", "Port", "Username") if not settings.get(k)]
        if missing or password is None:
            raise invalid_combination(f"The parameter {(missing or ['Password'])[0]} must be provided for a {document['EngineName']} source endpoint.")
        document["MySQLSettings"] = settings
        document["_Password"] = password
        document.update({k: settings[k] for k in CONNECTION if k in settings})

    def DescribeEndpoints(self, request: dict[str, Any]) -> dict[str, Any]:
        found = select(self._context.store.all("endpoint"), request, FILTERS, "Endpoints")
        items, more = page(found, request)
        return {"Endpoints": [public(e) for e in items], **more}

    def ModifyEndpoint(self, request: dict[str, Any]) -> dict[str, Any]:
        endpoint = self._context.require("endpoint", request["EndpointArn"], "Endpoint")
        arn = endpoint["EndpointArn"]
        for user, status in self._users(arn):
            if status not in IDLE:
                raise invalid_state(f"Endpoint {arn} cannot be modified because it is used by {user} in state {status}. Stop the task first.")
        changed = {**endpoint, "S3Settings": dict(endpoint.get("S3Settings") or {})}
        if endpoint["EngineName"] != "s3":
            del changed["S3Settings"]
        if "EndpointIdentifier" in request:
            changed["EndpointIdentifier"] = check_identifier(request["EndpointIdentifier"], "EndpointIdentifier", 255)
        for key in ("SslMode", "CertificateArn", "ExtraConnectionAttributes"):
            if key in request:
                changed[key] = request[key]
        self._apply(changed, request)
        self._context.store.put("endpoint", arn, changed)
        # Tested again before a task may start with it.
        self._context.store.delete_where("connection", lambda c: c["EndpointArn"] == arn)
        return {"Endpoint": public(changed)}

    def DeleteEndpoint(self, request: dict[str, Any]) -> dict[str, Any]:
        endpoint = self._context.require("endpoint", request["EndpointArn"], "Endpoint")
        arn = endpoint["EndpointArn"]
        if users := self._users(arn):
            raise invalid_state(f"Endpoint {arn} is part of one or more {users[0][0].partition(' ')[0]}s.")
        self._context.store.change_later("endpoint", arn, "Status", "deleting", None)
        self._context.store.delete_where("connection", lambda c: c["EndpointArn"] == arn)
        return {"Endpoint": public(endpoint)}

    def _users(self, arn: str) -> list[tuple[str, str]]:
        """The tasks and serverless configurations with this endpoint, and their statuses."""
        store = self._context.store
        users = [
            (f"ReplicationTask {t['ReplicationTaskArn']}", t["Status"])
            for t in store.all("task")
            if arn in (t["SourceEndpointArn"], t["TargetEndpointArn"])
        ]
        for config in store.all("config"):
            if arn in (config["SourceEndpointArn"], config["TargetEndpointArn"]):
                name = config["ReplicationConfigArn"]
                users.append((f"ReplicationConfig {name}", self._context.require("replication", name, "Replication")["Status"]))
        return users
