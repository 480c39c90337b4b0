//! Real Terraform on a configuration in a folder of its own.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use crate::program::{self, Output};
use crate::{Error, Sandbox};

/// What `terraform plan -detailed-exitcode` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    /// Nothing to do.
    Empty,
    /// There are changes.
    Changes,
}

/// A folder with a Terraform configuration and its state, removed when dropped.
///
/// The provider's address is `databend-cdc/databend`; [`Sandbox::variables`] are set, so that both providers find the
/// sandbox by their own environment variables.
#[derive(Debug)]
pub struct TerraformDir {
    dir: TempDir,
    variables: Vec<(String, String)>,
}

impl TerraformDir {
    /// An empty folder.
    pub fn new(sandbox: &Sandbox) -> Result<Self, Error> {
        // In the sandbox's folder, so that it goes with it even when this program is killed.
        let parent = sandbox.terraform_config.parent().map_or_else(std::env::temp_dir, Path::to_owned);
        let dir = tempfile::Builder::new()
            .prefix("terraform-")
            .tempdir_in(&parent)
            .map_err(|source| Error::File { path: parent, source })?;
        let variables =
            sandbox.variables().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Ok(Self { dir, variables })
    }

    /// A folder with a copy of the files of `example` (without folders in it).
    pub fn from_example(sandbox: &Sandbox, example: &Path) -> Result<Self, Error> {
        let new = Self::new(sandbox)?;
        let failed = |source| Error::File { path: example.into(), source };
        for entry in fs::read_dir(example).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if let (true, Some(name)) = (path.is_file(), path.file_name()) {
                fs::copy(&path, new.path().join(name)).map_err(|source| Error::File { path, source })?;
            }
        }
        Ok(new)
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Sets an environment variable for all later runs, `TF_VAR_…` for instance.
    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.into(), value.into()));
    }

    /// Writes a file of the configuration, over an earlier one of that name.
    pub fn write(&self, name: &str, text: &str) -> Result<PathBuf, Error> {
        let path = self.path().join(name);
        fs::write(&path, text).map_err(|source| Error::File { path: path.clone(), source })?;
        Ok(path)
    }

    /// `terraform init`.
    pub async fn init(&self) -> Result<Output, Error> {
        program::expect(&mut self.command(&["init", "-input=false", "-no-color"]), 0).await
    }

    /// `terraform validate`, valid or not: its JSON.
    pub async fn validate(&self) -> Result<Value, Error> {
        self.run(&["validate", "-json"]).await?.json()
    }

    /// `terraform plan`: whether there is something to do. An error of Terraform is an error here.
    pub async fn plan(&self, arguments: &[&str]) -> Result<Plan, Error> {
        let mut command = self.command(&["plan", "-detailed-exitcode", "-input=false", "-no-color"]);
        let output = program::output(command.args(arguments)).await?;
        match output.code {
            0 => Ok(Plan::Empty),
            2 => Ok(Plan::Changes),
            _ => {
                let (program, expected) = (program::shown(&command), "0 or 2".into());
                Err(Error::ExitCode { program, expected, output: Box::new(output) })
            }
        }
    }

    /// `terraform apply`, which must succeed.
    pub async fn apply(&self, arguments: &[&str]) -> Result<Output, Error> {
        let mut command = self.command(&["apply", "-auto-approve", "-input=false", "-no-color"]);
        program::expect(command.args(arguments), 0).await
    }

    /// `terraform apply` or `terraform destroy`, which must succeed, with each line told as it comes.
    pub async fn watched(&self, verb: &str, line_comes: impl Fn(&str)) -> Result<Output, Error> {
        let mut command = self.command(&[verb, "-auto-approve", "-input=false", "-no-color"]);
        program::watched(&mut command, 0, line_comes).await
    }

    /// `terraform apply`, which must fail: what it printed on stderr, with line breaks as single spaces, since
    /// Terraform wraps its messages, and without the frame around them.
    pub async fn apply_fails(&self, arguments: &[&str]) -> Result<String, Error> {
        let mut command = self.command(&["apply", "-auto-approve", "-input=false", "-no-color"]);
        Ok(unwrapped(&program::expect(command.args(arguments), 1).await?.stderr))
    }

    /// `terraform apply`, interrupted as by Ctrl-C once `when` is over: the signal goes to Terraform and to the
    /// providers, as a terminal sends it.
    pub async fn apply_interrupted(&self, when: impl Future<Output = ()>) -> Result<Output, Error> {
        let mut command = self.command(&["apply", "-auto-approve", "-input=false", "-no-color"]);
        program::interrupted(&mut command, when).await
    }

    /// `terraform plan`, which must fail: its message, as [`Self::apply_fails`] returns it.
    pub async fn plan_fails(&self, arguments: &[&str]) -> Result<String, Error> {
        let mut command = self.command(&["plan", "-input=false", "-no-color"]);
        Ok(unwrapped(&program::expect(command.args(arguments), 1).await?.stderr))
    }

    /// `terraform destroy`, which must succeed.
    pub async fn destroy(&self, arguments: &[&str]) -> Result<Output, Error> {
        let mut command = self.command(&["destroy", "-auto-approve", "-input=false", "-no-color"]);
        program::expect(command.args(arguments), 0).await
    }

    /// `terraform import`.
    pub async fn import(&self, address: &str, id: &str) -> Result<Output, Error> {
        program::expect(&mut self.command(&["import", "-input=false", "-no-color", address, id]), 0).await
    }

    /// `terraform show -json`: the state.
    pub async fn show(&self) -> Result<Value, Error> {
        program::expect(&mut self.command(&["show", "-json"]), 0).await?.json()
    }

    /// The attributes of a resource of the root module, from the state.
    pub async fn resource(&self, address: &str) -> Result<Value, Error> {
        let state = self.show().await?;
        let resources = state["values"]["root_module"]["resources"].as_array().cloned().unwrap_or_default();
        resources
            .into_iter()
            .find(|resource| resource["address"] == address)
            .map(|mut resource| resource["values"].take())
            .ok_or_else(|| Error::Form { what: "the state".into(), reason: format!("it has no {address}") })
    }

    /// What `terraform plan` would do: `terraform show -json` of the plan.
    pub async fn planned(&self) -> Result<Value, Error> {
        let mut plan = self.command(&["plan", "-input=false", "-no-color", "-out=plan"]);
        program::expect(&mut plan, 0).await?;
        program::expect(&mut self.command(&["show", "-json", "plan"]), 0).await?.json()
    }

    /// `terraform output -json NAME`.
    pub async fn output(&self, name: &str) -> Result<Value, Error> {
        program::expect(&mut self.command(&["output", "-json", name]), 0).await?.json()
    }

    /// Any Terraform command, however it ends.
    pub async fn run(&self, arguments: &[&str]) -> Result<Output, Error> {
        program::output(&mut self.command(arguments)).await
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("terraform");
        command.current_dir(self.path()).args(arguments).envs(self.variables.iter().cloned());
        command.env("TF_IN_AUTOMATION", "1").env("CHECKPOINT_DISABLE", "1");
        // What the one who runs the tests has set for himself.
        for name in
            ["TF_LOG", "TF_CLI_ARGS", "TF_DATA_DIR", "TF_WORKSPACE", "AWS_PROFILE", "AWS_SESSION_TOKEN"]
        {
            command.env_remove(name);
        }
        command
    }
}

/// Terraform's message without its frame and its line breaks.
pub fn unwrapped(text: &str) -> String {
    text.split_whitespace().filter(|word| !matches!(*word, "│" | "╷" | "╵")).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    #[test]
    fn messages_lose_their_frame() {
        let text = "╷\n│ Error: Unknown type\n│ \n│ columns[1].type: \"bigit\" is no\n│ MySQL type\n╵\n";
        assert_eq!(super::unwrapped(text), "Error: Unknown type columns[1].type: \"bigit\" is no MySQL type");
    }
}
