# Plans only: the provider plans a new table without a server.

variables {
  stage        = "dms"
  source_table = { schema = "shop", table = "orders" }
  columns = [
    { name = "order_id", type = "bigint" },
    { name = "region", type = "varchar(20)" },
  ]
  primary_key = ["order_id"]
  raw         = { database = "raw" }
  ods         = { database = "ods" }
}

run "defaults" {
  command = plan

  assert {
    condition     = output.mapping == { schema = "shop", table = "orders" }
    error_message = "The entry for dms_table_mappings is the source table."
  }

  assert {
    condition     = output.id == "raw.orders,ods.orders"
    error_message = "Raw and ODS tables have the name of the source's."
  }

  assert {
    condition     = databend_cdc_table.this.path == "shop/orders/"
    error_message = "The path is <schema>/<table>/."
  }

  assert {
    condition     = databend_cdc_table.this.deletion_protection && databend_cdc_table.this.raw.retention_days == 15
    error_message = "Deletion protection is on and raw keeps 15 days."
  }

  assert {
    condition     = databend_cdc_table.this.ods.cluster_by == tolist(["order_id"]) && databend_cdc_table.this.ods.row_per_block == 100000
    error_message = "ODS clusters by its key, in blocks of 100000 rows."
  }

  assert {
    condition     = output.pipeline != null
    error_message = "The pipeline is known in the plan."
  }
}

run "everything_is_passed_through" {
  command = plan

  variables {
    path                = "lake/shop/orders/"
    raw                 = { database = "keep", table = "o_raw", retention_days = 30 }
    ods                 = { database = "now", table = "o", cluster_by = ["region", "order_id"], row_per_block = 50000, when_lost = "create_empty" }
    timestamp_column    = "ts"
    change_seq_column   = "seq"
    position_column     = "pos"
    before_image_prefix = "old_"
    deletion_protection = false
  }

  assert {
    condition     = output.id == "keep.o_raw,now.o"
    error_message = "raw and ods do not reach the table."
  }

  assert {
    condition     = databend_cdc_table.this.stage == "dms" && databend_cdc_table.this.path == "lake/shop/orders/"
    error_message = "stage and path do not reach the table."
  }

  assert {
    condition     = databend_cdc_table.this.raw.retention_days == 30 && databend_cdc_table.this.ods.cluster_by == tolist(["region", "order_id"]) && databend_cdc_table.this.ods.row_per_block == 50000
    error_message = "retention_days, cluster_by or row_per_block do not reach the table."
  }

  assert {
    condition     = databend_cdc_table.this.ods.when_lost == "create_empty"
    error_message = "when_lost does not reach the table."
  }

  assert {
    condition     = [for name in ["timestamp_column", "change_seq_column", "position_column", "before_image_prefix"] : databend_cdc_table.this[name]] == ["ts", "seq", "pos", "old_"]
    error_message = "The names of the DMS columns do not reach the table."
  }

  assert {
    condition     = output.mapping_options == { change_seq_column = "seq", position_column = "pos", before_image_prefix = "old_" }
    error_message = "The options of dms_table_mappings match the table."
  }

  assert {
    condition     = !databend_cdc_table.this.deletion_protection
    error_message = "deletion_protection does not reach the table."
  }
}

run "no_cluster_key" {
  command = plan

  variables {
    ods = { database = "ods", cluster_by = [] }
  }

  assert {
    condition     = length(databend_cdc_table.this.ods.cluster_by) == 0
    error_message = "cluster_by = [] is none."
  }
}

run "a_column_with_a_default" {
  command = plan

  variables {
    columns = [
      { name = "order_id", type = "bigint" },
      { name = "region", type = "varchar(20)", default = "north" },
    ]
  }

  assert {
    condition     = databend_cdc_table.this.columns[1].default == "north" && !can(databend_cdc_table.this.columns[0].default)
    error_message = "The default of a column reaches the table."
  }
}

run "a_column_that_was_renamed" {
  command = plan

  variables {
    columns = [
      { name = "order_id", type = "bigint" },
      { name = "region", type = "varchar(20)", renamed_from = "area" },
    ]
  }

  assert {
    condition     = databend_cdc_table.this.columns[1].renamed_from == "area"
    error_message = "The old name of a column reaches the table."
  }
}
