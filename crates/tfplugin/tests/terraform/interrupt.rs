//! Ctrl-C, and a Terraform that is killed.

use std::os::unix::process::CommandExt;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::workspace::{Run, Workspace, kill, spawned, wait_until};

const HANGS: &str = r#"
resource "toy_thing" "a" {
  name      = "a"
  misbehave = "hang late"
}
"#;

/// Terraform in an apply that hangs after the thing is made, in a process group of its own.
fn hanging_apply(ws: &Workspace) -> Child {
    let mut command = ws.command(&["apply", "-auto-approve", "-no-color"]);
    let child = spawned(command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn());
    wait_until("the provider hangs", || ws.thing("it.hangs").is_some());
    child
}

#[test]
fn ctrl_c_reaches_the_running_call_which_ends_with_its_state() {
    let ws = Workspace::new(HANGS);
    let child = hanging_apply(&ws);
    // As a terminal does it: to Terraform and to the provider.
    kill("INT", &format!("-{}", child.id()));
    let run = Run::from(&child.wait_with_output().unwrap());
    assert_eq!(run.code, Some(1));
    run.says("Interrupt received").says("Cancelled").says("continue from here");
    assert_eq!(ws.instances()[0]["status"], "tainted");
    assert_eq!(ws.sockets(), Vec::<String>::new());
    ws.configure(&HANGS.replace("hang late", "no more"));
    ws.apply();
    ws.plan_is_empty();
}

#[test]
fn ctrl_c_ends_a_plan_whose_read_does_not_watch_for_it() {
    let ws =
        Workspace::new("resource \"toy_thing\" \"a\" {\n  name = \"a\"\n  misbehave = \"sleep read\"\n}\n");
    ws.apply();
    let mut command = ws.command(&["plan", "-no-color"]);
    let child = spawned(command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn());
    wait_until("the provider sleeps", || ws.thing("it.sleeps").is_some());
    let started = Instant::now();
    kill("INT", &format!("-{}", child.id()));
    let run = Run::from(&child.wait_with_output().unwrap());
    assert_eq!(run.code, Some(1));
    run.says("Cancelled").says("with toy_thing.a").says("Run the same command again");
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}

#[test]
fn a_provider_does_not_outlive_its_terraform() {
    let ws = Workspace::new(HANGS);
    let mut child = hanging_apply(&ws);
    assert_eq!(ws.sockets().len(), 1);
    kill("KILL", &child.id().to_string());
    child.wait().unwrap();
    wait_until("the provider ends and takes its socket with it", || ws.sockets().is_empty());
}
