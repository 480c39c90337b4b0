"""What the tests of the AWS side work with: the service, a source, and replication tasks in one call."""

from __future__ import annotations

import io
import itertools
import json
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pymysql
from botocore.config import Config

from sandbox.supervisor.sources import PASSWORD, USER

ROOT = Path(__file__).parents[3]
ACCOUNT = "123456789012"
CDC_FILE = re.compile(r"\d{8}-\d{9}\.parquet$")
LOAD_FILE = re.compile(r"LOAD[0-9A-F]{8}\.parquet$")
#: For boto3's waiters: what is waited for takes half a second.
SOON = {"Delay": 0.2, "MaxAttempts": 300}


def wait_for(what: str, condition: Callable[[], Any], seconds: float = 60) -> Any:
    """Polls until the condition gives something true; says what did not come."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.05)


class Source:
    """The MySQL server of the session."""

    def __init__(self, port: int) -> None:
        self.port = port

    def connect(self) -> pymysql.connections.Connection:
        return pymysql.connect(host="127.0.0.1", port=self.port, user=USER, password=PASSWORD, autocommit=True)

    def run(self, *statements: str) -> None:
        """Each statement in a transaction of its own."""
        connection = self.connect()
        with connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def transaction(self, *statements: str) -> None:
        connection = self.connect()
        with connection, connection.cursor() as cursor:
            cursor.execute("START TRANSACTION")
            for statement in statements:
                cursor.execute(statement)
            cursor.execute("COMMIT")


class Service:
    """One `python -m sandbox.aws`."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._start()

    def _start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "sandbox.aws", "--data", str(self._data), "--port", "0"],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the service stopped before it was ready"
        self.port = json.loads(line)["port"]
        self.url = f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        return self._process.pid

    def stop(self, number: int = signal.SIGTERM) -> int:
        self._process.send_signal(number)
        return self._process.wait(30)

    def restart(self, number: int = signal.SIGTERM) -> None:
        self.stop(number)
        self._start()

    def client(self, name: str, attempts: int = 4) -> Any:
        return boto3.client(
            name,
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": attempts, "mode": "standard"}),
        )

    def admin(self, method: str, path: str, body: Any = None) -> Any:
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(f"{self.url}/_sandbox/{path}", data=data, method=method)
        try:
            with urllib.request.urlopen(request, timeout=90) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.code} {error.read().decode()}") from None


_numbers = itertools.count(1)


