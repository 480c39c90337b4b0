//! Terraform, the mirror that its AWS provider comes from, and the CLI configuration that names both.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::Error;
use crate::process;
use crate::say;
use crate::search;

/// Write-only attributes came with this version.
const OLDEST: (u32, u32) = (1, 11);
const REGISTRY: &str = "registry.terraform.io";
const OUR_ADDRESS: &str = "databend-cdc/databend";
const OUR_PROGRAM: &str = "terraform-provider-databend";

/// Terraform in PATH is new enough.
pub(crate) fn check() -> Result<(), Error> {
    let remedy = "install Terraform 1.11 or newer: https://developer.hashicorp.com/terraform/install";
    let Some(program) = search::program("terraform") else {
        return Err(Error::Missing { what: "terraform is missing in PATH".into(), remedy: remedy.into() });
    };
    // A broken configuration of the user's must not matter: we bring our own.
    let mut command = Command::new(&program);
    command.args(["version", "-json"]).env("TF_CLI_CONFIG_FILE", "/dev/null").env("CHECKPOINT_DISABLE", "1");
    let answer = process::output("terraform version", &mut command)?;
    let version = serde_json::from_str::<serde_json::Value>(&answer)
        .ok()
        .and_then(|all| all["terraform_version"].as_str().map(str::to_owned))
        .ok_or_else(|| Error::Answer { program: "terraform version".into(), answer })?;
    if minor(&version).is_some_and(|found| found >= OLDEST) {
        return Ok(());
    }
    Err(Error::Missing { what: format!("{} is version {version}", program.display()), remedy: remedy.into() })
}

fn minor(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// Puts our provider into `dir/mirror` and writes `dir/terraform.rc`, which leads Terraform to it and to AWS's.
pub(crate) fn configure(dir: &Path, provider: &Path) -> Result<PathBuf, Error> {
    let mirror = dir.join("mirror");
    install(&mirror, provider)?;
    let aws = aws_mirror()?;
    if aws.is_none() {
        say::note("no provider mirror on this machine: Terraform takes the AWS provider from the Registry");
    }
    let file = dir.join("terraform.rc");
    let cache = dir.join("plugin-cache");
    fs::create_dir_all(&cache).map_err(Error::file("make", &cache))?;
    fs::write(&file, cli_configuration(&mirror, aws.as_deref(), &cache))
        .map_err(Error::file("write", &file))?;
    Ok(file)
}

/// A link, not a symbolic one: a build while the sandbox runs must not change the provider under Terraform's hands,
/// which compares it with its lock file.
fn install(mirror: &Path, provider: &Path) -> Result<(), Error> {
    let version = env!("CARGO_PKG_VERSION");
    let folder = mirror.join(REGISTRY).join(OUR_ADDRESS).join(version).join(platform());
    fs::create_dir_all(&folder).map_err(Error::file("make", &folder))?;
    let file = folder.join(format!("{OUR_PROGRAM}_v{version}"));
    if file.exists() {
        fs::remove_file(&file).map_err(Error::file("remove", &file))?;
    }
    // Across file systems there are no links.
    if fs::hard_link(provider, &file).is_err() {
        fs::copy(provider, &file).map_err(Error::file("write", &file))?;
    }
    Ok(())
}

/// The platform in Terraform's words.
fn platform() -> String {
    let system = if env::consts::OS == "macos" { "darwin" } else { env::consts::OS };
    let processor = match env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    format!("{system}_{processor}")
}

/// The folder that holds the AWS provider, where there is one; without it Terraform asks the Registry.
fn aws_mirror() -> Result<Option<PathBuf>, Error> {
    if let Some(named) = env::var_os("TF_PLUGIN_MIRROR_DIR").map(PathBuf::from) {
        if holds_aws(&named) {
            return Ok(Some(named));
        }
        return Err(Error::Missing {
            what: format!(
                "TF_PLUGIN_MIRROR_DIR is {}, which holds no {REGISTRY}/hashicorp/aws",
                named.display()
            ),
            remedy: "fill it: terraform providers mirror DIR, or unset TF_PLUGIN_MIRROR_DIR".into(),
        });
    }
    Ok(implied_mirrors()
        .into_iter()
        .chain(add_on_software(Path::new("/opt")))
        .find(|folder| holds_aws(folder)))
}

fn holds_aws(folder: &Path) -> bool {
    folder.join(REGISTRY).join("hashicorp/aws").is_dir()
}

/// Terraform's own: "Implied Local Mirror Directories" of its CLI configuration's documentation.
fn implied_mirrors() -> Vec<PathBuf> {
    let home = env::var_os("HOME").map(PathBuf::from);
    let data_home = env::var_os("XDG_DATA_HOME")
        .map(PathBuf::from)
        .or_else(|| home.as_ref().map(|home| home.join(".local/share")));
    let data_dirs = env::var_os("XDG_DATA_DIRS").unwrap_or_else(|| "/usr/local/share:/usr/share".into());
    home.map(|home| home.join(".terraform.d/plugins"))
        .into_iter()
        .chain(data_home.map(|data| data.join("terraform/plugins")))
        .chain(env::split_paths(&data_dirs).map(|data| data.join("terraform/plugins")))
        .collect()
}

/// The folders one level under the system's folder for add-on software (FHS 3.13).
fn add_on_software(opt: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> =
        fs::read_dir(opt).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    folders.sort();
    folders
}

fn cli_configuration(ours: &Path, aws: Option<&Path>, cache: &Path) -> String {
    let ours = quoted(ours);
    let (rest, cache) = match aws {
        Some(mirror) => (format!("filesystem_mirror {{\n    path    = {}", quoted(mirror)), String::new()),
        // Downloads are kept, so that the next `terraform init` is quick.
        None => (
            "direct {".to_owned(),
            format!(
                "plugin_cache_dir = {}\nplugin_cache_may_break_dependency_lock_file = true\n",
                quoted(cache)
            ),
        ),
    };
    format!(
        r#"disable_checkpoint = true
{cache}
provider_installation {{
  filesystem_mirror {{
    path    = {ours}
    include = ["{OUR_ADDRESS}"]
  }}
  {rest}
    exclude = ["{OUR_ADDRESS}"]
  }}
}}
"#
    )
}

