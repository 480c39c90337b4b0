# What Databend may do in the bucket, and the role that Databend Cloud assumes for it.

# Without the role, attach the policy to the user of the access key.
resource "aws_iam_policy" "databend" {
  name        = "${var.name}-databend"
  description = "Databend reads and purges ${local.bucket_name}"
  policy      = local.databend_bucket_policy
}

data "aws_iam_policy_document" "databend_trust" {
  count = local.databend_role ? 1 : 0

  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "AWS"
      identifiers = [var.databend_principal_arn]
    }

    condition {
      test     = "StringEquals"
      variable = "sts:ExternalId"
      values   = [var.databend_external_id]
    }
  }
}

resource "aws_iam_role" "databend" {
  count              = local.databend_role ? 1 : 0
  name               = "${var.name}-databend"
  description        = "Databend reads and purges ${local.bucket_name}"
  assume_role_policy = data.aws_iam_policy_document.databend_trust[0].json
}

resource "aws_iam_role_policy_attachment" "databend" {
  count      = local.databend_role ? 1 : 0
  role       = aws_iam_role.databend[0].name
  policy_arn = aws_iam_policy.databend.arn
}

locals {
  databend_role = var.databend_principal_arn != null
}

output "databend_policy_arn" {
  description = "Lets Databend read and purge the bucket."
  value       = aws_iam_policy.databend.arn
}
