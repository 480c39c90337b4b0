"""Table statistics and reloads, of replication tasks and of serverless replications."""

from typing import Any

from .. import clock
from .context import Context, Filters, page, public
from .errors import invalid_state, invalid_value, not_found
from .runner import Runner
from .store import Document
from .tables import key

FILTERS: Filters = {
    "schema-name": lambda d: d["SchemaName"],
    "table-name": lambda d: d["TableName"],
    "table-state": lambda d: d["TableState"],
}
RELOAD_LIMIT = 10


class Actions:
    def __init__(self, context: Context, runner: Runner) -> None:
        self._context = context
        self._runner = runner

    def DescribeTableStatistics(self, request: dict[str, Any]) -> dict[str, Any]:
        arn = request["ReplicationTaskArn"]
        self._context.require("task", arn, "Replication Task")
        tables, more = self._tables(arn, request)
        return {"ReplicationTaskArn": arn, "TableStatistics": tables, **more}

    def DescribeReplicationTableStatistics(self, request: dict[str, Any]) -> dict[str, Any]:
        arn = request["ReplicationConfigArn"]
        self._context.require("replication", arn, "Replication Config")
        tables, more = self._tables(arn, request)
        return {"ReplicationConfigArn": arn, "ReplicationTableStatistics": tables, **more}

    def _tables(self, arn: str, request: dict[str, Any]) -> tuple[list[Document], dict[str, str]]:
        tables = [t for t in self._context.store.all("table") if t["_task"] == arn]
        for condition in request.get("Filters") or []:
            if condition["Name"] not in FILTERS:
                raise invalid_value(f"Filter: {condition['Name']} is not valid. Valid filters: {', '.join(sorted(FILTERS))}.")
            tables = [t for t in tables if FILTERS[condition["Name"]](t) in condition["Values"]]
        tables.sort(key=lambda t: (t["SchemaName"], t["TableName"]))
        items, more = page(tables, request, largest=500)
        # The statistics are of now: LastUpdateTime is their refresh, not the last change (docs/facts/dms.md section 4).
        now = clock.now()
        return [public(t | {"LastUpdateTime": now}) for t in items], more

    def ReloadTables(self, request: dict[str, Any]) -> dict[str, Any]:
        arn = request["ReplicationTaskArn"]
        task = self._context.require("task", arn, "Replication Task")
        self._reload(arn, task["Status"], task["MigrationType"], request)
        return {"ReplicationTaskArn": arn}

    def ReloadReplicationTables(self, request: dict[str, Any]) -> dict[str, Any]:
        arn = request["ReplicationConfigArn"]
        config = self._context.require("config", arn, "Replication Config")
        replication = self._context.require("replication", arn, "Replication")
        self._reload(arn, replication["Status"], config["ReplicationType"], request)
        return {"ReplicationConfigArn": arn}

    def _reload(self, arn: str, status: str, migration_type: str, request: dict[str, Any]) -> None:
        tables = request["TablesToReload"]
        if status != "running":
            raise invalid_state(f"{arn} must be running to reload tables; it is {status}.")
        if migration_type == "cdc":
            raise invalid_state("Tables of a task that only replicates changes cannot be reloaded.")
        if not 1 <= len(tables) <= RELOAD_LIMIT:
            raise invalid_value(f"TablesToReload must name between 1 and {RELOAD_LIMIT} tables.")
        if len({(t["SchemaName"], t["TableName"]) for t in tables}) < len(tables):
            # "Duplicate tables aren't allowed" (docs/facts/dms.md section 4).
            raise invalid_value("TablesToReload must not name a table twice.")
        if request.get("ReloadOption", "data-reload") != "data-reload":
            raise invalid_value("Validation is not part of the sandbox; ReloadOption must be data-reload.")
        documents = []
        for table in tables:
            document = self._context.store.get("table", key(arn, table["SchemaName"], table["TableName"]))
            if document is None:
                raise not_found(f"Table {table['SchemaName']}.{table['TableName']} is not part of {arn}.")
            documents.append(document)
        for document in documents:
            document["TableState"] = "Table is being reloaded"
            self._context.store.put("table", key(arn, document["SchemaName"], document["TableName"]), document)
        self._runner.send(arn, {
            "command": "reload",
            "tables": [{"schema": t["SchemaName"], "table": t["TableName"]} for t in tables],
        })  # fmt: skip
