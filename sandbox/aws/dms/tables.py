"""The tables of a task: documents of kind "table", as DescribeTableStatistics shows them."""


from .. import clock
from .store import Document


def key(task: str, schema: str, table: str) -> str:
    return f"{task}\n{schema}\n{table}"


def new(task: str, schema: str, table: str) -> Document:
    return {
        "SchemaName": schema,
        "TableName": table,
        "Inserts": 0, "Deletes": 0, "Updates": 0, "Ddls": 0,
        "AppliedInserts": 0, "AppliedDeletes": 0, "AppliedUpdates": 0, "AppliedDdls": 0,
        "FullLoadRows": 0, "FullLoadCondtnlChkFailedRows": 0, "FullLoadErrorRows": 0,
        "FullLoadReloaded": False,
        "LastUpdateTime": clock.now(),
        "TableState": "Before load",
        "ValidationPendingRecords": 0, "ValidationFailedRecords": 0, "ValidationSuspendedRecords": 0,
        "ValidationState": "Not enabled",
        "_task": task,
    }  # fmt: skip
