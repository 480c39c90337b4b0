"""`python -m sandbox.aws.worker`: a process that becomes a worker for each replication task; see fork_server.py.

A worker runs one replication task; see control.py for the protocol.
"""

import fcntl
import logging
import os
import signal
import socket
import sys
from pathlib import Path

import boto3

from .. import clock
from ..switches import Switches
from .control import Control
from .fork_server import serve
from .settings import Job
from .task import Task


def main() -> None:
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s dms-worker %(levelname)s %(message)s")
    # A Ctrl-C goes to the whole group; the API process decides what it means for the tasks.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Makes boto3 read what it knows of S3, which takes longer than anything else that a worker does at its start.
    boto3.client("s3", region_name="us-east-1", aws_access_key_id="dms", aws_secret_access_key="dms")
    with socket.socket(fileno=os.dup(0)) as requests:
        is_worker = serve(requests)
    if is_worker:
        work()


def work() -> None:
    control = Control()
    raw = control.read_job()
    clock.shift(raw.get("clock_offset", 0.0))
    control.switches = Switches(**raw.get("switches", {}))
    control.listen()
    # After a SIGKILL of the API process, the worker before this one may not have ended yet.
    with (Path(raw["directory"]) / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        Task(Job.from_json(raw), control).run()


if __name__ == "__main__":
    main()
