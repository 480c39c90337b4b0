# The Databend half: the stage over the bucket, one table, and the tasks that keep it up to date.

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

resource "databend_cdc_table" "orders" {
  stage  = databend_cdc_stage.dms.name
  source = local.source
  columns = [
    { name = "order_id", type = "bigint" },
    { name = "customer_id", type = "bigint" },
    { name = "status", type = "varchar(20)" },
    { name = "amount", type = "decimal(12,2)" },
    { name = "note", type = "text" },
    { name = "created_at", type = "datetime(6)" },
    { name = "updated_at", type = "timestamp(6)" },
  ]
  primary_key         = ["order_id"]
  raw                 = { database = "raw" }
  ods                 = { database = "ods" }
  deletion_protection = var.deletion_protection
}

resource "databend_cdc_task_chain" "shop" {
  name         = replace(var.name, "-", "_")
  warehouse    = var.databend_warehouse
  schedule     = var.schedule
  tables       = [databend_cdc_table.orders.pipeline]
  dms_task_arn = aws_dms_replication_task.this.replication_task_arn
}
