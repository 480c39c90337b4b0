use super::*;
use crate::explore::explore;

const WORLD: World = World { changes: 2, attempts: 1, faults: 1, seconds: 2, time: Time::Begin };

/// Goes through a model that must hold, and tells how large it is.
fn holds(name: &str, world: World) {
    let explored = explore(&Repair { rules: Rules::ALL, world });
    println!("{name}: {} states", explored.states);
    if let Some(counterexample) = explored.counterexample {
        panic!("{name}: {}\n{}", counterexample.wrong, counterexample.events.join("\n"));
    }
}

/// A model without one rule must go wrong.
fn goes_wrong(name: &str, rules: Rules, world: World) {
    let explored = explore(&Repair { rules, world });
    let Some(counterexample) = explored.counterexample else {
        panic!("without {name} nothing goes wrong in {} states", explored.states)
    };
    println!("without {name}: {}; {}", counterexample.events.join(", "), counterexample.wrong);
}

const ALL: Rules = Rules::ALL;

#[test]
fn two_statements() {
    holds("two statements", WORLD);
    holds("two statements, time of the commit", World { time: Time::Commit, ..WORLD });
}

#[test]
fn two_repairs() {
    holds("one statement, two repairs", World { changes: 1, attempts: 2, seconds: 3, ..WORLD });
}

#[test]
fn every_rule_is_needed() {
    let two = World { attempts: 2, seconds: 3, ..WORLD };
    goes_wrong("a late boundary", Rules { later: false, ..ALL }, two);
    goes_wrong("the second's passing", Rules { passed: false, ..ALL }, two);
    goes_wrong("the wait", Rules { wait: false, ..ALL }, two);
    goes_wrong("the place at the boundary", Rules { at_boundary: false, ..ALL }, two);
    goes_wrong("the way through raw", Rules { through_raw: false, ..ALL }, two);
}
