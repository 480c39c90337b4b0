//! Random histories in a running sandbox, for as long as one likes. `cargo xtask histories` starts the sandbox and runs
//! this in it; docs/verification.md says what came of it.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use e2e::history::model::DmsSwitch;
use e2e::history::{self, Case, Failure, Found, Mutation, Plan, Sort, Stand, search};
use e2e::{Error, Sandbox};

/// Plays random histories of a source through the whole pipeline and compares, until one fails.
#[derive(Debug, Parser)]
struct Arguments {
    /// Which histories
    #[arg(long, value_enum, default_value_t = Sort::Any)]
    sort: Sort,
    /// How many
    #[arg(long, default_value_t = 100)]
    count: u64,
    /// Begin no more after this many minutes
    #[arg(long)]
    minutes: Option<u64>,
    /// Where chance begins: the same seed gives the same histories
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The number of the first history
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// How many at the same time
    #[arg(long, default_value_t = 4)]
    lanes: usize,
    /// A defect to put into the pipeline, which must be found
    #[arg(long, value_enum)]
    mutation: Option<Mutation>,
    /// How long to look for a shorter history that fails too, in seconds
    #[arg(long, default_value_t = 300)]
    shrink_seconds: u64,
    /// Go on after a history that fails
    #[arg(long)]
    keep_going: bool,
    /// Leave the tables of a history that fails where they are
    #[arg(long)]
    keep: bool,
    /// Play the history of this file instead
    #[arg(long, value_name = "FILE")]
    play: Option<PathBuf>,
    /// Switches of the sandbox's DMS for that history, in place of its own
    #[arg(long = "switch", value_enum, value_name = "SWITCH", requires = "play")]
    switches: Vec<DmsSwitch>,
    /// Print the history of this number instead, and play nothing
    #[arg(long, value_name = "NUMBER")]
    show: Option<u64>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether all went as it should: with a defect, that is to find it.
async fn run(arguments: &Arguments) -> Result<bool, Error> {
    if let Some(number) = arguments.show {
        println!("{}", json(&history::search::case(arguments.sort, arguments.seed, number))?);
        return Ok(true);
    }
    if arguments.sort == Sort::Lives && arguments.mutation.is_some() {
        return Err(only_histories());
    }
    let mut stand = Stand::new(Sandbox::from_env()?).await?;
    stand.keep = arguments.keep;
    if let Some(path) = &arguments.play {
        return Ok(one(&stand, path, arguments).await?.is_ok());
    }
    let plan = Plan {
        sort: arguments.sort,
        seed: arguments.seed,
        first: arguments.first,
        count: arguments.count,
        until: arguments.minutes.map(|minutes| Instant::now() + Duration::from_secs(60 * minutes)),
        lanes: arguments.lanes,
        mutation: arguments.mutation,
        shrink_for: Duration::from_secs(arguments.shrink_seconds),
        keep_going: arguments.keep_going,
    };
    let began = Instant::now();
    let found = search(&stand, &plan, |number, outcome| match outcome {
        Ok(story) => eprintln!(
            "history {number}: good, {} transactions, {} faults, cut over after {:.1} s, {:.1} s",
            story.transactions,
            story.faults,
            story.cut_over.as_secs_f32(),
            story.took.as_secs_f32()
        ),
        Err(failure) => eprintln!("history {number} fails: {failure}"),
    })
    .await?;
    report(arguments, &found, began.elapsed());
    Ok(found.bad.is_empty() == arguments.mutation.is_none())
}

fn report(arguments: &Arguments, found: &Found, took: Duration) {
    let Found { good, transactions, faults, reloads, census, played, bad } = found;
    println!(
        "seed {}, from {}: {good} histories good, {transactions} transactions, {faults} faults, {reloads} reloads, {:.0} s ({:.1} s each)",
        arguments.seed,
        arguments.first,
        took.as_secs_f32(),
        played.as_secs_f32() / f32::from(u16::try_from(*good).unwrap_or(u16::MAX).max(1)),
    );
    for (kind, times) in census {
        println!("{times:>7}  {kind}");
    }
    for bad in bad {
        println!("{bad}");
    }
    if let Some(mutation) = arguments.mutation {
        match bad.first() {
            Some(_) => println!("{mutation}: caught after {} histories", good + 1),
            None => println!("{mutation}: NOT caught"),
        }
    }
}

async fn one(stand: &Stand, path: &PathBuf, arguments: &Arguments) -> Result<Result<(), Failure>, Error> {
    let file = |source| Error::File { path: path.clone(), source };
    let text = std::fs::read_to_string(path).map_err(file)?;
    let mut case: Case = serde_json::from_str(&text)
        .map_err(|error| Error::Form { what: path.display().to_string(), reason: error.to_string() })?;
    match &mut case {
        Case::History(history) if !arguments.switches.is_empty() => {
            history.dms.clone_from(&arguments.switches);
        }
        Case::Life(_) if !arguments.switches.is_empty() || arguments.mutation.is_some() => {
            return Err(only_histories());
        }
        _ => {}
    }
    let outcome = case.play(stand, arguments.mutation).await;
    match &outcome {
        Ok(story) => println!("good: {} transactions, {:.1} s", story.transactions, story.took.as_secs_f32()),
        Err(failure) => println!("{failure}"),
    }
    Ok(outcome.map(drop))
}

fn only_histories() -> Error {
    Error::Form {
        what: "the command line".into(),
        reason: "--mutation and --switch are for histories, not for lives".into(),
    }
}

fn json(case: &Case) -> Result<String, Error> {
    serde_json::to_string_pretty(case)
        .map_err(|error| Error::Form { what: "the history".into(), reason: error.to_string() })
}
