//! A world that takes minutes: two loads and three statements. `cargo run --release -p model --example generations`; with a
//! number, that many statements.

use std::process::ExitCode;

use model::explore::explore;
use model::generation::{Generation, Rules, Time, World};

fn main() -> ExitCode {
    let changes = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(3);
    for time in [Time::Begin, Time::Commit] {
        let world = World { attempts: 2, changes, gaps: true, time, ..World::CALM };
        let explored = explore(&Generation { rules: Rules::ALL, world });
        println!("two loads, {changes} statements, gaps, time {time:?}: {} states", explored.states);
        if let Some(found) = explored.counterexample {
            eprintln!("{}\n{}", found.wrong, found.events.join("\n"));
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
