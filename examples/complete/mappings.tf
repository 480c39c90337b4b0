# The documents that AWS takes, from the provider's functions: what may differ is an argument, and the rest is as the pipeline
# needs it.
locals {
  table_mappings = provider::databend::dms_table_mappings([for table in module.table : table.mapping])
  task_settings  = provider::databend::dms_task_settings({ lob_max_size = var.lob_max_size })
  s3             = provider::databend::dms_s3_settings({ cdc_max_batch_interval = var.cdc_max_batch_interval })

  dms_trust_policy       = provider::databend::dms_trust_policy(local.account_id, local.region)
  dms_bucket_policy      = provider::databend::dms_bucket_policy(aws_s3_bucket.lake.arn)
  databend_bucket_policy = provider::databend::dms_bucket_policy(aws_s3_bucket.lake.arn, { role = "databend" })
}
