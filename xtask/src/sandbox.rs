//! The supervisor of `sandbox/`: started, waited for, found again and stopped.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use crate::binaries::Binaries;
use crate::error::Error;
use crate::workspace::Workspace;
use crate::{interrupt, mariadb, process, say, terraform, venv};

/// The supervisor gives each part 90 seconds, and says which one was late.
const START_LIMIT: Duration = Duration::from_mins(2);
/// Three parts, one after the other, 15 seconds each at most.
const STOP_LIMIT: Duration = Duration::from_secs(50);
const POLL: Duration = Duration::from_millis(50);

/// What must be on the machine before anything is built.
pub(crate) fn check_machine() -> Result<(), Error> {
    terraform::check()?;
    mariadb::ready()
}

/// How long a sandbox stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Life {
    /// Until `sandbox down`.
    UntilDown,
    /// Until this program ends, however it ends: the supervisor watches a pipe that we hold.
    WithUs,
}

/// The server that is the source.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Source<'a> {
    /// This machine's.
    Mariadb,
    /// The one that lies unpacked in this folder.
    Mysql(&'a Path),
}

/// A running sandbox.
#[derive(Debug)]
pub(crate) struct Sandbox {
    dir: PathBuf,
    /// What `sandbox.env` says.
    pub(crate) variables: Vec<(String, String)>,
    /// The interpreter that has the sandbox's packages.
    pub(crate) python: PathBuf,
    /// Closing it ends a sandbox that lives with us.
    _lifeline: Option<ChildStdin>,
}

impl Sandbox {
    /// Starts a sandbox in `dir`, or finds the one that runs there.
    pub(crate) fn start(
        workspace: &Workspace,
        binaries: &Binaries,
        dir: &Path,
        life: Life,
        source: Source<'_>,
    ) -> Result<Self, Error> {
        let python = venv::ready(workspace)?;
        let logs = dir.join("logs");
        fs::create_dir_all(&logs).map_err(Error::file("make", &logs))?;
        let configuration = terraform::configure(dir, binaries.path("terraform-provider-databend")?)?;
        if running(dir)?.is_some() {
            say::note(format_args!("a sandbox runs in {} already", dir.display()));
            let variables = wait_for_variables(dir, None)?;
            return Ok(Self { dir: dir.into(), variables, python, _lifeline: None });
        }

        say::step(format_args!("starting the sandbox in {}", dir.display()));
        let begin = Instant::now();
        // One that a killed supervisor left behind would look like a ready sandbox.
        remove_if_there(&env_file(dir))?;
        let log_path = log_file(dir);
        let log = File::create(&log_path).map_err(Error::file("write", &log_path))?;
        let log_too = log.try_clone().map_err(Error::file("write", &log_path))?;
        let mut command = Command::new(&python);
        command.current_dir(&workspace.root).args(["-u", "-m", "sandbox", "--dir"]).arg(dir);
        command.arg("--parser").arg(binaries.path("sandbox-parser")?);
        command.arg("--terraform-config").arg(&configuration);
        command.stdout(log).stderr(log_too).process_group(0);
        if let Source::Mysql(folder) = source {
            command.arg("--mysql").arg(folder);
        }
        match life {
            Life::UntilDown => command.stdin(Stdio::null()),
            Life::WithUs => command.arg("--while-stdin-open").stdin(Stdio::piped()),
        };
        let mut child = command
            .spawn()
            .map_err(|source| Error::Start { program: python.display().to_string(), source })?;
        let lifeline = child.stdin.take();
        match wait_for_variables(dir, Some(&mut child)) {
            Ok(variables) => {
                say::note(format_args!("ready after {:.1} s", begin.elapsed().as_secs_f32()));
                Ok(Self { dir: dir.into(), variables, python, _lifeline: lifeline })
            }
            Err(error) => {
                drop(lifeline);
                end(&mut child);
                Err(error)
            }
        }
    }

    /// Stops it and waits until nothing of it runs.
    pub(crate) fn stop(self) -> Result<(), Error> {
        stop(&self.dir).map(drop)
    }
}

