"""`python -m sandbox.aws --data DIR --port N [--mysql-port N]`."""

import argparse
import json
import logging
import os
import signal
import sys
import threading
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m sandbox.aws", description="S3, IAM, STS, EC2 and DMS on one port.")
    parser.add_argument("--data", type=Path, required=True, help="where the state is kept")
    parser.add_argument("--port", type=int, default=0, help="0: a free one (default)")
    parser.add_argument("--mysql-port", type=int, help="of the sandbox's MySQL server; shown by /_sandbox/health")
    options = parser.parse_args()
    level = os.environ.get("SANDBOX_LOG", "INFO").upper()
    logging.basicConfig(level=level, stream=sys.stderr, format="%(asctime)s aws %(levelname)s %(message)s")
    logging.getLogger("botocore").setLevel(logging.WARNING)

    # moto looks for the account's own credentials nowhere else.
    os.environ.setdefault("AWS_ACCESS_KEY_ID", "sandbox")
    os.environ.setdefault("AWS_SECRET_ACCESS_KEY", "sandbox")
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    # Our own address must not lead moto's internal calls back here.
    os.environ.pop("AWS_ENDPOINT_URL", None)

    from .server import Application, bind

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    application = Application(options.data, options.mysql_port)
    server = bind(application, options.port)
    threading.Thread(target=server.serve_forever, name="http", daemon=True).start()
    application.dms.begin(f"http://127.0.0.1:{server.server_port}")
    print(json.dumps({"ready": True, "port": server.server_port}), flush=True)
    stop.wait()
    server.shutdown()
    application.close()


if __name__ == "__main__":
    main()
