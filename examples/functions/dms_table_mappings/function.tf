resource "aws_dms_replication_task" "shop" {
  # …
  table_mappings = provider::databend::dms_table_mappings([
    { schema = "shop", table = "orders" },
    { schema = "shop", table = "order_items" },
  ])
}
