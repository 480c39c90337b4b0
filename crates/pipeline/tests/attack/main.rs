//! Names and values as attack: whatever they hold, every statement of the crate stays one statement that means the same.
//!
//! Each statement is built twice: with harmless names, and with hostile ones. Databend's own parser reads both. The tree of
//! the second must be the tree of the first with the names exchanged, letter by letter, and nothing else. A description
//! that cannot be written as SQL must be refused by the crate, never built.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should fail")]

mod statements;
mod tree;

use std::sync::atomic::{AtomicU32, Ordering};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::statements::{Names, mean_the_same};

/// Statements that are built and read; CI's share. `ATTACK_STATEMENTS` asks for more.
const STATEMENTS: u32 = 100_000;

/// Anything, and above all what means something in SQL.
fn hostile() -> impl Strategy<Value = String> {
    let pieces = proptest::sample::select(
        &[
            "\"",
            "'",
            "`",
            "\\",
            ";",
            "--",
            "/*",
            "*/",
            "$$",
            "{{",
            "}}",
            "%",
            "_",
            "\n",
            "\r",
            "\t",
            "\0",
            " ",
            ".",
            ",",
            "(",
            ")",
            "@",
            ":",
            "?",
            "#",
            "a",
            "Z",
            "0",
            "é",
            "e\u{301}",
            "\u{202e}",
            "😀",
            "\u{10ffff}",
            "ß",
            "İ",
            "DROP",
            "' OR 1=1 --",
            "\"; DROP TABLE x; --",
            "\\'",
            "$1",
            "\u{feff}",
            "NULL",
            "change$action",
            "x\u{200d}y",
        ][..],
    );
    prop_oneof![
        4 => proptest::collection::vec(pieces, 1..6).prop_map(|pieces| pieces.concat()),
        1 => any::<String>(),
        1 => "[\\PC]{60,64}",
        1 => "[a-z]{1,8}",
    ]
}

/// One name is hostile and the others are not, or all are: else hardly any description would be accepted.
fn names() -> impl Strategy<Value = Names> {
    (proptest::collection::vec(hostile(), Names::COUNT), 0..Names::COUNT + 4).prop_map(|(hostile, only)| {
        let harmless = Names::harmless();
        let mut place = 0;
        Names::from_fn(&mut || {
            let name =
                if only >= Names::COUNT || only == place { &hostile[place] } else { harmless.all()[place] };
            place += 1;
            name.to_owned()
        })
    })
}

#[test]
fn every_statement_means_the_same_whatever_the_names_are() {
    let wanted = std::env::var("ATTACK_STATEMENTS").ok().and_then(|n| n.parse().ok()).unwrap_or(STATEMENTS);
    let (read, refused) = (AtomicU32::new(0), AtomicU32::new(0));
    while read.load(Ordering::Relaxed) < wanted {
        let mut runner =
            TestRunner::new(Config { cases: 500, failure_persistence: None, ..Config::default() });
        let outcome = runner.run(&names(), |names| {
            match mean_the_same(&names) {
                None => drop(refused.fetch_add(1, Ordering::Relaxed)),
                Some(Ok(statements)) => drop(read.fetch_add(statements, Ordering::Relaxed)),
                Some(Err(why)) => return Err(TestCaseError::fail(why)),
            }
            Ok(())
        });
        if let Err(error) = outcome {
            panic!("{error}");
        }
    }
    let (read, refused) = (read.into_inner(), refused.into_inner());
    // If nearly all were refused, little would be tested of the names that are not.
    assert!(read / 40 > refused / 4, "{read} statements read, {refused} descriptions refused");
}
