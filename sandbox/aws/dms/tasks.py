"""Replication tasks: create, describe, modify, delete, start, stop."""

from typing import Any

from .. import clock
from . import jobs, tags, task_settings
from .connections import Actions as Connections
from .context import Context, check_identifier, page, public, select
from .errors import exists, invalid_combination, invalid_state
from .runner import Runner, statistics
from .store import Document

FILTERS = {
    "replication-task-arn": lambda d: d["ReplicationTaskArn"],
    "replication-task-id": lambda d: d["ReplicationTaskIdentifier"],
    "migration-type": lambda d: d["MigrationType"],
    "endpoint-arn": lambda d: (d["SourceEndpointArn"], d["TargetEndpointArn"]),
    "replication-instance-arn": lambda d: d["ReplicationInstanceArn"],
}
RESTING = {"ready", "stopped", "failed"}


class Actions:
    def __init__(self, context: Context, runner: Runner, connections: Connections) -> None:
        self._context, self._runner, self._connections = context, runner, connections

    # -- create, describe, modify, delete

    def CreateReplicationTask(self, request: dict[str, Any]) -> dict[str, Any]:
        name = check_identifier(request["ReplicationTaskIdentifier"], "ReplicationTaskIdentifier", 255)
        if any(t["ReplicationTaskIdentifier"] == name for t in self._context.store.all("task")):
            raise exists(f"Replication Task already exists: {name}.")
        source, target = jobs.endpoints(self._context, request)
        instance = self._context.require("instance", request["ReplicationInstanceArn"], "Replication Instance")
        if instance["ReplicationInstanceStatus"] != "available":
            raise invalid_state(f"Replication Instance {instance['ReplicationInstanceArn']} is not available.")
        jobs.check_mappings(request["TableMappings"])
        _check_start(request)
        document = {
            "ReplicationTaskIdentifier": name,
            "SourceEndpointArn": source["EndpointArn"],
            "TargetEndpointArn": target["EndpointArn"],
            "ReplicationInstanceArn": instance["ReplicationInstanceArn"],
            "MigrationType": request["MigrationType"],
            "TableMappings": request["TableMappings"],
            "ReplicationTaskSettings": task_settings.complete(request.get("ReplicationTaskSettings")),
            "ReplicationTaskCreationDate": clock.now(),
            "CdcStartPosition": request.get("CdcStartPosition"),
            "CdcStopPosition": request.get("CdcStopPosition"),
            "TaskData": request.get("TaskData"),
            "ReplicationTaskArn": self._context.arn("task"),
            "Status": "creating",
            "_cdc_start_time": request.get("CdcStartTime"),
            "_started": False,
            "_stats": {},
        }
        arn = document["ReplicationTaskArn"]
        self._context.store.put("task", arn, document)
        self._context.store.change_later("task", arn, "Status", "creating", "ready")
        tags.create(self._context, arn, request.get("Tags"))
        return {"ReplicationTask": self._public(document)}

    def DescribeReplicationTasks(self, request: dict[str, Any]) -> dict[str, Any]:
        found = select(self._context.store.all("task"), request, FILTERS, "Tasks")
        items, more = page(found, request)
        tasks = [self._public(t) for t in items]
        if request.get("WithoutSettings"):
            for task in tasks:
                task.pop("ReplicationTaskSettings", None)
        return {"ReplicationTasks": tasks, **more}

    def ModifyReplicationTask(self, request: dict[str, Any]) -> dict[str, Any]:
        task = self._find(request)
        arn = task["ReplicationTaskArn"]
        if task["Status"] not in RESTING:
            raise invalid_state(
                "Replication Task, excluding logging severity task settings, cannot be modified while it is "
                f"{task['Status']} state"
            )
        changed = dict(task)
        if "ReplicationTaskIdentifier" in request:
            changed["ReplicationTaskIdentifier"] = check_identifier(request["ReplicationTaskIdentifier"], "ReplicationTaskIdentifier", 255)
        if "TableMappings" in request:
            jobs.check_mappings(request["TableMappings"])
            changed["TableMappings"] = request["TableMappings"]
        if "ReplicationTaskSettings" in request:
            changed["ReplicationTaskSettings"] = task_settings.complete(
                request["ReplicationTaskSettings"], current=task["ReplicationTaskSettings"]
            )
        _check_start(request)
        for key in ("MigrationType", "CdcStartPosition", "CdcStopPosition", "TaskData"):
            if key in request:
                changed[key] = request[key]
        if "CdcStartTime" in request:
            changed["_cdc_start_time"] = request["CdcStartTime"]
        self._context.store.put("task", arn, changed)
        self._context.store.change_later("task", arn, "Status", "modifying", task["Status"])
        return {"ReplicationTask": self._public(changed)}

    def DeleteReplicationTask(self, request: dict[str, Any]) -> dict[str, Any]:
        task = self._find(request)
        if task["Status"] not in RESTING:
            raise invalid_state(f"Replication Task cannot be deleted while it is in {task['Status']} state")
        self._context.store.change_later("task", task["ReplicationTaskArn"], "Status", "deleting", None)
        answer = self._public(task)
        self._runner.forget(task)
        return {"ReplicationTask": answer}

    # -- start, stop

    def StartReplicationTask(self, request: dict[str, Any]) -> dict[str, Any]:
        task = self._find(request)
        if task["Status"] not in RESTING:
            raise invalid_state("Replication Task cannot be started, invalid state")
        kind = request["StartReplicationTaskType"]
        _check_start(request)
        _check_start_type(kind, task, request)
        instance = self._context.require("instance", task["ReplicationInstanceArn"], "Replication Instance")
        if instance["ReplicationInstanceStatus"] == "rebooting":
            raise invalid_state(f"Replication Instance {instance['ReplicationInstanceArn']} is not available.")
        for arn in (task["SourceEndpointArn"], task["TargetEndpointArn"]):
            endpoint = self._context.require("endpoint", arn, "Endpoint")
            if self._connections.ensure(instance, endpoint):
                raise invalid_state(
                    "Test connection for replication instance and endpoint should be successful for starting the replication task"
                )
        if kind == "reload-target" or not task["_started"]:
            self._context.store.delete_where("table", lambda t: t["_task"] == task["ReplicationTaskArn"])
        now = clock.now()
        task |= {"Status": "starting", "_started": True, "ReplicationTaskStartDate": now}
        task.pop("StopReason", None)
        task.pop("LastFailureMessage", None)
        stats = task["_stats"]
        stats["StartDate"] = now
        stats.pop("StopDate", None)
        if kind != "resume-processing":
            stats["FreshStartDate"] = now
        for key in ("CdcStartPosition", "CdcStopPosition"):
            if request.get(key):
                task[key] = request[key]
        self._run(task, kind, request)
        return {"ReplicationTask": self._public(task)}

    def _run(self, task: Document, kind: str, request: dict[str, Any]) -> None:
        self._runner.start(task, jobs.job(self._context, task, jobs.TASK, kind, request))

    def resume_after_restart(self) -> None:
        """What ran when the sandbox ended goes on; a stop that was under way is done."""
        for task in self._context.store.all("task"):
            if task["Status"] in ("starting", "running"):
                task["Status"] = "starting"
                self._run(task, "resume-processing", {})
            elif task["Status"] == "stopping":
                task |= {"Status": "stopped", "StopReason": "Stop Reason NORMAL"}
                self._context.store.put("task", task["ReplicationTaskArn"], task)

    def StopReplicationTask(self, request: dict[str, Any]) -> dict[str, Any]:
        task = self._find(request)
        if task["Status"] != "running":
            raise invalid_state(f"Replication Task cannot be stopped, invalid state: {task['Status']}")
        task["Status"] = "stopping"
        self._context.store.put("task", task["ReplicationTaskArn"], task)
        self._runner.send(task["ReplicationTaskArn"], {"command": "stop"})
        return {"ReplicationTask": self._public(task)}

    # --

    def _find(self, request: dict[str, Any]) -> Document:
        return self._context.require("task", request["ReplicationTaskArn"], "Replication Task")

    def _public(self, task: Document) -> Document:
        answer = public(task)
        if task["_started"]:
            arn = task["ReplicationTaskArn"]
            tables = [t for t in self._context.store.all("table") if t["_task"] == arn]
            answer["ReplicationTaskStats"] = statistics(task, tables)
        return answer


def _check_start(request: dict[str, Any]) -> None:
    if request.get("CdcStartTime") is not None and request.get("CdcStartPosition"):
        raise invalid_combination("CdcStartTime and CdcStartPosition can't both be given.")
    jobs.check_stop(request.get("CdcStopPosition"))


def _check_start_type(kind: str, task: Document, request: dict[str, Any]) -> None:
    """docs/facts/dms.md section 4: start-replication only the first time, the others only later."""
    label = kind.upper().replace("-", "_")
    first = not task["_started"]
    if kind == "start-replication":
        positioned = request.get("CdcStartTime") is not None or request.get("CdcStartPosition")
        if not first and not (task["MigrationType"] == "cdc" and positioned):
            raise invalid_combination(f"Start Type : {label}, valid only for tasks running for the first time")
    elif first:
        raise invalid_combination(f"Start Type : {label}, not valid for tasks running for the first time")
    elif kind == "reload-target" and task["MigrationType"] == "cdc":
        raise invalid_combination(f"Start Type : {label}, not valid for tasks that only replicate changes")
