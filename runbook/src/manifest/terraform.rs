//! Asking Terraform for its state.

use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

use super::ManifestError;

/// The output of `terraform show -json` in a folder.
pub(super) async fn show(dir: &Path) -> Result<String, ManifestError> {
    let entries = std::fs::read_dir(dir).map_err(|_| ManifestError::NoFolder { dir: dir.to_owned() })?;
    // Terraform itself compares these endings letter by letter.
    let endings = [".tf", ".tf.json"];
    let is_configuration = |name: &str| endings.iter().any(|ending| name.ends_with(ending));
    if !entries.flatten().any(|entry| entry.file_name().to_str().is_some_and(is_configuration)) {
        return Err(ManifestError::NotTerraform { dir: dir.to_owned() });
    }
    let output = Command::new("terraform")
        .args(["show", "-json", "-no-color"])
        .current_dir(dir)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|cause| ManifestError::NoTerraform { cause })?;
    if !output.status.success() {
        return Err(ManifestError::TerraformFailed {
            dir: dir.to_owned(),
            message: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        });
    }
    String::from_utf8(output.stdout)
        .map_err(|error| ManifestError::TerraformFailed { dir: dir.to_owned(), message: error.to_string() })
}
