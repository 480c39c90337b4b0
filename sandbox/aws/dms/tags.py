"""Tags of all DMS resources."""

from typing import Any

from .context import Context
from .errors import not_found

KINDS = ("subnet_group", "instance", "endpoint", "task", "config", "certificate", "event_subscription")


def create(context: Context, arn: str, tags: list[dict[str, Any]] | None) -> None:
    context.store.put("tags", arn, {t["Key"]: t.get("Value", "") for t in tags or []})


class Actions:
    def __init__(self, context: Context) -> None:
        self._context = context

    def ListTagsForResource(self, request: dict[str, Any]) -> dict[str, Any]:
        arns = request.get("ResourceArnList") or [request.get("ResourceArn", "")]
        found = []
        for arn in arns:
            found += [{"Key": k, "Value": v, "ResourceArn": arn} for k, v in self._tags(arn).items()]
        return {"TagList": found}

    def AddTagsToResource(self, request: dict[str, Any]) -> dict[str, Any]:
        arn = request["ResourceArn"]
        tags = self._tags(arn) | {t["Key"]: t.get("Value", "") for t in request["Tags"]}
        self._context.store.put("tags", arn, tags)
        return {}

    def RemoveTagsFromResource(self, request: dict[str, Any]) -> dict[str, Any]:
        arn = request["ResourceArn"]
        tags = {k: v for k, v in self._tags(arn).items() if k not in request["TagKeys"]}
        self._context.store.put("tags", arn, tags)
        return {}

    def _tags(self, arn: str) -> dict[str, str]:
        if not any(self._context.store.get(kind, arn) for kind in KINDS):
            raise not_found(f"Resource {arn} not found.")
        return dict(self._context.store.get("tags", arn) or {})
