"""moto, with a memory: S3, IAM, STS and EC2 survive a restart and a SIGKILL.

Objects are written to a journal before they are answered; every other change is followed by a snapshot of its
service, because a replay would draw new random ids (of roles, subnets, uploads). A snapshot is a pickle of moto's
backends, with the objects' contents beside it, one file per content.
"""

import hashlib
import io
import json
import logging
import pickle
import threading
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from moto.backends import get_backend
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.s3.models import FakeKey, s3_backends
from werkzeug.test import EnvironBuilder, run_wsgi_app
from werkzeug.wrappers import Request, Response

log = logging.getLogger(__name__)

SERVICES = ("s3", "iam", "sts", "ec2")
#: Repeatable, so kept as requests; all else is kept as state.
JOURNALED = {"s3:PutObject", "s3:DeleteObject", "s3:DeleteObjects"}
#: A journal this long is worth a snapshot.
JOURNAL_LIMIT = 2000
READING = ("Describe", "Get", "List", "Head")


class MotoService:
    def __init__(self, data: Path, account: str) -> None:
        self._account = account
        self._data = data
        self._blobs = data / "objects"
        self._blobs.mkdir(parents=True, exist_ok=True)
        self._journal_path = data / "s3.journal"
        self._app = DomainDispatcherApplication(create_backend_app)
        # moto is not made for threads: one request at a time, and no snapshot in the middle of one.
        self._lock = threading.RLock()
        for service in SERVICES:
            self._load(service)
        self._entries = 0
        self._replay()
        self._journal = self._journal_path.open("a")

    # -- requests

    def handle(self, request: Request, action: str, body: bytes) -> Response:
        service, _, name = action.partition(":")
        with self._lock:
            response = self._run(request.environ)
            if service in SERVICES and not name.startswith(READING) and response.status_code < 300:
                self._remember(request, action, service, body)
            return response

    def _run(self, environ: dict[str, Any]) -> Response:
        items, status, headers = run_wsgi_app(self._app, environ, buffered=True)
        # As a list: a Response of bytes would overwrite the Content-Length of a HEAD, which has no body, with 0.
        return Response([b"".join(items)], status, headers)

    def _remember(self, request: Request, action: str, service: str, body: bytes) -> None:
        if action in JOURNALED and "uploadId" not in request.args:
            entry = {
                "method": request.method,
                "path": request.environ.get("RAW_URI") or request.full_path,
                "headers": [(k, v) for k, v in request.headers if k.lower() not in ("host", "content-length", "transfer-encoding")],
                "host": request.host,
                "body": self._keep(body),
                "at": datetime.now().timestamp(),
            }
            self._journal.write(json.dumps(entry) + "\n")
            self._journal.flush()
            self._entries += 1
            if self._entries >= JOURNAL_LIMIT:
                self.snapshot("s3")
        elif service != "sts":
            self.snapshot(service)

    # -- state

    def snapshot(self, service: str) -> None:
        with self._lock:
            state = {account: dict(regions) for account, regions in get_backend(service).items()}
            buffer = io.BytesIO()
            _Pickler(buffer, self).dump(state)
            path = self._data / f"{service}.pickle"
            temporary = path.with_suffix(".tmp")
            temporary.write_bytes(buffer.getvalue())
            temporary.replace(path)
            if service == "s3":
                self._journal_path.write_text("")
                self._entries = 0

    def close(self) -> None:
        with self._lock:
            self._journal.close()
            for service in SERVICES:
                self.snapshot(service)
            self._sweep()

    def _load(self, service: str) -> None:
        path = self._data / f"{service}.pickle"
        if not path.exists():
            return
        state = _Unpickler(io.BytesIO(path.read_bytes()), self).load()
        for account, regions in state.items():
            for region, backend in regions.items():
                get_backend(service)[account][region] = backend

    def _replay(self) -> None:
        if not self._journal_path.exists():
            return
        entries = [json.loads(line) for line in self._journal_path.read_text().splitlines() if line.endswith("}")]
        for entry in entries:
            body = self.blob(entry["body"])
            environ = EnvironBuilder(
                path=entry["path"], method=entry["method"], headers=entry["headers"], base_url=f"http://{entry['host']}", data=body
            ).get_environ()
            self._run(environ)
            self._restore_time(entry)
        if entries:
            log.info("replayed %d writes to S3", len(entries))
            self.snapshot("s3")

    def _restore_time(self, entry: dict[str, Any]) -> None:
        """An object is as old as its writing, not as its replay."""
        bucket, _, key = unquote(entry["path"].partition("?")[0]).lstrip("/").partition("/")
        found = s3_backends[self._account]["aws"].buckets.get(bucket)
        if entry["method"] == "PUT" and found is not None and key in found.keys:
            found.keys[key].last_modified = datetime.fromtimestamp(entry["at"], UTC).replace(tzinfo=None)

    # -- contents

    def _keep(self, content: bytes) -> str:
        name = hashlib.sha256(content).hexdigest()
        path = self._blobs / name
        if not path.exists():
            temporary = path.with_suffix(".tmp")
            temporary.write_bytes(content)
            temporary.replace(path)
        return name

    def keep_key(self, key: FakeKey) -> str:
        """The content's file; remembered at the object, whose content changes only together with its ETag."""
        mark = (key.etag, key.contentsize)
        known = getattr(key, "_sandbox_content", None)
        if known is None or known[0] != mark:
            known = (mark, self._keep(key.value))
            key._sandbox_content = known
        return known[1]

    def blob(self, name: str) -> bytes:
        return (self._blobs / name).read_bytes()

    def _sweep(self) -> None:
        """Removes contents that no object has any more."""
        used = {getattr(k, "_sandbox_content", (None, None))[1] for k in self._all_keys()}
        for path in self._blobs.iterdir():
            if path.name not in used:
                path.unlink()

    def _all_keys(self) -> Iterable[Any]:
        for regions in s3_backends.values():
            for backend in regions.values():
                for bucket in backend.buckets.values():
                    for _, versions in bucket.keys.iterlists():
                        yield from versions
                    for upload in bucket.multiparts.values():
                        yield from upload.parts.values()


class _Pickler(pickle.Pickler):
    def __init__(self, stream: io.BytesIO, owner: MotoService) -> None:
        super().__init__(stream)
        self._owner = owner

    def reducer_override(self, obj: Any) -> Any:
        if not isinstance(obj, FakeKey) or obj.disposed:
            return NotImplemented
        content = self._owner.keep_key(obj)
        state = {k: v for k, v in obj.__dict__.items() if k not in ("_value_buffer", "lock")}
        return _restore_key, (type(obj), content, state)


class _Unpickler(pickle.Unpickler):
    def __init__(self, stream: io.BytesIO, owner: MotoService) -> None:
        super().__init__(stream)
        self._owner = owner

    def find_class(self, module: str, name: str) -> Any:
        found = super().find_class(module, name)
        return partial(found, self._owner) if found is _restore_key else found


def _restore_key(owner: MotoService, kind: type, content: str, state: dict[str, Any]) -> Any:
    key = kind.__new__(kind)
    key.__setstate__(state | {"value": owner.blob(content)})
    return key
