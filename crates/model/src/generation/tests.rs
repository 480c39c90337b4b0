use super::*;
use crate::explore::explore;

/// Goes through a model that must hold, and tells how large it is.
fn holds(name: &str, world: World) {
    let explored = explore(&Generation { rules: Rules::ALL, world });
    println!("{name}: {} states", explored.states);
    if let Some(counterexample) = explored.counterexample {
        panic!("{name}: {}\n{}", counterexample.wrong, counterexample.events.join("\n"));
    }
}

/// A model without one rule must go wrong.
fn goes_wrong(name: &str, rules: Rules, world: World) {
    let explored = explore(&Generation { rules, world });
    let Some(counterexample) = explored.counterexample else {
        panic!("without {name} nothing goes wrong in {} states", explored.states)
    };
    println!("without {name}: {}; {}", counterexample.events.join(", "), counterexample.wrong);
}

const ALL: Rules = Rules::ALL;
const CALM: World = World::CALM;

#[test]
fn calm() {
    holds("calm", CALM);
    holds("calm, time of the commit", World { time: Time::Commit, ..CALM });
}

#[test]
fn gaps() {
    holds("gaps", World { gaps: true, ..CALM });
    holds("gaps, time of the commit", World { gaps: true, time: Time::Commit, ..CALM });
}

#[test]
fn short_loads() {
    holds("short loads", World { short_loads: true, ..CALM });
}

#[test]
fn two_loads() {
    holds("two loads, one statement", World { attempts: 2, changes: 1, gaps: true, ..CALM });
}

#[test]
fn every_rule_is_needed() {
    let gaps = World { gaps: true, ..CALM };
    goes_wrong("a late boundary", Rules { late_boundary: false, ..ALL }, gaps);
    goes_wrong("the wait", Rules { wait: false, ..ALL }, gaps);
    goes_wrong("the floor", Rules { floor: false, ..ALL }, gaps);
    goes_wrong("the side table", Rules { side_table: false, ..ALL }, World { attempts: 2, ..gaps });
    goes_wrong("the sweep", Rules { sweep: false, ..ALL }, gaps);
    goes_wrong(
        "the look at the source",
        Rules { look_up: false, ..ALL },
        World { short_loads: true, ..gaps },
    );
    goes_wrong("the merge within the admission", Rules { merge: false, ..ALL }, gaps);
    goes_wrong("one reader", Rules { one_reader: false, ..ALL }, gaps);
    goes_wrong("the calibration", Rules { calibration: false, ..ALL }, World { behind: 2, ..gaps });
    goes_wrong("the floor in a replay", Rules { replay_floor: false, ..ALL }, gaps);
}
