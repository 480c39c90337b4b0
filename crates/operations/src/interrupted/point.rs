//! A point: what happens to a cutover, and where.

use warehouse::scripted::When;

use crate::dms::fake::Fault;
use crate::testing::wire::short;
use crate::testing::{CHAIN, TestBed};

/// What happens to a cutover, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Point {
    /// The process is killed around a statement.
    Killed(usize, When),
    /// A statement's answer is lost.
    Lost(usize, When),
    /// Another run takes the lease right before a statement is done.
    LeaseTaken(usize),
    /// Something happens to a call of DMS.
    Call(usize, Fault),
}

impl Point {
    /// Everything that can happen to a statement.
    pub(super) fn of_statement(n: usize) -> [Self; 5] {
        [
            Self::Killed(n, When::Before),
            Self::Killed(n, When::After),
            Self::Lost(n, When::Before),
            Self::Lost(n, When::After),
            Self::LeaseTaken(n),
        ]
    }

    /// Everything that can happen to a call of DMS.
    pub(super) fn of_call(n: usize) -> [Self; 4] {
        [
            Fault::Lost(When::Before),
            Fault::Killed(When::Before),
            Fault::Lost(When::After),
            Fault::Killed(When::After),
        ]
        .map(|fault| Self::Call(n, fault))
    }

    /// Has it happen to the next process.
    pub(super) fn arrange(self, bed: &TestBed) {
        match self {
            Self::Killed(n, when) => bed.scripted.stop_at(n, when),
            Self::Lost(n, when) => bed.scripted.lose_answer_at(n, when),
            Self::LeaseTaken(n) => bed.scripted.meanwhile(n, &taken()),
            Self::Call(n, fault) => bed.dms.disturb(n, fault),
        }
    }

    /// What it did, in words.
    pub(super) fn label(self, bed: &TestBed) -> String {
        let heard = bed.heard();
        let statement = |n: usize| {
            let text = heard.get(n).map_or_else(|| "a statement that was not sent".into(), |sql| short(sql));
            format!("{n} {text}")
        };
        match self {
            Self::Killed(n, when) => format!("killed {when:?} {}", statement(n)),
            Self::Lost(n, when) => format!("answer lost {when:?} {}", statement(n)),
            Self::LeaseTaken(n) => format!("lease taken at {}", statement(n)),
            Self::Call(n, fault) => {
                format!("{fault:?} call {n} {}", bed.dms.calls().get(n).map_or("?", |call| call.name))
            }
        }
    }
}

/// The UPDATE of another run that finds the lease expired.
fn taken() -> String {
    let acquire = pipeline::sql::journal::lease_acquire(CHAIN, "another run", "another token", 30);
    let (update, _) = acquire.split_once(" AND (").unwrap();
    update.to_owned()
}
