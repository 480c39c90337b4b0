"""S3 settings of an endpoint: extra connection attributes, and what AWS refuses.

Source: docs/facts/dms.md section 1. Defaults are applied by the worker (worker/settings.py), because the API
answers only what was set.
"""

from typing import Any

from .errors import invalid_combination, invalid_value

_BOOLEANS = {
    "IncludeOpForFullLoad", "CdcInsertsOnly", "CdcInsertsAndUpdates", "DatePartitionEnabled", "UseCsvNoSupValue",
    "PreserveTransactions", "UseTaskStartTimeForFullLoadTimestamp", "AddColumnName", "EnableStatistics", "Rfc4180",
    "ParquetTimestampInMillisecond", "AddTrailingPaddingCharacter", "GlueCatalogGeneration",
}  # fmt: skip
_INTEGERS = {
    "CdcMaxBatchInterval", "CdcMinFileSize", "MaxFileSize", "RowGroupLength", "DictPageSizeLimit", "DataPageSize",
    "IgnoreHeaderRows",
}  # fmt: skip
_TEXTS = {
    "BucketFolder", "BucketName", "CompressionType", "EncryptionMode", "ServerSideEncryptionKmsKeyId", "DataFormat",
    "EncodingType", "ParquetVersion", "TimestampColumnName", "DatePartitionSequence", "DatePartitionDelimiter",
    "CsvNoSupValue", "CdcPath", "CannedAclForObjects", "CsvNullValue", "DatePartitionTimezone", "ExpectedBucketOwner",
    "CsvRowDelimiter", "CsvDelimiter",
}  # fmt: skip
_BY_ATTRIBUTE = {name.lower(): name for name in _BOOLEANS | _INTEGERS | _TEXTS} | {"datepartitionedenabled": "DatePartitionEnabled"}


def from_attributes(attributes: str | None) -> dict[str, Any]:
    """`dataFormat=parquet;parquetVersion=PARQUET_2_0;...` -> S3Settings, as AWS understands them."""
    settings: dict[str, Any] = {}
    for part in (attributes or "").split(";"):
        key, separator, value = part.strip().partition("=")
        name = _BY_ATTRIBUTE.get(key.lower())
        if not separator or name is None:
            continue
        if name in _BOOLEANS:
            settings[name] = value.lower() in ("true", "y", "1")
        elif name in _INTEGERS:
            if not value.isdigit():
                raise invalid_value(f"Extra connection attribute {key}={value} is not a number.")
            settings[name] = int(value)
        elif name == "ParquetVersion":
            settings[name] = value.lower().replace("_", "-")
        else:
            settings[name] = value
    return settings


def check(settings: dict[str, Any]) -> None:
    if not settings.get("BucketName"):
        raise invalid_value("The parameter BucketName must be provided for an S3 endpoint.")
    if settings.get("CdcInsertsOnly") and settings.get("CdcInsertsAndUpdates"):
        raise invalid_combination("CdcInsertsOnly and CdcInsertsAndUpdates can't both be set to true for the same endpoint.")
    if settings.get("PreserveTransactions"):
        if not settings.get("CdcPath"):
            raise invalid_combination("CdcPath is required when PreserveTransactions is true.")
        for name in ("AddColumnName", "DatePartitionEnabled", "GlueCatalogGeneration"):
            if settings.get(name):
                raise invalid_combination(f"{name} can't be used when PreserveTransactions is true.")
    if settings.get("GlueCatalogGeneration"):
        raise invalid_value("GlueCatalogGeneration is not part of the sandbox.")
    size = settings.get("MaxFileSize")
    if size is not None and not 1 <= size <= 1_048_576:
        raise invalid_value("MaxFileSize must be between 1 and 1048576 (KB).")
    for name in ("CdcMaxBatchInterval", "CdcMinFileSize"):
        if settings.get(name, 0) < 0:
            raise invalid_value(f"{name} must not be negative.")
    if _encryption(settings) == "sse-kms" and not settings.get("ServerSideEncryptionKmsKeyId"):
        raise invalid_combination("ServerSideEncryptionKmsKeyId is required when EncryptionMode is SSE_KMS.")


def check_change(before: dict[str, Any], after: dict[str, Any]) -> None:
    """docs/facts/dms.md section 1: "can modify KMS->S3 but not S3->KMS"."""
    if _encryption(before) == "sse-s3" and _encryption(after) == "sse-kms":
        raise invalid_combination("EncryptionMode can't be changed from SSE_S3 to SSE_KMS.")


def _encryption(settings: dict[str, Any]) -> str:
    return (settings.get("EncryptionMode") or "sse-s3").lower().replace("_", "-")


def check_for_task(settings: dict[str, Any]) -> None:
    """terraform-provider-aws issue 27283: refused when the task is created, not the endpoint."""
    if settings.get("TimestampColumnName") == "":
        raise invalid_value("TimestampColumnName cannot be an empty string")
