# Plans only: AWS is mocked, and the Databend provider plans new resources without a server.

mock_provider "aws" {
  mock_data "aws_region" {
    defaults = { name = "us-east-1" }
  }
}

variables {
  bucket               = "lake"
  subnet_ids           = ["subnet-1", "subnet-2"]
  mysql_secret_arn     = "arn:aws:secretsmanager:us-east-1:123456789012:secret:mysql"
  databend_role_arn    = "arn:aws:iam::123456789012:role/databend-reads-dms"
  databend_external_id = "id-of-ours"
}

run "plan" {
  command = plan

  assert {
    condition     = databend_cdc_stage.dms.url == "s3://lake/"
    error_message = "The stage lies where the DMS endpoint writes."
  }

  assert {
    condition     = { for name, table in module.table : name => table.id } == { customers = "raw.customers,ods.customers", orders = "raw.orders,ods.orders" }
    error_message = "Both tables are planned."
  }

  assert {
    condition     = length(databend_cdc_task_chain.shop.tables) == 2 && databend_cdc_task_chain.shop.load_tasks == "per_table"
    error_message = "The chain has both tables, each with its own tasks."
  }

  assert {
    condition     = toset([for rule in jsondecode(module.dms.replication_tasks["shop"].table_mappings).rules : rule.object-locator.table-name if rule.rule-type == "selection"]) == toset(["orders", "customers"])
    error_message = "The DMS task selects both tables."
  }
}

run "folder" {
  command = plan

  override_module {
    target = module.dms
    outputs = {
      s3_endpoints      = { lake = { bucket_name = "lake", bucket_folder = "dms/shop", timestamp_column_name = "ts", cdc_inserts_only = false, cdc_inserts_and_updates = false } }
      replication_tasks = { shop = { replication_task_arn = "arn:aws:dms:us-east-1:123456789012:task:SHOP" } }
    }
  }

  assert {
    condition     = databend_cdc_stage.dms.url == "s3://lake/dms/shop/"
    error_message = "The stage lies in the endpoint's folder."
  }

  assert {
    condition     = databend_cdc_task_chain.shop.dms_task_arn == "arn:aws:dms:us-east-1:123456789012:task:SHOP"
    error_message = "The chain knows the DMS task."
  }
}

run "an_endpoint_without_deletes_is_refused" {
  command = plan

  override_module {
    target = module.dms
    outputs = {
      s3_endpoints      = { lake = { bucket_name = "lake", bucket_folder = null, timestamp_column_name = "ts", cdc_inserts_only = false, cdc_inserts_and_updates = true } }
      replication_tasks = { shop = { replication_task_arn = "arn:aws:dms:us-east-1:123456789012:task:SHOP" } }
    }
  }

  expect_failures = [databend_cdc_stage.dms]
}
