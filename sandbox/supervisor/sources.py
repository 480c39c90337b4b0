"""What every source of the sandbox has, whichever server it is: its user, and how one waits for it."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pymysql

from sandbox.supervisor.child import Child
from sandbox.supervisor.errors import SandboxError

USER = "sandbox"
PASSWORD = "sandbox"


def dsn(port: int) -> str:
    return f"mysql://{USER}:{PASSWORD}@127.0.0.1:{port}/"


def as_root() -> list[str]:
    # The server refuses to run as root unless told to.
    return ["--user=root"] if os.geteuid() == 0 else []


def write_init(file: Path) -> None:
    """Run by the server itself at every start; the user may come from any address of this machine."""
    # One statement per line, as init_file wants it.
    file.write_text(
        "SET sql_log_bin = 0;\n"
        f"CREATE USER IF NOT EXISTS '{USER}'@'%' IDENTIFIED BY '{PASSWORD}';\n"
        f"GRANT ALL PRIVILEGES ON *.* TO '{USER}'@'%' WITH GRANT OPTION;\n"
    )


def wait_ready(server: Child, port: int, seconds: float) -> None:
    """Until the server answers a query as the sandbox's user."""
    deadline = time.monotonic() + seconds
    while True:
        if not server.running():
            raise SandboxError(f"{server.name} stopped before it was ready{server.last_words()}")
        try:
            with pymysql.connect(host="127.0.0.1", port=port, user=USER, password=PASSWORD, connect_timeout=5) as session:
                with session.cursor() as cursor:
                    cursor.execute("SELECT @@log_bin, @@binlog_format, @@binlog_row_image, @@port")
                    answer = cursor.fetchone()
        except pymysql.err.MySQLError as error:
            if time.monotonic() > deadline:
                raise SandboxError(f"{server.name} was not ready after {seconds:.0f} s: {error}{server.last_words()}") from None
            time.sleep(0.1)
            continue
        if answer != (1, "ROW", "FULL", port):
            raise SandboxError(f"{server.name} does not run with the settings it was given: {answer}")
        return
