variable "name" {
  description = "Prefix of all names."
  type        = string
  default     = "shop"
}

variable "bucket" {
  description = "The bucket between DMS and Databend."
  type        = string
}

variable "subnet_ids" {
  description = "Subnets of the replication instance."
  type        = list(string)
}

variable "mysql_secret_arn" {
  description = "The Secrets Manager secret with host, port, user and password of the source."
  type        = string
}

variable "databend_role_arn" {
  description = "The role with which Databend reads and purges the bucket."
  type        = string
}

variable "databend_external_id" {
  description = "The external id that the role asks for."
  type        = string
}

variable "databend_warehouse" {
  description = "The Databend warehouse that runs the tasks."
  type        = string
  default     = "default"
}

variable "deletion_protection" {
  description = "Whether terraform destroy is refused for the tables."
  type        = bool
  default     = true
}
