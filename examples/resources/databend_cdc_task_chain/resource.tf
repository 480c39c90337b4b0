resource "databend_cdc_task_chain" "orders" {
  name         = "shop_orders"
  warehouse    = "default"
  schedule     = "1 minute"
  tables       = [databend_cdc_table.orders.pipeline]
  dms_task_arn = aws_dms_replication_task.shop.replication_task_arn
}
