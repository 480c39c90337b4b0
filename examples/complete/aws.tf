# The AWS half, 1 of 3: the bucket between DMS and Databend, and the role with which DMS writes to it.

provider "aws" {
  region            = var.aws_region
  s3_use_path_style = var.s3_use_path_style
}

data "aws_caller_identity" "current" {}
data "aws_region" "current" {}

locals {
  account_id  = data.aws_caller_identity.current.account_id
  region      = data.aws_region.current.name
  bucket_name = coalesce(var.bucket_name, "${var.name}-${local.account_id}")
}

# Without versioning: AWS advises against it for a DMS target, and the files are deleted once Databend has loaded them.
resource "aws_s3_bucket" "lake" {
  bucket        = local.bucket_name
  force_destroy = var.bucket_force_destroy
}

resource "aws_s3_bucket_public_access_block" "lake" {
  bucket                  = aws_s3_bucket.lake.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

# The policies are in mappings.tf.
resource "aws_iam_role" "dms_target" {
  name               = "${var.name}-dms-target"
  description        = "DMS writes the changes of MySQL to ${local.bucket_name}"
  assume_role_policy = local.dms_trust_policy
}

resource "aws_iam_role_policy" "dms_target" {
  name   = "write-to-bucket"
  role   = aws_iam_role.dms_target.id
  policy = local.dms_bucket_policy
}

# The account's own roles for DMS. Their names are fixed. Their trust has no conditions: with them DMS writes no logs.
data "aws_iam_policy_document" "dms_service" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["dms.amazonaws.com"]
    }
  }
}

locals {
  dms_service_roles = var.create_dms_service_roles ? {
    dms-vpc-role             = "arn:aws:iam::aws:policy/service-role/AmazonDMSVPCManagementRole"
    dms-cloudwatch-logs-role = "arn:aws:iam::aws:policy/service-role/AmazonDMSCloudWatchLogsRole"
  } : {}
}

resource "aws_iam_role" "dms_service" {
  for_each           = local.dms_service_roles
  name               = each.key
  assume_role_policy = data.aws_iam_policy_document.dms_service.json
}

resource "aws_iam_role_policy_attachment" "dms_service" {
  for_each   = local.dms_service_roles
  role       = aws_iam_role.dms_service[each.key].name
  policy_arn = each.value
}
