"""The target bucket."""

from collections.abc import Iterator
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from .settings import Job


class TargetError(RuntimeError):
    """S3 refused; the message is what DMS would show as LastFailureMessage."""


class Target:
    def __init__(self, job: Job) -> None:
        self._bucket = job.s3.bucket
        self._arguments = job.s3.object_arguments
        self._client = boto3.client(
            "s3",
            endpoint_url=job.endpoint_url,
            region_name=job.region,
            aws_access_key_id="dms",
            aws_secret_access_key="dms",
            config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 5, "mode": "standard"}),
        )

    def check(self) -> None:
        self._call("list", lambda: self._client.list_objects_v2(Bucket=self._bucket, MaxKeys=1))

    def put(self, key: str, body: bytes) -> None:
        self._call(f"write {key}", lambda: self._client.put_object(Bucket=self._bucket, Key=key, Body=body, **self._arguments))

    def put_file(self, key: str, path: Path) -> None:
        self._call(f"write {key}", lambda: self._client.upload_file(str(path), self._bucket, key, ExtraArgs=self._arguments))

    def clear_folder(self, prefix: str) -> int:
        """Deletes everything under a table's folder."""
        deleted = 0
        for keys in self._call(f"list {prefix}", lambda: list(self._pages(prefix))):
            self._call(
                f"delete below {prefix}",
                lambda keys=keys: self._client.delete_objects(
                    Bucket=self._bucket, Delete={"Objects": [{"Key": k} for k in keys], "Quiet": True}
                ),
            )
            deleted += len(keys)
        return deleted

    def _pages(self, prefix: str) -> Iterator[list[str]]:
        for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix):
            keys = [o["Key"] for o in page.get("Contents", [])]
            if keys:
                yield keys

    def _call(self, what, run):  # type: ignore[no-untyped-def]
        try:
            return run()
        except (BotoCoreError, ClientError, boto3.exceptions.Boto3Error) as error:
            raise TargetError(f"Failed to {what} in bucket {self._bucket}: {error}") from error
