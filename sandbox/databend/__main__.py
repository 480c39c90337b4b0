"""``python -m sandbox.databend --data DIR --port 0 --parser PATH``: see sandbox/README.md, Databend."""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import sys
import threading
from pathlib import Path

from sandbox.databend import meta_ports


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sandbox.databend", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder for everything that must survive a restart")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 chooses a free one")
    parser.add_argument("--parser", type=Path, required=True, help="the program sandbox-parser (cargo build)")
    parser.add_argument(
        "--warehouse", action="append", default=[], help="name of a warehouse; may be repeated (default: default, large, other)"
    )
    return parser.parse_args()


def main() -> int:
    arguments = _arguments()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s databend %(levelname)s %(message)s")
    data = arguments.data.resolve()
    data.mkdir(parents=True, exist_ok=True)
    if not arguments.parser.is_file():
        print(f"{arguments.parser}: no such program; build it: cargo build -p sandbox-parser", file=sys.stderr)
        return 2
    try:
        meta_ports.restart_with_fixed_ports(data)
        return _serve(data, arguments.port, arguments.parser.resolve(), arguments.warehouse)
    except meta_ports.PersistenceError as error:
        print(f"sandbox.databend: {error}", file=sys.stderr)
        return 1


def _serve(data: Path, port: int, parser_path: Path, warehouses: list[str]) -> int:
    # Only now, in the process that has the library preloaded.
    from sandbox.databend.service import Service  # noqa: PLC0415

    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    # docs/facts/databend.md: it cannot be switched off without a licence, and fails quietly offline.
    logging.info("the embedded Databend engine reports anonymous telemetry by itself")
    try:
        service = Service(data, port, parser_path, warehouses)
    except BaseException as error:  # the engine's panics are no Exceptions
        meta_ports.start_again_if_port_was_taken(data, error)
        raise
    print(json.dumps({"ready": True, "port": service.port}), flush=True)
    stopped.wait()
    service.stop()
    # The engine's threads have nothing left to do, and nobody to end them.
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
