"""ReplicationTaskSettings: AWS's defaults, with what the user gave laid over them.

Source: user guide, "Task settings example" and the pages of each section.
"""

import copy
import json
from typing import Any

from .errors import invalid_value

_LOG_COMPONENTS = (
    "TRANSFORMATION", "SOURCE_UNLOAD", "IO", "TARGET_LOAD", "PERFORMANCE", "SOURCE_CAPTURE", "SORTER",
    "REST_SERVER", "VALIDATOR_EXT", "TARGET_APPLY", "TASK_MANAGER", "TABLES_MANAGER", "METADATA_MANAGER",
    "FILE_FACTORY", "COMMON", "ADDONS", "DATA_STRUCTURE", "COMMUNICATION", "FILE_TRANSFER",
)  # fmt: skip

DEFAULTS: dict[str, Any] = {
    "Logging": {
        "EnableLogging": False,
        "EnableLogContext": False,
        "LogComponents": [{"Id": i, "Severity": "LOGGER_SEVERITY_DEFAULT"} for i in _LOG_COMPONENTS],
        "CloudWatchLogGroup": None,
        "CloudWatchLogStream": None,
    },
    "StreamBufferSettings": {"StreamBufferCount": 3, "CtrlStreamBufferSizeInMB": 5, "StreamBufferSizeInMB": 8},
    "ErrorBehavior": {
        "FailOnNoTablesCaptured": True,
        "ApplyErrorUpdatePolicy": "LOG_ERROR",
        "FailOnTransactionConsistencyBreached": False,
        "RecoverableErrorThrottlingMax": 1800,
        "DataErrorEscalationPolicy": "SUSPEND_TABLE",
        "ApplyErrorEscalationCount": 0,
        "RecoverableErrorStopRetryAfterThrottlingMax": True,
        "RecoverableErrorThrottling": True,
        "ApplyErrorFailOnTruncationDdl": False,
        "DataMaskingErrorPolicy": "STOP_TASK",
        "DataTruncationErrorPolicy": "LOG_ERROR",
        "ApplyErrorInsertPolicy": "LOG_ERROR",
        "EventErrorPolicy": "IGNORE",
        "ApplyErrorEscalationPolicy": "LOG_ERROR",
        "RecoverableErrorCount": -1,
        "DataErrorEscalationCount": 0,
        "TableErrorEscalationPolicy": "STOP_TASK",
        "RecoverableErrorInterval": 5,
        "ApplyErrorDeletePolicy": "IGNORE_RECORD",
        "TableErrorEscalationCount": 0,
        "FullLoadIgnoreConflicts": True,
        "DataErrorPolicy": "LOG_ERROR",
        "TableErrorPolicy": "SUSPEND_TABLE",
    },
    "TTSettings": None,
    "FullLoadSettings": {
        "CommitRate": 10000,
        "StopTaskCachedChangesApplied": False,
        "StopTaskCachedChangesNotApplied": False,
        "MaxFullLoadSubTasks": 8,
        "TransactionConsistencyTimeout": 600,
        "CreatePkAfterFullLoad": False,
        "TargetTablePrepMode": "DROP_AND_CREATE",
    },
    "TargetMetadata": {
        "ParallelApplyBufferSize": 0,
        "ParallelApplyQueuesPerThread": 0,
        "ParallelApplyThreads": 0,
        "TargetSchema": "",
        "InlineLobMaxSize": 0,
        "ParallelLoadQueuesPerThread": 0,
        "SupportLobs": True,
        "LobChunkSize": 0,
        "TaskRecoveryTableEnabled": False,
        "ParallelLoadThreads": 0,
        "LobMaxSize": 32,
        "BatchApplyEnabled": False,
        "FullLobMode": False,
        "LimitedSizeLobMode": True,
        "LoadMaxFileSize": 0,
        "ParallelLoadBufferSize": 0,
    },
    "BeforeImageSettings": None,
    "ControlTablesSettings": {
        "historyTimeslotInMinutes": 5,
        "HistoryTimeslotInMinutes": 5,
        "StatusTableEnabled": False,
        "SuspendedTablesTableEnabled": False,
        "HistoryTableEnabled": False,
        "ControlSchema": "",
        "FullLoadExceptionTableEnabled": False,
    },
    "LoopbackPreventionSettings": None,
    "CharacterSetSettings": None,
    "FailTaskWhenCleanTaskResourceFailed": False,
    "ChangeProcessingTuning": {
        "StatementCacheSize": 50,
        "CommitTimeout": 1,
        "BatchApplyPreserveTransaction": True,
        "BatchApplyTimeoutMin": 1,
        "BatchSplitSize": 0,
        "BatchApplyTimeoutMax": 30,
        "MinTransactionSize": 1000,
        "MemoryKeepTime": 60,
        "BatchApplyMemoryLimit": 500,
        "MemoryLimitTotal": 1024,
        "RecoveryTimeout": -1,
    },
    "ChangeProcessingDdlHandlingPolicy": {
        "HandleSourceTableDropped": True,
        "HandleSourceTableTruncated": True,
        "HandleSourceTableAltered": True,
    },
    "PostProcessingRules": None,
}

