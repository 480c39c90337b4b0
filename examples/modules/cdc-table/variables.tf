# Terraform drops unknown keys of a typed object without a message. source_table, columns, raw and ods therefore have type
# any, and a validation names the keys.

variable "stage" {
  description = "Name of the databend_cdc_stage with the DMS files."
  type        = string
  nullable    = false

  validation {
    condition     = trimspace(var.stage) != ""
    error_message = "stage is empty: set it to the name of a databend_cdc_stage."
  }
}

# Modules cannot have a variable named "source".
variable "source_table" {
  description = "The table at the source: schema and table."
  type        = any
  nullable    = false

  validation {
    condition     = try(toset(keys(var.source_table)) == toset(["schema", "table"]), false)
    error_message = "source_table has the keys schema and table."
  }

  validation {
    condition     = alltrue([for name in try(values(var.source_table), []) : try(trimspace(name) != "", false)])
    error_message = "source_table needs a schema and a table, as in { schema = \"shop\", table = \"orders\" }."
  }
}

variable "columns" {
  description = "The source's columns: a list of { name, type } with MySQL types, and optionally default: what MySQL gave the rows that existed when the column was added; and renamed_from: the name that the column had before."
  type        = any
  nullable    = false

  validation {
    condition     = try(length(var.columns) > 0, false)
    error_message = "columns is empty: list every column of the source, as in [{ name = \"order_id\", type = \"bigint\" }]."
  }

  validation {
    condition     = alltrue([for column in var.columns : try(length(setsubtract(["name", "type"], keys(column))) == 0 && length(setsubtract(keys(column), ["name", "type", "default", "renamed_from"])) == 0, false)])
    error_message = "Every element of columns has the keys name and type and, optionally, default and renamed_from."
  }

  validation {
    condition     = try(length(distinct([for column in var.columns : lower(column.name)])) == length(var.columns), true)
    error_message = "columns lists a name twice. Upper and lower case do not make two columns."
  }
}

variable "primary_key" {
  description = "Names of the columns that identify a row."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.primary_key) > 0
    error_message = "primary_key is empty: a table without a key cannot be replicated."
  }

  validation {
    condition     = length(distinct(var.primary_key)) == length(var.primary_key)
    error_message = "primary_key lists a column twice."
  }

  validation {
    condition     = try(length(setsubtract(var.primary_key, [for column in var.columns : column.name])) == 0, true)
    error_message = "primary_key names a column that columns does not list."
  }
}

variable "path" {
  description = "Folder of the table's files under the stage, with a trailing slash. Null: <schema>/<table>/."
  type        = string
  default     = null

  validation {
    condition     = var.path == null || try(endswith(var.path, "/") && !startswith(var.path, "/"), false)
    error_message = "path is relative to the stage and ends with a slash, as in \"shop/orders/\"."
  }
}

variable "raw" {
  description = "The table that keeps every change: database, and optionally table and retention_days (1 to 90)."
  type        = any
  nullable    = false

  validation {
    condition     = try(contains(keys(var.raw), "database") && length(setsubtract(keys(var.raw), ["database", "table", "retention_days"])) == 0, false)
    error_message = "raw has the key database and, optionally, table and retention_days."
  }

  validation {
    condition     = try(var.raw.retention_days, null) == null || try(var.raw.retention_days >= 1 && var.raw.retention_days <= 90 && floor(var.raw.retention_days) == var.raw.retention_days, false)
    error_message = "raw.retention_days is a whole number from 1 to 90."
  }
}

variable "ods" {
  description = "The table with the latest state: database, and optionally table, cluster_by, row_per_block (1000 to 1000000) and when_lost."
  type        = any
  nullable    = false

  validation {
    condition     = try(contains(keys(var.ods), "database") && length(setsubtract(keys(var.ods), ["database", "table", "cluster_by", "row_per_block", "when_lost"])) == 0, false)
    error_message = "ods has the key database and, optionally, table, cluster_by, row_per_block and when_lost."
  }

  validation {
    condition     = try(var.ods.cluster_by, null) == null || try(length(setsubtract(var.ods.cluster_by, [for column in var.columns : column.name])) == 0, true)
    error_message = "ods.cluster_by names a column that columns does not list."
  }

  validation {
    condition     = try(var.ods.row_per_block, null) == null || try(var.ods.row_per_block >= 1000 && var.ods.row_per_block <= 1000000 && floor(var.ods.row_per_block) == var.ods.row_per_block, false)
    error_message = "ods.row_per_block is a whole number from 1000 to 1000000."
  }

  validation {
    condition     = try(var.ods.when_lost, null) == null || try(contains(["refuse", "create_empty"], var.ods.when_lost), false)
    error_message = "ods.when_lost is \"refuse\" or \"create_empty\"."
  }
}

variable "timestamp_column" {
  description = "Column of the DMS time: timestamp_column_name of the DMS S3 endpoint."
  type        = string
  default     = "_dms_ingestion_timestamp"
  nullable    = false

  validation {
    condition     = trimspace(var.timestamp_column) != ""
    error_message = "timestamp_column is empty: set it to timestamp_column_name of the DMS S3 endpoint."
  }
}

variable "change_seq_column" {
  description = "Column of the DMS change sequence. \"\": the DMS task has none."
  type        = string
  default     = "_dms_change_seq"
  nullable    = false

  validation {
    condition     = var.change_seq_column == trimspace(var.change_seq_column)
    error_message = "change_seq_column has spaces at an end. Set \"\" if the DMS task has no such column."
  }
}

variable "position_column" {
  description = "Column of the DMS stream position. \"\": the DMS task has none."
  type        = string
  default     = "_dms_position"
  nullable    = false

  validation {
    condition     = var.position_column == trimspace(var.position_column)
    error_message = "position_column has spaces at an end. Set \"\" if the DMS task has no such column."
  }
}

variable "before_image_prefix" {
  description = "Prefix of the key's before-image columns. \"\": the DMS task has none."
  type        = string
  default     = "_dms_before_"
  nullable    = false

  validation {
    condition     = var.before_image_prefix == trimspace(var.before_image_prefix)
    error_message = "before_image_prefix has spaces at an end. Set \"\" if the DMS task has no such columns."
  }
}

variable "deletion_protection" {
  description = "Whether destroying and replacing the table are refused."
  type        = bool
  default     = true
  nullable    = false
}
