//! The larger worlds of a row that is repaired, which take minutes: docs/verification.md has what came of them.
//!
//! ```shell
//! cargo run --release -p model --example repairs
//! ```

use std::process::ExitCode;

use model::explore::explore;
use model::generation::Time;
use model::repair::{Repair, Rules, World};

fn main() -> ExitCode {
    let two = World { changes: 2, attempts: 2, faults: 1, seconds: 3, time: Time::Begin };
    let three = World { changes: 3, attempts: 1, seconds: 2, ..two };
    for (name, world) in [("two statements, two repairs", two), ("three statements, one repair", three)] {
        for time in [Time::Begin, Time::Commit] {
            let explored = explore(&Repair { rules: Rules::ALL, world: World { time, ..world } });
            println!("{name}, {time:?}: {} states", explored.states);
            if let Some(found) = explored.counterexample {
                eprintln!("{}\n{}", found.wrong, found.events.join("\n"));
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}
