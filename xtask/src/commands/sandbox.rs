//! `cargo xtask sandbox up|down`.

use std::path::{self, Path, PathBuf};

use clap::{Args, Subcommand};

use crate::binaries::{Binaries, Scope};
use crate::error::Error;
use crate::mysql;
use crate::sandbox::{self, Life, Sandbox, Source};
use crate::say;
use crate::workspace::Workspace;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Start it, and print the variables that lead to it
    Up(Up),
    /// Stop it; what it holds is there again after the next `up`
    Down(Place),
}

#[derive(Args)]
struct Up {
    #[command(flatten)]
    place: Place,
    /// A real MySQL server as the source, in place of MariaDB; it is downloaded once
    #[arg(long)]
    mysql: bool,
}

#[derive(Args)]
struct Place {
    /// Where everything of the sandbox lies [default: sandbox in the target folder]
    #[arg(long, value_name = "D")]
    dir: Option<PathBuf>,
}

impl Place {
    fn resolve(&self, workspace: &Workspace) -> Result<PathBuf, Error> {
        let dir = self.dir.clone().unwrap_or_else(|| workspace.target.join("sandbox"));
        path::absolute(&dir).map_err(Error::file("resolve", &dir))
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Error> {
    let workspace = Workspace::find()?;
    match &arguments.verb {
        Verb::Up(Up { place, mysql }) => up(&workspace, &place.resolve(&workspace)?, *mysql),
        Verb::Down(place) => down(&place.resolve(&workspace)?),
    }
}

fn up(workspace: &Workspace, dir: &Path, is_mysql: bool) -> Result<(), Error> {
    sandbox::check_machine()?;
    let binaries = Binaries::build(workspace, Scope::Programs)?;
    let mysql = mysql::ready(workspace, is_mysql)?;
    let source = mysql.as_deref().map_or(Source::Mariadb, Source::Mysql);
    let sandbox = Sandbox::start(workspace, &binaries, dir, Life::UntilDown, source)?;
    for (name, value) in &sandbox.variables {
        println!("export {name}='{}'", value.replace('\'', r#"'"'"'"#));
    }
    say::note(format_args!("into a shell with: . {}", dir.join("sandbox.env").display()));
    say::note(format_args!("stop it with: cargo xtask sandbox down --dir {}", dir.display()));
    Ok(())
}

fn down(dir: &Path) -> Result<(), Error> {
    if sandbox::stop(dir)? {
        say::note(format_args!("stopped; its data stays in {}", dir.display()));
    } else {
        say::note(format_args!("no sandbox runs in {}", dir.display()));
    }
    Ok(())
}