/// Stops the sandbox in `dir`; false when none runs there.
pub(crate) fn stop(dir: &Path) -> Result<bool, Error> {
    let Some(pid) = running(dir)? else { return Ok(false) };
    say::step(format_args!("stopping the sandbox in {}", dir.display()));
    process::signal(pid, Signal::TERM);
    let begin = Instant::now();
    while begin.elapsed() < STOP_LIMIT {
        if running(dir)? != Some(pid) {
            return Ok(true);
        }
        thread::sleep(POLL);
    }
    say::note(format_args!(
        "it does not stop; killing it (its last words are in {})",
        log_file(dir).display()
    ));
    process::signal_group(pid, Signal::KILL);
    Ok(true)
}

/// The supervisor of `dir`. It holds a lock on the file that its pid stands in, so the pid is never a stranger's.
pub(crate) fn running(dir: &Path) -> Result<Option<Pid>, Error> {
    let path = dir.join("supervisor.lock");
    if !path.exists() {
        return Ok(None);
    }
    let file = OpenOptions::new().read(true).open(&path).map_err(Error::file("read", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(None),
        Err(TryLockError::Error(source)) => Err(Error::File { what: "lock", path, source }),
        Err(TryLockError::WouldBlock) => {
            let text = fs::read_to_string(&path).map_err(Error::file("read", &path))?;
            Ok(text.trim().parse().ok().and_then(Pid::from_raw))
        }
    }
}

/// The variables of the sandbox that is starting in `dir`, as soon as it is ready.
fn wait_for_variables(dir: &Path, mut child: Option<&mut Child>) -> Result<Vec<(String, String)>, Error> {
    let file = env_file(dir);
    let begin = Instant::now();
    let failed = |what: String| Error::Sandbox { dir: dir.into(), what, log: tail(&log_file(dir), 40) };
    loop {
        interrupt::check()?;
        if file.exists() {
            let text = fs::read_to_string(&file).map_err(Error::file("read", &file))?;
            return variables(&text)
                .ok_or_else(|| Error::Answer { program: file.display().to_string(), answer: text });
        }
        if let Some(child) = child.as_deref_mut()
            && let Ok(Some(status)) = child.try_wait()
        {
            return Err(failed(format!("ended before it was ready ({status})")));
        }
        if begin.elapsed() > START_LIMIT {
            return Err(failed(format!("is not ready after {} s", START_LIMIT.as_secs())));
        }
        thread::sleep(POLL);
    }
}

fn end(supervisor: &mut Child) {
    if let Some(pid) = i32::try_from(supervisor.id()).ok().and_then(Pid::from_raw) {
        process::signal(pid, Signal::TERM);
        let begin = Instant::now();
        while begin.elapsed() < STOP_LIMIT {
            if !matches!(supervisor.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(POLL);
        }
        process::signal_group(pid, Signal::KILL);
    }
}

fn env_file(dir: &Path) -> PathBuf {
    dir.join("sandbox.env")
}

fn log_file(dir: &Path) -> PathBuf {
    dir.join("logs/supervisor.log")
}

fn remove_if_there(file: &Path) -> Result<(), Error> {
    if file.exists() {
        fs::remove_file(file).map_err(Error::file("remove", file))?;
    }
    Ok(())
}

fn tail(file: &Path, lines: usize) -> String {
    let text = fs::read_to_string(file).unwrap_or_default();
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

/// Lines of `export NAME='value'`, as sandbox/supervisor/envfile.py writes them.
fn variables(text: &str) -> Option<Vec<(String, String)>> {
    text.lines()
        .map(|line| {
            let (name, value) = line.strip_prefix("export ")?.split_once('=')?;
            let value = value.strip_prefix('\'')?.strip_suffix('\'')?;
            Some((name.to_owned(), value.replace(r#"'"'"'"#, "'")))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_read_as_a_shell_would() {
        let text = "export A='1'\nexport B='it'\"'\"'s = here'\n";
        let expected =
            [("A", "1"), ("B", "it's = here")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(variables(text), Some(expected.to_vec()));
        assert_eq!(variables("A=1\n"), None);
    }

    #[test]
    fn a_pid_counts_only_while_its_lock_is_held() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(running(dir.path()).unwrap(), None);
        let path = dir.path().join("supervisor.lock");
        fs::write(&path, "4711\n").unwrap();
        assert_eq!(running(dir.path()).unwrap(), None);
        let held = File::open(&path).unwrap();
        held.lock().unwrap();
        assert_eq!(running(dir.path()).unwrap(), Pid::from_raw(4711));
    }

    #[test]
    fn stopping_where_nothing_runs_does_nothing() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("supervisor.lock"), "1\n").unwrap();
        assert!(!stop(dir.path()).unwrap());
    }
}
