//! A folder for the sandbox of one run, removed after it. What a killed run left behind is removed by the next.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::sandbox;
use crate::say;
use crate::workspace::Workspace;

/// A folder that is ours as long as this value lives.
#[derive(Debug)]
pub(crate) struct RunDir {
    path: PathBuf,
    /// Locked while the run lasts, so that another run does not take the folder for abandoned.
    _lock: File,
}

impl RunDir {
    /// A new folder under the target folder.
    pub(crate) fn new(workspace: &Workspace, verb: &str) -> Result<Self, Error> {
        let runs = workspace.target.join("sandbox-runs");
        fs::create_dir_all(&runs).map_err(Error::file("make", &runs))?;
        // Held while folders come and go: a folder is never seen without its lock.
        let gate_path = runs.join("lock");
        let gate = File::create(&gate_path).map_err(Error::file("make", &gate_path))?;
        gate.lock().map_err(Error::file("lock", &gate_path))?;
        sweep(&runs)?;
        let path = runs.join(format!("{verb}-{}", std::process::id()));
        fs::create_dir_all(&path).map_err(Error::file("make", &path))?;
        let lock_path = path.join("run.lock");
        let lock = File::create(&lock_path).map_err(Error::file("make", &lock_path))?;
        lock.lock().map_err(Error::file("lock", &lock_path))?;
        Ok(Self { path, _lock: lock })
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Ends the run. After a failure the logs stay; the next run removes them.
    pub(crate) fn close<T>(self, outcome: Result<T, Error>) -> Result<T, Error> {
        let logs = self.path.join("logs");
        if matches!(outcome, Ok(_) | Err(Error::Interrupted)) || !logs.exists() {
            fs::remove_dir_all(&self.path).map_err(Error::file("remove", &self.path))?;
        } else {
            self.keep_only(&logs)?;
            say::note(format_args!("the sandbox's logs are in {}", logs.display()));
        }
        outcome
    }

    fn keep_only(&self, logs: &Path) -> Result<(), Error> {
        for entry in fs::read_dir(&self.path).map_err(Error::file("read", &self.path))?.flatten() {
            let path = entry.path();
            if path == logs {
                continue;
            }
            let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            removed.map_err(Error::file("remove", &path))?;
        }
        Ok(())
    }
}

/// Removes the folders of runs that are no more. The logs of a failed run go with the run after it.
fn sweep(runs: &Path) -> Result<(), Error> {
    for entry in fs::read_dir(runs).map_err(Error::file("read", runs))?.flatten() {
        let path = entry.path();
        if path.is_dir() && !in_use(&path)? {
            fs::remove_dir_all(&path).map_err(Error::file("remove", &path))?;
        }
    }
    Ok(())
}

fn in_use(path: &Path) -> Result<bool, Error> {
    let lock_path = path.join("run.lock");
    let locked = match File::open(&lock_path) {
        Ok(file) => matches!(file.try_lock(), Err(TryLockError::WouldBlock)),
        Err(_) => false,
    };
    // A supervisor whose run was killed needs a moment to stop.
    Ok(locked || sandbox::running(path)?.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace(target: &Path) -> Workspace {
        Workspace { root: target.into(), target: target.into() }
    }

    #[test]
    fn a_run_leaves_others_alone_and_clears_what_is_abandoned() {
        let target = tempfile::tempdir().unwrap();
        let runs = target.path().join("sandbox-runs");
        fs::create_dir_all(runs.join("test-1/databend")).unwrap();
        let other = runs.join("test-2");
        fs::create_dir_all(&other).unwrap();
        let lock = File::create(other.join("run.lock")).unwrap();
        lock.lock().unwrap();

        let ours = RunDir::new(&workspace(target.path()), "demo").unwrap();
        assert!(!runs.join("test-1").exists());
        assert!(other.exists());
        let path = ours.path().to_owned();
        assert!(path.exists());
        ours.close(Ok(())).unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn after_a_failure_only_the_logs_stay() {
        let target = tempfile::tempdir().unwrap();
        let run = RunDir::new(&workspace(target.path()), "test").unwrap();
        let path = run.path().to_owned();
        fs::create_dir_all(path.join("logs")).unwrap();
        fs::write(path.join("logs/aws.log"), "why").unwrap();
        fs::create_dir_all(path.join("mariadb/data")).unwrap();
        let failed = run.close(Err::<(), _>(Error::Tests("the tests failed".into())));
        assert_eq!(failed.unwrap_err().to_string(), "the tests failed");
        assert_eq!(fs::read_to_string(path.join("logs/aws.log")).unwrap(), "why");
        assert_eq!(fs::read_dir(&path).unwrap().count(), 1);
    }
}
