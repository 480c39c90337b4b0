# Stands in for terraform-aws-modules/dms/aws 2.6 where the Registry cannot be reached. For tests only: it creates
# nothing, and it has the inputs and outputs of that module that the example uses.
variable "repl_instance_id" { type = string }
variable "repl_instance_class" { type = string }
variable "repl_subnet_group_name" { type = string }
variable "repl_subnet_group_description" { type = string }
variable "repl_subnet_group_subnet_ids" { type = list(string) }
variable "create_access_iam_role" { type = bool }
variable "access_secret_arns" { type = list(string) }
variable "access_target_s3_bucket_arns" { type = list(string) }
variable "endpoints" { type = any }
variable "s3_endpoints" { type = any }
variable "replication_tasks" { type = any }

# An id that is unknown in the plan, as the ARN of a DMS task is.
resource "terraform_data" "task" {
  for_each = var.replication_tasks
}

output "s3_endpoints" {
  sensitive = true
  value     = { for key, endpoint in var.s3_endpoints : key => merge({ bucket_folder = null }, endpoint) }
}

output "replication_tasks" {
  value = {
    for key, task in var.replication_tasks :
    key => merge(task, { replication_task_arn = "arn:aws:dms:us-east-1:123456789012:task:${terraform_data.task[key].id}" })
  }
}
