//! Where the repository and its target folder lie.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
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
        let mut command = cargo();
        command.args(["metadata", "--no-deps", "--format-version", "1"]);
        // Set by `cargo run`. Not `env!`: two checkouts may share a target folder, and then a program in it.
        if let Some(package) = env::var_os("CARGO_MANIFEST_DIR") {
            command.current_dir(package);
        }
        let answer = process::output("cargo metadata", &mut command)?;
        Self::parse(&answer).ok_or(Error::Answer { program: "cargo metadata".into(), answer })
    }

    fn parse(metadata: &str) -> Option<Self> {
        let all: serde_json::Value = serde_json::from_str(metadata).ok()?;
        let folder = |name: &str| all[name].as_str().map(PathBuf::from);
        Some(Self { root: folder("workspace_root")?, target: folder("target_directory")? })
    }
}

/// The cargo that runs us.
pub(crate) fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")))
}
