//! Where the repository and its target folder lie.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::Error;
use crate::process;

/// The folders of this checkout.
#[derive(Debug, Clone)]
pub(crate) struct Workspace {
    /// The repository's root.
    pub(crate) root: PathBuf,
    /// Cargo's target folder; everything that we make lies in it.
    pub(crate) target: PathBuf,
}

impl Workspace {
    /// Asks cargo, since the target folder can be set by variables and configuration files.
    pub(crate) fn find() -> Result<Self, Error> {
        let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = xtask.parent().unwrap_or(xtask).to_owned();
        let mut command = cargo();
        command.current_dir(&root).args(["metadata", "--no-deps", "--format-version", "1"]);
        let metadata = process::output("cargo metadata", &mut command)?;
        let target = serde_json::from_str::<serde_json::Value>(&metadata)
            .ok()
            .and_then(|all| all["target_directory"].as_str().map(PathBuf::from))
            .ok_or_else(|| Error::Answer { program: "cargo metadata".into(), answer: metadata })?;
        Ok(Self { root, target })
    }
}

/// The cargo that runs us.
pub(crate) fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")))
}
