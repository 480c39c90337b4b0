# One replicated table of any task chain.
resource "databend_cdc_table" "this" {
  stage               = var.stage
  source              = var.source_table
  columns             = var.columns
  primary_key         = var.primary_key
  path                = var.path
  raw                 = var.raw
  ods                 = var.ods
  timestamp_column    = var.timestamp_column
  change_seq_column   = var.change_seq_column
  position_column     = var.position_column
  before_image_prefix = var.before_image_prefix
  deletion_protection = var.deletion_protection
}
