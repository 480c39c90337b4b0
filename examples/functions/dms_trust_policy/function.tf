data "aws_caller_identity" "current" {}
data "aws_region" "current" {}

resource "aws_iam_role" "dms_target" {
  name = "dms-target"
  assume_role_policy = provider::databend::dms_trust_policy(
    data.aws_caller_identity.current.account_id,
    data.aws_region.current.name,
  )
}
