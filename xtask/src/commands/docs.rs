//! `cargo xtask docs`: the Registry's reference pages, from the provider's own schema and from `examples/`; and what the
//! runbook says of its own output.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;

use crate::binaries::{Binaries, Scope};
use crate::error::Error;
use crate::reference::{self, Page};
use crate::run_dir::RunDir;
use crate::workspace::Workspace;
use crate::{fact_links, process, runbook_pages, say, terraform};

#[derive(Args)]
pub(crate) struct Arguments {
    /// Change nothing; fail if a page is not up to date, or a reference to docs/facts leads nowhere
    #[arg(long)]
    check: bool,
}

/// What makes Terraform load the provider.
const CONFIGURATION: &str = r#"terraform {
  required_providers {
    databend = { source = "databend-cdc/databend" }
  }
}
"#;

pub(crate) fn run(arguments: &Arguments) -> Result<(), Error> {
    let workspace = Workspace::find()?;
    if arguments.check {
        fact_links::check(&workspace.root)?;
    }
    terraform::check()?;
    let binaries = Binaries::build(&workspace, Scope::Programs)?;
    let dir = RunDir::new(&workspace, "docs")?;
    let schema =
        binaries.path("terraform-provider-databend").and_then(|provider| schema(dir.path(), provider));
    let mut pages = reference::pages(&dir.close(schema)?, &workspace.root.join("examples"))?;
    let runbook = binaries.path("runbook")?;
    pages.push(runbook_pages::findings(&ask(runbook, &["explain", "--json"])?));
    pages.extend(runbook_pages::schemas(&ask(runbook, &["output-schema"])?));
    if arguments.check { check(&workspace.root, &pages) } else { write(&workspace.root, &pages) }
}

/// `terraform providers schema -json`: what Terraform itself knows of the provider.
fn schema(dir: &Path, provider: &Path) -> Result<serde_json::Value, Error> {
    let configuration = terraform::configure(dir, provider)?;
    let file = dir.join("main.tf");
    fs::write(&file, CONFIGURATION).map_err(Error::file("write", &file))?;
    let terraform = |arguments: &[&str]| {
        let mut command = Command::new("terraform");
        command
            .current_dir(dir)
            .args(arguments)
            .env("TF_CLI_CONFIG_FILE", &configuration)
            .env("TF_IN_AUTOMATION", "1");
        process::output(&format!("terraform {}", arguments.join(" ")), &mut command)
    };
    terraform(&["init", "-no-color", "-input=false"])?;
    let answer = terraform(&["providers", "schema", "-json"])?;
    serde_json::from_str(&answer).map_err(|error| Error::Answer {
        program: "terraform providers schema".into(),
        answer: error.to_string(),
    })
}

/// What the runbook says of itself.
fn ask(runbook: &Path, arguments: &[&str]) -> Result<serde_json::Value, Error> {
    let what = format!("runbook {}", arguments.join(" "));
    let answer = process::output(&what, Command::new(runbook).args(arguments))?;
    serde_json::from_str(&answer).map_err(|error| Error::Answer { program: what, answer: error.to_string() })
}

fn write(root: &Path, pages: &[Page]) -> Result<(), Error> {
    for page in pages {
        let file = root.join("docs").join(&page.path);
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder).map_err(Error::file("make", folder))?;
        }
        fs::write(&file, &page.text).map_err(Error::file("write", &file))?;
    }
    say::note(format_args!("{} pages in docs/", pages.len()));
    Ok(())
}

fn check(root: &Path, pages: &[Page]) -> Result<(), Error> {
    let stale: Vec<PathBuf> = pages
        .iter()
        .map(|page| (root.join("docs").join(&page.path), &page.text))
        .filter(|(file, text)| fs::read_to_string(file).ok().as_ref() != Some(text))
        .map(|(file, _)| file)
        .collect();
    if stale.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = stale.iter().map(|file| file.display().to_string()).collect();
    Err(Error::Missing {
        what: format!("not up to date: {}", names.join(", ")),
        remedy: "cargo xtask docs".into(),
    })
}
