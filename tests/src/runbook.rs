//! The `runbook`, run as its users run it.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tokio::process::Command;

use crate::json_schema;
use crate::program::{self, Output};
use crate::{Error, Sandbox};

/// The `runbook` on one pipeline.
#[derive(Debug, Clone)]
pub struct Runbook {
    program: PathBuf,
    /// Where it learns the pipeline from: `--dir`, or `--manifest` and `--config`.
    origin: Vec<std::ffi::OsString>,
    variables: Vec<(&'static str, String)>,
}

impl Runbook {
    /// For the pipeline that `terraform_dir` declares.
    pub fn new(sandbox: &Sandbox, terraform_dir: &Path) -> Self {
        Self::of(sandbox, vec!["--dir".into(), terraform_dir.into()])
    }

    /// For the pipeline of a manifest, with a file of settings.
    pub fn with_manifest(sandbox: &Sandbox, manifest: &Path, config: &Path) -> Self {
        Self::of(sandbox, vec!["--manifest".into(), manifest.into(), "--config".into(), config.into()])
    }

    fn of(sandbox: &Sandbox, origin: Vec<std::ffi::OsString>) -> Self {
        Self { program: sandbox.runbook.clone(), origin, variables: sandbox.variables() }
    }

    /// Sets an environment variable for all later runs.
    pub fn set(&mut self, name: &'static str, value: &str) {
        self.variables.retain(|(known, _)| *known != name);
        self.variables.push((name, value.into()));
    }

    /// A verb with its arguments, however it ends, as a user at a terminal would see it.
    pub async fn run(&self, arguments: &[&str]) -> Result<Output, Error> {
        program::output(self.command().args(arguments)).await
    }

    /// The same, which must end with `code`.
    pub async fn expect(&self, code: i32, arguments: &[&str]) -> Result<Output, Error> {
        program::expect(self.command().args(arguments), code).await
    }

    /// With `--json`: what it printed, which must be as docs/reference/output says.
    pub async fn json(&self, code: i32, arguments: &[&str]) -> Result<Value, Error> {
        let document = program::expect(self.command().arg("--json").args(arguments), code).await?.json()?;
        documented(&document)?;
        Ok(document)
    }

    /// The same with its output shown as it comes, for the demo.
    pub async fn show(&self, code: i32, arguments: &[&str]) -> Result<(), Error> {
        let mut command = self.command();
        command.env_remove("NO_COLOR").args(arguments).stdin(std::process::Stdio::null());
        let program = program::shown(&command);
        let failed = |source| Error::Start { program: program.clone(), source };
        let status = command.spawn().map_err(failed)?.wait().await.map_err(failed)?;
        if status.code() == Some(code) {
            return Ok(());
        }
        let output = Output {
            code: status.code().unwrap_or(-1),
            stdout: String::new(),
            stderr: "(shown above)".into(),
        };
        Err(Error::ExitCode {
            program: program::shown(&command),
            expected: code.to_string(),
            output: Box::new(output),
        })
    }

    /// For tests that need the process itself, to kill it for instance: where it learns the pipeline from, `--no-input` and `--yes` are set.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.origin).args(["--no-input", "--yes"]).envs(self.variables.iter().cloned());
        command.env("NO_COLOR", "1").kill_on_drop(true);
        command
    }
}

/// That a document of `--json` fits its published schema.
fn documented(document: &Value) -> Result<(), Error> {
    let what = || "what --json printed".to_owned();
    let kind = document["kind"].as_str().unwrap_or_default();
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../docs/reference/output/{kind}.schema.json"));
    let unread = |error: &dyn std::fmt::Display| Error::Form {
        what: what(),
        reason: format!("{}: {error}", file.display()),
    };
    let text = std::fs::read_to_string(&file).map_err(|error| unread(&error))?;
    let schema = serde_json::from_str(&text).map_err(|error| unread(&error))?;
    match json_schema::violations(&schema, document).as_slice() {
        [] => Ok(()),
        wrong => Err(Error::Form { what: what(), reason: format!("{} in {document:#}", wrong.join("\n")) }),
    }
}
