"""The source: a real MariaDB server with the binlog as docs/facts/dms.md section 8 wants it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from sandbox.supervisor.child import Child
from sandbox.supervisor.errors import SandboxError
from sandbox.supervisor.sources import as_root, write_init

_INSTALL = "install Debian's package: apt-get install mariadb-server"


def _program(name: str) -> str:
    # Debian keeps the server in /usr/sbin, which is not in the PATH of an ordinary user.
    search = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    found = shutil.which(name, path=search)
    if found is None:
        raise SandboxError(f"{name} is missing; {_INSTALL}")
    return found


def create(data: Path, log: Path) -> None:
    """An empty server in `data`, made in a folder beside it, so that a half-made one is never taken for whole."""
    if data.exists():
        return
    making = data.with_name(data.name + ".making")
    shutil.rmtree(making, ignore_errors=True)
    temporary = data.with_name(data.name + ".tmp")
    # A server that starts removes the temporary tables of all others in its folder.
    temporary.mkdir(exist_ok=True)
    command = [
        _program("mariadb-install-db"),
        "--no-defaults",
        f"--datadir={making}",
        f"--tmpdir={temporary}",
        "--auth-root-authentication-method=normal",
        "--skip-test-db",
        "--skip-name-resolve",
        "--innodb-flush-log-at-trx-commit=0",
        *as_root(),
    ]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    with log.open("ab") as sink:
        sink.write(done.stdout)
    if done.returncode != 0:
        end = done.stdout.decode(errors="replace")[-2000:]
        raise SandboxError(f"mariadb-install-db failed with exit code {done.returncode}:\n{end}")
    making.rename(data)
    shutil.rmtree(temporary, ignore_errors=True)


def start(home: Path, port: int, log: Path, on_exit: Callable[[Child, int], None], more: Sequence[str] = ()) -> Child:
    """`more`: options besides those that every source of the sandbox has."""
    data = home / "data"
    temporary = home / "tmp"
    home.mkdir(parents=True, exist_ok=True)
    temporary.mkdir(exist_ok=True)
    create(data, log)
    init = home / "init.sql"
    write_init(init)
    command = [
        _program("mariadbd"),
        "--no-defaults",
        f"--datadir={data}",
        f"--tmpdir={temporary}",
        f"--init-file={init}",
        f"--port={port}",
        "--bind-address=127.0.0.1",
        # Relative to the data folder: the path of a socket may have 107 characters only.
        "--socket=mysqld.sock",
        "--pid-file=mysqld.pid",
        "--skip-name-resolve",
        "--character-set-server=utf8mb4",
        "--default-time-zone=+00:00",
        "--server-id=1",
        "--log-bin=binlog",
        "--binlog-format=ROW",
        "--binlog-row-image=FULL",
        # Column names in the log, so that an old event is read by the table definition of its own time.
        "--binlog-row-metadata=FULL",
        "--expire-logs-days=7",
        # A crash of the server loses nothing; only a crash of the whole machine could.
        "--sync-binlog=0",
        "--innodb-flush-log-at-trx-commit=2",
        "--innodb-buffer-pool-size=512M",
        "--performance-schema=OFF",
        "--max-connections=300",
        *more,
        *as_root(),
    ]
    return Child("mariadbd", command, log, on_exit)
