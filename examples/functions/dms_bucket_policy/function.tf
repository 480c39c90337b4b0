# DMS writes below the folder.
resource "aws_iam_role_policy" "dms_target" {
  role   = aws_iam_role.dms_target.id
  policy = provider::databend::dms_bucket_policy(aws_s3_bucket.lake.arn, { folder = "dms" })
}

# Databend reads below the folder, and deletes what it has loaded.
resource "aws_iam_role_policy" "databend" {
  role   = aws_iam_role.databend.id
  policy = provider::databend::dms_bucket_policy(aws_s3_bucket.lake.arn, { role = "databend", folder = "dms" })
}
