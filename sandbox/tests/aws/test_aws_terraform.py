"""Terraform's AWS provider against the sandbox: create, empty plan, run, change, import, destroy of examples/complete."""

from __future__ import annotations

import json
from pathlib import Path

from sandbox.tests.aws.lab import Lab, Task, wait_for
from sandbox.tests.aws.terraform import Terraform

# What the functions of provider::databend return in the example, as far as this test needs it.
MAPPINGS = """
locals {
  table_mappings = jsonencode({
    rules = [
      {
        rule-type      = "selection"
        rule-id        = "1"
        rule-name      = "1"
        object-locator = { schema-name = "SCHEMA", table-name = "orders" }
        rule-action    = "include"
      },
      {
        rule-type      = "transformation"
        rule-id        = "2"
        rule-name      = "2"
        rule-target    = "column"
        object-locator = { schema-name = "SCHEMA", table-name = "orders" }
        rule-action    = "add-column"
        value          = "_dms_change_seq"
        expression     = "$AR_H_CHANGE_SEQ"
        data-type      = { type = "string", length = 50 }
      },
      {
        rule-type      = "transformation"
        rule-id        = "3"
        rule-name      = "3"
        rule-target    = "column"
        object-locator = { schema-name = "SCHEMA", table-name = "orders" }
        rule-action    = "add-column"
        value          = "_dms_position"
        expression     = "$AR_H_STREAM_POSITION"
        data-type      = { type = "string", length = 50 }
      },
    ]
  })
  task_settings = jsonencode({
    TargetMetadata   = { LobMaxSize = 1024, LimitedSizeLobMode = true, BatchApplyEnabled = false }
    FullLoadSettings = { TargetTablePrepMode = "DO_NOTHING" }
    Logging          = { EnableLogging = true }
  })
  dms_trust_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = ["dms.amazonaws.com", "dms.${local.region}.amazonaws.com"] }
      Condition = {
        StringEquals = { "aws:SourceAccount" = local.account_id }
        ArnLike      = { "aws:SourceArn" = "arn:aws:dms:${local.region}:${local.account_id}:*" }
      }
    }]
  })
  dms_bucket_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Effect = "Allow", Action = ["s3:ListBucket"], Resource = [aws_s3_bucket.lake.arn] },
      { Effect = "Allow", Action = ["s3:PutObject", "s3:DeleteObject", "s3:PutObjectTagging"], Resource = ["${aws_s3_bucket.lake.arn}/*"] },
    ]
  })
  s3 = {
    data_format                                 = "parquet"
    parquet_version                             = "parquet-2-0"
    include_op_for_full_load                    = true
    cdc_inserts_only                            = false
    cdc_inserts_and_updates                     = false
    timestamp_column_name                       = "_dms_ingestion_timestamp"
    use_task_start_time_for_full_load_timestamp = true
    cdc_max_batch_interval                      = var.cdc_max_batch_interval
    cdc_min_file_size                           = 32000
    preserve_transactions                       = false
  }
}
"""

IMPORTS = {
    "aws_dms_replication_subnet_group.this": "{n}",
    "aws_dms_replication_instance.this": "{n}",
    "aws_dms_endpoint.mysql": "{n}-mysql",
    "aws_dms_s3_endpoint.lake": "{n}-s3",
    "aws_dms_replication_task.this": "{n}",
    "aws_s3_bucket.lake": "{n}-123456789012",
    "aws_iam_role.dms_target": "{n}-dms-target",
}


