"""aws_dms_replication_config against the sandbox: create, empty plan, change, import, destroy, started and not.

Slow, because the provider waits half a minute before it looks whether a replication has started, and a minute before it
looks whether one has stopped.
"""

from __future__ import annotations

import json
from pathlib import Path

from sandbox.tests.aws.lab import Lab, wait_for
from sandbox.tests.aws.terraform import Terraform

CONFIGURATION = """
variable "name" {}
variable "source_arn" {}
variable "target_arn" {}
variable "schema" {}

locals {
  mappings = jsonencode({ rules = [{
    rule-type      = "selection"
    rule-id        = "1"
    rule-name      = "1"
    rule-action    = "include"
    object-locator = { schema-name = var.schema, table-name = "%" }
  }] })
}

resource "aws_dms_replication_config" "this" {
  for_each                      = { running = RUNNING, resting = RESTING }
  replication_config_identifier = "${var.name}-${each.key}"
  resource_identifier           = "${var.name}-${each.key}"
  replication_type              = "full-load-and-cdc"
  source_endpoint_arn           = var.source_arn
  target_endpoint_arn           = var.target_arn
  table_mappings                = local.mappings
  start_replication             = each.value
  tags                          = { team = "TEAM" }

  replication_settings = jsonencode({
    TargetMetadata   = { LobMaxSize = SIZE }
    FullLoadSettings = { TargetTablePrepMode = "DO_NOTHING" }
  })

  compute_config {
    replication_subnet_group_id = "lab"
    max_capacity_units          = 4
    min_capacity_units          = 2
  }
}

output "arns" {
  value = { for k, v in aws_dms_replication_config.this : k => v.arn }
}
"""


def _with(text: str, **values: str) -> str:
    for name, value in values.items():
        text = text.replace(name, value)
    return text


def test_serverless_replications_through_the_whole_cycle(lab: Lab, tmp_path: Path) -> None:
    lab.orders(3)
    first = _with(CONFIGURATION, RUNNING="true", RESTING="false", SIZE="64", TEAM="data")
    terraform = Terraform(
        tmp_path / "serverless",
        lab.service.url,
        configuration=first,
        name=lab.name,
        source_arn=lab.source_endpoint(),
        target_arn=lab.s3_endpoint(),
        schema=lab.schema,
    )
    terraform.run("init", "-input=false")
    terraform.apply()
    terraform.plan_is_empty()
    arns = json.loads(terraform.run("output", "-json"))["arns"]["value"]
    assert (_status(lab, arns["running"]), _status(lab, arns["resting"])) == ("running", "created")
    wait_for("loaded", lambda: [r["id"] for r in lab.loaded()] == [1, 2, 3])

    for kind, arn in arns.items():
        address = f'aws_dms_replication_config.this["{kind}"]'
        terraform.run("import", "-input=false", "-state-out=imported.tfstate", "-state=imported.tfstate", address, arn)
    imported = json.loads((terraform.folder / "imported.tfstate").read_text())["resources"][0]["instances"]
    assert {i["attributes"]["replication_config_identifier"] for i in imported} == {f"{lab.name}-running", f"{lab.name}-resting"}
    assert all(json.loads(i["attributes"]["replication_settings"])["TargetMetadata"]["LobMaxSize"] == 64 for i in imported)

    # Stopping is a change of its own: until AWS has carried out a modification, the replication neither starts nor stops, and
    # the provider does not wait for that (terraform-provider-aws issue 35650).
    main = (terraform.folder / "main.tf").read_text()

    def change(running: str, resting: str, size: str) -> None:
        terraform.write("main.tf", main.replace(first, _with(CONFIGURATION, RUNNING=running, RESTING=resting, SIZE=size, TEAM="lake")))

    change("false", "false", "64")
    terraform.apply()
    change("false", "false", "32")
    terraform.apply()
    terraform.plan_is_empty()
    assert wait_for("both at rest", lambda: (_status(lab, arns["running"]), _status(lab, arns["resting"])) == ("stopped", "created"))
    configs = lab.dms.describe_replication_configs()["ReplicationConfigs"]
    sizes = {json.loads(c["ReplicationSettings"])["TargetMetadata"]["LobMaxSize"] for c in configs if c["ReplicationConfigArn"] in arns.values()}
    assert sizes == {32}
    assert lab.dms.list_tags_for_resource(ResourceArn=arns["running"])["TagList"][0]["Value"] == "lake"

    change("false", "true", "16")
    terraform.run("apply", "-auto-approve", "-input=false", expect=1)
    wait_for("changed, but not started", lambda: _status(lab, arns["resting"]) == "created")

    terraform.destroy()
    left = {c["ReplicationConfigArn"] for c in lab.dms.describe_replication_configs()["ReplicationConfigs"]}
    assert not left & set(arns.values())


def _status(lab: Lab, arn: str) -> str:
    only = [{"Name": "replication-config-arn", "Values": [arn]}]
    return lab.dms.describe_replications(Filters=only)["Replications"][0]["Status"]
