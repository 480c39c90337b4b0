//! Log lines reach Terraform's log, each at its level.

use crate::workspace::Workspace;

fn log_of(level: &str, config: &str) -> String {
    let ws = Workspace::new(config);
    let path = ws.path("log");
    let output = ws
        .command(&["plan", "-no-color"])
        .env("TF_LOG_PROVIDER", level)
        .env("TF_LOG_PATH", &path)
        .output()
        .unwrap();
    drop(output);
    std::fs::read_to_string(path).unwrap()
}

const PANICS: &str = "resource \"toy_thing\" \"a\" {\n  name = \"a\"\n  misbehave = \"panic plan\"\n}\n";

#[test]
fn lines_have_levels_and_fields() {
    let log = log_of("INFO", PANICS);
    let configured = log.lines().find(|line| line.contains("terraform-provider-toy: configured"));
    let configured = configured.unwrap_or_else(|| panic!("no such line:\n{log}"));
    assert!(configured.contains("[INFO]"), "{configured}");
    assert!(configured.contains("terraform=1."), "{configured}");
    assert!(configured.contains("call=configure"), "{configured}");
    let panicked = log.lines().find(|line| line.contains("told to panic plan")).unwrap();
    assert!(panicked.contains("[ERROR]"), "{panicked}");
    assert!(panicked.contains("toy/thing.rs"), "{panicked}");
    assert!(panicked.contains("resource=toy_thing"), "{panicked}");
}

#[test]
fn a_level_leaves_out_those_below_it() {
    let log = log_of("ERROR", PANICS);
    assert!(log.contains("told to panic plan"), "{log}");
    assert!(!log.contains("configured"), "{log}");
}