def test_the_whole_cycle_of_the_example(lab: Lab, tmp_path: Path) -> None:
    lab.orders(5)
    name = f"tf-{lab.schema}"
    terraform = Terraform(
        tmp_path / "example",
        lab.service.url,
        name=name,
        s3_use_path_style="true",
        mysql_host="127.0.0.1",
        mysql_port=str(lab.source.port),
        mysql_username="sandbox",
        mysql_password="sandbox",
        bucket_force_destroy="true",
        cdc_max_batch_interval="600",
    )
    terraform.write("mappings.tf", MAPPINGS.replace("SCHEMA", lab.schema))
    terraform.run("init", "-input=false")
    terraform.apply()
    terraform.plan_is_empty()

    # The task works, and running it shows as no change.
    lab.bucket = terraform.output("bucket")
    task = Task(lab, terraform.output("dms_task_arn")).run()
    lab.sql("DELETE FROM {s}.orders WHERE id = 5")
    task.flush()
    assert [r["id"] for r in lab.loaded()] == [1, 2, 3, 4, 5]
    assert [r["Op"] for r in lab.changes()] == ["D"]
    terraform.plan_is_empty()

    # Another terraform state learns all of it by import.
    _imported(terraform, name)

    # Changes in place of all five: the endpoints (their task must rest), the task's settings, the group, tags of the instance.
    task.stop()
    dms = (terraform.folder / "aws_dms.tf").read_text()
    dms = dms.replace("publicly_accessible         = false", 'publicly_accessible = false\n  tags = { team = "data" }')
    dms = dms.replace("Replication instance of ${var.name}", "Subnets of ${var.name}")
    dms = dms.replace("PartitionDdl=true", "PartitionDdl=true;initstmt=SET FOREIGN_KEY_CHECKS=0")
    assert all(word in dms for word in ("team", "Subnets of", "initstmt"))
    terraform.write("aws_dms.tf", dms)
    changed_settings = MAPPINGS.replace("SCHEMA", lab.schema).replace("= 32000", "= 16000").replace("LobMaxSize = 1024", "LobMaxSize = 512")
    terraform.write("mappings.tf", changed_settings)
    changed = json.loads(_planned(terraform))
    actions = {c["address"]: c["change"]["actions"] for c in changed["resource_changes"] if c["change"]["actions"] != ["no-op"]}
    assert actions == {
        "aws_dms_replication_subnet_group.this": ["update"],
        "aws_dms_endpoint.mysql": ["update"],
        "aws_dms_s3_endpoint.lake": ["update"],
        "aws_dms_replication_task.this": ["update"],
        "aws_dms_replication_instance.this": ["update"],
    }
    terraform.apply()
    terraform.plan_is_empty()
    settings = json.loads(task.describe()["ReplicationTaskSettings"])
    assert settings["TargetMetadata"]["LobMaxSize"] == 512

    # A running task's endpoint cannot be changed, as in AWS.
    task.resume()
    terraform.write("mappings.tf", changed_settings.replace("= 16000", "= 32000"))
    refused = terraform.run("apply", "-auto-approve", "-input=false", expect=1)
    assert "Plan: 0 to add, 1 to change" in refused
    task.stop()

    terraform.destroy()
    left = lab.dms.describe_replication_tasks()["ReplicationTasks"]
    assert not [t for t in left if t["ReplicationTaskIdentifier"] == name]
    wait_for("bucket gone", lambda: lab.bucket not in [b["Name"] for b in lab.s3.list_buckets()["Buckets"]])
    lab.bucket = name


def _planned(terraform: Terraform) -> str:
    terraform.run("plan", "-input=false", "-out=plan.bin")
    return terraform.run("show", "-json", "plan.bin")


def _imported(terraform: Terraform, name: str) -> None:
    """`terraform import` of every main resource into an empty state; then only what AWS does not tell differs."""
    for address, identity in IMPORTS.items():
        terraform.run("import", "-input=false", "-state-out=imported.tfstate", "-state=imported.tfstate", address, identity.format(n=name))
    state = json.loads((terraform.folder / "imported.tfstate").read_text())
    kinds = {r["type"] for r in state["resources"] if r["mode"] == "managed" and r["instances"]}
    assert kinds == {a.partition(".")[0] for a in IMPORTS}
    task = next(r for r in state["resources"] if r["type"] == "aws_dms_replication_task")["instances"][0]["attributes"]
    assert task["migration_type"] == "full-load-and-cdc" and task["replication_task_arn"]
