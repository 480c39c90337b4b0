//! The `MySQL` server of the sandbox: Debian's mariadb-server.

use std::process::Command;

use rustix::process::geteuid;

use crate::error::Error;
use crate::process;
use crate::say;
use crate::search;

const PROGRAMS: [&str; 2] = ["mariadbd", "mariadb-install-db"];

/// Installs the server with apt when it is missing and we may.
pub(crate) fn ready() -> Result<(), Error> {
    let Some(missing) = missing() else { return Ok(()) };
    let apt = search::program("apt-get");
    if apt.is_none() || !geteuid().is_root() {
        return Err(not_there(missing));
    }
    say::step("installing MariaDB with apt-get (once)");
    apt_get(&["update"])?;
    apt_get(&["install", "--yes", "--no-install-recommends", "mariadb-server"])?;
    match self::missing() {
        None => Ok(()),
        Some(missing) => Err(not_there(missing)),
    }
}

fn missing() -> Option<&'static str> {
    PROGRAMS.into_iter().find(|name| search::program(name).is_none())
}

fn not_there(program: &str) -> Error {
    Error::Missing {
        what: format!(
            "{program} is missing, in PATH and /usr/sbin: the sandbox's source is a MariaDB server"
        ),
        remedy: "install it: sudo apt-get install mariadb-server".into(),
    }
}

fn apt_get(arguments: &[&str]) -> Result<(), Error> {
    let mut command = Command::new("apt-get");
    command.arg("-qq").args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
    process::output(&format!("apt-get {}", arguments.join(" ")), &mut command).map(drop)
}
