"""Lets the embedded engine find its own catalog again after a restart (see ``meta_ports.c`` for why it does not)."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

STORES = 6
"""How many meta stores the engine opens when it starts (observed, databend 1.2.895)."""

_SOURCES = ("meta_ports.c", "no_sync.c")
"""What is preloaded into the engine's process."""

_FOLDER = "MetaStoreProvider-created-{}"
_ORDER = "stores"
_VARIABLE = "SANDBOX_META_PORTS"
_TRIES = "SANDBOX_META_TRIES"
_MOST_TRIES = 5


class PersistenceError(RuntimeError):
    """The catalog of the last run cannot be opened again."""


def restart_with_fixed_ports(data: Path) -> None:
    """Replaces this process by itself with the preloaded library, unless that has happened already.

    Has to come before the engine is imported. Ports are chosen anew at each start, and the folders renamed to them.
    """
    if _VARIABLE in os.environ:
        return
    library = _compiled(data)
    ports = _free_ports(STORES)
    _rename_folders(data / "engine" / "meta", ports)
    environment = os.environ | {_VARIABLE: ",".join(map(str, ports))}
    others = [each for each in environment.get("LD_PRELOAD", "").split(":") if Path(each).name not in ("", library.name)]
    environment["LD_PRELOAD"] = ":".join([str(library), *others])
    sys.stderr.flush()
    os.execve(sys.executable, [sys.executable, "-m", "sandbox.databend", *sys.argv[1:]], environment)


def start_again_if_port_was_taken(data: Path, error: BaseException) -> None:
    """A port that was free a moment ago may belong to another program by now: then it is tried with others."""
    tries = int(os.environ.get(_TRIES, "1"))
    if "AddrInUse" not in str(error) or tries >= _MOST_TRIES:
        return
    del os.environ[_VARIABLE]
    os.environ[_TRIES] = str(tries + 1)
    restart_with_fixed_ports(data)


def check_after_start(data: Path) -> None:
    """Remembers which folder belongs to which store; fails if the engine did not open those it was given."""
    ports = os.environ[_VARIABLE].split(",")
    meta = data / "engine" / "meta"
    found = {match[1] for path in meta.iterdir() if (match := re.fullmatch(_FOLDER.format(r"(\d+)"), path.name))}
    if found != set(ports):
        raise PersistenceError(
            f"{meta}: the engine opened other meta stores than the sandbox prepared ({sorted(found)} instead of "
            f"{sorted(ports)}). Its version may have changed: install databend as sandbox/requirements.txt pins it"
        )
    temporary = meta / (_ORDER + ".new")
    temporary.write_text("\n".join(ports) + "\n")
    temporary.replace(meta / _ORDER)


def _rename_folders(meta: Path, ports: list[int]) -> None:
    order = meta / _ORDER
    if not order.exists():
        # Never started up to the end: nothing was promised, and half-made stores would only be in the way.
        shutil.rmtree(meta, ignore_errors=True)
        meta.mkdir(parents=True)
        return
    old = order.read_text().split()
    if len(old) != len(ports):
        raise PersistenceError(f"{order} names {len(old)} meta stores, expected {len(ports)}; remove the data folder")
    # Via names that no port can have, since an old port can be a new one too; a start that dies in between goes on.
    for store, port in enumerate(old):
        folder = meta / _FOLDER.format(port)
        if folder.exists():
            folder.rename(meta / f"store-{store}")
    order.with_suffix(".new").write_text("\n".join(map(str, ports)) + "\n")
    order.with_suffix(".new").replace(order)
    for store, new in enumerate(ports):
        folder = meta / f"store-{store}"
        if folder.exists():
            folder.rename(meta / _FOLDER.format(new))


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_STREAM) for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def _compiled(data: Path) -> Path:
    sources = [Path(__file__).with_name(name) for name in _SOURCES]
    library = data / "preloaded.so"
    if library.exists() and library.stat().st_mtime >= max(source.stat().st_mtime for source in sources):
        return library
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise PersistenceError("no C compiler found; the sandbox needs one at its first start: apt-get install gcc")
    temporary = library.with_suffix(".new")
    command = [compiler, "-shared", "-fPIC", "-O1", "-o", str(temporary), *map(str, sources), "-ldl"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise PersistenceError(f"{' and '.join(map(str, sources))} do not compile with {compiler}: {done.stderr.strip()}")
    temporary.replace(library)
    return library
