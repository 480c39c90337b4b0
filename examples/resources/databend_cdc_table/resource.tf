resource "databend_cdc_table" "orders" {
  stage  = databend_cdc_stage.dms.name
  source = { schema = "shop", table = "orders" }
  columns = [
    { name = "order_id", type = "bigint" },
    { name = "status", type = "varchar(20)" },
    { name = "amount", type = "decimal(12,2)" },
    { name = "created_at", type = "datetime(6)" },
  ]
  primary_key = ["order_id"]
  raw         = { database = "raw", retention_days = 15 }
  ods         = { database = "ods", cluster_by = ["order_id"] }
}
