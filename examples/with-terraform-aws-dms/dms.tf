# The DMS half: the common module, with the settings that the pipeline needs from the provider's functions.

provider "aws" {}

data "aws_region" "current" {}

locals {
  s3 = provider::databend::dms_s3_settings()
}

module "dms" {
  source  = "terraform-aws-modules/dms/aws"
  version = "~> 2.6"

  repl_instance_id    = var.name
  repl_instance_class = "dms.t3.medium"

  repl_subnet_group_name        = var.name
  repl_subnet_group_description = "Replication instance of ${var.name}"
  repl_subnet_group_subnet_ids  = var.subnet_ids

  # DMS's own role. The module's policy needs the bucket and what is in it.
  create_access_iam_role       = true
  access_secret_arns           = [var.mysql_secret_arn]
  access_target_s3_bucket_arns = ["arn:aws:s3:::${var.bucket}", "arn:aws:s3:::${var.bucket}/*"]

  endpoints = {
    mysql = {
      endpoint_id         = "${var.name}-mysql"
      endpoint_type       = "source"
      engine_name         = "mysql"
      secrets_manager_arn = var.mysql_secret_arn
      ssl_mode            = "none"
    }
  }

  s3_endpoints = {
    lake = merge(local.s3, {
      endpoint_id   = "${var.name}-s3"
      endpoint_type = "target"
      bucket_name   = var.bucket
    })
  }

  replication_tasks = {
    shop = {
      replication_task_id       = var.name
      migration_type            = "full-load-and-cdc"
      source_endpoint_key       = "mysql"
      target_endpoint_key       = "lake"
      table_mappings            = provider::databend::dms_table_mappings([for table in module.table : table.mapping])
      replication_task_settings = provider::databend::dms_task_settings()

      # Starting it is the first step of `runbook cutover`, not of `terraform apply`.
      start_replication_task = false
    }
  }
}
