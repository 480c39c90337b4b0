//! A real MySQL server, for `cargo xtask test --mysql`: Debian's packages, unpacked (sandbox/mysql/packages.py).

use std::path::PathBuf;
use std::process::Command;

use crate::error::Error;
use crate::process;
use crate::say;
use crate::venv;
use crate::workspace::Workspace;

/// The folder of the server, if it is wanted. It is downloaded once, and again when the pin has changed.
pub(crate) fn ready(workspace: &Workspace, is_wanted: bool) -> Result<Option<PathBuf>, Error> {
    if !is_wanted {
        return Ok(None);
    }
    say::step("a real MySQL server (downloaded once)");
    let folder = workspace.target.join("mysql");
    let printed = process::output("getting MySQL", packages(workspace)?.arg("unpack").arg(folder))?;
    Ok(Some(PathBuf::from(printed.trim())))
}

/// Pins what Debian has today.
pub(crate) fn update(workspace: &Workspace) -> Result<(), Error> {
    process::output("pinning MySQL", packages(workspace)?.arg("update")).map(drop)
}

fn packages(workspace: &Workspace) -> Result<Command, Error> {
    let mut command = Command::new(venv::ready(workspace)?);
    command.current_dir(&workspace.root).args(["-m", "sandbox.mysql.packages"]);
    Ok(command)
}
