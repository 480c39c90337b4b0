"""The one address for faults and health: `/databend/…` and `/aws/…` go to each service's `/_sandbox/…`."""

from __future__ import annotations

import http.client
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from sandbox.supervisor.log import say

_PATIENCE_SECONDS = 120
"""A task that runs to its end, or a flush, takes as long as it takes."""


class Admin:
    def __init__(self, port: int, services: dict[str, int]) -> None:
        self._server = _Server(("127.0.0.1", port), services)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], services: dict[str, int]) -> None:
        super().__init__(address, _Handler)
        self.services = services


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._forward()

    def do_POST(self) -> None:
        self._forward()

    def do_DELETE(self) -> None:
        self._forward()

    def _forward(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        service, _, rest = self.path.lstrip("/").partition("/")
        port = self.server.services.get(service)
        if port is None:
            known = ", ".join(f"/{name}/…" for name in self.server.services)
            self._answer(404, "application/json", json.dumps({"error": f"no such service; there are {known}"}).encode())
            return
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_SECONDS)
        try:
            headers = {"Content-Type": self.headers.get("Content-Type") or "application/json"}
            connection.request(self.command, f"/_sandbox/{rest}", body=body or None, headers=headers)
            answer = connection.getresponse()
            content = answer.read()
        except OSError as error:
            self._answer(502, "application/json", json.dumps({"error": f"{service} does not answer: {error}"}).encode())
            return
        finally:
            connection.close()
        self._answer(answer.status, answer.getheader("Content-Type") or "application/json", content)

    def _answer(self, status: int, kind: str, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        say(f"admin: {format % args}")
