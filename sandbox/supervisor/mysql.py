"""The source, on request: a real MySQL server from unpacked packages (sandbox/mysql), started by the loader among them."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from sandbox.supervisor.child import Child
from sandbox.supervisor.errors import SandboxError
from sandbox.supervisor.sources import as_root, write_init


def _server(root: Path) -> list[str]:
    """The server of the packages in `root`, with nothing of this machine's."""
    usr = root / "usr"
    return [
        str(usr / "lib64/ld-linux-x86-64.so.2"),
        "--library-path",
        str(usr / "lib/x86_64-linux-gnu"),
        str(usr / "sbin/mysqld"),
        "--no-defaults",
        f"--basedir={usr}",
        f"--lc-messages-dir={usr / 'share/mysql'}",
        f"--character-sets-dir={usr / 'share/mysql/charsets'}",
        f"--plugin-dir={usr / 'lib/mysql/plugin'}",
        "--secure-file-priv=NULL",
        *as_root(),
    ]


def create(root: Path, data: Path, log: Path) -> None:
    """An empty server in `data`, made in a folder beside it, so that a half-made one is never taken for whole."""
    if data.exists():
        return
    making = data.with_name(data.name + ".making")
    shutil.rmtree(making, ignore_errors=True)
    command = [*_server(root), "--initialize-insecure", f"--datadir={making}", "--innodb-flush-log-at-trx-commit=0"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    with log.open("ab") as sink:
        sink.write(done.stdout)
    if done.returncode != 0:
        end = done.stdout.decode(errors="replace")[-2000:]
        raise SandboxError(f"mysqld --initialize failed with exit code {done.returncode}:\n{end}")
    making.rename(data)


def start(root: Path, home: Path, port: int, log: Path, on_exit: Callable[[Child, int], None]) -> Child:
    data = home / "data"
    temporary = home / "tmp"
    home.mkdir(parents=True, exist_ok=True)
    temporary.mkdir(exist_ok=True)
    create(root, data, log)
    init = home / "init.sql"
    write_init(init)
    command = [
        *_server(root),
        f"--datadir={data}",
        f"--tmpdir={temporary}",
        f"--init-file={init}",
        f"--port={port}",
        "--bind-address=127.0.0.1",
        # Relative to the data folder: the path of a socket may have 107 characters only.
        "--socket=mysqld.sock",
        "--pid-file=mysqld.pid",
        "--mysqlx=OFF",
        "--skip-name-resolve",
        "--default-time-zone=+00:00",
        # As strict as MariaDB is by default: MySQL's own default has no zero dates, which old servers are full of.
        "--sql-mode=STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION",
        "--server-id=1",
        "--log-bin=binlog",
        "--binlog-format=ROW",
        "--binlog-row-image=FULL",
        # Column names in the log, so that an old event is read by the table definition of its own time.
        "--binlog-row-metadata=FULL",
        # A crash of the server loses nothing; only a crash of the whole machine could.
        "--sync-binlog=0",
        "--innodb-flush-log-at-trx-commit=2",
        "--innodb-buffer-pool-size=512M",
        "--max-connections=300",
    ]
    return Child("mysqld", command, log, on_exit)
