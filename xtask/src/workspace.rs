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

/// The cargo that runs us, without the variables that `cargo run` has set for this package: build scripts that look at
/// them (ring's does) would run again, and everything that depends on them would be compiled again, after each change
/// between `cargo build` in a shell and a build by xtask.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    for (name, _) in env::vars_os().filter(|(name, _)| describes_package(&name.to_string_lossy())) {
        command.env_remove(name);
    }
    command
}

/// Whether `cargo run` sets this variable to describe the package that it runs.
fn describes_package(variable: &str) -> bool {
    ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|prefix| variable.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_does_not_see_the_package_that_runs_it() {
        // Set by cargo for this very test.
        assert!(env::var_os("CARGO_PKG_NAME").is_some());
        let removed: Vec<_> = cargo()
            .get_envs()
            .filter(|(_, value)| value.is_none())
            .map(|(name, _)| name.to_owned())
            .collect();
        for name in ["CARGO_PKG_NAME", "CARGO_MANIFEST_DIR"] {
            assert!(removed.iter().any(|removed| removed == name), "{name}: {removed:?}");
        }
        assert!(!describes_package("CARGO_TARGET_DIR"));
    }
}
