//! A point: what happens to a verb, and where.

use warehouse::scripted::When;

use crate::dms::fake::Fault;
use crate::lease::TIME_TO_LIVE;
use crate::lease::test_clock;
use crate::testing::wire::short;
use crate::testing::{Process, TestBed};
use crate::verbs::Changing;

/// How many statements later a COMMIT shows whose answer was lost: at once, while it is looked for, and after the next
/// attempt began.
const LATE: [usize; 8] = [0, 1, 5, 20, 24, 28, 32, 40];

/// What happens to a verb, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Point {
    /// The process is killed around a statement.
    Killed(usize, When),
    /// A statement's answer is lost.
    Lost(usize, When),
    /// Another run takes the leases right before a statement is done.
    LeaseTaken(usize),
    /// The process is stopped right before a statement is done, for longer than its leases live. Another one with the same
    /// task finishes meanwhile.
    Stopped(usize),
    /// A COMMIT's answer is lost, and it shows so many statements later.
    Late(usize, usize),
    /// The process is killed while a COMMIT is under way, which shows so many statements later, in the next process.
    KilledLate(usize, usize),
    /// Something happens to a call of DMS.
    Call(usize, Fault),
}

impl Point {
    /// Everything that can happen to a statement.
    pub(super) fn of_statement(n: usize, sql: &str) -> Vec<Self> {
        let mut all = vec![
            Self::Killed(n, When::Before),
            Self::Killed(n, When::After),
            Self::Lost(n, When::Before),
            Self::Lost(n, When::After),
            Self::LeaseTaken(n),
            Self::Stopped(n),
        ];
        if sql == "COMMIT" {
            all.extend(LATE.iter().flat_map(|later| [Self::Late(n, *later), Self::KilledLate(n, *later)]));
        }
        all
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

    /// Whether the process must be dead after it.
    pub(super) fn kills(self) -> bool {
        matches!(self, Self::Killed(..) | Self::KilledLate(..) | Self::Call(_, Fault::Killed(_)))
    }

    /// The statement before which another run has the leases.
    pub(super) fn lease_lost_at(self) -> Option<usize> {
        match self {
            Self::LeaseTaken(n) | Self::Stopped(n) => Some(n),
            _ => None,
        }
    }

    /// Has it happen to the next process, which does this.
    pub(super) fn arrange(self, bed: &TestBed, verb: Changing) {
        match self {
            Self::Killed(n, when) => bed.scripted.stop_at(n, when),
            Self::Lost(n, when) => bed.scripted.lose_answer_at(n, when),
            Self::LeaseTaken(n) => bed.scripted.meanwhile(n, &taken(bed)),
            Self::Stopped(n) => {
                let other = bed.same();
                bed.scripted.pause_at(n, move || {
                    other.scripted.advance(TIME_TO_LIVE * 2);
                    test_clock::sleep(TIME_TO_LIVE * 2);
                    // A process of its own: this thread's runtime stands still.
                    let other = std::thread::spawn(move || {
                        let before = other.dms.calls().len();
                        assert!(Process::verb(&other, verb).is_some(), "the other run was killed");
                        other.dms.note_other(before);
                    });
                    other.join().unwrap();
                });
            }
            Self::Late(n, later) => bed.scripted.commit_late_at(n, later),
            Self::KilledLate(n, later) => {
                bed.scripted.commit_late_at(n, later);
                bed.scripted.stop_at(n, When::After);
            }
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
            Self::Stopped(n) => format!("stopped at {}", statement(n)),
            Self::Late(n, later) => format!("late by {later} {}", statement(n)),
            Self::KilledLate(n, later) => format!("killed, and late by {later} {}", statement(n)),
            Self::Call(n, fault) => {
                format!("{fault:?} call {n} {}", bed.dms.calls().get(n).map_or("?", |call| call.name))
            }
        }
    }
}

/// The UPDATE of another run that finds the leases expired.
fn taken(bed: &TestBed) -> String {
    let none: [&str; 0] = [];
    let acquire = pipeline::sql::lease::acquire(&bed.leases(), &none, "another run", "another token");
    let (update, _) = acquire.split_once(" AND token IN").unwrap();
    update.to_owned()
}
