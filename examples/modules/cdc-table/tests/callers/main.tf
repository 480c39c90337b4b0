# Configurations that call the module with count, for_each and a cluster key from a variable. For callers.tftest.hcl only.
terraform {
  required_providers {
    databend = {
      source = "databend-cdc/databend"
    }
  }
}

variable "key" {
  type    = string
  default = "order_id"
}

variable "enabled" {
  type    = bool
  default = true
}

variable "tables" {
  type    = set(string)
  default = ["orders", "items"]
}

module "counted" {
  source = "../.."
  count  = var.enabled ? 1 : 0

  stage        = "dms"
  source_table = { schema = "shop", table = "counted" }
  columns      = [{ name = var.key, type = "bigint" }]
  primary_key  = [var.key]
  raw          = { database = "raw" }
  ods          = { database = "ods", cluster_by = [var.key] }
}

module "each" {
  source   = "../.."
  for_each = var.tables

  stage        = "dms"
  source_table = { schema = "shop", table = each.key }
  columns      = [{ name = var.key, type = "bigint" }]
  primary_key  = [var.key]
  raw          = { database = "raw" }
  ods          = { database = "ods", cluster_by = [var.key] }
}

output "mappings" {
  value = length(var.tables) == 0 ? null : provider::databend::dms_table_mappings([for table in module.each : table.mapping])
}

output "counted" {
  value = module.counted[*].id
}

output "each" {
  value = { for name, table in module.each : name => table.id }
}

output "pipelines" {
  value = [for table in module.each : table.pipeline]
}
