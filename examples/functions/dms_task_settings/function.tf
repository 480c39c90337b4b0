resource "aws_dms_replication_task" "shop" {
  # …
  replication_task_settings = provider::databend::dms_task_settings({ lob_max_size = 4096, commit_rate = 2000 })
}
