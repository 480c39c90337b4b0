"""Event subscriptions: kept, described, changed, deleted (botocore's model; terraform-provider-aws 5.100)."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.tests.aws.lab import ACCOUNT, Lab, wait_for

TOPIC = f"arn:aws:sns:us-east-1:{ACCOUNT}:alarms"


def _refused(code: str, text: str = ""):  # type: ignore[no-untyped-def]
    return pytest.raises(ClientError, match=rf"\({code}\)(?s:.*){text}")


def _create(lab: Lab, **more: Any) -> dict[str, Any]:
    request = {
        "SubscriptionName": lab.name, "SnsTopicArn": TOPIC, "SourceType": "replication-task", "EventCategories": ["failure"],
    } | more  # fmt: skip
    return lab.dms.create_event_subscription(**request)["EventSubscription"]


def _describe(lab: Lab) -> dict[str, Any]:
    return lab.dms.describe_event_subscriptions(SubscriptionName=lab.name)["EventSubscriptionsList"][0]


def test_life_of_a_subscription(lab: Lab) -> None:
    made = _create(lab, Tags=[{"Key": "team", "Value": "data"}])
    assert (made["Status"], made["Enabled"], made["CustomerAwsId"]) == ("creating", True, ACCOUNT)
    wait_for("active", lambda: _describe(lab)["Status"] == "active")
    arn = f"arn:aws:dms:us-east-1:{ACCOUNT}:es:{lab.name}"
    assert lab.dms.list_tags_for_resource(ResourceArn=arn)["TagList"][0]["Key"] == "team"
    with _refused("ResourceAlreadyExistsFault"):
        _create(lab)
    lab.dms.modify_event_subscription(SubscriptionName=lab.name, EventCategories=["failure", "creation"], Enabled=False)
    assert _describe(lab)["Status"] == "modifying"
    wait_for("active", lambda: _describe(lab)["Status"] == "active")
    changed = _describe(lab)
    assert (changed["EventCategoriesList"], changed["Enabled"], changed["SnsTopicArn"]) == (["failure", "creation"], False, TOPIC)
    found = lab.dms.describe_event_subscriptions(Filters=[{"Name": "event-subscription-id", "Values": [lab.name]}])
    assert len(found["EventSubscriptionsList"]) == 1
    lab.dms.delete_event_subscription(SubscriptionName=lab.name)
    assert _describe(lab)["Status"] == "deleting"

    def gone() -> bool:
        try:
            _describe(lab)
        except lab.dms.exceptions.ResourceNotFoundFault:
            return True
        return False

    wait_for("gone", gone)


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"SnsTopicArn": "alarms"}, "SNSInvalidTopicFault"),
        ({"SourceType": "endpoint"}, "InvalidParameterValueException"),
        ({"SourceIds": ["nobody"]}, "ResourceNotFoundFault"),
        ({"SubscriptionName": ""}, "InvalidParameterValueException"),
    ],
)
def test_subscriptions_that_aws_refuses(lab: Lab, more: dict[str, Any], code: str) -> None:
    with _refused(code):
        _create(lab, **more)


def test_it_may_name_its_sources(lab: Lab) -> None:
    made = _create(lab, SourceType="replication-instance", SourceIds=["lab"])
    assert made["SourceIdsList"] == ["lab"]
