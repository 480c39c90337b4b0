# What DMS takes, and how it writes it: from the provider's functions, so that nobody has to know every setting.
locals {
  source = { schema = "shop", table = "orders" }

  table_mappings = provider::databend::dms_table_mappings([local.source])
  s3             = provider::databend::dms_s3_settings({ cdc_max_batch_interval = var.cdc_max_batch_interval })
}
