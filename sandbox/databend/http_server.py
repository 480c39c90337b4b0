"""The HTTP side: routes of Databend's query protocol, the sandbox's own under /_sandbox, and faults."""

from __future__ import annotations

import base64
import binascii
import json
import re
import socket
import struct
import time
from collections.abc import Callable
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from sandbox.databend.accounts import Accounts
from sandbox.databend.clock import CLOCK
from sandbox.databend.errors import AUTHENTICATION, DatabendError
from sandbox.databend.protocol import NODE, VERSION, Protocol
from sandbox.databend.session import ROOT
from sandbox.databend.stage_masks import FORMS, StageMasks
from sandbox.faults import BadRule, Faults, Rule, statement

_COOKIE = "databend_session"
_QUERY = re.compile(r"/v1/query/([^/]+)(?:/(final|kill|page/(\d+)))?$")


class Server(ThreadingHTTPServer):
    """Listens on 127.0.0.1; a thread per connection."""

    daemon_threads = True
    # The default of 5 refuses connections when a test opens many at once.
    request_queue_size = 128

    def __init__(
        self, port: int, protocol: Protocol, accounts: Accounts, faults: Faults, jump: Callable[[float], None],
        run_task: Callable[[str], None], masks: StageMasks,
    ) -> None:  # fmt: skip
        super().__init__(("127.0.0.1", port), Handler)
        self.protocol = protocol
        self.accounts = accounts
        self.faults = faults
        self.jump = jump
        self.run_task = run_task
        self.masks = masks


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def do_GET(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def do_DELETE(self) -> None:
        self._handle()

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not logged: they hold secrets of stages."""

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path.split("?", 1)[0]
        if path.startswith("/_sandbox/"):
            self._sandbox(path, body)
            return
        try:
            document = json.loads(body) if body else {}
        except ValueError:
            self._answer(400, _failure(1006, "the request's body is not JSON"))
            return
        # Faults choose statements by their SQL, everything else by its path.
        rule = self.server.faults.take(statement(str(document.get("sql", path)) if path == "/v1/query" else path))
        if rule is not None and self._before(rule):
            return
        status, answer, headers = self._route(path, document)
        if rule is not None and rule.action == "drop_after":
            self._cut()
            return
        self._answer(status, answer, headers)

    # Faults

    def _before(self, rule: Rule) -> bool:
        """Applies what comes before the work; True when that is all the client gets."""
        time.sleep(rule.delay_ms / 1000)
        match rule.action:
            case "refuse" | "drop_before":
                self._cut()
            case "throttle":
                self._answer(503, _failure(int(rule.code), rule.message))
            case "error":
                self._answer(200, {**_EMPTY, "id": self.headers.get("X-DATABEND-QUERY-ID") or "", **_failure(int(rule.code), rule.message)})
            case _:
                return False
        return True

    def _cut(self) -> None:
        """Closes the connection with a reset, without a byte of an answer."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    # Routes

    def _route(self, path: str, body: dict[str, Any]) -> tuple[int, Any, dict[str, str]]:
        try:
            return self._routed(self._authenticate(), path, body)
        except DatabendError as error:
            # Statements fail in their answers; what is raised up to here is about who asks.
            return 401, _failure(error.code, error.message), {}

    def _routed(self, user: str, path: str, body: dict[str, Any]) -> tuple[int, Any, dict[str, str]]:
        protocol = self.server.protocol
        session_id = self._session_id()
        match (self.command, path):
            case "POST", "/v1/session/login":
                session = protocol.session(user, None)
                headers = {"X-DATABEND-SESSION-ID": session.id, "Set-Cookie": f"{_COOKIE}={session.id}; Path=/"}
                return 200, {"version": VERSION}, headers
            case "POST", "/v1/session/heartbeat":
                return 200, {"queries_to_remove": []}, {}
            case "POST", "/v1/session/logout":
                protocol.logout(user, session_id)
                return 200, {}, {}
            case "POST", "/v1/query":
                session = protocol.session(user, session_id)
                answer = protocol.start(session, self.headers.get("X-DATABEND-QUERY-ID"), body)
                return 200, answer, {} if session_id else {"Set-Cookie": f"{_COOKIE}={session.id}; Path=/"}
        match = _QUERY.match(path)
        if match is None:
            return 404, _failure(1006, f"no such path: {self.command} {path}"), {}
        query = protocol.find(match[1])
        if query is None:
            return 404, _failure(2003, f"query id {match[1]} not found on {NODE}"), {}
        if match[2] == "kill":
            if not query.done.is_set():
                protocol.kill(query.id)
            return 200, {}, {}
        if match[2] == "final":
            return 200, protocol.final(query), {}
        return 200, protocol.page(query, int(match[3] or 0)), {}

    def _authenticate(self) -> str:
        """The user of the request. Without credentials it is root, who needs none."""
        scheme, _, value = (self.headers.get("Authorization") or "").partition(" ")
        if not scheme:
            return ROOT.user
        try:
            user, _, password = base64.b64decode(value).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise DatabendError(AUTHENTICATION, "Authenticate failed: the header Authorization cannot be read") from None
        if scheme.lower() != "basic":
            raise DatabendError(AUTHENTICATION, "Authenticate failed: the sandbox knows user and password only")
        self.server.accounts.authenticate(user, password)
        return user

    def _session_id(self) -> str | None:
        cookie = SimpleCookie(self.headers.get("Cookie") or "").get(_COOKIE)
        return cookie.value if cookie else self.headers.get("X-DATABEND-SESSION-ID")

    # The sandbox's own

    def _sandbox(self, path: str, body: bytes) -> None:
        faults = self.server.faults
        match (self.command, path):
            case "GET", "/_sandbox/health":
                self._answer(200, {"ready": True, "version": VERSION})
            case "GET", "/_sandbox/clock":
                self._answer(200, {"ahead_seconds": CLOCK.ahead_us / 1_000_000})
            case "POST", "/_sandbox/clock":
                self._advance(body)
            case "POST", "/_sandbox/tasks/run":
                self._run_task(body)
            case "GET", "/_sandbox/stages/masks":
                self._answer(200, {"form": self.server.masks.form})
            case "POST", "/_sandbox/stages/masks":
                self._choose_masks(body)
            case "GET", "/_sandbox/faults":
                # A rule that is used up is gone, and `count` is what is left.
                self._answer(200, [{**rule.document(), "count": rule.left} for rule in faults.all() if rule.left])
            case "DELETE", "/_sandbox/faults":
                faults.clear()
                self._answer(200, [])
            case "POST", "/_sandbox/faults":
                try:
                    self._answer(200, faults.add(json.loads(body)).document())
                except BadRule as error:
                    self._answer(400, {"error": str(error)})
                except ValueError as error:
                    self._answer(400, {"error": f"the rule is not JSON: {error}"})
            case _:
                self._answer(404, {"error": f"no such path: {self.command} {path}"})

    def _choose_masks(self, body: bytes) -> None:
        try:
            form = json.loads(body)["form"]
        except (ValueError, TypeError, KeyError):
            form = None
        if form not in FORMS:
            self._answer(400, {"error": f"form: one of {', '.join(FORMS)} is needed"})
            return
        self.server.masks.form = form
        self._answer(200, {"form": form})

    def _advance(self, body: bytes) -> None:
        try:
            seconds = float(json.loads(body)["advance_seconds"])
        except (ValueError, TypeError, KeyError):
            seconds = -1.0
        if not 0 <= seconds < 10 * 366 * 86_400:
            self._answer(400, {"error": "advance_seconds: a number of seconds is needed, 0 or more, ten years at most"})
            return
        self.server.jump(seconds)
        self._answer(200, {"ahead_seconds": CLOCK.ahead_us / 1_000_000})

    def _run_task(self, body: bytes) -> None:
        try:
            name = str(json.loads(body)["task"])
        except (ValueError, TypeError, KeyError):
            self._answer(400, {"error": "task: the name of a task is needed"})
            return
        try:
            self.server.run_task(name)
        except DatabendError as error:
            self._answer(404, {"error": error.message})
            return
        self._answer(200, {"task": name})

    def _answer(self, status: int, document: Any, headers: dict[str, str] | None = None) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        # One write: headers and body in two packets would wait for each other.
        self._headers_buffer.append(b"\r\n" + body)
        self.flush_headers()


_EMPTY: dict[str, Any] = {
    "node_id": NODE, "session_id": None, "session": None, "schema": [], "data": [], "state": "Failed", "settings": None,
    "stats": {
        "scan_progress": {"rows": 0, "bytes": 0}, "write_progress": {"rows": 0, "bytes": 0},
        "result_progress": {"rows": 0, "bytes": 0}, "running_time_ms": 0.0,
    },
    "next_uri": None,
}  # fmt: skip


def _failure(code: int, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "detail": ""}}
