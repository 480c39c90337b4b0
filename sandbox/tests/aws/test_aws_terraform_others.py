"""The rest of aws_dms_*: certificate, event subscription, an endpoint that verifies, and the data sources."""

from __future__ import annotations

import json
from pathlib import Path

from sandbox.tests.aws.lab import ACCOUNT, Lab
from sandbox.tests.aws.terraform import Terraform
from sandbox.tests.aws.tls import Authority

CONFIGURATION = """
variable "name" {}
variable "pem" {}
variable "task_arn" {}
variable "task_id" {}

resource "aws_dms_certificate" "this" {
  certificate_id  = "${var.name}-ca"
  certificate_pem = var.pem
  tags            = { team = "TEAM" }
}

resource "aws_dms_endpoint" "this" {
  endpoint_id     = "${var.name}-verified"
  endpoint_type   = "source"
  engine_name     = "mysql"
  server_name     = "db.example.com"
  port            = 3306
  username        = "dms"
  password        = "secret"
  ssl_mode        = "MODE"
  certificate_arn = aws_dms_certificate.this.certificate_arn
}

resource "aws_dms_event_subscription" "this" {
  name             = "${var.name}-events"
  enabled          = true
  event_categories = CATEGORIES
  source_type      = "replication-task"
  source_ids       = [var.task_id]
  sns_topic_arn    = "arn:aws:sns:us-east-1:123456789012:alarms"
  tags             = { team = "TEAM" }
}

data "aws_dms_certificate" "this" {
  certificate_id = aws_dms_certificate.this.certificate_id
}

data "aws_dms_endpoint" "this" {
  endpoint_id = aws_dms_endpoint.this.endpoint_id
}

data "aws_dms_replication_instance" "this" {
  replication_instance_id = "lab"
}

data "aws_dms_replication_subnet_group" "this" {
  replication_subnet_group_id = "lab"
}

data "aws_dms_replication_task" "this" {
  replication_task_id = var.task_id
}

output "found" {
  value = {
    key_length = data.aws_dms_certificate.this.key_length
    server     = data.aws_dms_endpoint.this.server_name
    instance   = data.aws_dms_replication_instance.this.replication_instance_class
    subnets    = length(data.aws_dms_replication_subnet_group.this.subnet_ids)
    task       = data.aws_dms_replication_task.this.replication_task_arn
  }
}
"""


def _with(team: str, mode: str, categories: str) -> str:
    return CONFIGURATION.replace("TEAM", team).replace("MODE", mode).replace("CATEGORIES", categories)


def test_the_other_resources_through_the_whole_cycle(lab: Lab, tmp_path: Path) -> None:
    lab.orders(1)
    task = lab.task()
    task_id = task.describe()["ReplicationTaskIdentifier"]
    first = _with("data", "verify-ca", '["failure"]')
    terraform = Terraform(
        tmp_path / "others", lab.service.url, configuration=first, name=lab.name, pem=Authority("ca").pem, task_arn=task.arn, task_id=task_id
    )
    terraform.run("init", "-input=false")
    terraform.apply()
    terraform.plan_is_empty()
    found = json.loads(terraform.run("output", "-json"))["found"]["value"]
    assert found == {"key_length": 2048, "server": "db.example.com", "instance": "dms.t3.micro", "subnets": 2, "task": task.arn}

    for address, identity in {"certificate": "-ca", "endpoint": "-verified", "event_subscription": "-events"}.items():
        terraform.run("import", "-input=false", "-state-out=i.tfstate", "-state=i.tfstate", f"aws_dms_{address}.this", lab.name + identity)
    imported = json.loads((terraform.folder / "i.tfstate").read_text())["resources"]
    attributes = {r["type"]: r["instances"][0]["attributes"] for r in imported if r["mode"] == "managed"}
    assert attributes["aws_dms_event_subscription"]["event_categories"] == ["failure"]
    assert attributes["aws_dms_certificate"]["certificate_pem"].startswith("-----BEGIN CERTIFICATE-----")
    assert attributes["aws_dms_endpoint"]["ssl_mode"] == "verify-ca"

    main = (terraform.folder / "main.tf").read_text()
    terraform.write("main.tf", main.replace(first, _with("lake", "verify-full", '["failure", "creation"]')))
    terraform.apply()
    terraform.plan_is_empty()
    subscription = lab.dms.describe_event_subscriptions(SubscriptionName=f"{lab.name}-events")["EventSubscriptionsList"][0]
    assert sorted(subscription["EventCategoriesList"]) == ["creation", "failure"]
    arn = f"arn:aws:dms:us-east-1:{ACCOUNT}:es:{lab.name}-events"
    assert lab.dms.list_tags_for_resource(ResourceArn=arn)["TagList"][0]["Value"] == "lake"

    terraform.destroy()
    assert f"{lab.name}-ca" not in [c["CertificateIdentifier"] for c in lab.dms.describe_certificates()["Certificates"]]
