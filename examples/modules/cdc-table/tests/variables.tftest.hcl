# Each variable refuses what the table could not take, before the provider is asked.

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

run "stage_is_refused_1" {
  command = plan

  variables {
    stage = ""
  }

  expect_failures = [var.stage]
}

run "source_table_is_refused_1" {
  command = plan

  variables {
    source_table = { schema = "", table = "orders" }
  }

  expect_failures = [var.source_table]
}

run "source_table_is_refused_2" {
  command = plan

  variables {
    source_table = { schema = "shop", table = "orders", path = "shop/orders/" }
  }

  expect_failures = [var.source_table]
}

run "columns_is_refused_1" {
  command = plan

  variables {
    columns = []
  }

  expect_failures = [var.columns]
}

run "columns_is_refused_2" {
  command = plan

  variables {
    columns = [{ name = "order_id", typ = "bigint" }]
  }

  expect_failures = [var.columns]
}

run "columns_is_refused_3" {
  command = plan

  variables {
    columns = [{ name = "order_id", type = "bigint" }, { name = "ORDER_ID", type = "bigint" }]
  }

  expect_failures = [var.columns]
}

run "primary_key_is_refused_1" {
  command = plan

  variables {
    primary_key = []
  }

  expect_failures = [var.primary_key]
}

run "primary_key_is_refused_2" {
  command = plan

  variables {
    primary_key = ["order_id", "order_id"]
  }

  expect_failures = [var.primary_key]
}

run "primary_key_is_refused_3" {
  command = plan

  variables {
    primary_key = ["other"]
  }

  expect_failures = [var.primary_key]
}

run "path_is_refused_1" {
  command = plan

  variables {
    path = "shop/orders"
  }

  expect_failures = [var.path]
}

run "path_is_refused_2" {
  command = plan

  variables {
    path = "/shop/orders/"
  }

  expect_failures = [var.path]
}

run "raw_is_refused_1" {
  command = plan

  variables {
    raw = { database = "raw", retention = 3 }
  }

  expect_failures = [var.raw]
}

run "raw_is_refused_2" {
  command = plan

  variables {
    raw = { table = "orders" }
  }

  expect_failures = [var.raw]
}

run "raw_is_refused_3" {
  command = plan

  variables {
    raw = { database = "raw", retention_days = 91 }
  }

  expect_failures = [var.raw]
}

run "ods_is_refused_1" {
  command = plan

  variables {
    ods = { database = "ods", clustr_by = ["order_id"] }
  }

  expect_failures = [var.ods]
}

run "ods_is_refused_2" {
  command = plan

  variables {
    ods = { database = "ods", cluster_by = ["other"] }
  }

  expect_failures = [var.ods]
}

run "ods_is_refused_3" {
  command = plan

  variables {
    ods = { database = "ods", row_per_block = 999 }
  }

  expect_failures = [var.ods]
}

run "ods_is_refused_4" {
  command = plan

  variables {
    ods = { database = "ods", when_lost = "ignore" }
  }

  expect_failures = [var.ods]
}

run "timestamp_column_is_refused_1" {
  command = plan

  variables {
    timestamp_column = ""
  }

  expect_failures = [var.timestamp_column]
}

run "change_seq_column_is_refused_1" {
  command = plan

  variables {
    change_seq_column = " seq"
  }

  expect_failures = [var.change_seq_column]
}

run "position_column_is_refused_1" {
  command = plan

  variables {
    position_column = "pos "
  }

  expect_failures = [var.position_column]
}

run "before_image_prefix_is_refused_1" {
  command = plan

  variables {
    before_image_prefix = " "
  }

  expect_failures = [var.before_image_prefix]
}
