variable "databend_warehouse" {
  description = "The Databend warehouse that runs the tasks."
  type        = string
  default     = "default"
}

variable "schedule" {
  description = "How often Databend looks for new files."
  type        = string
  default     = "1 minute"
}

variable "databend_principal_arn" {
  description = "Databend Cloud's own principal, which assumes a role of this account to read and purge the bucket; Databend's support names it. Null: the access key below."
  type        = string
  default     = null
}

variable "databend_external_id" {
  description = "External id that the role asks Databend Cloud for. Required with databend_principal_arn."
  type        = string
  default     = null

  validation {
    condition     = var.databend_principal_arn == null || var.databend_external_id != null
    error_message = "Without an external id, any customer of Databend Cloud could use the role: set databend_external_id to the one that Databend's support names."
  }
}

variable "databend_access_key_id" {
  description = "Without a role: access key id. Not kept in plan or state."
  type        = string
  default     = null
  ephemeral   = true
  sensitive   = true
}

variable "databend_secret_access_key" {
  description = "Without a role: secret access key. Not kept in plan or state."
  type        = string
  default     = null
  ephemeral   = true
  sensitive   = true
}

variable "s3_endpoint_url" {
  description = "An S3 that is not AWS's, as in the sandbox."
  type        = string
  default     = null
}

variable "deletion_protection" {
  description = "Whether terraform destroy is refused for the tables."
  type        = bool
  default     = true
}
