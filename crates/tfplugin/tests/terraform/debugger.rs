//! The provider started by someone other than Terraform.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::workspace::{Run, TOY, Workspace, kill};

#[test]
fn alone_it_says_what_it_is_and_fails() {
    let output = Command::new(TOY).env_remove("TF_PLUGIN_MAGIC_COOKIE").output().unwrap();
    assert!(!output.status.success());
    assert!(output.stdout.is_empty());
    Run::from(&output).says("This program is a Terraform plugin").says("terraform init");
}

#[test]
fn under_a_debugger_terraform_finds_it() {
    let ws = Workspace::new("resource \"toy_thing\" \"a\" {\n  name = \"a\"\n}\n");
    let mut provider = Command::new(TOY)
        .arg("--debug")
        .env("TMPDIR", ws.path("tmp"))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(provider.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let providers = line.trim().strip_prefix("TF_REATTACH_PROVIDERS='").unwrap().strip_suffix('\'').unwrap();
    // Two runs: the provider stays.
    for _ in 0..2 {
        let mut command = ws.command(&["apply", "-auto-approve", "-no-color"]);
        let run = Run::from(&command.env("TF_REATTACH_PROVIDERS", providers).output().unwrap());
        assert_eq!(run.code, Some(0), "{}", run.text);
    }
    kill("TERM", &provider.id().to_string());
    assert!(provider.wait().unwrap().success());
    assert_eq!(ws.sockets(), Vec::<String>::new());
}
