//! Real Terraform on a configuration in a folder of its own.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use rustix::process::Signal;
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

    /// A folder with a copy of `example` and its tests. The modules of the examples stay where they are: their relative
    /// paths become absolute.
    pub fn from_example(sandbox: &Sandbox, example: &Path) -> Result<Self, Error> {
        let new = Self::new(sandbox)?;
        let example =
            fs::canonicalize(example).map_err(|source| Error::File { path: example.into(), source })?;
        copy_example(&example, new.path())?;
        let Some(examples) = example.parent() else { return Ok(new) };
        let modules = format!("\"{}/modules/", examples.display());
        for entry in fs::read_dir(new.path()).map_err(failed_at(new.path()))? {
            let path = entry.map_err(failed_at(new.path()))?.path();
            if path.extension().is_some_and(|extension| extension == "tf") {
                let text = fs::read_to_string(&path).map_err(failed_at(&path))?;
                fs::write(&path, text.replace("\"../modules/", &modules)).map_err(failed_at(&path))?;
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

    /// `terraform init`. Folders that require the same providers share its result: the first folder of a sandbox runs
    /// Terraform, the others link to what it installed.
    pub async fn init(&self) -> Result<(), Error> {
        let Some(shared) = self.shared_init()? else { return self.run_init().await };
        let (data, lock) = (shared.join(".terraform"), shared.join(".terraform.lock.hcl"));
        if !shared.exists() {
            self.run_init().await?;
            return self.share_init(&shared);
        }
        symlink(&data, self.path().join(".terraform"))
            .map_err(|source| Error::File { path: data, source })?;
        fs::copy(&lock, self.path().join(".terraform.lock.hcl"))
            .map_err(|source| Error::File { path: lock, source })?;
        Ok(())
    }

    async fn run_init(&self) -> Result<(), Error> {
        program::expect(&mut self.command(&["init", "-input=false", "-no-color"]), 0).await.map(drop)
    }

    /// The folder in the sandbox for the result of `terraform init` with this configuration's providers. None if the
    /// configuration leaves providers to Terraform's defaults or has modules, which `init` installs too.
    fn shared_init(&self) -> Result<Option<PathBuf>, Error> {
        let mut requirements = Vec::new();
        for text in self.configuration()? {
            if text.contains("module \"") {
                return Ok(None);
            }
            requirements.extend(required_providers(&text).map(str::to_owned));
        }
        requirements.sort();
        let Some(sandbox) = self.path().parent().filter(|_| !requirements.is_empty()) else {
            return Ok(None);
        };
        let mut hasher = DefaultHasher::new();
        requirements.hash(&mut hasher);
        Ok(Some(sandbox.join(format!("initialized-{:016x}", hasher.finish()))))
    }

    /// Moves the result of `terraform init` to `shared` and links to it, unless another test was faster.
    fn share_init(&self, shared: &Path) -> Result<(), Error> {
        let failed = |source| Error::File { path: shared.into(), source };
        let own = tempfile::tempdir_in(self.path()).map_err(failed)?;
        let data = self.path().join(".terraform");
        fs::copy(self.path().join(".terraform.lock.hcl"), own.path().join(".terraform.lock.hcl"))
            .map_err(failed)?;
        fs::rename(&data, own.path().join(".terraform")).map_err(failed)?;
        // Atomic. It fails if `shared` exists and is not empty, and then both are the same.
        if fs::rename(own.path(), shared).is_err() && !shared.exists() {
            return Err(failed(std::io::Error::other("cannot be moved there")));
        }
        symlink(shared.join(".terraform"), &data).map_err(failed)
    }

    /// The text of each file of the configuration.
    fn configuration(&self) -> Result<Vec<String>, Error> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            |source| Error::File { path, source }
        };
        let mut files = Vec::new();
        for entry in fs::read_dir(self.path()).map_err(failed(self.path()))? {
            let path = entry.map_err(failed(self.path()))?.path();
            if path.extension().is_some_and(|extension| extension == "tf") {
                files.push(fs::read_to_string(&path).map_err(failed(&path))?);
            }
        }
        Ok(files)
    }

    /// `terraform test`, which must pass: what it printed.
    pub async fn test(&self) -> Result<String, Error> {
        Ok(program::expect(&mut self.command(&["test", "-no-color"]), 0).await?.stdout)
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
        program::signaled(&mut command, when, Signal::INT).await
    }

    /// `terraform apply`, killed (SIGKILL) together with the providers once `when` is over.
    pub async fn apply_killed(&self, when: impl Future<Output = ()>) -> Result<Output, Error> {
        let mut command = self.command(&["apply", "-auto-approve", "-input=false", "-no-color"]);
        program::signaled(&mut command, when, Signal::KILL).await
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

    /// The attributes of a managed resource of the root module (the first, if it has `count`), from the state file.
    pub async fn resource(&self, address: &str) -> Result<Value, Error> {
        let mut state = self.state()?;
        let found = state["resources"].as_array_mut().into_iter().flatten().find(|resource| {
            let [kind, name] = ["type", "name"].map(|field| resource[field].as_str().unwrap_or_default());
            resource["mode"] == "managed"
                && resource["module"].is_null()
                && address == format!("{kind}.{name}")
        });
        found
            .map(|resource| resource["instances"][0]["attributes"].take())
            .ok_or_else(|| Error::Form { what: "the state".into(), reason: format!("it has no {address}") })
    }

    /// The state file. Reading it takes no time; `terraform show` starts Terraform and the provider.
    fn state(&self) -> Result<Value, Error> {
        let path = self.path().join("terraform.tfstate");
        let text = fs::read(&path).map_err(|source| Error::File { path: path.clone(), source })?;
        serde_json::from_slice(&text)
            .map_err(|error| Error::Form { what: path.display().to_string(), reason: error.to_string() })
    }

    /// What `terraform plan` would do: `terraform show -json` of the plan.
    pub async fn planned(&self) -> Result<Value, Error> {
        let mut plan = self.command(&["plan", "-input=false", "-no-color", "-out=plan"]);
        program::expect(&mut plan, 0).await?;
        program::expect(&mut self.command(&["show", "-json", "plan"]), 0).await?.json()
    }

    /// The value of an output of the root module, from the state file.
    pub async fn output(&self, name: &str) -> Result<Value, Error> {
        let mut value = self.state()?["outputs"][name].take();
        if value.is_null() {
            return Err(Error::Form { what: "the state".into(), reason: format!("it has no output {name}") });
        }
        Ok(value["value"].take())
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

/// Copies a configuration's files and its folder `tests`, not what Terraform keeps beside them.
fn copy_example(from: &Path, to: &Path) -> Result<(), Error> {
    fs::create_dir_all(to).map_err(failed_at(to))?;
    for entry in fs::read_dir(from).map_err(failed_at(from))? {
        let path = entry.map_err(failed_at(from))?.path();
        let Some(name) = path.file_name().filter(|name| !name.to_string_lossy().starts_with(".terraform"))
        else {
            continue;
        };
        if path.is_dir() {
            copy_example(&path, &to.join(name))?;
        } else if !name.to_string_lossy().contains(".tfstate") {
            fs::copy(&path, to.join(name)).map_err(failed_at(&path))?;
        }
    }
    Ok(())
}

fn failed_at(path: &Path) -> impl Fn(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File { path: path.clone(), source }
}

/// The blocks `required_providers` of a configuration.
fn required_providers(text: &str) -> impl Iterator<Item = &str> {
    text.split("required_providers").skip(1).map(|rest| {
        let mut depth = 0;
        let end = rest.find(|c| {
            depth += i32::from(c == '{') - i32::from(c == '}');
            c == '}' && depth == 0
        });
        &rest[..end.unwrap_or(rest.len())]
    })
}

/// Terraform's message without its frame and its line breaks.
pub fn unwrapped(text: &str) -> String {
    text.split_whitespace().filter(|word| !matches!(*word, "│" | "╷" | "╵")).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    #[test]
    fn requirements_are_whole_blocks() {
        let text = "terraform {\n  required_providers {\n    a = { source = \"x/a\" }\n    b = { source = \"x/b\" }\n  }\n}\n";
        let found: Vec<_> = super::required_providers(text).collect();
        assert_eq!(found.len(), 1);
        assert!(
            found[0].contains("x/a") && found[0].contains("x/b") && !found[0].ends_with("}\n}"),
            "{found:?}"
        );
        assert_eq!(super::required_providers("resource \"a\" \"b\" {}").count(), 0);
    }

    #[test]
    fn messages_lose_their_frame() {
        let text = "╷\n│ Error: Unknown type\n│ \n│ columns[1].type: \"bigit\" is no\n│ MySQL type\n╵\n";
        assert_eq!(super::unwrapped(text), "Error: Unknown type columns[1].type: \"bigit\" is no MySQL type");
    }
}
