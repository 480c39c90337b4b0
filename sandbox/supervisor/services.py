"""The two services of our own, each a Python program that says on stdout when it is ready."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from sandbox.supervisor.child import Child

# The credentials are no secret: the services check that a request is signed with them, nothing more.
AWS_ACCESS_KEY_ID = "sandbox"
AWS_SECRET_ACCESS_KEY = "sandbox-secret"
AWS_REGION = "us-east-1"


def databend_dsn(port: int) -> str:
    return f"databend://root:@127.0.0.1:{port}/default?sslmode=disable"


def start_databend(data: Path, port: int, parser: Path, log: Path, on_exit: Callable[[Child, int], None]) -> Child:
    data.mkdir(parents=True, exist_ok=True)
    command = [*_module("sandbox.databend"), "--data", str(data), "--port", str(port), "--parser", str(parser)]
    return Child("databend", command, log, on_exit)


def start_aws(data: Path, port: int, mysql_port: int, log: Path, on_exit: Callable[[Child, int], None]) -> Child:
    data.mkdir(parents=True, exist_ok=True)
    command = [*_module("sandbox.aws"), "--data", str(data), "--port", str(port), "--mysql-port", str(mysql_port)]
    return Child("aws", command, log, on_exit)


def _module(name: str) -> list[str]:
    # -u: a line of log must not wait in a buffer for a crash to lose it.
    return [sys.executable, "-u", "-m", name]
