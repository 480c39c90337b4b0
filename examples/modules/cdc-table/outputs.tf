output "mapping" {
  description = "This table's entry in the first argument of provider::databend::dms_table_mappings."
  value       = var.source_table
}

output "mapping_options" {
  description = "The second argument of provider::databend::dms_table_mappings. All tables of one DMS task share it."
  value = {
    change_seq_column   = var.change_seq_column
    position_column     = var.position_column
    before_image_prefix = var.before_image_prefix
  }
}

output "pipeline" {
  description = "This table's element of databend_cdc_task_chain.tables."
  value       = databend_cdc_table.this.pipeline
}

output "id" {
  description = "Id of the table, which is also its import id."
  value       = databend_cdc_table.this.id
}

output "raw_table" {
  description = "Name of the raw table, with its database."
  value       = databend_cdc_table.this.raw_table
}

output "ods_table" {
  description = "Name of the ODS table, with its database."
  value       = databend_cdc_table.this.ods_table
}

output "stream" {
  description = "Name of the stream on the raw table, with its database."
  value       = databend_cdc_table.this.stream
}

output "unmapped_columns" {
  description = "Columns of the raw table that var.columns does not list."
  value       = databend_cdc_table.this.unmapped_columns
}
