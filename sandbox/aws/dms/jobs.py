"""What a worker is told: source, target, mappings and settings of a replication task or a serverless replication."""

import json
from typing import Any

from . import mappings, s3_settings
from .connections import source_config
from .context import Context
from .endpoints import MYSQL
from .errors import invalid_combination, invalid_value
from .store import Document

#: AWS's field names: replication tasks and serverless replication configurations differ.
TASK = {"type": "MigrationType", "settings": "ReplicationTaskSettings"}
SERVERLESS = {"type": "ReplicationType", "settings": "ReplicationSettings"}


def endpoints(context: Context, document: Document) -> tuple[Document, Document]:
    """Source and target; refuses a pair that the sandbox cannot replicate between."""
    source = context.require("endpoint", document["SourceEndpointArn"], "Endpoint")
    target = context.require("endpoint", document["TargetEndpointArn"], "Endpoint")
    if source["EndpointType"] != "SOURCE":
        raise invalid_combination(f"Endpoint {source['EndpointArn']} is not a source endpoint.")
    if target["EndpointType"] != "TARGET":
        raise invalid_combination(f"Endpoint {target['EndpointArn']} is not a target endpoint.")
    if source["EngineName"] not in MYSQL or target["EngineName"] != "s3":
        raise invalid_value("The sandbox replicates from MySQL to S3 only.")
    s3_settings.check_for_task(target["S3Settings"])
    return source, target


def check_mappings(text: str) -> None:
    try:
        mappings.parse(text)
    except mappings.MappingError as error:
        raise invalid_value(f"Invalid Table Mappings document. {error}") from error


def check_stop(position: str | None) -> None:
    if position and not position.startswith(("server_time:", "commit_time:")):
        raise invalid_value(f"CdcStopPosition {position!r} must begin with server_time: or commit_time:")


def job(context: Context, document: Document, names: dict[str, str], kind: str, request: dict[str, Any]) -> dict[str, Any]:
    """`document` is the task or the configuration, `kind` the start type, `request` what this start names."""
    source = context.require("endpoint", document["SourceEndpointArn"], "Endpoint")
    target = context.require("endpoint", document["TargetEndpointArn"], "Endpoint")
    resumed = kind == "resume-processing"
    return {
        "source": source_config(context, source).__dict__,
        "s3_settings": target["S3Settings"],
        "task_settings": json.loads(document[names["settings"]]),
        "mappings": document["TableMappings"],
        "migration_type": document[names["type"]],
        "start_type": kind,
        # A resume goes on from the checkpoint, unless this very call names another place.
        "cdc_start_position": request.get("CdcStartPosition") if resumed else document.get("CdcStartPosition"),
        "cdc_start_time": request.get("CdcStartTime") or (None if resumed else document.get("_cdc_start_time")),
        "cdc_stop_position": document.get("CdcStopPosition"),
        "region": context.region,
    }
