# Plans only: AWS is mocked, and the Databend provider plans new resources without a server.

mock_provider "aws" {
  mock_data "aws_region" {
    defaults = { name = "us-east-1" }
  }
  mock_data "aws_availability_zones" {
    defaults = { names = ["us-east-1a", "us-east-1b"] }
  }
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{\"Version\":\"2012-10-17\",\"Statement\":[]}" }
  }
  override_during = plan

  mock_resource "aws_s3_bucket" {
    defaults = { arn = "arn:aws:s3:::shop-123456789012" }
  }
}

variables {
  name                       = "shop"
  mysql_host                 = "mysql.internal"
  mysql_username             = "dms"
  mysql_password             = "secret"
  databend_access_key_id     = "AKIAEXAMPLE"
  databend_secret_access_key = "secret"
}

run "both_tables_are_replicated" {
  command = plan

  assert {
    condition     = { for name, table in module.table : name => table.id } == { customers = "raw.customers,ods.customers", orders = "raw.orders,ods.orders" }
    error_message = "Both tables are planned."
  }

  assert {
    condition     = length(databend_cdc_task_chain.shop.tables) == 2
    error_message = "The chain has both tables."
  }

  assert {
    condition     = toset([for rule in jsondecode(aws_dms_replication_task.this.table_mappings).rules : rule.object-locator.table-name if rule.rule-type == "selection"]) == toset(["orders", "customers"])
    error_message = "The DMS task selects both tables."
  }
}

run "a_role_needs_an_external_id" {
  command = plan

  variables {
    databend_principal_arn = "arn:aws:iam::210987654321:role/databend-cloud"
  }

  expect_failures = [var.databend_external_id]
}
