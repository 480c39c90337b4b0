"""DescribeTableStatistics and ReloadTables."""

import time
from typing import Any

from .context import Context, Filters, page, public
from .errors import invalid_state, invalid_value, not_found
from .runner import Runner
from .store import Document

FILTERS: Filters = {
    "schema-name": lambda d: d["SchemaName"],
    "table-name": lambda d: d["TableName"],
    "table-state": lambda d: d["TableState"],
}
RELOAD_LIMIT = 10


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
        "LastUpdateTime": time.time(),
        "TableState": "Before load",
        "ValidationPendingRecords": 0, "ValidationFailedRecords": 0, "ValidationSuspendedRecords": 0,
        "ValidationState": "Not enabled",
        "_task": task,
    }  # fmt: skip


class Actions:
    def __init__(self, context: Context, runner: Runner) -> None:
        self._context = context
        self._runner = runner

    def DescribeTableStatistics(self, request: dict[str, Any]) -> dict[str, Any]:
        arn = request["ReplicationTaskArn"]
        self._context.require("task", arn, "Replication Task")
        tables = [t for t in self._context.store.all("table") if t["_task"] == arn]
        for condition in request.get("Filters") or []:
            if condition["Name"] not in FILTERS:
                raise invalid_value(f"Filter: {condition['Name']} is not valid. Valid filters: {', '.join(sorted(FILTERS))}.")
            tables = [t for t in tables if FILTERS[condition["Name"]](t) in condition["Values"]]
        tables.sort(key=lambda t: (t["SchemaName"], t["TableName"]))
        items, more = page(tables, request, largest=500)
        # The statistics are of now: LastUpdateTime is their refresh, not the last change (facts section 4).
        now = time.time()
        return {
            "ReplicationTaskArn": arn,
            "TableStatistics": [public(t | {"LastUpdateTime": now}) for t in items],
            **more,
        }

    def ReloadTables(self, request: dict[str, Any]) -> dict[str, Any]:
        arn = request["ReplicationTaskArn"]
        task = self._context.require("task", arn, "Replication Task")
        tables = request["TablesToReload"]
        if task["Status"] != "running":
            raise invalid_state(f"Replication Task {arn} must be running to reload tables; it is {task['Status']}.")
        if task["MigrationType"] == "cdc":
            raise invalid_state("Tables of a task that only replicates changes cannot be reloaded.")
        if not 1 <= len(tables) <= RELOAD_LIMIT:
            raise invalid_value(f"TablesToReload must name between 1 and {RELOAD_LIMIT} tables.")
        if request.get("ReloadOption", "data-reload") != "data-reload":
            raise invalid_value("Validation is not part of the sandbox; ReloadOption must be data-reload.")
        for table in tables:
            known = self._context.store.get("table", key(arn, table["SchemaName"], table["TableName"]))
            if known is None:
                raise not_found(f"Table {table['SchemaName']}.{table['TableName']} is not part of Replication Task {arn}.")
        for table in tables:
            document = self._context.store.get("table", key(arn, table["SchemaName"], table["TableName"]))
            if document is not None:
                document["TableState"] = "Table is being reloaded"
                self._context.store.put("table", key(arn, table["SchemaName"], table["TableName"]), document)
        self._runner.send(arn, {
            "command": "reload",
            "tables": [{"schema": t["SchemaName"], "table": t["TableName"]} for t in tables],
        })  # fmt: skip
        return {"ReplicationTaskArn": arn}


