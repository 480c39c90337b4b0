# The source's tables. Another table is another element.
locals {
  schema = "shop"

  tables = {
    orders = {
      primary_key = ["order_id"]
      columns = [
        { name = "order_id", type = "bigint" },
        { name = "customer_id", type = "bigint" },
        { name = "status", type = "varchar(20)" },
        { name = "amount", type = "decimal(12,2)" },
        { name = "note", type = "text" },
        { name = "created_at", type = "datetime(6)" },
        { name = "updated_at", type = "timestamp(6)" },
      ]
    }
    customers = {
      primary_key = ["customer_id"]
      columns = [
        { name = "customer_id", type = "bigint" },
        { name = "email", type = "varchar(100)" },
      ]
    }
  }
}
