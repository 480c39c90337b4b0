//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Brings a MySQL → DMS → S3 → Databend pipeline, declared with Terraform, into operation, and looks after it.
///
/// Results go to stdout, everything else to stderr. Exit code 0: done, or nothing to do. 1: an error. 2: findings, or
/// work pending.
#[derive(Debug, Parser)]
#[command(name = "runbook", version, max_term_width = 110)]
pub struct Cli {
    /// What goes for every verb.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// Options of every verb.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// The Terraform folder whose state describes the pipeline.
    #[arg(long, global = true, default_value = ".", value_name = "FOLDER")]
    pub dir: PathBuf,
    /// A file with the output of `terraform show -json`, instead of a folder.
    #[arg(long, global = true, value_name = "FILE", conflicts_with = "dir")]
    pub manifest: Option<PathBuf>,
    /// Settings file. Default: runbook.toml in the Terraform folder, if it is there.
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print results as JSON.
    #[arg(long, global = true)]
    pub json: bool,
    /// Never ask anything: fail where an answer is needed, unless --yes gives it.
    #[arg(long, global = true)]
    pub no_input: bool,
    /// Answer yes to every question.
    #[arg(long, global = true)]
    pub yes: bool,
    /// Only this table, named as at the source; may be given several times. Default: all.
    #[arg(long = "table", global = true, value_name = "SCHEMA.TABLE")]
    pub tables: Vec<String>,
}

/// The verbs.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum Verb {
    /// Show the steps that cutover would take now, with their SQL and API calls. Changes nothing. Exit code 2: work pending.
    Plan,
    /// Start DMS, load, compare, fill ODS, compare again, start the tasks, see the first run. Safe to kill and to run again.
    Cutover,
    /// Show where every table stands. Exit code 2: something is stale, wrong or pending.
    Status,
    /// Suspend the tasks, parents first.
    Suspend,
    /// Resume the tasks, children first.
    Resume,
    /// Show what earlier runs did: steps, counts, who.
    Log,
    /// Give up the lease that a run holds which is known to be gone. Asks first.
    Unlock,
    /// Tell what the code of a finding means, or all of them.
    Explain {
        /// The code, for example DMS-STOPPED.
        code: Option<String>,
    },
    /// Print the JSON Schema of runbook.toml.
    ConfigSchema,
    /// Print the JSON Schemas of what --json prints, by verb. `error` is what any verb may print.
    OutputSchema,
    /// Print what a shell needs to complete the command line.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page, for `man -l -`.
    Man,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn options_may_follow_the_verb() {
        let cli = Cli::parse_from([
            "runbook", "cutover", "--table", "a.b", "--table", "a.c", "--yes", "--dir", "x",
        ]);
        assert_eq!(cli.verb, Verb::Cutover);
        assert_eq!(cli.global.tables, ["a.b", "a.c"]);
        assert!(cli.global.yes);
        assert_eq!(cli.global.dir, PathBuf::from("x"));
    }
}
