//! A Python of at least 3.12. The `python3` in PATH may be older, and one in PATH may be a shim that fails, so each
//! candidate is asked for its version.

use std::cmp::Reverse;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::Error;
use crate::process;
use crate::search;

/// The engine's wheel needs 3.12 (docs/facts/databend.md, "The embedded engine itself"); later versions work too.
const OLDEST: (u32, u32) = (3, 12);
const NEWEST_KNOWN: u32 = 20;

/// The first interpreter that is new enough.
pub(crate) fn find() -> Result<PathBuf, Error> {
    let mut older = Vec::new();
    for candidate in candidates() {
        match version(&candidate) {
            Some(version) if version >= OLDEST => return Ok(candidate),
            Some((major, minor)) => older.push(format!("{} is {major}.{minor}", candidate.display())),
            None => {}
        }
    }
    let seen = if older.is_empty() { String::new() } else { format!(" ({})", older.join(", ")) };
    Err(Error::Missing {
        what: format!("Python 3.12 or newer is missing, in PATH and in $PYENV_ROOT/versions{seen}"),
        remedy: "install it: apt-get install python3.12 python3.12-venv, or: pyenv install 3.12".into(),
    })
}

fn candidates() -> Vec<PathBuf> {
    let named =
        (OLDEST.1..=NEWEST_KNOWN).map(|minor| format!("python3.{minor}")).chain(["python3".to_owned()]);
    named.filter_map(|name| search::program(&name)).chain(of_pyenv()).collect()
}

/// The interpreters that pyenv keeps, 3.12 first and newer ones after it.
fn of_pyenv() -> Vec<PathBuf> {
    let root = env::var_os("PYENV_ROOT")
        .map(PathBuf::from)
        .or_else(|| env::var_os("HOME").map(|home| Path::new(&home).join(".pyenv")));
    let Some(root) = root else { return Vec::new() };
    let mut found: Vec<(Option<(u32, u32)>, PathBuf)> = fs::read_dir(root.join("versions"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| (minor(&entry.file_name().to_string_lossy()), entry.path().join("bin/python")))
        .filter(|(version, python)| version.is_none_or(|known| known >= OLDEST) && python.exists())
        .collect();
    // Folders whose name is no version (environments) come last.
    found.sort_by_key(|(version, _)| {
        version.map_or(Reverse(None), |(major, minor)| Reverse(Some((Reverse(major), Reverse(minor)))))
    });
    found.into_iter().map(|(_, python)| python).collect()
}

fn version(python: &Path) -> Option<(u32, u32)> {
    let mut command = Command::new(python);
    command.args(["-c", "import sys; print('%d.%d' % sys.version_info[:2])"]);
    minor(process::output("python", &mut command).ok()?.trim())
}

/// `3.12.1` and `3.12` are (3, 12).
fn minor(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_by_their_first_two_numbers() {
        assert_eq!(minor("3.12.1"), Some((3, 12)));
        assert_eq!(minor("3.9"), Some((3, 9)));
        assert_eq!(minor("pypy3.10-7.3"), None);
        assert_eq!(minor("3"), None);
    }
}
