//! The schema of `databend_cdc_stage`.

use tfplugin::{Attribute, Schema};

/// The schema.
pub(super) fn schema() -> Schema {
    Schema::new(
        "The external stage through which Databend reads what DMS writes. It authenticates in exactly one way: a role, a connection, or an access key.",
        vec![
            Attribute::string("name").required().describe("Name: lower-case letters, digits and underscores. A change replaces the stage."),
            Attribute::string("url").required().describe("`s3://<bucket>/<folder>/`, with the trailing slash: the bucket and bucket folder of the DMS S3 endpoint."),
            Attribute::string("region").optional().describe("AWS region of the bucket. Default: Databend finds it."),
            Attribute::string("endpoint_url").optional().describe("Endpoint of an S3 that is not AWS's. Default: AWS's."),
            Attribute::string("role_arn").optional().describe("Role that Databend assumes. Its trust policy must admit Databend's own principal, which Databend's support names."),
            Attribute::string("external_id").optional().describe("External id that the role's trust policy asks for. Only with `role_arn`."),
            Attribute::string("connection_name").optional().describe("A connection made with CREATE CONNECTION: letters, digits, underscores and hyphens. The stage copies its values when it is created or replaced."),
            Attribute::string("access_key_id_wo").optional().sensitive().write_only().describe("Access key id; kept by Databend alone, never in plan or state. With `secret_access_key_wo`."),
            Attribute::string("secret_access_key_wo").optional().sensitive().write_only().describe("Secret access key; kept by Databend alone, never in plan or state. With `access_key_id_wo`."),
            Attribute::integer("credentials_version").optional().describe("Whole number. Increase it to send changed keys: Terraform cannot see that a write-only value changed."),
            Attribute::bool("has_credentials").computed().describe("Whether Databend has a role or keys for the stage. `false` after someone removed them; the next apply sets them again."),
            Attribute::string("comment").optional().describe("Comment. Default: none."),
        ],
    )
}
