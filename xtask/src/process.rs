//! Programs that we run and wait for. Each gets a process group of its own, so that on Ctrl-C it and
//! everything it started can be told to stop, and killed when they do not.

use std::fs::File;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::error::Error;
use crate::interrupt;

/// How long a program may take to stop after SIGINT; Terraform needs a while to end its plugins.
const GRACE: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(30);

/// Runs a program whose output the user sees as it comes, and returns how it ended.
pub(crate) fn status(command: &mut Command) -> Result<ExitStatus, Error> {
    command.stdin(Stdio::null());
    Group::start(command)?.wait()
}

/// Runs a program silently: its stdout if it succeeds, all that it printed if it does not.
pub(crate) fn output(what: &str, command: &mut Command) -> Result<String, Error> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut group = Group::start(command)?;
    let stdout = drain(group.child.stdout.take());
    let stderr = drain(group.child.stderr.take());
    let status = group.wait()?;
    let stdout = stdout.join().unwrap_or_default();
    if status.success() {
        return Ok(stdout);
    }
    let output = format!("{stdout}{}", stderr.join().unwrap_or_default());
    Err(Error::Failed { what: what.into(), status, output })
}

/// Runs a program whose stderr the user sees, and returns how it ended and its stdout.
pub(crate) fn stdout(command: &mut Command) -> Result<(ExitStatus, String), Error> {
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut group = Group::start(command)?;
    let stdout = drain(group.child.stdout.take());
    let status = group.wait()?;
    Ok((status, stdout.join().unwrap_or_default()))
}

/// Runs a program whose output goes to a file, and returns how it ended. Setting `stop` interrupts it.
pub(crate) fn logged(command: &mut Command, log: &Path, stop: &AtomicBool) -> Result<ExitStatus, Error> {
    let file = File::create(log).map_err(Error::file("write", log))?;
    let same_file = file.try_clone().map_err(Error::file("write", log))?;
    command.stdin(Stdio::null()).stdout(file).stderr(same_file);
    Group::start(command)?.wait_unless(|| interrupt::requested() || stop.load(Ordering::Relaxed))
}

/// The same program with a lower priority: whatever runs beside it goes first.
pub(crate) fn niced(command: &Command) -> Command {
    let mut niced = Command::new("nice");
    niced.args(["-n", "10"]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => niced.env(name, value),
            None => niced.env_remove(name),
        };
    }
    if let Some(dir) = command.get_current_dir() {
        niced.current_dir(dir);
    }
    niced
}

/// Runs a program that ends itself when its standard input closes: so it ends with us even if we are killed.
pub(crate) fn status_while_we_live(command: &mut Command) -> Result<ExitStatus, Error> {
    command.stdin(Stdio::piped());
    let mut group = Group::start(command)?;
    let held = group.child.stdin.take();
    let status = group.wait();
    drop(held);
    status
}

/// Sends a signal to a process of ours. It fails only when the process has ended, and then all is well.
pub(crate) fn signal(process: Pid, signal: Signal) {
    let _ = kill_process(process, signal);
}

/// Sends a signal to a process group of ours; fails like [`signal`].
pub(crate) fn signal_group(leader: Pid, signal: Signal) {
    let _ = kill_process_group(leader, signal);
}

fn drain(stream: Option<impl Read + Send + 'static>) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut stream) = stream {
            // What was read before an error is all there is to show.
            drop(stream.read_to_end(&mut bytes));
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// A child that leads its own process group.
struct Group {
    child: Child,
    leader: Option<Pid>,
}

impl Group {
    fn start(command: &mut Command) -> Result<Self, Error> {
        interrupt::check()?;
        let child = command.process_group(0).spawn().map_err(|source| Error::Start {
            program: command.get_program().to_string_lossy().into_owned(),
            source,
        })?;
        let leader = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        Ok(Self { child, leader })
    }

    fn wait(&mut self) -> Result<ExitStatus, Error> {
        self.wait_unless(interrupt::requested)
    }

    /// Waits for the end. Once `stop` says so, the group is told to stop, and killed if it does not.
    fn wait_unless(&mut self, stop: impl Fn() -> bool) -> Result<ExitStatus, Error> {
        let mut asked: Option<Instant> = None;
        loop {
            if let Some(status) = self.poll(&stop)? {
                return if asked.is_some() { Err(Error::Interrupted) } else { Ok(status) };
            }
            match asked {
                None if stop() => {
                    self.signal(Signal::INT);
                    asked = Some(Instant::now());
                }
                Some(since) if since.elapsed() > GRACE => self.signal(Signal::KILL),
                _ => {}
            }
            thread::sleep(POLL);
        }
    }

    fn poll(&mut self, stop: impl Fn() -> bool) -> Result<Option<ExitStatus>, Error> {
        let status = self
            .child
            .try_wait()
            .map_err(|source| Error::Start { program: "the wait for a child".into(), source })?;
        if status.is_some() && stop() {
            // What the leader left behind. After a normal end there may be daemons that are meant to stay.
            self.signal(Signal::KILL);
        }
        Ok(status)
    }

    fn signal(&self, signal: Signal) {
        if let Some(leader) = self.leader {
            signal_group(leader, signal);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn output_is_stdout_alone() {
        assert_eq!(output("talk", &mut sh("echo data; echo noise >&2")).unwrap(), "data\n");
    }

    #[test]
    fn a_failure_says_what_was_printed_on_both() {
        let error = output("the test", &mut sh("echo out; echo err >&2; exit 3")).unwrap_err().to_string();
        assert_eq!(error, "the test failed (exit status: 3):\nout\nerr");
    }

    #[test]
    fn a_logged_program_writes_to_its_file_until_it_is_stopped() {
        // As `main` does first. What starts us may ignore SIGINT, as a shell does for its background jobs; a program
        // inherits that, but not a handler.
        interrupt::listen().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let stop = AtomicBool::new(false);
        let status = logged(&mut sh("echo data; echo noise >&2; exit 4"), &log, &stop).unwrap();
        assert_eq!(status.code(), Some(4));
        assert_eq!(std::fs::read_to_string(&log).unwrap(), "data\nnoise\n");
        stop.store(true, Ordering::Relaxed);
        let begin = Instant::now();
        // Not through a shell: dash keeps a SIGINT that comes while it starts until its child has ended.
        let mut sleep = Command::new("sleep");
        assert!(matches!(logged(sleep.arg("60"), &log, &stop), Err(Error::Interrupted)));
        assert!(begin.elapsed() < GRACE);
    }

    #[test]
    fn a_niced_program_keeps_its_arguments_folder_and_variables() {
        let mut command = sh("echo $(nice) $WORD $PWD $HOME");
        command.env("WORD", "said").env_remove("HOME").current_dir("/");
        let own: i32 = output("nice", &mut Command::new("nice")).unwrap().trim().parse().unwrap();
        let printed = output("sh", &mut niced(&command)).unwrap();
        assert_eq!(printed, format!("{} said /\n", (own + 10).min(19)));
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let error = status(&mut Command::new("no-such-program")).unwrap_err().to_string();
        assert!(error.starts_with("cannot start no-such-program: "), "{error}");
    }

    #[test]
    fn standard_input_stays_open_until_the_end() {
        // `read` would fail at once on a closed or empty input.
        let status = status_while_we_live(&mut sh("timeout 0.3 cat; test $? = 124")).unwrap();
        assert!(status.success(), "{status}");
    }
}
