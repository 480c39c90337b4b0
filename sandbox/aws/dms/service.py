"""The DMS endpoint: finds the action, checks the parameters against AWS's model, prints JSON 1.1."""

import json
import logging
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import botocore.session
from botocore.model import ListShape, Shape, StringShape, StructureShape
from botocore.validate import ParamValidator
from werkzeug.wrappers import Request, Response

from ..iam.roles import Roles
from . import (
    certificates,
    connections,
    endpoints,
    event_subscriptions,
    instances,
    replication_configs,
    replications,
    subnet_groups,
    table_statistics,
    tags,
    tasks,
)
from .context import Context
from .errors import DmsError
from .runner import Runner
from .store import Store

log = logging.getLogger(__name__)

TARGET_PREFIX = "AmazonDMSv20160101."


class DmsService:
    def __init__(self, data: Path, roles: Roles, head_bucket: Callable[[str], str | None]) -> None:
        data.mkdir(parents=True, exist_ok=True)
        self._model = botocore.session.get_session().get_service_model("dms")
        self.store = Store(data / "dms.sqlite")
        self.runner = Runner(self.store, data / "tasks")
        self.context = Context(self.store, roles)
        tested = connections.Actions(self.context, head_bucket)
        self.tasks = tasks.Actions(self.context, self.runner, tested)
        self.replications = replications.Actions(self.context, self.runner, tested)
        self._parts = [
            subnet_groups.Actions(self.context),
            instances.Actions(self.context, self.runner),
            certificates.Actions(self.context),
            endpoints.Actions(self.context),
            tested,
            self.tasks,
            replication_configs.Actions(self.context, self.runner),
            self.replications,
            table_statistics.Actions(self.context, self.runner),
            event_subscriptions.Actions(self.context),
            tags.Actions(self.context),
        ]

    def begin(self, endpoint_url: str) -> None:
        """Once the port is known: the tasks that ran go on."""
        self.runner.endpoint_url = endpoint_url
        self.tasks.resume_after_restart()
        self.replications.resume_after_restart()

    def close(self) -> None:
        self.runner.close()
        self.store.close()

    def handle(self, request: Request, action: str) -> Response:
        try:
            return _answer(self._call(action, request.get_data()))
        except DmsError as error:
            return _answer({"__type": error.code, "message": error.message}, error.status, error.code)
        except Exception:
            log.exception("DMS action %s", action)
            return _answer({"__type": "InternalFailure", "message": "The sandbox failed; see its log."}, 500, "InternalFailure")

    def _call(self, action: str, body: bytes) -> dict[str, Any]:
        if action not in self._model.operation_names:
            raise DmsError("UnknownOperationException", f"DMS has no action {action}.")
        method = next((getattr(p, action) for p in self._parts if hasattr(p, action)), None)
        if method is None:
            raise DmsError("NotImplemented", f"The sandbox's DMS has no {action}; see sandbox/FIDELITY.md.", 501)
        try:
            parameters = json.loads(body or b"{}")
        except ValueError as error:
            raise DmsError("SerializationException", f"The request is not JSON: {error}") from error
        shape = self._model.operation_model(action).input_shape
        if shape is not None:
            report = ParamValidator().validate(parameters, shape)
            if report.has_errors():
                raise DmsError("ValidationException", report.generate_report())
            _check_enums(parameters, shape, "")
        with self.store.lock:
            return method(parameters)


def _check_enums(value: Any, shape: Shape, path: str) -> None:
    if isinstance(shape, StructureShape):
        for name, member in shape.members.items():
            if name in value:
                _check_enums(value[name], member, name[:1].lower() + name[1:])
    elif isinstance(shape, ListShape):
        for item in value:
            _check_enums(item, shape.member, path)
    elif isinstance(shape, StringShape) and shape.enum:
        # Case does not matter: Terraform sends NONE where the model has none.
        if value.lower().replace("_", "-") not in {e.lower().replace("_", "-") for e in shape.enum}:
            raise DmsError(
                "ValidationException",
                f"1 validation error detected: Value '{value}' at '{path}' failed to satisfy constraint: "
                f"Member must satisfy enum value set: [{', '.join(shape.enum)}]",
            )


def _answer(document: dict[str, Any], status: int = 200, error: str | None = None) -> Response:
    headers = {"x-amzn-RequestId": str(uuid.uuid4())}
    if error:
        headers["x-amzn-ErrorType"] = error
    return Response(json.dumps(document), status, headers, content_type="application/x-amz-json-1.1")
