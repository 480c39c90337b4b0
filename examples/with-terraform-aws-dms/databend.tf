# The Databend half, beside the outputs of the DMS module.

# dsn comes from the environment: DATABEND_DSN.
provider "databend" {}

locals {
  # The module marks its endpoints as sensitive. Bucket, folder and column names are not secret.
  endpoint = {
    for name in ["bucket_name", "bucket_folder", "timestamp_column_name", "cdc_inserts_only", "cdc_inserts_and_updates"] :
    name => nonsensitive(module.dms.s3_endpoints["lake"][name])
  }

  # Every folder in a stage's URL ends with a slash.
  folder = trim(coalesce(local.endpoint.bucket_folder, "/"), "/")

  tables = {
    orders = {
      source      = { schema = "shop", table = "orders" }
      primary_key = ["order_id"]
      columns = [
        { name = "order_id", type = "bigint" },
        { name = "amount", type = "decimal(12,2)" },
      ]
    }
    customers = {
      source      = { schema = "shop", table = "customers" }
      primary_key = ["customer_id"]
      columns = [
        { name = "customer_id", type = "bigint" },
        { name = "email", type = "varchar(100)" },
      ]
    }
  }
}

resource "databend_cdc_stage" "dms" {
  name        = replace("${var.name}_dms", "-", "_")
  url         = "s3://${join("/", compact([local.endpoint.bucket_name, local.folder]))}/"
  region      = data.aws_region.current.name
  role_arn    = var.databend_role_arn
  external_id = var.databend_external_id

  lifecycle {
    precondition {
      condition     = !local.endpoint.cdc_inserts_only && !local.endpoint.cdc_inserts_and_updates
      error_message = "The DMS S3 endpoint leaves out updates or deletes: set cdc_inserts_only and cdc_inserts_and_updates to false."
    }
  }
}

module "table" {
  source   = "../modules/cdc-table"
  for_each = local.tables

  stage               = databend_cdc_stage.dms.name
  source_table        = each.value.source
  columns             = each.value.columns
  primary_key         = each.value.primary_key
  raw                 = { database = "raw" }
  ods                 = { database = "ods" }
  timestamp_column    = local.endpoint.timestamp_column_name
  deletion_protection = var.deletion_protection
}

resource "databend_cdc_task_chain" "shop" {
  name         = replace(var.name, "-", "_")
  warehouse    = var.databend_warehouse
  schedule     = "1 minute"
  tables       = [for table in module.table : table.pipeline]
  dms_task_arn = module.dms.replication_tasks["shop"].replication_task_arn
}
