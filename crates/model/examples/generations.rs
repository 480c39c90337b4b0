//! A world that takes too long for the tests: two loads and three statements. `cargo run --release -p model --example
//! generations`; with a number, that many statements.

use std::process::ExitCode;

use model::explore::explore;
use model::generation::{Generation, Rules, World};

fn main() -> ExitCode {
    let changes = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(3);
    let world = World { attempts: 2, changes, gaps: true, ..World::CALM };
    let explored = explore(&Generation { rules: Rules::ALL, world });
    println!("two loads, {changes} statements, gaps: {} states", explored.states);
    match explored.counterexample {
        None => ExitCode::SUCCESS,
        Some(found) => {
            eprintln!("{}\n{}", found.wrong, found.events.join("\n"));
            ExitCode::FAILURE
        }
    }
}
