"""`python -m sandbox.aws.worker`: runs one replication task; see control.py for the protocol."""

import fcntl
import logging
import signal
import sys
from pathlib import Path

from .. import clock
from .control import Control
from .settings import Job
from .task import Task


def main() -> None:
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s dms-worker %(levelname)s %(message)s")
    # A Ctrl-C goes to the whole group; the API process decides what it means for the tasks.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    control = Control()
    raw = control.read_job()
    clock.shift(raw.get("clock_offset", 0.0))
    control.listen()
    # After a SIGKILL of the API process, the worker before this one may not have ended yet.
    with (Path(raw["directory"]) / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        Task(Job.from_json(raw), control).run()


if __name__ == "__main__":
    main()
