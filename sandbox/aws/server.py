"""One port for everything: admin, faults, DMS, and moto for the rest."""

import io
import json
import logging
import socket
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from moto.s3.models import s3_backends
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from sandbox import faults

from .actions import action_of
from .admin import Admin
from .dms.context import ACCOUNT
from .dms.service import DmsService
from .iam.roles import Roles
from .iam.simulate import SIMULATIONS, simulate
from .moto_state import MotoService

log = logging.getLogger(__name__)

REGION = "us-east-1"
#: The HTTP status of an error by its code, where a client goes by it: 500 is tried again, these are not.
STATUSES = {"AccessDenied": 403, "AccessDeniedFault": 400}


class Application:
    def __init__(self, data: Path, mysql_port: int | None) -> None:
        data.mkdir(parents=True, exist_ok=True)
        self.faults = faults.Faults(default_code="")
        self.moto = MotoService(data / "moto", ACCOUNT)
        self.roles = Roles(ACCOUNT, REGION)
        if not (data / "dms" / "dms.sqlite").exists():
            self.roles.create_account_defaults()
            self.moto.snapshot("iam")
        self.dms = DmsService(data / "dms", self.roles, _bucket_problem)
        self._admin = Admin(self.faults, self.dms, self.moto, mysql_port)

    def close(self) -> None:
        self.dms.close()
        self.moto.close()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        body = _read_body(environ)
        request = Request(environ)
        if request.path.startswith("/_sandbox/"):
            return self._admin.handle(request)(environ, start_response)
        action = action_of(request.method, request.path, environ.get("QUERY_STRING", ""), request.headers, body)
        rule = self.faults.take(faults.action(action, request.path))
        if rule is not None:
            early = _before(rule, action, environ)
            if early is not None:
                return early(environ, start_response)
        response = self._respond(request, action, body)
        if rule is not None and rule.action == "drop_after":
            _cut(environ)
        return response(environ, start_response)

    def _respond(self, request: Request, action: str, body: bytes) -> Response:
        service, _, name = action.partition(":")
        if service == "dms":
            return self.dms.handle(request, name)
        if service == "iam" and name in SIMULATIONS:
            return simulate(self.roles, name, body)
        return self.moto.handle(request, action, body)


def _read_body(environ: dict[str, Any]) -> bytes:
    """Reads the whole body, so that a kept connection stays in step whatever becomes of the request."""
    stream = environ["wsgi.input"]
    length = environ.get("CONTENT_LENGTH")
    if length:
        body = stream.read(int(length))
    elif environ.get("wsgi.input_terminated"):
        body = stream.read()
    else:
        body = b""
    environ["wsgi.input"] = io.BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))
    environ.pop("HTTP_TRANSFER_ENCODING", None)
    return body


def _before(rule: faults.Rule, action: str, environ: dict[str, Any]) -> Response | None:
    """What a fault does instead of the work, or before it."""
    time.sleep(rule.delay_ms / 1000)
    if rule.action in ("refuse", "drop_before"):
        _cut(environ)
    elif rule.action == "error":
        return _failure(action, STATUSES.get(str(rule.code), 500), str(rule.code) or "InternalError", rule.message)
    elif rule.action == "throttle":
        if action.startswith("s3:"):
            return _failure(action, 503, str(rule.code) or "SlowDown", rule.message)
        return _failure(action, 400, str(rule.code) or "ThrottlingException", rule.message)
    return None


def _cut(environ: dict[str, Any]) -> None:
    """Ends the connection without an answer."""
    connection: socket.socket = environ["werkzeug.socket"]
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    raise ConnectionAbortedError("fault")


def _failure(action: str, status: int, code: str, message: str) -> Response:
    if action.startswith("dms:"):
        body = json.dumps({"__type": code, "message": message})
        return Response(body, status, {"x-amzn-ErrorType": code}, content_type="application/x-amz-json-1.1")
    error = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    if not action.startswith("s3:"):
        error = f"<ErrorResponse>{error}<RequestId>fault</RequestId></ErrorResponse>"
    return Response(f'<?xml version="1.0" encoding="UTF-8"?>{error}', status, content_type="application/xml")


def _bucket_problem(name: str) -> str | None:
    if name in s3_backends[ACCOUNT]["aws"].buckets:
        return None
    return f"The bucket {name} does not exist."


class _Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: Any) -> None:
        log.debug(message, *args)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        log.debug("%s %s", getattr(self, "requestline", "?"), code)


def bind(application: Application, port: int) -> BaseWSGIServer:
    server = make_server("127.0.0.1", port, application, threaded=True, request_handler=_Handler)
    server.daemon_threads = True
    return server
