"""The same sandbox answers on the same ports after every start, as long as they are free.

Terraform state, DMS endpoints and open shells hold the ports of a sandbox, so they must outlive a restart.
"""

from __future__ import annotations

import json
import random
import socket
from pathlib import Path

from sandbox.supervisor.errors import SandboxError
from sandbox.supervisor.log import say

NAMES = ("mysql", "databend", "aws", "admin")

# Below Linux's range for outgoing connections (net.ipv4.ip_local_port_range starts at 32768), so that nothing
# is given one of these between our look and the server's bind.
RANGE = range(20_000, 32_000)


def is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As the servers do it: a port whose old connections are in TIME_WAIT counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def choose(taken: set[int]) -> int:
    for _ in range(1000):
        port = random.choice(RANGE)
        if port not in taken and is_free(port):
            return port
    raise SandboxError("no free port between 20000 and 32000 on 127.0.0.1")


def assign(file: Path) -> dict[str, int]:
    """The ports of this sandbox by name: those it had before, new ones where another program has them now."""
    try:
        before: dict[str, int] = json.loads(file.read_text())
    except (FileNotFoundError, ValueError):
        before = {}
    ports: dict[str, int] = {}
    for name in NAMES:
        known = before.get(name)
        if isinstance(known, int) and is_free(known):
            ports[name] = known
            continue
        ports[name] = choose(set(ports.values()) | set(before.values()))
        if known is not None:
            say(f"port {known} of {name} is in use by another program; now {ports[name]}")
    file.write_text(json.dumps(ports, indent=2) + "\n")
    return ports