class Lab:
    """A schema, a bucket, a role and an instance for one test; makes tasks."""

    def __init__(self, service: Service, source: Source, instance: str) -> None:
        number = next(_numbers)
        self.service, self.source, self.instance = service, source, instance
        self.schema, self.bucket, self.name = f"shop{number}", f"lake-{number}", f"lab-{number}"
        self.dms, self.s3, self.iam = service.client("dms"), service.client("s3"), service.client("iam")
        source.run(f"CREATE DATABASE {self.schema}")
        self.s3.create_bucket(Bucket=self.bucket)
        self.role = make_role(self.iam, self.name, self.bucket)

    def sql(self, *statements: str) -> None:
        """Statements with {s} for the schema, each committed by itself."""
        self.source.run(*(s.replace("{s}", self.schema) for s in statements))

    def transaction(self, *statements: str) -> None:
        self.source.transaction(*(s.replace("{s}", self.schema) for s in statements))

    def orders(self, rows: int = 3, table: str = "orders") -> None:
        """A table with ids 1…rows."""
        self.sql(f"CREATE TABLE {{s}}.{table} (id BIGINT PRIMARY KEY, status VARCHAR(20), amount DECIMAL(12,2))")
        if rows:
            self.sql(f"INSERT INTO {{s}}.{table} SELECT seq, 'new', seq / 4 FROM {{s}}.seq_1_to_{rows}")

    def source_endpoint(self, **changes: Any) -> str:
        parameters = {
            "EndpointIdentifier": f"{self.name}-mysql-{next(_numbers)}",
            "EndpointType": "source",
            "EngineName": "mysql",
            "ServerName": "127.0.0.1",
            "Port": self.source.port,
            "Username": USER,
            "Password": PASSWORD,
        } | changes
        return self.dms.create_endpoint(**parameters)["Endpoint"]["EndpointArn"]

    def s3_endpoint(self, *, attributes: str | None = None, **settings: Any) -> str:
        """Parquet with Op, and nothing pending for long; None takes a setting away."""
        complete = {
            "BucketName": self.bucket,
            "ServiceAccessRoleArn": self.role,
            "DataFormat": "parquet",
            "IncludeOpForFullLoad": True,
            "TimestampColumnName": "_ts",
            "CdcMaxBatchInterval": 600,
        } | settings
        more = {"ExtraConnectionAttributes": attributes} if attributes else {}
        return self.dms.create_endpoint(
            EndpointIdentifier=f"{self.name}-s3-{next(_numbers)}",
            EndpointType="target",
            EngineName="s3",
            S3Settings={k: v for k, v in complete.items() if v is not None},
            **more,
        )["Endpoint"]["EndpointArn"]

    def task(
        self,
        *,
        s3: dict[str, Any] | None = None,
        rules: list[dict[str, Any]] | None = None,
        settings: dict[str, Any] | None = None,
        migration: str = "full-load-and-cdc",
        source: str | None = None,
        target: str | None = None,
        **more: Any,
    ) -> Task:
        if settings is not None:
            more["ReplicationTaskSettings"] = json.dumps(settings)
        answer = self.dms.create_replication_task(
            ReplicationTaskIdentifier=f"{self.name}-task-{next(_numbers)}",
            SourceEndpointArn=source or self.source_endpoint(),
            TargetEndpointArn=target or self.s3_endpoint(**(s3 or {})),
            ReplicationInstanceArn=self.instance,
            MigrationType=migration,
            TableMappings=json.dumps({"rules": rules or [self.include()]}),
            **more,
        )
        task = Task(self, answer["ReplicationTask"]["ReplicationTaskArn"])
        task.wait("ready")
        return task

    # -- table mappings

    def include(self, table: str = "%", **more: Any) -> dict[str, Any]:
        return self.rule("selection", "include", table=table) | more

    def rule(self, kind: str, action: str, *, table: str = "%", column: str | None = None, **more: Any) -> dict[str, Any]:
        locator = {"schema-name": self.schema, "table-name": table} | ({"column-name": column} if column else {})
        number = str(next(_numbers))
        return {
            "rule-type": kind, "rule-id": number, "rule-name": number, "rule-action": action, "object-locator": locator,
        } | {k.replace("_", "-"): v for k, v in more.items()}  # fmt: skip

    def add_column(self, name: str, expression: str, **data_type: Any) -> dict[str, Any]:
        kind = data_type or {"type": "string", "length": 50}
        return self.rule("transformation", "add-column", rule_target="column", value=name, expression=expression, data_type=kind)

    def before_image(self, column_filter: str = "pk-only") -> dict[str, Any]:
        return self.rule(
            "transformation", "add-before-image-columns", rule_target="column",
            before_image_def={"column-filter": column_filter, "column-prefix": "before_", "column-suffix": ""},
        )  # fmt: skip

    # -- what is in the bucket

    def keys(self, prefix: str = "") -> list[str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return sorted(o["Key"] for page in pages for o in page.get("Contents", []))

    def body(self, key: str) -> bytes:
        return self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()

    def parquet(self, key: str) -> pa.Table:
        return pq.read_table(io.BytesIO(self.body(key)))

    def load_files(self, table: str = "orders") -> list[str]:
        return [k for k in self.keys(f"{self.schema}/{table}/") if LOAD_FILE.search(k)]

    def cdc_files(self, table: str = "orders") -> list[str]:
        return [k for k in self.keys(f"{self.schema}/{table}/") if CDC_FILE.search(k)]

    def item(self, table: str = "orders", **more: Any) -> dict[str, Any]:
        """A table as admin calls name it."""
        return {"schema": self.schema, "table": table} | more

    def loaded(self, table: str = "orders") -> list[dict[str, Any]]:
        return [row for key in self.load_files(table) for row in self.parquet(key).to_pylist()]

    def changes(self, table: str = "orders") -> list[dict[str, Any]]:
        return [row for key in self.cdc_files(table) for row in self.parquet(key).to_pylist()]


class Task:
    def __init__(self, lab: Lab, arn: str) -> None:
        self._lab, self._dms, self.arn = lab, lab.dms, arn

    def describe(self) -> dict[str, Any]:
        condition = [{"Name": "replication-task-arn", "Values": [self.arn]}]
        return self._dms.describe_replication_tasks(Filters=condition)["ReplicationTasks"][0]

    def wait(self, status: str, seconds: float = 60) -> dict[str, Any]:
        def reached() -> dict[str, Any] | None:
            task = self.describe()
            assert task["Status"] == status or task["Status"] != "failed", task.get("LastFailureMessage")
            return task if task["Status"] == status else None

        return wait_for(f"task {status}", reached, seconds)

    def start(self, kind: str = "start-replication", **more: Any) -> Task:
        self._dms.start_replication_task(ReplicationTaskArn=self.arn, StartReplicationTaskType=kind, **more)
        return self

    def run(self, *tables: str) -> Task:
        """Starts it and waits until the tables are loaded."""
        self.start()
        self.loaded(*(tables or ("orders",)))
        return self

    def loaded(self, *tables: str, seconds: float = 60) -> None:
        wait_for(f"{tables} loaded", lambda: all(self.table(t).get("TableState") == "Table completed" for t in tables), seconds)

    def tables(self, **more: Any) -> list[dict[str, Any]]:
        return self._dms.describe_table_statistics(ReplicationTaskArn=self.arn, **more)["TableStatistics"]

    def table(self, name: str = "orders") -> dict[str, Any]:
        return next((t for t in self.tables() if t["TableName"] == name), {})

    def flush(self) -> int:
        """Everything committed until now is in files afterwards."""
        files = self._lab.service.admin("POST", "dms/flush", {"task": self.arn})["files"]
        return sum(files.values())

    def switch(self, **values: Any) -> Task:
        """Sets switches for this task alone (sandbox/aws/switches.py)."""
        self._lab.service.admin("POST", "dms/switches", {"task": self.arn, "switches": values})
        return self

    def failed(self) -> dict[str, Any]:
        return wait_for("task failed", lambda: (d := self.describe())["Status"] == "failed" and d)

    def reload(self, *tables: str) -> None:
        """ReloadTables; returns when DMS is done with them."""
        tables = tables or ("orders",)
        began = {t: self.table(t).get("FullLoadStartTime") for t in tables}
        self._dms.reload_tables(
            ReplicationTaskArn=self.arn, TablesToReload=[{"SchemaName": self._lab.schema, "TableName": t} for t in tables]
        )

        def done(name: str) -> bool:
            table = self.table(name)
            return table.get("FullLoadStartTime") != began[name] and table["TableState"] in ("Table completed", "Table error")

        wait_for(f"{tables} reloaded", lambda: all(map(done, tables)))

    def stop(self) -> dict[str, Any]:
        self._dms.stop_replication_task(ReplicationTaskArn=self.arn)
        return self.wait("stopped")

    def resume(self) -> Task:
        self.start("resume-processing")
        self.wait("running")
        return self


def make_role(iam: Any, name: str, bucket: str, *, without: str | None = None) -> str:
    """A role that DMS may use for the bucket, optionally with one permission short."""
    trust = {"Effect": "Allow", "Principal": {"Service": "dms.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}))
    objects = [a for a in ("s3:PutObject", "s3:DeleteObject", "s3:PutObjectTagging") if a != without]
    statements = [
        {"Effect": "Allow", "Action": objects, "Resource": f"arn:aws:s3:::{bucket}/*"},
        {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": f"arn:aws:s3:::{bucket}"},
    ]
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    iam.put_role_policy(RoleName=name, PolicyName="target", PolicyDocument=policy)
    return role["Role"]["Arn"]


def make_instance(service: Service) -> str:
    """A replication instance in two subnets of its own VPC."""
    ec2, dms = service.client("ec2"), service.client("dms")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.9.{i}.0/24", AvailabilityZone=f"us-east-1{zone}")["Subnet"]["SubnetId"]
        for i, zone in enumerate("ab")
    ]
    dms.create_replication_subnet_group(
        ReplicationSubnetGroupIdentifier="lab", ReplicationSubnetGroupDescription="lab", SubnetIds=subnets
    )
    arn = dms.create_replication_instance(
        ReplicationInstanceIdentifier="lab", ReplicationInstanceClass="dms.t3.micro", ReplicationSubnetGroupIdentifier="lab"
    )["ReplicationInstance"]["ReplicationInstanceArn"]
    dms.get_waiter("replication_instance_available").wait(WaiterConfig=SOON)
    return arn
