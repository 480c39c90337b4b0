"""`python -m sandbox.bench.full_load`: how fast a full load from MariaDB to S3 is, and how much memory its worker takes.

100,000 and 1,000,000 narrow rows, each loaded by a task of its own. Ten times the rows may take only a little more memory
(a load holds one batch of rows, not the table), and must not be slower per row.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pymysql
from botocore.config import Config

from sandbox.supervisor import mariadb, ports, sources

ROOT = Path(__file__).parents[2]
SMALL, LARGE = 100_000, 1_000_000
#: Peak memory with ten times the rows.
MEMORY_RATIO = 1.5
#: Rows a second with ten times the rows; a short load is mostly its start, so this is far from 1 on purpose.
SPEED_RATIO = 0.7
COLUMNS = (
    "id BIGINT PRIMARY KEY, customer BIGINT, status VARCHAR(20), amount DECIMAL(12,2), created DATETIME(6), updated TIMESTAMP"
)
ROW = "seq, seq % 1000, 'paid', seq / 100, '2024-01-01' + INTERVAL seq SECOND, '2024-01-01 00:00:01'"


@dataclass(frozen=True)
class Measured:
    rows: int
    seconds: float
    peak_kib: int

    @property
    def rate(self) -> float:
        return self.rows / self.seconds

    def __str__(self) -> str:
        return f"{self.rows:>9,} rows  {self.seconds:6.1f} s  {self.rate:>9,.0f} rows/s  worker's peak memory {self.peak_kib / 1024:5.0f} MiB"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m sandbox.bench.full_load", description=(__doc__ or "").split("\n\n")[1])
    parser.add_argument("--json", type=Path, help="also write what was measured here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sandbox-bench-") as folder, _sandbox(Path(folder)) as bench:
        measured = [bench.load(rows) for rows in (SMALL, LARGE)]
        for one in measured:
            print(one, flush=True)
    if options.json:
        options.json.write_text(json.dumps([{**m.__dict__, "rows_per_second": m.rate} for m in measured], indent=1) + "\n")
    problems = verdict(*measured)
    for problem in problems:
        print(problem, file=sys.stderr)
    sys.exit(1 if problems else 0)


def verdict(small: Measured, large: Measured) -> list[str]:
    """What is wrong with the measurements."""
    problems = []
    memory, speed = large.peak_kib / small.peak_kib, large.rate / small.rate
    if memory > MEMORY_RATIO:
        problems.append(f"{large.rows:,} rows take {memory:.2f} times the memory of {small.rows:,}; at most {MEMORY_RATIO} is right.")
    if speed < SPEED_RATIO:
        problems.append(f"{large.rows:,} rows are loaded at {speed:.2f} times the speed of {small.rows:,}; at least {SPEED_RATIO} is right.")
    return problems


@contextmanager
def _sandbox(home: Path) -> Iterator[_Bench]:
    """A MySQL server and an AWS of its own."""
    port = ports.choose(set())
    server = mariadb.start(home / "mysql", port, home / "mysql.log", lambda *_: None)
    try:
        sources.wait_ready(server, port, 60)
        with (home / "aws.log").open("wb") as log:
            command = [sys.executable, "-m", "sandbox.aws", "--data", str(home / "aws"), "--port", "0"]
            service = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, cwd=ROOT)
        try:
            line = service.stdout.readline() if service.stdout else ""
            if not line:
                sys.exit(f"The sandbox's AWS did not start:\n{(home / 'aws.log').read_text()}")
            yield _Bench(port, f"http://127.0.0.1:{json.loads(line)['port']}", service.pid)
        finally:
            service.terminate()
            service.wait(60)
    finally:
        server.stop(30)


class _Bench:
    def __init__(self, mysql_port: int, url: str, pid: int) -> None:
        self._mysql_port, self._url, self._pid = mysql_port, url, pid
        self._dms, self._s3 = self._client("dms"), self._client("s3")
        self._s3.create_bucket(Bucket="lake")
        self._role = self._make_role()
        self._instance = self._make_instance()

    def load(self, rows: int) -> Measured:
        schema = f"bench{rows}"
        with pymysql.connect(
            host="127.0.0.1", port=self._mysql_port, user=sources.USER, password=sources.PASSWORD, autocommit=True
        ) as session, session.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {schema}")
            cursor.execute(f"CREATE TABLE {schema}.narrow ({COLUMNS})")
            cursor.execute(f"INSERT INTO {schema}.narrow SELECT {ROW} FROM {schema}.seq_1_to_{rows}")
        task = self._task(schema)
        before = descendants(self._pid)
        began = time.monotonic()
        self._dms.start_replication_task(ReplicationTaskArn=task, StartReplicationTaskType="start-replication")
        with _PeakMemory(self._pid, before) as peak:
            self._until(task, "stopped")
            seconds = time.monotonic() - began
        table = self._dms.describe_table_statistics(ReplicationTaskArn=task)["TableStatistics"][0]
        if (table["TableState"], table["FullLoadRows"]) != ("Table completed", rows):
            sys.exit(f"{rows} rows were to be loaded; it ended as {table['TableState']} with {table['FullLoadRows']}.")
        return Measured(rows, seconds, peak.kib)

    def _until(self, task: str, status: str) -> None:
        only = [{"Name": "replication-task-arn", "Values": [task]}]
        while True:
            found = self._dms.describe_replication_tasks(Filters=only, WithoutSettings=True)["ReplicationTasks"][0]
            if found["Status"] == status:
                return
            if found["Status"] == "failed":
                sys.exit(f"The task failed: {found.get('LastFailureMessage')}")
            time.sleep(0.1)

    def _task(self, schema: str) -> str:
        locator = {"schema-name": schema, "table-name": "narrow"}
        rule = {"rule-type": "selection", "rule-id": "1", "rule-name": "1", "rule-action": "include", "object-locator": locator}
        source = self._dms.create_endpoint(
            EndpointIdentifier=f"mysql-{schema}", EndpointType="source", EngineName="mysql", ServerName="127.0.0.1",
            Port=self._mysql_port, Username=sources.USER, Password=sources.PASSWORD,
        )  # fmt: skip
        settings = {
            "BucketName": "lake", "ServiceAccessRoleArn": self._role, "DataFormat": "parquet", "ParquetVersion": "parquet-2-0",
            "IncludeOpForFullLoad": True, "TimestampColumnName": "_ts",
        }  # fmt: skip
        target = self._dms.create_endpoint(EndpointIdentifier=f"s3-{schema}", EndpointType="target", EngineName="s3", S3Settings=settings)
        arn: str = self._dms.create_replication_task(
            ReplicationTaskIdentifier=schema,
            SourceEndpointArn=source["Endpoint"]["EndpointArn"],
            TargetEndpointArn=target["Endpoint"]["EndpointArn"],
            ReplicationInstanceArn=self._instance,
            MigrationType="full-load",
            TableMappings=json.dumps({"rules": [rule]}),
        )["ReplicationTask"]["ReplicationTaskArn"]
        self._until(arn, "ready")
        return arn

    def _make_role(self) -> str:
        iam = self._client("iam")
        trust = {"Effect": "Allow", "Principal": {"Service": "dms.amazonaws.com"}, "Action": "sts:AssumeRole"}
        arn: str = iam.create_role(RoleName="bench", AssumeRolePolicyDocument=_policy(trust))["Role"]["Arn"]
        iam.put_role_policy(RoleName="bench", PolicyName="s3", PolicyDocument=_policy({"Effect": "Allow", "Action": "s3:*", "Resource": "*"}))
        return arn

    def _make_instance(self) -> str:
        made = self._dms.create_replication_instance(ReplicationInstanceIdentifier="bench", ReplicationInstanceClass="dms.t3.micro")
        self._dms.get_waiter("replication_instance_available").wait(WaiterConfig={"Delay": 1})
        arn: str = made["ReplicationInstance"]["ReplicationInstanceArn"]
        return arn

    def _client(self, name: str) -> Any:
        return boto3.client(
            name, endpoint_url=self._url, region_name="us-east-1", aws_access_key_id="bench", aws_secret_access_key="bench",
            config=Config(s3={"addressing_style": "path"}),
        )  # fmt: skip


def _policy(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


class _PeakMemory:
    """The highest memory that a new descendant of a process ever had: the kernel keeps it (VmHWM in /proc), until the process ends."""

    def __init__(self, ancestor: int, before: set[int]) -> None:
        self._ancestor, self._before = ancestor, before
        self._done = threading.Event()
        self.kib = 0

    def __enter__(self) -> _PeakMemory:
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        if not self.kib:
            sys.exit("The worker ended before its memory could be read.")

    def _watch(self) -> None:
        while not self._done.wait(0.02):
            for pid in descendants(self._ancestor) - self._before:
                self.kib = max(self.kib, _peak_kib(pid))


def descendants(ancestor: int) -> set[int]:
    """The children of a process, theirs, and so on."""
    parents: dict[int, int] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                # The name of a program may have spaces and brackets; the parent is the second field behind it.
                fields = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(entry)] = int(fields[1])
    found: set[int] = set()
    latest = {ancestor}
    while latest:
        latest = {pid for pid, parent in parents.items() if parent in latest}
        found |= latest
    return found


def _peak_kib(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    line = next((x for x in status.splitlines() if x.startswith("VmHWM:")), "VmHWM: 0 kB")
    return int(line.split()[1])


if __name__ == "__main__":
    main()
