variable "name" {
  description = "Prefix of every AWS name: letters, digits and hyphens."
  type        = string
  default     = "shop-cdc"

  validation {
    condition     = can(regex("^[a-z](-?[a-z0-9])*$", var.name))
    error_message = "Lower-case letters, digits and single hyphens, beginning with a letter: DMS takes nothing else."
  }
}

variable "aws_region" {
  description = "Region of the bucket, of DMS and of the source. Null: the environment's (AWS_REGION)."
  type        = string
  default     = null
}

variable "s3_use_path_style" {
  description = "True where bucket names are not host names, as in the sandbox."
  type        = bool
  default     = false
}

variable "bucket_name" {
  description = "The bucket between DMS and Databend. Null: <name>-<account id>."
  type        = string
  default     = null
}

variable "bucket_force_destroy" {
  description = "Whether terraform destroy may delete a bucket that still has files."
  type        = bool
  default     = false
}

variable "subnet_ids" {
  description = "Subnets of the replication instance, in two availability zones, that reach the source and S3. Null: a VPC of its own is made."
  type        = list(string)
  default     = null
}

variable "replication_instance_class" {
  description = "Size of the replication instance."
  type        = string
  default     = "dms.t3.medium"
}

variable "create_dms_service_roles" {
  description = "Makes dms-vpc-role and dms-cloudwatch-logs-role, which an account needs exactly once. False where they exist: the DMS console makes them on its first use."
  type        = bool
  default     = false
}

variable "mysql_host" {
  description = "The source: an RDS or Aurora endpoint, or any MySQL server."
  type        = string
}

variable "mysql_port" {
  description = "Port of the source."
  type        = number
  default     = 3306
}

variable "mysql_username" {
  description = "A user with SELECT, REPLICATION CLIENT and REPLICATION SLAVE."
  type        = string
}

variable "mysql_password" {
  description = "Its password."
  type        = string
  sensitive   = true
}

variable "mysql_ssl_mode" {
  description = "none, require, verify-ca or verify-full."
  type        = string
  default     = "none"
}

variable "cdc_max_batch_interval" {
  description = "Seconds until a table's changes are written to S3, counted from the first one: the larger part of the pipeline's lag."
  type        = number
  default     = 60
}

variable "lob_max_size" {
  description = "Kilobytes at which DMS cuts off a JSON, MEDIUMTEXT, LONGTEXT, MEDIUMBLOB or LONGBLOB value."
  type        = number
  default     = 1024
}
