resource "databend_cdc_stage" "dms" {
  name        = "dms"
  url         = "s3://my-dms-bucket/"
  region      = "eu-central-1"
  role_arn    = "arn:aws:iam::123456789012:role/databend-reads-dms"
  external_id = "my-organisation"
}
