locals {
  s3 = provider::databend::dms_s3_settings({ cdc_max_batch_interval = 30 })
}

resource "aws_dms_s3_endpoint" "lake" {
  # …
  data_format              = local.s3.data_format
  include_op_for_full_load = local.s3.include_op_for_full_load
  cdc_inserts_and_updates  = local.s3.cdc_inserts_and_updates
  cdc_max_batch_interval   = local.s3.cdc_max_batch_interval
}
