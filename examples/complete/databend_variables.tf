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

variable "databend_role_arn" {
  description = "Role with which Databend reads and purges the bucket. Null: the access key below."
  type        = string
  default     = null
}

variable "databend_external_id" {
  description = "External id that the role's trust policy asks for."
  type        = string
  default     = null
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
