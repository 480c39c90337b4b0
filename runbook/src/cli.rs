//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{NonEmptyStringValueParser, PossibleValuesParser, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand};
use operations::procedures::Procedure;
use pipeline::KeyCondition;

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

impl Cli {
    /// Reads a command line, the program's name first. clap checks the options of a verb before it knows those in front of
    /// the verb, and of an option on both sides it drops the one in front: so what needs both is checked here.
    pub fn read(line: &[OsString]) -> Result<Self, clap::Error> {
        let cli = Self::try_parse_from(line)?;
        let wrong = |kind, message: &str| Err(Self::command().error(kind, message));
        let is_table = |argument: &&OsString| {
            argument.to_str().is_some_and(|text| text == "--table" || text.starts_with("--table="))
        };
        if line.iter().filter(is_table).count() > cli.global.tables.len() {
            return wrong(
                ErrorKind::ArgumentConflict,
                "--table stands before and after the verb: put all of them on one side",
            );
        }
        match (&cli.verb, cli.global.tables.is_empty()) {
            (Verb::Reload { all_of_task: false, .. }, true) => wrong(
                ErrorKind::MissingRequiredArgument,
                "nothing says what to load again: give --table SCHEMA.TABLE, or --all-of-task",
            ),
            (Verb::Replay, true) => wrong(
                ErrorKind::MissingRequiredArgument,
                "nothing says what to rebuild: give --table SCHEMA.TABLE",
            ),
            (Verb::Reload { all_of_task: true, .. }, false) => wrong(
                ErrorKind::ArgumentConflict,
                "--all-of-task is every table: give either that or --table SCHEMA.TABLE",
            ),
            _ => Ok(cli),
        }
    }
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
    /// Show the steps that a verb would take now, with their SQL and API calls. Changes nothing. Exit code 2: work pending.
    Plan {
        /// The verb.
        #[arg(long = "for", value_name = "VERB", default_value = Procedure::Cutover.as_str(), value_parser = procedures())]
        procedure: Procedure,
    },
    /// Start DMS, load, compare, fill ODS, compare again, start the tasks, see the first run. Safe to kill and to run again.
    Cutover,
    /// Have DMS load tables once more, and bring ODS to what the source has. Readers see the old or the new row of a key. Needs
    /// `MYSQL_DSN`.
    Reload {
        /// Every table of the chains. A DMS task that was never started, or has failed, can only load all of them.
        #[arg(long)]
        all_of_task: bool,
        /// Mark rows as deleted that are neither in the load nor at the source, even if they are many.
        #[arg(long)]
        accept_deletes: bool,
    },
    /// Rebuild ODS of tables from everything that raw keeps, where it differs. Shows how it differs, and asks. Readers see the
    /// rows before or after it. Needs --table.
    Replay,
    /// Show where every table stands. Exit code 2: something is stale, wrong or pending.
    Status,
    /// Compare ODS with the source, row by row and value by value, while both change. Changes nothing but the journal. Needs
    /// `MYSQL_DSN`. Exit code 2: differences, or rows of which it could not be told.
    Verify(Verify),
    /// Suspend the tasks, parents first.
    Suspend,
    /// Resume the tasks, children first.
    Resume,
    /// Find the files that make the load of a table fail, move them to where no load takes them, and start the tasks again. Asks
    /// first. `status` tells of them until nothing is left to do.
    Unblock {
        /// Move files that were set aside back, if they can be loaded now.
        #[arg(long)]
        put_back: bool,
    },
    /// Show what earlier runs did: steps, counts, who.
    Log {
        /// Remove rows that are older than this (90d, 12h, 30m) and that nothing rests on. Asks first.
        #[arg(long, value_name = "DURATION", value_parser = duration)]
        prune_older_than: Option<Duration>,
    },
    /// Say that what DDL has changed at the source is known, and why nothing is left to do. Asks first. Needs `MYSQL_DSN`.
    Settle {
        /// Why. It is kept in the journal.
        #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
        reason: String,
    },
    /// Give up the leases on the tables that a run holds which is known to be gone. Asks first.
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

/// How ODS is compared with the source.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct Verify {
    /// Write the rows that differ into raw, as they are at the source, have them merged, and compare them again. Asks first.
    #[arg(long)]
    pub repair: bool,
    /// Insert, change and delete a row of the table at the source, and show how long each change takes to ODS. Asks first. Needs
    /// --table, with a table that is for this alone.
    #[arg(long, conflicts_with_all = ["repair", "where_key", "sample", "max_load", "resume", "csv"])]
    pub canary: bool,
    /// Only rows whose key meets this condition, for example 'id>=1000'. May be given several times. Needs --table.
    #[arg(long, value_name = "CONDITION")]
    pub where_key: Vec<KeyCondition>,
    /// Only about so many of a hundred rows, in ranges that are spread over the key.
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(1..=100))]
    pub sample: Option<u8>,
    /// Wait while the source runs more statements than this (`Threads_running`), those of this program among them.
    #[arg(long, value_name = "STATEMENTS", value_parser = clap::value_parser!(u64).range(1..))]
    pub max_load: Option<u64>,
    /// Keep in this file how far the comparison is, and go on from there if the file exists. It is removed when all is compared.
    #[arg(long, value_name = "FILE")]
    pub resume: Option<PathBuf>,
    /// Write every key that differs, or of which it could not be told, into this file.
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
}

