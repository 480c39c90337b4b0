"""The settings a task works by: S3 endpoint settings and task settings, with AWS's defaults.

Source: docs/facts/dms.md section 1 (API reference of S3Settings), user guide "Task settings".
"""

from dataclasses import dataclass, field
from typing import Any

from .source import SourceConfig


@dataclass(frozen=True)
class S3Settings:
    bucket: str
    folder: str
    data_format: str = "csv"
    parquet_version: str = "parquet-1-0"
    timestamp_in_millisecond: bool = False
    compression: str = "none"
    encoding: str = "rle-dictionary"
    row_group_length: int = 10_000
    data_page_size: int = 1_048_576
    dict_page_size_limit: int = 1_048_576
    enable_statistics: bool = True
    include_op_for_full_load: bool = False
    cdc_inserts_only: bool = False
    cdc_inserts_and_updates: bool = False
    timestamp_column: str | None = None
    use_task_start_time: bool = False
    #: Seconds; no minimum is documented.
    cdc_max_batch_interval: float = 60
    #: Kilobytes.
    cdc_min_file_size: int = 32_000
    #: Kilobytes.
    max_file_size: int = 1_048_576
    date_partition: bool = False
    date_partition_sequence: str = "yyyymmdd"
    date_partition_delimiter: str = "slash"
    date_partition_timezone: str | None = None
    preserve_transactions: bool = False
    cdc_path: str = ""
    csv_delimiter: str = ","
    csv_row_delimiter: str = "\n"
    csv_null_value: str = "NULL"
    add_column_name: bool = False
    rfc_4180: bool = True
    #: AddTrailingPaddingCharacter.
    padding: bool = False
    #: What every written object gets: boto3's arguments for its ACL and its encryption.
    object_arguments: dict[str, str] = field(default_factory=dict)

    @property
    def parquet(self) -> bool:
        return self.data_format == "parquet"

    @property
    def cdc_op_column(self) -> bool:
        """With one of the CdcInserts settings, the CDC files have an Op column only if IncludeOpForFullLoad is set."""
        return self.include_op_for_full_load or not (self.cdc_inserts_only or self.cdc_inserts_and_updates)

    @property
    def captured_ops(self) -> str:
        if self.cdc_inserts_only:
            return "I"
        return "IU" if self.cdc_inserts_and_updates else "IUD"

    @staticmethod
    def from_api(raw: dict[str, Any]) -> "S3Settings":
        def get(name: str, default: Any) -> Any:
            value = raw.get(name)
            return default if value is None else value

        return S3Settings(
            bucket=raw["BucketName"],
            folder=get("BucketFolder", "").strip("/"),
            data_format=get("DataFormat", "csv"),
            parquet_version=get("ParquetVersion", "parquet-1-0"),
            timestamp_in_millisecond=get("ParquetTimestampInMillisecond", False),
            compression=get("CompressionType", "none").lower(),
            encoding=get("EncodingType", "rle-dictionary"),
            row_group_length=get("RowGroupLength", 0) or 10_000,
            data_page_size=get("DataPageSize", 0) or 1_048_576,
            dict_page_size_limit=get("DictPageSizeLimit", 0) or 1_048_576,
            enable_statistics=get("EnableStatistics", True),
            include_op_for_full_load=get("IncludeOpForFullLoad", False),
            cdc_inserts_only=get("CdcInsertsOnly", False),
            cdc_inserts_and_updates=get("CdcInsertsAndUpdates", False),
            timestamp_column=get("TimestampColumnName", None) or None,
            use_task_start_time=get("UseTaskStartTimeForFullLoadTimestamp", False),
            cdc_max_batch_interval=get("CdcMaxBatchInterval", 60),
            cdc_min_file_size=get("CdcMinFileSize", 32_000),
            max_file_size=get("MaxFileSize", 1_048_576),
            date_partition=get("DatePartitionEnabled", False),
            date_partition_sequence=get("DatePartitionSequence", "YYYYMMDD").lower(),
            date_partition_delimiter=get("DatePartitionDelimiter", "SLASH").lower(),
            date_partition_timezone=get("DatePartitionTimezone", None) or None,
            preserve_transactions=get("PreserveTransactions", False),
            cdc_path=get("CdcPath", "").strip("/"),
            csv_delimiter=_escaped(get("CsvDelimiter", ",")),
            csv_row_delimiter=_escaped(get("CsvRowDelimiter", "\n")),
            csv_null_value=get("CsvNullValue", "NULL"),
            add_column_name=get("AddColumnName", False),
            rfc_4180=get("Rfc4180", True),
            padding=get("AddTrailingPaddingCharacter", False),
            object_arguments=_object_arguments(raw),
        )


