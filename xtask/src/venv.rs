//! `target/sandbox-venv`: the Python packages of the sandbox, pinned and checked by hash.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::Error;
use crate::process;
use crate::python;
use crate::say;
use crate::workspace::Workspace;

/// The interpreter of the ready venv. Made when it is not there, made anew when the requirements have changed.
pub(crate) fn ready(workspace: &Workspace) -> Result<PathBuf, Error> {
    let requirements = workspace.root.join("sandbox/requirements.txt");
    let wanted = fs::read_to_string(&requirements).map_err(Error::file("read", &requirements))?;
    let venv = workspace.target.join("sandbox-venv");
    fs::create_dir_all(&workspace.target).map_err(Error::file("make", &workspace.target))?;
    // Held until the venv is whole: a second run waits for the first and then finds it ready.
    let lock_path = workspace.target.join("sandbox-venv.lock");
    let lock = File::create(&lock_path).map_err(Error::file("make", &lock_path))?;
    lock.lock().map_err(Error::file("lock", &lock_path))?;

    let interpreter = venv.join("bin/python");
    if is_whole(&venv, &wanted) && works(&interpreter) {
        return Ok(interpreter);
    }
    make(&venv, &interpreter, &requirements)?;
    let stamp = stamp(&venv);
    fs::write(&stamp, wanted).map_err(Error::file("write", &stamp))?;
    Ok(interpreter)
}

fn make(venv: &Path, interpreter: &Path, requirements: &Path) -> Result<(), Error> {
    let base = python::find()?;
    say::step(format_args!("installing the sandbox's Python packages with {} (once)", base.display()));
    if venv.exists() {
        fs::remove_dir_all(venv).map_err(Error::file("remove", venv))?;
    }
    let made = process::output("making the venv", Command::new(&base).args(["-m", "venv"]).arg(venv));
    if let Err(Error::Failed { output, .. }) = &made {
        // Debian keeps this part of Python's own library in a package of its own.
        if output.contains("ensurepip") {
            return Err(Error::Missing {
                what: format!("{} cannot make a venv", base.display()),
                remedy: "install the module: apt-get install python3-venv".into(),
            });
        }
    }
    made?;
    let mut pip = Command::new(interpreter);
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-input",
        "--require-hashes",
        "-r",
    ]);
    process::output("installing the packages of sandbox/requirements.txt", pip.arg(requirements))?;
    Ok(())
}

/// The requirements that it was made from, written last, so that a half-made venv is never taken for whole.
fn stamp(venv: &Path) -> PathBuf {
    venv.join("requirements.installed.txt")
}

fn is_whole(venv: &Path, wanted: &str) -> bool {
    fs::read_to_string(stamp(venv)).is_ok_and(|installed| installed == wanted)
}

/// The Python that it was made with may be gone.
fn works(interpreter: &Path) -> bool {
    process::output("python", Command::new(interpreter).args(["-c", "import databend"])).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_venv_is_whole_only_with_the_stamp_of_these_requirements() {
        let venv = tempfile::tempdir().unwrap();
        assert!(!is_whole(venv.path(), "a==1\n"));
        fs::write(stamp(venv.path()), "a==1\n").unwrap();
        assert!(is_whole(venv.path(), "a==1\n"));
        assert!(!is_whole(venv.path(), "a==2\n"));
    }
}
