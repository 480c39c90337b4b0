# The AWS half, 3 of 3: DMS itself.

resource "aws_dms_replication_subnet_group" "this" {
  replication_subnet_group_id          = var.name
  replication_subnet_group_description = "Replication instance of ${var.name}"
  subnet_ids                           = local.subnet_ids

  # DMS acts in the VPC through dms-vpc-role.
  depends_on = [aws_iam_role_policy_attachment.dms_service]
}

resource "aws_dms_replication_instance" "this" {
  replication_instance_id     = var.name
  replication_instance_class  = var.replication_instance_class
  allocated_storage           = 50
  replication_subnet_group_id = aws_dms_replication_subnet_group.this.id
  publicly_accessible         = false
  apply_immediately           = true
}

resource "aws_dms_endpoint" "mysql" {
  endpoint_id   = "${var.name}-mysql"
  endpoint_type = "source"
  engine_name   = "mysql"
  server_name   = var.mysql_host
  port          = var.mysql_port
  username      = var.mysql_username
  password      = var.mysql_password
  ssl_mode      = var.mysql_ssl_mode

  # Without it, DMS suspends a table when one of its partitions is added or dropped.
  extra_connection_attributes = "skipTableSuspensionForPartitionDdl=true"
}

resource "aws_dms_s3_endpoint" "lake" {
  endpoint_id             = "${var.name}-s3"
  endpoint_type           = "target"
  bucket_name             = aws_s3_bucket.lake.id
  service_access_role_arn = aws_iam_role.dms_target.arn

  # See mappings.tf.
  data_format                                 = local.s3.data_format
  parquet_version                             = local.s3.parquet_version
  include_op_for_full_load                    = local.s3.include_op_for_full_load
  cdc_inserts_only                            = local.s3.cdc_inserts_only
  cdc_inserts_and_updates                     = local.s3.cdc_inserts_and_updates
  timestamp_column_name                       = local.s3.timestamp_column_name
  use_task_start_time_for_full_load_timestamp = local.s3.use_task_start_time_for_full_load_timestamp
  cdc_max_batch_interval                      = local.s3.cdc_max_batch_interval
  cdc_min_file_size                           = local.s3.cdc_min_file_size
  preserve_transactions                       = local.s3.preserve_transactions

  # The role may write before DMS tries.
  depends_on = [aws_iam_role_policy.dms_target]
}

resource "aws_dms_replication_task" "this" {
  replication_task_id      = var.name
  migration_type           = "full-load-and-cdc"
  replication_instance_arn = aws_dms_replication_instance.this.replication_instance_arn
  source_endpoint_arn      = aws_dms_endpoint.mysql.endpoint_arn
  target_endpoint_arn      = aws_dms_s3_endpoint.lake.endpoint_arn

  # See mappings.tf.
  table_mappings            = local.table_mappings
  replication_task_settings = local.task_settings

  # Starting it is the first step of `runbook cutover`, not of `terraform apply`.
  start_replication_task = false
}

output "dms_task_arn" {
  description = "The replication task, for the runbook and for alarms."
  value       = aws_dms_replication_task.this.replication_task_arn
}

output "bucket" {
  description = "Where DMS writes."
  value       = aws_s3_bucket.lake.id
}