def _object_arguments(raw: dict[str, Any]) -> dict[str, str]:
    """CannedAclForObjects (default NONE) and EncryptionMode (default SSE_S3): docs/facts/dms.md section 1."""
    arguments = {"ServerSideEncryption": "AES256"}
    if _dashed(raw.get("EncryptionMode")) == "sse-kms":
        arguments = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": raw["ServerSideEncryptionKmsKeyId"]}
    acl = _dashed(raw.get("CannedAclForObjects"))
    return arguments | ({"ACL": acl} if acl not in ("", "none") else {})


def _dashed(value: str | None) -> str:
    return (value or "").lower().replace("_", "-")


def _escaped(text: str) -> str:
    return text.replace("\\n", "\n").replace("\\r", "\r").replace("\\t", "\t")


@dataclass(frozen=True)
class TaskSettings:
    prep_mode: str
    sub_tasks: int
    stop_not_applied: bool
    stop_applied: bool
    support_lobs: bool
    full_lob_mode: bool
    inline_lobs: bool
    #: Bytes a LOB is cut to, or None.
    lob_limit: int | None
    target_schema: str
    handle_truncated: bool
    handle_altered: bool
    fail_on_truncation: bool
    table_error_stops_task: bool
    data_error_policy: str
    data_error_escalation_count: int
    data_error_escalation_policy: str
    fail_without_tables: bool

    @staticmethod
    def from_api(raw: dict[str, Any]) -> "TaskSettings":
        """`raw` is complete: the API fills in the defaults (dms/task_settings.py)."""
        full, target = raw["FullLoadSettings"], raw["TargetMetadata"]
        ddl, errors = raw["ChangeProcessingDdlHandlingPolicy"], raw["ErrorBehavior"]
        return TaskSettings(
            prep_mode=full["TargetTablePrepMode"],
            sub_tasks=int(full["MaxFullLoadSubTasks"]),
            stop_not_applied=full["StopTaskCachedChangesNotApplied"],
            stop_applied=full["StopTaskCachedChangesApplied"],
            support_lobs=target["SupportLobs"],
            full_lob_mode=target["FullLobMode"],
            inline_lobs=target["InlineLobMaxSize"] > 0,
            lob_limit=int(target["LobMaxSize"]) * 1024 if target["LimitedSizeLobMode"] else None,
            target_schema=target["TargetSchema"] or "",
            handle_truncated=ddl["HandleSourceTableTruncated"],
            handle_altered=ddl["HandleSourceTableAltered"],
            fail_on_truncation=errors["ApplyErrorFailOnTruncationDdl"],
            table_error_stops_task=errors["TableErrorPolicy"] == "STOP_TASK",
            data_error_policy=errors["DataErrorPolicy"],
            data_error_escalation_count=int(errors["DataErrorEscalationCount"]),
            data_error_escalation_policy=errors["DataErrorEscalationPolicy"],
            fail_without_tables=errors["FailOnNoTablesCaptured"],
        )


@dataclass(frozen=True)
class Job:
    """One run of a task, as the API hands it to the worker."""

    source: SourceConfig
    s3: S3Settings
    task: TaskSettings
    mappings: str
    migration_type: str
    #: start-replication, resume-processing or reload-target
    start_type: str
    cdc_start_position: str | None
    cdc_start_time: float | None
    cdc_stop_position: str | None
    directory: str
    endpoint_url: str
    region: str

    @staticmethod
    def from_json(raw: dict[str, Any]) -> "Job":
        return Job(
            source=SourceConfig(**raw["source"]),
            s3=S3Settings.from_api(raw["s3_settings"]),
            task=TaskSettings.from_api(raw["task_settings"]),
            **{k: raw[k] for k in (
                "mappings", "migration_type", "start_type", "cdc_start_position", "cdc_start_time",
                "cdc_stop_position", "directory", "endpoint_url", "region",
            )},
        )  # fmt: skip
