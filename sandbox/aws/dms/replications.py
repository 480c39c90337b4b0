"""Serverless replications: start, stop, describe, and the states in between.

Source: docs/facts/dms.md section 4; the names of the states are those that terraform-provider-aws 5.100 waits for.
"""

import logging
import threading
import time
from typing import Any

from .. import clock
from . import jobs
from .connections import Actions as Connections
from .context import Context, page, public, select
from .errors import DmsError, invalid_combination, invalid_state, invalid_value
from .replication_configs import FILTERS, RESTING
from .runner import Runner, statistics
from .store import Document

log = logging.getLogger(__name__)

#: What a start goes through before the worker runs; each is shown for a moment.
STEPS = (
    "initializing", "preparing_metadata_resources", "testing_connection", "fetching_metadata",
    "calculating_capacity", "provisioning_capacity", "replication_starting",
)  # fmt: skip
STEP_SECONDS = 0.15
START_TYPES = ("start-replication", "resume-processing", "reload-target")


class _Ended(Exception):
    """The sandbox ends: nothing is to be written any more, and the next start goes on from the last state."""


class Actions:
    def __init__(self, context: Context, runner: Runner, connections: Connections) -> None:
        self._context, self._runner, self._connections = context, runner, connections

    def DescribeReplications(self, request: dict[str, Any]) -> dict[str, Any]:
        configs = select(self._context.store.all("config"), request, FILTERS, "Replications")
        items, more = page(configs, request)
        return {"Replications": [self._public(c) for c in items], **more}

    def StartReplication(self, request: dict[str, Any]) -> dict[str, Any]:
        config, replication = self._find(request)
        kind = request["StartReplicationType"]
        if replication["Status"] not in RESTING:
            raise _refused(config, replication, "start")
        if kind not in START_TYPES:
            raise invalid_value(f"StartReplicationType {kind!r} is not one of {', '.join(START_TYPES)}.")
        if request.get("CdcStartTime") is not None or request.get("CdcStartPosition"):
            raise invalid_combination("AWS DMS Serverless does not support setting custom CDC start points.")
        if request.get("PremigrationAssessmentSettings"):
            raise invalid_value("Premigration assessments are not part of the sandbox; leave PremigrationAssessmentSettings out.")
        jobs.check_stop(request.get("CdcStopPosition"))
        kind = _start_type(kind, config, replication)
        if kind != "resume-processing":
            self._context.store.delete_where("table", lambda t: t["_task"] == config["ReplicationConfigArn"])
        now = clock.now()
        for key in ("StopReason", "LastFailureMessage", "ReplicationLastStopTime", "ReplicationDeprovisionTime"):
            replication.pop(key, None)
        replication |= {"_started": True, "StartReplicationType": kind, "ReplicationUpdateTime": now}
        replication["CdcStopPosition"] = request.get("CdcStopPosition")
        replication["_stats"]["StartDate"] = now
        replication["_stats"].pop("StopDate", None)
        if kind != "resume-processing":
            replication["_stats"]["FreshStartDate"] = now
        self._begin(config["ReplicationConfigArn"], replication, kind)
        return {"Replication": self._public(config)}

    def StopReplication(self, request: dict[str, Any]) -> dict[str, Any]:
        config, replication = self._find(request)
        arn = config["ReplicationConfigArn"]
        if replication["Status"] != "running":
            raise _refused(config, replication, "stop")
        replication["Status"] = "stopping"
        self._context.store.put("replication", arn, replication)
        self._runner.send(arn, {"command": "stop"})
        return {"Replication": self._public(config)}

    def deprovision(self, arn: str) -> str | None:
        """What AWS does with a replication that rests for long: its table statistics are lost. None, or why not."""
        replication = self._context.require("replication", arn, "Replication")
        if replication["Status"] not in ("stopped", "failed"):
            return f"replication {arn} is {replication['Status']}; only a stopped or failed one is deprovisioned"
        replication.pop("ReplicationDeprovisionTime", None)
        replication["ProvisionData"] = {"ProvisionState": "deprovisioned", "ProvisionedCapacityUnits": 0}
        self._context.store.put("replication", arn, replication)
        self._context.store.delete_where("table", lambda t: t["_task"] == arn)
        return None

    def resume_after_restart(self) -> None:
        """What ran, or was about to, goes on; a stop that was under way is done."""
        for replication in self._context.store.all("replication"):
            arn = replication["ReplicationConfigArn"]
            if replication["Status"] == "running":
                self._begin(arn, replication, "resume-processing")
            elif replication["Status"] in STEPS:
                self._begin(arn, replication, replication["StartReplicationType"])
            elif replication["Status"] == "stopping":
                replication |= {"Status": "stopped", "StopReason": "Stop Reason NORMAL"}
                self._context.store.put("replication", arn, replication)

    # -- the way to `running`

    def _begin(self, arn: str, replication: Document, kind: str) -> None:
        replication["Status"] = STEPS[0]
        self._context.store.put("replication", arn, replication)
        threading.Thread(target=self._walk, args=(arn, kind), name="provision", daemon=True).start()

    def _walk(self, arn: str, kind: str) -> None:
        try:
            for step in STEPS:
                self._show(arn, {"Status": step})
                failure = self._failing_connection(arn) if step == "testing_connection" else None
                if failure is not None:
                    self._show(arn, {"Status": "failed", "LastFailureMessage": failure, "StopReason": "Stop Reason FATAL_ERROR"})
                    return
                if step == "provisioning_capacity":
                    self._provision(arn)
                time.sleep(STEP_SECONDS)
            self._run(arn, kind)
        except _Ended:
            pass
        except Exception as error:  # a defect of ours must not leave a replication that starts for ever
            log.exception("provisioning of %s", arn)
            self._show(arn, {"Status": "failed", "LastFailureMessage": f"{type(error).__name__}: {error}"})

    def _show(self, arn: str, fields: Document) -> Document:
        with self._context.store.lock:
            replication = self._context.store.get("replication", arn)
            if self._runner.closing or replication is None:
                raise _Ended
            replication |= fields
            self._context.store.put("replication", arn, replication)
            return replication

    def _failing_connection(self, arn: str) -> str | None:
        config, _ = self._find({"ReplicationConfigArn": arn})
        endpoints = [self._context.require("endpoint", config[e], "Endpoint") for e in ("SourceEndpointArn", "TargetEndpointArn")]
        return next((f for f in map(self._connections.failure, endpoints) if f), None)

    def _provision(self, arn: str) -> None:
        config, _ = self._find({"ReplicationConfigArn": arn})
        self._show(arn, {"ProvisionData": {
            "ProvisionState": "provisioned",
            "ProvisionedCapacityUnits": config["ComputeConfig"].get("MinCapacityUnits", 1),
            "DateProvisioned": clock.now(),
            "IsNewProvisioningAvailable": False,
        }})  # fmt: skip

    def _run(self, arn: str, kind: str) -> None:
        with self._context.store.lock:
            replication = self._show(arn, {})
            config, _ = self._find({"ReplicationConfigArn": arn})
            document = {**config, "CdcStopPosition": replication.get("CdcStopPosition")}
            self._runner.start(replication, jobs.job(self._context, document, jobs.SERVERLESS, kind, {}))

    # --

    def _find(self, request: dict[str, Any]) -> tuple[Document, Document]:
        arn = request["ReplicationConfigArn"]
        config = self._context.require("config", arn, "Replication Config")
        return config, self._context.require("replication", arn, "Replication")

    def _public(self, config: Document) -> Document:
        arn = config["ReplicationConfigArn"]
        replication = self._context.require("replication", arn, "Replication")
        shared = ("ReplicationConfigIdentifier", "SourceEndpointArn", "TargetEndpointArn", "ReplicationType")
        answer = {**{k: config[k] for k in shared}, **public(replication)}
        failure = answer.pop("LastFailureMessage", None)
        if failure:
            answer["FailureMessages"] = [failure]
        if replication["_started"]:
            tables = [t for t in self._context.store.all("table") if t["_task"] == arn]
            answer["ReplicationStats"] = statistics(replication, tables)
            stopped = replication["_stats"].get("StopDate")
            if stopped and replication["Status"] in RESTING:
                answer["ReplicationLastStopTime"] = stopped
        return answer


def _start_type(kind: str, config: Document, replication: Document) -> str:
    """Terraform starts a new replication with resume-processing, and AWS takes it for a start (replication_config.go)."""
    if replication["_started"]:
        if kind == "start-replication" and config["ReplicationType"] != "cdc":
            raise invalid_combination("Start Type : START_REPLICATION, valid only for replications running for the first time")
        return kind
    if kind == "reload-target":
        raise invalid_combination("Start Type : RELOAD_TARGET, not valid for replications running for the first time")
    return "start-replication"


def _refused(config: Document, replication: Document, what: str) -> DmsError:
    """The words of terraform-provider-aws issue 35650."""
    arn, status = config["ReplicationConfigArn"], replication["Status"].upper()
    return invalid_state(f"Replication for Replication Config: {arn} is in {status} state and cannot {what}")
