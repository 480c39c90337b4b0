//! Terraform on examples/complete, with the sandbox's addresses in its variables.

use std::path::Path;

use e2e::{Error, Output, Sandbox, TerraformDir};

use crate::{DMS_SECONDS, TASK_SECONDS};

/// Prefix of all names; the example's `var.name`.
const NAME: &str = "demo";
/// The stage that the example makes of it.
pub(crate) const STAGE: &str = "demo_dms";

/// A copy of the example, ready for `init`.
pub(crate) fn prepare(sandbox: &Sandbox) -> Result<TerraformDir, Error> {
    // xtask runs us in the repository's root.
    let mut terraform = TerraformDir::from_example(sandbox, Path::new("examples/complete"))?;
    let mysql = sandbox.mysql_parts()?;
    let variables = [
        ("name", NAME.to_owned()),
        ("mysql_host", mysql.host),
        ("mysql_port", mysql.port.to_string()),
        ("mysql_username", mysql.user),
        ("mysql_password", mysql.password),
        ("cdc_max_batch_interval", DMS_SECONDS.to_string()),
        ("bucket_force_destroy", "true".into()),
        ("s3_use_path_style", "true".into()),
        ("s3_endpoint_url", sandbox.aws_endpoint_url.clone()),
        ("databend_access_key_id", sandbox.aws_access_key_id.clone()),
        ("databend_secret_access_key", sandbox.aws_secret_access_key.clone()),
        ("schedule", format!("{TASK_SECONDS} seconds")),
        ("deletion_protection", "false".into()),
    ];
    for (name, value) in variables {
        terraform.set(&format!("TF_VAR_{name}"), &value);
    }
    Ok(terraform)
}

/// "Apply complete! Resources: 21 added, 0 changed, 0 destroyed." without its exclamation.
pub(crate) fn summary(output: &Output) -> String {
    let line = output.stdout.lines().find(|line| line.contains("complete! Resources:"));
    line.and_then(|line| line.split_once("Resources: ")).map_or_else(
        || "done".to_owned(),
        |(_, counts)| format!("{} (resources)", counts.trim_end_matches('.')),
    )
}
