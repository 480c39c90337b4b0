//! Our own programs: built, and found by what cargo says, not by guessing paths.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::Value;

use crate::error::Error;
use crate::process;
use crate::say;
use crate::workspace::{Workspace, cargo};

/// What is built. The first two resolve to the same features of every dependency: cargo unites the features of what it builds, so
/// that with another choice of packages it would compile a hundred of them again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Every program of the workspace.
    Programs,
    /// The programs and all tests.
    ProgramsAndTests,
    /// Every program, as it is shipped: what is measured must not be a debug build.
    ReleasedPrograms,
}

impl Scope {
    /// Cargo's selection. `--examples` selects nothing more, since there are none, but makes cargo take the features of
    /// development dependencies into account, as `--tests` does.
    fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Programs => &["--workspace", "--bins", "--examples"],
            Self::ProgramsAndTests => &["--workspace", "--bins", "--tests"],
            Self::ReleasedPrograms => &["--workspace", "--bins", "--release"],
        }
    }
}

/// The built programs by name.
#[derive(Debug)]
pub(crate) struct Binaries(BTreeMap<String, PathBuf>);

impl Binaries {
    /// Runs cargo with a low priority, since tests with clocks may run beside it.
    pub(crate) fn build(workspace: &Workspace, scope: Scope) -> Result<Self, Error> {
        say::step("building");
        let begin = Instant::now();
        let mut command = cargo();
        command.current_dir(&workspace.root).args(["build", "--message-format=json-render-diagnostics"]);
        command.args(scope.arguments());
        let (status, messages) = process::stdout(&mut process::niced(&command))?;
        if !status.success() {
            return Err(Error::Failed { what: "cargo build".into(), status, output: String::new() });
        }
        say::note(format_args!("built in {:.0} s", begin.elapsed().as_secs_f32()));
        Ok(Self(executables(&messages)))
    }

    /// Where a program lies.
    pub(crate) fn path(&self, name: &str) -> Result<&Path, Error> {
        self.0.get(name).map(PathBuf::as_path).ok_or_else(|| Error::Answer {
            program: "cargo build".into(),
            answer: format!("no program {name} was built"),
        })
    }
}

/// Cargo's messages, one JSON object a line, among them one for each program.
fn executables(messages: &str) -> BTreeMap<String, PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["reason"] == "compiler-artifact" && message["profile"]["test"] == false)
        .filter(|message| message["target"]["kind"] == serde_json::json!(["bin"]))
        .filter_map(|message| {
            let name = message["target"]["name"].as_str()?.to_owned();
            Some((name, PathBuf::from(message["executable"].as_str()?)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_programs_count_not_their_unit_tests_nor_build_scripts() {
        let messages = r#"{"reason":"compiler-artifact","target":{"kind":["bin"],"name":"runbook"},"profile":{"test":true},"executable":"/t/runbook-0123"}
{"reason":"compiler-artifact","target":{"kind":["bin"],"name":"runbook"},"profile":{"test":false},"executable":"/t/runbook"}
{"reason":"compiler-artifact","target":{"kind":["custom-build"],"name":"build-script-build"},"profile":{"test":false},"executable":null}
{"reason":"build-finished","success":true}
not json"#;
        let found = executables(messages);
        assert_eq!(found, BTreeMap::from([("runbook".to_owned(), PathBuf::from("/t/runbook"))]));
    }
}
