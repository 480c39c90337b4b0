"""What the actions share: the store, the account, ARNs, describing with filters and pages."""

import re
import secrets
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from ..iam.roles import Roles
from .errors import DmsError, invalid_value, not_found
from .store import Document, Store

ACCOUNT = "123456789012"
_BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


class Context:
    def __init__(self, store: Store, roles: Roles, region: str = "us-east-1") -> None:
        self.store = store
        self.roles = roles
        self.region = region
        #: ARN of the account's default key, as AWS shows it for resources without a key of their own.
        self.default_key = f"arn:aws:kms:{region}:{ACCOUNT}:key/{uuid.uuid5(uuid.NAMESPACE_URL, 'sandbox-dms')}"

    def arn(self, kind: str, name: str | None = None) -> str:
        """`name` or 26 random characters, as DMS makes them."""
        return f"arn:aws:dms:{self.region}:{ACCOUNT}:{kind}:{name or ''.join(secrets.choice(_BASE32) for _ in range(26))}"

    def require(self, kind: str, arn: str, what: str) -> Document:
        document = self.store.get(kind, arn)
        if document is None:
            raise not_found(f"{what} {arn} not found.")
        return document


def check_identifier(value: str, what: str, longest: int) -> str:
    """Identifiers begin with a letter, have letters, digits and single hyphens, and are kept in lower case."""
    if len(value) > longest or not re.fullmatch(r"[A-Za-z](-?[A-Za-z0-9])*", value):
        raise invalid_value(
            f"The parameter {what} must be at most {longest} ASCII letters, digits or hyphens, must begin with a letter, "
            "and must not end with a hyphen or contain two consecutive hyphens."
        )
    return value.lower()


def public(document: Mapping[str, Any]) -> Document:
    """Without the private fields."""
    return {k: v for k, v in document.items() if not k.startswith("_") and v is not None}


Filters = Mapping[str, Callable[[Document], Any]]


def select(documents: list[Document], request: Document, filters: Filters, what: str) -> list[Document]:
    """Applies the request's Filters. AWS answers ResourceNotFoundFault when nothing matches a filter."""
    given = request.get("Filters") or []
    for condition in given:
        field = filters.get(condition["Name"])
        if field is None:
            raise invalid_value(f"Filter: {condition['Name']} is not valid. Valid filters: {', '.join(sorted(filters))}.")
        documents = [d for d in documents if _any_of(field(d), condition["Values"])]
    if given and not documents:
        raise not_found(f"No {what} found matching filter.")
    return documents


def _any_of(value: Any, wanted: list[str]) -> bool:
    return any(v in wanted for v in value) if isinstance(value, tuple) else value in wanted


def page(items: list[Any], request: Document, *, largest: int = 100) -> tuple[list[Any], dict[str, str]]:
    """MaxRecords and Marker."""
    size = request.get("MaxRecords", 100)
    if not 20 <= size <= largest:
        raise invalid_value(f"The parameter MaxRecords must be between 20 and {largest}.")
    marker = request.get("Marker") or "0"
    if not marker.isdigit():
        raise DmsError("InvalidParameterValueException", f"The parameter Marker {marker!r} is not valid.")
    start = int(marker)
    more = {"Marker": str(start + size)} if start + size < len(items) else {}
    return items[start : start + size], more
