"""A small client of the query protocol, and a server to talk to."""

from __future__ import annotations

import base64
import http.client
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]


class DatabendError(Exception):
    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"[{code}] {message}")
        self.code = code
        self.message = message


class Server:
    """``python -m sandbox.databend`` on a data folder."""

    def __init__(self, data: Path, **environment: str) -> None:
        self.data = data
        parser = os.environ.get("DATABEND_CDC_PARSER_BIN", str(ROOT / "target/debug/sandbox-parser"))
        self._log = open(data.with_suffix(".log"), "ab")  # noqa: SIM115  as long as the server
        self._process = subprocess.Popen(
            [sys.executable, "-m", "sandbox.databend", "--data", str(data), "--port", "0", "--parser", parser],
            cwd=ROOT,
            env=os.environ | environment,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        assert self._process.stdout
        line = self._process.stdout.readline()
        assert line, f"the server did not start; see {self._log.name}"
        ready = json.loads(line)
        assert ready["ready"] is True
        self.port: int = ready["port"]

    def stop(self, signal_number: int = signal.SIGTERM) -> int:
        self._process.send_signal(signal_number)
        code = self._process.wait(timeout=20)
        self._log.close()
        return code

    def log(self) -> str:
        return Path(self._log.name).read_text()


class Client:
    """One session."""

    def __init__(self, port: int, *, user: str = "root", password: str = "", state: dict[str, Any] | None = None) -> None:
        self._port = port
        self._authorization = base64.b64encode(f"{user}:{password}".encode()).decode()
        self.cookie: str | None = None
        self.state: dict[str, Any] = state or {"database": "default"}
        self.last: dict[str, Any] = {}
        status, document, headers = self.request("POST", "/v1/session/login", {})
        self.login = (status, document, headers)

    def request(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any, dict[str, str]]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        try:
            sent = {"Authorization": f"Basic {self._authorization}", **(headers or {})}
            if self.cookie:
                sent["Cookie"] = self.cookie
            connection.request(method, path, None if body is None else json.dumps(body), sent)
            response = connection.getresponse()
            content = response.read()
            received = {name.lower(): value for name, value in response.getheaders()}
            if "set-cookie" in received:
                self.cookie = received["set-cookie"].split(";")[0]
            return response.status, json.loads(content), received
        finally:
            connection.close()

    def post(self, sql: str, query_id: str | None = None, **fields: Any) -> dict[str, Any]:
        """The first answer to a statement."""
        headers = {"X-DATABEND-QUERY-ID": query_id or uuid.uuid4().hex}
        _, document, _ = self.request("POST", "/v1/query", {"sql": sql, "session": self.state, **fields}, headers)
        self._took(document)
        return document

    def run(self, sql: str, **fields: Any) -> list[list[str | None]]:
        """All rows of a statement; its error as an exception."""
        document = self.post(sql, **fields)
        rows: list[list[str | None]] = []
        while True:
            if document["error"]:
                raise DatabendError(document["error"]["code"], document["error"]["message"])
            rows += document["data"]
            self.last = document if document["schema"] or not self.last else {**self.last, **document}
            if not document["next_uri"]:
                return rows
            _, document, _ = self.request("GET", document["next_uri"])
            self._took(document)

    def value(self, sql: str) -> str | None:
        """The one value of a result."""
        [[value]] = self.run(sql)
        return value

    def code(self, sql: str) -> int:
        """The code of the error that a statement must give."""
        try:
            rows = self.run(sql)
        except DatabendError as error:
            return error.code
        raise AssertionError(f"no error: {sql} gave {rows}")

    @property
    def columns(self) -> list[str]:
        return [field["name"] for field in self.last["schema"]]

    @property
    def types(self) -> list[str]:
        return [field["type"] for field in self.last["schema"]]

    def _took(self, document: dict[str, Any]) -> None:
        if document.get("session"):
            self.state = document["session"]


def wait_until(holds: Callable[[], Any], what: str, seconds: float = 10) -> Any:
    """The first true value; a failure that says what did not happen."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = holds()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError(f"did not happen within {seconds} s: {what}")