/// A path as an HCL string.
fn quoted(path: &Path) -> String {
    let text = path.to_string_lossy().replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{}\"", text.replace("${", "$${").replace("%{", "%%{"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_number() {
        assert!(minor("1.11.4").unwrap() >= OLDEST);
        assert!(minor("1.9.8").unwrap() < OLDEST);
        assert!(minor("2.0.0-beta1").unwrap() >= OLDEST);
    }

    #[test]
    fn with_a_mirror_nothing_is_asked_of_the_registry() {
        let text = cli_configuration(Path::new("/d/mirror"), Some(Path::new("/m")), Path::new("/d/cache"));
        assert_eq!(
            text,
            r#"disable_checkpoint = true

provider_installation {
  filesystem_mirror {
    path    = "/d/mirror"
    include = ["databend-cdc/databend"]
  }
  filesystem_mirror {
    path    = "/m"
    exclude = ["databend-cdc/databend"]
  }
}
"#
        );
    }

    #[test]
    fn without_a_mirror_the_registry_serves_all_but_ours() {
        let text = cli_configuration(Path::new("/d/mirror"), None, Path::new("/d/cache"));
        assert!(text.contains("plugin_cache_dir = \"/d/cache\""), "{text}");
        assert!(text.contains("direct {\n    exclude = [\"databend-cdc/databend\"]\n  }"), "{text}");
    }

    #[test]
    fn paths_are_strings_of_hcl() {
        assert_eq!(quoted(Path::new("/a \"b\"/${c}")), r#""/a \"b\"/$${c}""#);
    }

    #[test]
    fn a_rebuilt_provider_replaces_the_old_one_but_not_under_a_running_terraform() {
        let dir = tempfile::tempdir().unwrap();
        let built = dir.path().join("built");
        fs::write(&built, "one").unwrap();
        install(&dir.path().join("mirror"), &built).unwrap();
        let file = dir
            .path()
            .join("mirror/registry.terraform.io/databend-cdc/databend")
            .join(env!("CARGO_PKG_VERSION"))
            .join(platform())
            .join(format!("terraform-provider-databend_v{}", env!("CARGO_PKG_VERSION")));
        assert_eq!(fs::read_to_string(&file).unwrap(), "one");
        // Cargo replaces the file; it does not write into it.
        fs::remove_file(&built).unwrap();
        fs::write(&built, "two").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "one");
        install(&dir.path().join("mirror"), &built).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "two");
    }

    #[test]
    fn a_mirror_is_a_folder_that_holds_the_aws_provider() {
        let opt = tempfile::tempdir().unwrap();
        fs::create_dir_all(opt.path().join("a")).unwrap();
        fs::create_dir_all(opt.path().join("b/registry.terraform.io/hashicorp/aws")).unwrap();
        let found: Vec<PathBuf> =
            add_on_software(opt.path()).into_iter().filter(|folder| holds_aws(folder)).collect();
        assert_eq!(found, [opt.path().join("b")]);
    }
}