/// What can be planned, by its verb.
fn procedures() -> impl TypedValueParser<Value = Procedure> {
    PossibleValuesParser::new(Procedure::ALL.map(Procedure::as_str))
        .try_map(|verb| Procedure::parse(&verb).ok_or("it has no plan"))
}

/// A number with its unit: days, hours, minutes or seconds.
fn duration(text: &str) -> Result<Duration, String> {
    let units = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];
    let split = units.iter().find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, seconds)));
    let parsed = split.and_then(|(number, seconds)| number.trim().parse::<u64>().ok()?.checked_mul(*seconds));
    parsed.map(Duration::from_secs).ok_or_else(|| {
        "write a whole number and d (days), h (hours), m (minutes) or s (seconds), for example 90d".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use operations::verbs::Changing;

    use super::*;

    /// What a verb changes. Whoever adds a verb says so here; the crash matrix of the crate `operations` has a scenario for
    /// each of [`Changing`].
    fn changing(verb: &Verb) -> Option<Changing> {
        match verb {
            Verb::Cutover => Some(Changing::Procedure(Procedure::Cutover)),
            Verb::Suspend => Some(Changing::Procedure(Procedure::Suspend)),
            Verb::Resume => Some(Changing::Procedure(Procedure::Resume)),
            Verb::Reload { .. } => Some(Changing::Procedure(Procedure::Reload)),
            Verb::Replay => Some(Changing::Procedure(Procedure::Replay)),
            Verb::Verify(Verify { repair: true, .. }) => Some(Changing::Repair),
            Verb::Unblock { put_back: false } => Some(Changing::Procedure(Procedure::Unblock)),
            Verb::Unblock { put_back: true } => Some(Changing::PutBack),
            // A canary changes its own row at the source, and nothing in Databend.
            Verb::Unlock => Some(Changing::Unlock),
            Verb::Log { prune_older_than: Some(_) } => Some(Changing::Prune),
            Verb::Log { prune_older_than: None }
            | Verb::Plan { .. }
            | Verb::Status
            // It says something in the journal alone, as a verification does.
            | Verb::Settle { .. }
            | Verb::Verify(Verify { repair: false, .. })
            | Verb::Explain { .. }
            | Verb::ConfigSchema
            | Verb::OutputSchema
            | Verb::Completions { .. }
            | Verb::Man => None,
        }
    }

    #[test]
    fn every_verb_that_changes_something_is_in_the_crash_matrix() {
        let lines: [&[&str]; 10] = [
            &["cutover"],
            &["suspend"],
            &["resume"],
            &["reload", "--all-of-task"],
            &["replay"],
            &["verify", "--repair"],
            &["unblock"],
            &["unblock", "--put-back"],
            &["unlock"],
            &["log", "--prune-older-than", "1d"],
        ];
        let verbs = lines.map(|line| Cli::parse_from(["runbook"].iter().chain(line)).verb);
        let known: BTreeSet<_> = verbs.iter().filter_map(changing).collect();
        assert_eq!(known, Changing::all().into_iter().collect());
    }

    #[test]
    fn a_plan_is_for_a_verb() {
        let verb =
            |line: &[&str]| Cli::try_parse_from(["runbook", "plan"].iter().chain(line)).map(|cli| cli.verb);
        assert_eq!(verb(&[]).unwrap(), Verb::Plan { procedure: Procedure::Cutover });
        assert_eq!(verb(&["--for", "resume"]).unwrap(), Verb::Plan { procedure: Procedure::Resume });
        assert!(verb(&["--for", "status"]).is_err());
    }

    #[test]
    fn a_reload_and_a_replay_say_of_what() {
        let read = |line: &str| {
            let line: Vec<_> = line.split(' ').map(OsString::from).collect();
            Cli::read(&line).map_err(|error| error.kind())
        };
        assert_eq!(read("runbook reload").unwrap_err(), ErrorKind::MissingRequiredArgument);
        for wrong in ["reload --all-of-task --table a.b", "--table a.b reload --all-of-task"] {
            assert_eq!(read(&format!("runbook {wrong}")).unwrap_err(), ErrorKind::ArgumentConflict);
        }
        for right in ["reload --table a.b", "--table=a.b reload", "reload --all-of-task --accept-deletes"] {
            read(&format!("runbook {right}")).unwrap();
        }
        assert_eq!(read("runbook replay").unwrap_err(), ErrorKind::MissingRequiredArgument);
        read("runbook replay --table a.b").unwrap();
        // The one in front would be dropped.
        let both = read("runbook --table a.b cutover --table a.c").unwrap_err();
        assert_eq!(both, ErrorKind::ArgumentConflict);
    }

    #[test]
    fn a_part_of_a_table_can_be_compared() {
        let parse =
            |line: &[&str]| Cli::try_parse_from(["runbook", "verify"].iter().chain(line)).map(|cli| cli.verb);
        let verb = parse(&["--where-key", "id>=5", "--where-key", "id<9", "--sample", "5"]).unwrap();
        let where_key = ["id>=5", "id<9"].map(|condition| condition.parse().unwrap()).into();
        assert_eq!(verb, Verb::Verify(Verify { where_key, sample: Some(5), ..Verify::default() }));
        for wrong in [["--where-key", "id"], ["--sample", "0"], ["--sample", "101"], ["--max-load", "0"]] {
            assert!(parse(&wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn durations_have_a_unit() {
        assert_eq!(duration("90d"), Ok(Duration::from_hours(90 * 24)));
        assert_eq!(duration("12h"), Ok(Duration::from_hours(12)));
        for wrong in ["90", "d", "-1d", "1.5d", "99999999999999999999d"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
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
