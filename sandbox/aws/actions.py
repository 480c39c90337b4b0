"""The AWS action of a request, e.g. `dms:StartReplicationTask` or `s3:PutObject`: what faults are matched with."""

import re
from collections.abc import Mapping
from urllib.parse import parse_qs

#: Sub-resources whose action is not simply the method and the name.
_S3_SPECIAL = {
    ("POST", "delete"): "DeleteObjects",
    ("POST", "uploads"): "CreateMultipartUpload",
    ("GET", "uploads"): "ListMultipartUploads",
    ("GET", "versions"): "ListObjectVersions",
    ("POST", "uploadId"): "CompleteMultipartUpload",
    ("PUT", "uploadId"): "UploadPart",
    ("GET", "uploadId"): "ListParts",
    ("DELETE", "uploadId"): "AbortMultipartUpload",
}
_VERBS = {"GET": "Get", "PUT": "Put", "DELETE": "Delete", "POST": "Post", "HEAD": "Head"}
_PLAIN_PARAMETERS = {
    "list-type", "prefix", "delimiter", "max-keys", "marker", "encoding-type", "start-after", "continuation-token",
    "fetch-owner", "versionId", "partNumber", "x-id", "key-marker", "version-id-marker",
}  # fmt: skip


def service_of(headers: Mapping[str, str]) -> str:
    """The service in the credential scope; unsigned requests are taken for S3."""
    match = re.search(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/aws4_request", headers.get("Authorization", ""))
    return match.group(1).lower() if match else "s3"


def action_of(method: str, path: str, query: str, headers: Mapping[str, str], body: bytes) -> str:
    target = headers.get("X-Amz-Target", "")
    if target:
        service, _, action = target.rpartition(".")
        return ("dms" if service.startswith("AmazonDMS") else service) + ":" + action
    service = service_of(headers)
    if service != "s3":
        form = body if headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded") else b""
        found = parse_qs(form.decode("utf-8", "replace")).get("Action") or parse_qs(query).get("Action") or ["?"]
        return f"{service}:{found[0]}"
    return "s3:" + _s3_action(method, path, query, headers)


def _s3_action(method: str, path: str, query: str, headers: Mapping[str, str]) -> str:
    bucket, _, key = path.lstrip("/").partition("/")
    parameters = parse_qs(query, keep_blank_values=True)
    if not bucket:
        return "ListBuckets"
    for name in parameters:
        if (method, name) in _S3_SPECIAL:
            return _S3_SPECIAL[method, name]
    for name in parameters:
        if name not in _PLAIN_PARAMETERS and not name.lower().startswith("x-amz-"):
            words = "".join(w[:1].upper() + w[1:] for w in re.split(r"[-_]", name))
            return f"{_VERBS.get(method, method.title())}{'Object' if key else 'Bucket'}{words}"
    if key:
        if method == "PUT" and "X-Amz-Copy-Source" in headers:
            return "CopyObject"
        return f"{_VERBS.get(method, method.title())}Object"
    if method == "GET":
        return "ListObjectsV2" if "list-type" in parameters else "ListObjects"
    return {"PUT": "CreateBucket", "HEAD": "HeadBucket", "DELETE": "DeleteBucket"}.get(method, f"{method.title()}Bucket")
