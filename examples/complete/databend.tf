# The Databend half: the stage over the bucket, the tables, and the tasks that keep them up to date.

# dsn comes from the environment: DATABEND_DSN.
provider "databend" {}

resource "databend_cdc_stage" "dms" {
  name         = replace("${var.name}_dms", "-", "_")
  url          = "s3://${aws_s3_bucket.lake.id}/"
  region       = local.region
  endpoint_url = var.s3_endpoint_url
  role_arn     = one(aws_iam_role.databend[*].arn)
  external_id  = local.databend_role ? var.databend_external_id : null

  # Only where there is no role: keys that Databend alone keeps.
  access_key_id_wo     = local.databend_role ? null : var.databend_access_key_id
  secret_access_key_wo = local.databend_role ? null : var.databend_secret_access_key
  credentials_version  = local.databend_role ? null : 1

  # The role may read before Databend tries.
  depends_on = [aws_iam_role_policy_attachment.databend]
}

# The tables are in tables.tf.
module "table" {
  source   = "../modules/cdc-table"
  for_each = local.tables

  stage               = databend_cdc_stage.dms.name
  source_table        = { schema = local.schema, table = each.key }
  columns             = each.value.columns
  primary_key         = each.value.primary_key
  raw                 = { database = "raw" }
  ods                 = { database = "ods" }
  timestamp_column    = local.s3.timestamp_column_name
  deletion_protection = var.deletion_protection
}

resource "databend_cdc_task_chain" "shop" {
  name         = replace(var.name, "-", "_")
  warehouse    = var.databend_warehouse
  schedule     = var.schedule
  tables       = [for table in module.table : table.pipeline]
  dms_task_arn = aws_dms_replication_task.this.replication_task_arn
}
