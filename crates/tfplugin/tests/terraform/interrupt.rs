//! Ctrl-C, and a Terraform that is killed.

use std::os::unix::process::CommandExt;
use std::process::{Child, Stdio};

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
    run.says("Interrupt received").says("Cancelled").says("Run it again to go on from here");
    assert_eq!(ws.instances()[0]["status"], "tainted");
    assert_eq!(ws.sockets(), Vec::<String>::new());
    ws.configure(&HANGS.replace("hang late", "no more"));
    ws.apply();
    ws.plan_is_empty();
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
