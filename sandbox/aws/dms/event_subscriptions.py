"""Event subscriptions: kept and described. Nobody is notified: the sandbox has no SNS."""

import re
from datetime import UTC, datetime
from typing import Any

from .. import clock
from . import tags
from .context import ACCOUNT, Context, page, public, select
from .errors import DmsError, exists, invalid_state, invalid_value, not_found
from .store import Document

FILTERS = {
    "event-subscription-arn": lambda d: d["_arn"],
    "event-subscription-id": lambda d: d["CustSubscriptionId"],
}
#: botocore's model: "replication-instance | replication-task" -> kind and identifier in the store.
SOURCES = {
    "replication-instance": ("instance", "ReplicationInstanceIdentifier"),
    "replication-task": ("task", "ReplicationTaskIdentifier"),
}


class Actions:
    def __init__(self, context: Context) -> None:
        self._context = context

    def CreateEventSubscription(self, request: dict[str, Any]) -> dict[str, Any]:
        name = request["SubscriptionName"]
        if not 0 < len(name) < 256:
            raise invalid_value("The parameter SubscriptionName must have between 1 and 255 characters.")
        arn = self._arn(name)
        if self._context.store.get("event_subscription", arn):
            raise exists(f"Event Subscription already exists: {name}.")
        _check_topic(request["SnsTopicArn"])
        self._check_sources(request.get("SourceType"), request.get("SourceIds") or [])
        document = {
            "CustomerAwsId": ACCOUNT,
            "CustSubscriptionId": name,
            "SnsTopicArn": request["SnsTopicArn"],
            "SubscriptionCreationTime": datetime.fromtimestamp(clock.now(), UTC).strftime("%Y-%m-%d %H:%M:%S"),
            "SourceType": request.get("SourceType"),
            "SourceIdsList": request.get("SourceIds") or [],
            "EventCategoriesList": request.get("EventCategories") or [],
            "Enabled": request.get("Enabled", True),
            "_arn": arn,
        }
        self._context.store.put("event_subscription", arn, document)
        self._context.store.change_later("event_subscription", arn, "Status", "creating", "active")
        tags.create(self._context, arn, request.get("Tags"))
        return {"EventSubscription": public(document)}

    def DescribeEventSubscriptions(self, request: dict[str, Any]) -> dict[str, Any]:
        found = self._context.store.all("event_subscription")
        name = request.get("SubscriptionName")
        if name is not None:
            found = [self._context.require("event_subscription", self._arn(name), "Event Subscription")]
        items, more = page(select(found, request, FILTERS, "Event Subscriptions"), request)
        return {"EventSubscriptionsList": [public(s) for s in items], **more}

    def ModifyEventSubscription(self, request: dict[str, Any]) -> dict[str, Any]:
        arn, subscription = self._find(request)
        if "SnsTopicArn" in request:
            _check_topic(request["SnsTopicArn"])
        if "SourceType" in request:
            self._check_sources(request["SourceType"], subscription["SourceIdsList"])
        given = {"EventCategoriesList" if k == "EventCategories" else k: v for k, v in request.items() if k != "SubscriptionName"}
        changed = subscription | given
        self._context.store.put("event_subscription", arn, changed)
        self._context.store.change_later("event_subscription", arn, "Status", "modifying", "active")
        return {"EventSubscription": public(changed)}

    def DeleteEventSubscription(self, request: dict[str, Any]) -> dict[str, Any]:
        arn, subscription = self._find(request)
        self._context.store.change_later("event_subscription", arn, "Status", "deleting", None)
        return {"EventSubscription": public(subscription)}

    def _arn(self, name: str) -> str:
        """As terraform-provider-aws makes it for tags (event_subscription.go)."""
        return self._context.arn("es", name)

    def _find(self, request: dict[str, Any]) -> tuple[str, Document]:
        arn = self._arn(request["SubscriptionName"])
        subscription = self._context.require("event_subscription", arn, "Event Subscription")
        if subscription["Status"] != "active":
            raise invalid_state(f"Event Subscription {request['SubscriptionName']} is {subscription['Status']}.")
        return arn, subscription

    def _check_sources(self, source_type: str | None, ids: list[str]) -> None:
        if source_type is None and not ids:
            return
        if source_type not in SOURCES:
            raise invalid_value(f"SourceType {source_type!r} is not one of {', '.join(SOURCES)}.")
        kind, field = SOURCES[source_type]
        known = {d[field] for d in self._context.store.all(kind)}
        missing = [i for i in ids if i not in known]
        if missing:
            raise not_found(f"{source_type} {missing[0]} not found.")


def _check_topic(arn: str) -> None:
    if not re.fullmatch(r"arn:aws[\w-]*:sns:[a-z0-9-]+:\d{12}:[\w-]+(\.fifo)?", arn):
        raise DmsError("SNSInvalidTopicFault", f"The SNS topic {arn} is not valid.")
