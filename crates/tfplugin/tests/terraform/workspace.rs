//! A folder with a configuration, a world for the toy provider, and Terraform to run in it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use tempfile::TempDir;

/// The toy provider's executable, built by cargo for these tests.
pub(crate) const TOY: &str = env!("CARGO_BIN_EXE_terraform-provider-toy");

const HEAD: &str = r#"
terraform {
  required_providers {
    toy = { source = "example/toy" }
  }
}
"#;

pub(crate) struct Workspace {
    dir: TempDir,
}

/// How a run of Terraform ended.
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    /// stdout and stderr
    pub(crate) text: String,
    pub(crate) stdout: String,
}

impl Workspace {
    /// With a provider block that names the world, and `config`.
    pub(crate) fn new(config: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for name in ["config", "world", "tmp"] {
            std::fs::create_dir(dir.path().join(name)).unwrap();
        }
        let workspace = Self { dir };
        workspace.use_development_override();
        workspace.configure(config);
        workspace
    }

    /// Replaces the configuration.
    pub(crate) fn configure(&self, config: &str) {
        let world = self.world().display().to_string();
        self.configure_whole(&format!("provider \"toy\" {{\n  dir = {world:?}\n}}\n{config}"));
    }

    /// Replaces the configuration, the provider block too.
    pub(crate) fn configure_whole(&self, config: &str) {
        std::fs::write(self.path("config/main.tf"), format!("{HEAD}{config}")).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn world(&self) -> PathBuf {
        self.path("world")
    }

    /// What is in the file `name` of the world.
    pub(crate) fn thing(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.world().join(name)).ok()
    }

    /// The provider straight from the build: no `terraform init` is needed.
    fn use_development_override(&self) {
        let folder = Path::new(TOY).parent().unwrap().display().to_string();
        let rc = format!(
            "provider_installation {{\n  dev_overrides {{\n    \"example/toy\" = {folder:?}\n  }}\n  direct {{}}\n}}\n"
        );
        std::fs::write(self.path("rc"), rc).unwrap();
    }

    /// The provider from a mirror, as users have it.
    pub(crate) fn use_mirror(&self) {
        let platform = format!(
            "{}_{}",
            std::env::consts::OS,
            match std::env::consts::ARCH {
                "x86_64" => "amd64",
                "aarch64" => "arm64",
                other => other,
            }
        );
        let folder = self.path(&format!("mirror/registry.terraform.io/example/toy/0.1.0/{platform}"));
        std::fs::create_dir_all(&folder).unwrap();
        std::os::unix::fs::symlink(TOY, folder.join("terraform-provider-toy_v0.1.0")).unwrap();
        let mirror = self.path("mirror").display().to_string();
        let rc =
            format!("provider_installation {{\n  filesystem_mirror {{\n    path = {mirror:?}\n  }}\n}}\n");
        std::fs::write(self.path("rc"), rc).unwrap();
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("terraform");
        command
            .args(args)
            .current_dir(self.path("config"))
            .env("TF_CLI_CONFIG_FILE", self.path("rc"))
            .env("TMPDIR", self.path("tmp"))
            .env("CHECKPOINT_DISABLE", "1")
            .env("TF_IN_AUTOMATION", "1")
            .env("NO_COLOR", "1")
            .env_remove("TF_LOG")
            .env_remove("TF_LOG_PROVIDER")
            .env_remove("TF_REATTACH_PROVIDERS")
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Run {
        Run::from(&spawned(self.command(args).output()))
    }

    /// Runs Terraform and insists that it succeeds.
    pub(crate) fn ok(&self, args: &[&str]) -> Run {
        let run = self.run(args);
        assert_eq!(run.code, Some(0), "terraform {args:?}:\n{}", run.text);
        run
    }

    /// Runs Terraform and insists that it fails.
    pub(crate) fn fails(&self, args: &[&str]) -> Run {
        let run = self.run(args);
        assert_eq!(run.code, Some(1), "terraform {args:?}:\n{}", run.text);
        run
    }

    pub(crate) fn apply(&self) -> Run {
        self.ok(&["apply", "-auto-approve", "-no-color"])
    }

    pub(crate) fn apply_fails(&self) -> Run {
        self.fails(&["apply", "-auto-approve", "-no-color"])
    }

    /// Insists that there is nothing to do.
    pub(crate) fn plan_is_empty(&self) {
        let run = self.run(&["plan", "-detailed-exitcode", "-no-color"]);
        assert_eq!(run.code, Some(0), "the plan should be empty:\n{}", run.text);
    }

    /// Insists that there is something to do.
    pub(crate) fn plan_has_changes(&self) -> Run {
        let run = self.run(&["plan", "-detailed-exitcode", "-no-color"]);
        assert_eq!(run.code, Some(2), "the plan should have changes:\n{}", run.text);
        run
    }

    pub(crate) fn outputs(&self) -> Json {
        let all: Json = serde_json::from_str(&self.ok(&["output", "-json"]).stdout).unwrap();
        let values = all.as_object().unwrap().iter();
        values.map(|(name, output)| (name.clone(), output["value"].clone())).collect()
    }

    /// The state file.
    pub(crate) fn state(&self) -> Json {
        let text = std::fs::read_to_string(self.path("config/terraform.tfstate")).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    pub(crate) fn write_state(&self, state: &Json) {
        std::fs::write(self.path("config/terraform.tfstate"), state.to_string()).unwrap();
    }

    /// The stored instances of resources, with `attributes` and `status`.
    pub(crate) fn instances(&self) -> Vec<Json> {
        let state = self.state();
        let resources = state["resources"].as_array().unwrap().iter();
        resources
            .filter(|resource| resource["mode"] == "managed" && resource["type"] == "toy_thing")
            .flat_map(|resource| resource["instances"].as_array().unwrap().clone())
            .collect()
    }

    /// Sockets that providers left behind.
    pub(crate) fn sockets(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.path("tmp")).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .filter(|name| name.starts_with("tf-"))
            .collect()
    }
}

impl From<&Output> for Run {
    fn from(output: &Output) -> Self {
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        let text = format!("{stdout}{}", String::from_utf8_lossy(&output.stderr));
        Self { code: output.status.code(), text, stdout }
    }
}

impl Run {
    /// Insists that `text` was said; line breaks and the frames of messages do not count.
    pub(crate) fn says(&self, text: &str) -> &Self {
        let words = |text: &str| {
            let words: Vec<_> = text.split_whitespace().filter(|word| !"│╷╵".contains(word)).collect();
            words.join(" ")
        };
        assert!(words(&self.text).contains(&words(text)), "should say `{text}`:\n{}", self.text);
        self
    }
}

/// Terraform's own start; where there is none, the message says what to do.
pub(crate) fn spawned<T>(result: std::io::Result<T>) -> T {
    result.unwrap_or_else(|error| {
        panic!("terraform does not start ({error}). These tests need Terraform 1.11 or later on PATH.")
    })
}

/// Waits until `condition` holds, for at most ten seconds.
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(10), "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Sends a signal: `kill("INT", "-123")` to a whole process group.
pub(crate) fn kill(signal: &str, pid: &str) {
    let status = Command::new("kill").args(["-s", signal, "--", pid]).status().unwrap();
    assert!(status.success(), "kill {signal} {pid}");
}