#: ErrorBehavior settings that the worker goes by, and their values (user guide, "Error handling task settings").
POLICIES = {
    "DataErrorPolicy": ("IGNORE_RECORD", "LOG_ERROR", "SUSPEND_TABLE", "STOP_TASK"),
    "DataErrorEscalationPolicy": ("SUSPEND_TABLE", "STOP_TASK"),
    "TableErrorPolicy": ("SUSPEND_TABLE", "STOP_TASK"),
}
PREP_MODES = {"DO_NOTHING", "DROP_AND_CREATE", "TRUNCATE_BEFORE_LOAD"}


def complete(text: str | None, *, current: str | None = None) -> str:
    """The whole settings document, as AWS answers it; on modify, laid over the current one."""
    try:
        given = json.loads(text) if text else {}
    except ValueError as error:
        raise invalid_value(f"Invalid Task Settings JSON: {error}") from error
    if not isinstance(given, dict):
        raise invalid_value("Invalid Task Settings JSON: not an object")
    logging = given.get("Logging") or {}
    if logging.get("CloudWatchLogGroup") or logging.get("CloudWatchLogStream"):
        raise invalid_value("Task Settings CloudWatchLogGroup or CloudWatchLogStream cannot be set on create.")
    base = json.loads(current) if current else copy.deepcopy(DEFAULTS)
    settings = _over(base, given)
    _check(settings)
    return json.dumps(settings, separators=(",", ":"))


def _over(base: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in given.items():
        old = merged.get(key)
        merged[key] = _over(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _check(settings: dict[str, Any]) -> None:
    full = settings["FullLoadSettings"]
    if full["TargetTablePrepMode"] not in PREP_MODES:
        raise invalid_value(f"Invalid task setting TargetTablePrepMode: {full['TargetTablePrepMode']!r}; one of {sorted(PREP_MODES)}.")
    if not isinstance(full["MaxFullLoadSubTasks"], int) or not 1 <= full["MaxFullLoadSubTasks"] <= 49:
        raise invalid_value("Invalid task setting MaxFullLoadSubTasks: it must be between 1 and 49.")
    if full["StopTaskCachedChangesApplied"] and full["StopTaskCachedChangesNotApplied"]:
        raise invalid_value("StopTaskCachedChangesApplied and StopTaskCachedChangesNotApplied can't both be true.")
    for name, values in POLICIES.items():
        if settings["ErrorBehavior"][name] not in values:
            raise invalid_value(f"Invalid task setting {name}: {settings['ErrorBehavior'][name]!r}; one of {', '.join(values)}.")
    for section in ("FullLoadSettings", "TargetMetadata", "ChangeProcessingDdlHandlingPolicy", "ErrorBehavior", "Logging"):
        for key, default in (DEFAULTS[section] or {}).items():
            value = settings[section].get(key)
            if isinstance(default, bool) and not isinstance(value, bool):
                raise invalid_value(f"Invalid task setting {section}.{key}: {value!r} is not true or false.")
            if isinstance(default, int) and not isinstance(default, bool) and not isinstance(value, int):
                raise invalid_value(f"Invalid task setting {section}.{key}: {value!r} is not a number.")
