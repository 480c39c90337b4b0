//! Many histories from one seed, side by side, until one fails; that one is shrunk.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use tokio::task::{JoinSet, LocalSet};

use super::case::Case;
use super::census::Census;
use super::mutation::Mutation;
use super::play::{Failure, Story};
use super::stand::Stand;
use super::strategy;
use crate::{Error, life};

/// Which histories.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Sort {
    /// Any but those with a later full load.
    #[default]
    Any,
    /// Those with a later full load.
    Reloads,
    /// Those with rows that are repaired.
    Repairs,
    /// Later lives of pipelines.
    Lives,
}

/// What to search.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Which histories.
    pub sort: Sort,
    /// Where chance begins. The same seed gives the same histories.
    pub seed: u64,
    /// The number of the first.
    pub first: u64,
    /// How many.
    pub count: u64,
    /// When to begin no more.
    pub until: Option<Instant>,
    /// How many at the same time.
    pub lanes: usize,
    /// A defect to find.
    pub mutation: Option<Mutation>,
    /// How long a failing history is shrunk.
    pub shrink_for: Duration,
    /// Whether to go on after one that fails.
    pub keep_going: bool,
}

/// What a search found.
#[derive(Debug, Default)]
pub struct Found {
    /// Histories that went well.
    pub good: u64,
    /// Their transactions.
    pub transactions: usize,
    /// Their faults.
    pub faults: usize,
    /// Their later full loads.
    pub reloads: usize,
    /// What they held, by kind.
    pub census: Census,
    /// The time that they took together, one after the other.
    pub played: Duration,
    /// Those that did not, the one of the lowest number first.
    pub bad: Vec<Bad>,
}

/// A history that fails.
#[derive(Debug)]
pub struct Bad {
    /// Its number.
    pub number: u64,
    /// As found.
    pub case: Case,
    /// What went wrong.
    pub failure: Failure,
    /// The smallest one that still fails, and how.
    pub shrunk: Option<(Case, Failure)>,
}

impl fmt::Display for Bad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (case, failure) = match &self.shrunk {
            Some((case, failure)) => (case, failure),
            None => (&self.case, &self.failure),
        };
        let text = serde_json::to_string(case).unwrap_or_else(|error| error.to_string());
        write!(f, "history {} fails: {failure}\nin short (for tests/histories/cases):\n{text}", self.number)
    }
}

fn add(to: &mut Census, from: Census) {
    for (kind, times) in from {
        *to.entry(kind).or_default() += times;
    }
}

/// The history, or the life, of a number.
pub fn case(sort: Sort, seed: u64, number: u64) -> Case {
    tree(sort, seed, number).current()
}

fn tree(sort: Sort, seed: u64, number: u64) -> Box<dyn ValueTree<Value = Case>> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..16].copy_from_slice(&number.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let strategy = match sort {
        Sort::Any => strategy::history().prop_map(Case::History).boxed(),
        Sort::Reloads => strategy::reloaded().prop_map(Case::History).boxed(),
        Sort::Repairs => strategy::repaired().prop_map(Case::History).boxed(),
        Sort::Lives => life::strategy::life().prop_map(Case::Life).boxed(),
    };
    match strategy.new_tree(&mut runner) {
        Ok(tree) => tree,
        // Only a strategy with filters can refuse; there is none.
        Err(reason) => panic!("the strategy gives no history: {reason}"),
    }
}

/// Searches. `told` hears of each history as it ends.
pub async fn search(
    stand: &Stand,
    plan: &Plan,
    told: impl Fn(u64, Result<&Story, &Failure>) + 'static,
) -> Result<Found, Error> {
    let next = Rc::new(Cell::new(plan.first));
    let stop = Rc::new(Cell::new(false));
    let told = Rc::new(told);
    // One thread: all that a lane does is to ask others and wait.
    let local = LocalSet::new();
    let mut lanes = JoinSet::new();
    for _ in 0..plan.lanes {
        let (stand, plan, next, stop, told) =
            (stand.clone(), plan.clone(), next.clone(), stop.clone(), told.clone());
        let lane = async move {
            let mut found = Found::default();
            loop {
                let number = next.replace(next.get() + 1);
                let over = plan.until.is_some_and(|until| Instant::now() > until);
                if over || stop.get() || number >= plan.first + plan.count {
                    return found;
                }
                let case = case(plan.sort, plan.seed, number);
                let outcome = case.play(&stand, plan.mutation).await;
                told(number, outcome.as_ref());
                match outcome {
                    Ok(story) => {
                        found.good += 1;
                        found.transactions += story.transactions;
                        found.faults += story.faults;
                        found.reloads += story.reloads;
                        add(&mut found.census, case.census());
                        found.played += story.took;
                    }
                    Err(failure) => {
                        stop.set(!plan.keep_going);
                        found.bad.push(Bad { number, case, failure, shrunk: None });
                    }
                }
            }
        };
        lanes.spawn_local_on(lane, &local);
    }
    let mut all = Found::default();
    while let Some(found) = local.run_until(lanes.join_next()).await {
        let found =
            found.map_err(|error| Error::Form { what: "a history".into(), reason: error.to_string() })?;
        all.good += found.good;
        all.transactions += found.transactions;
        all.faults += found.faults;
        all.reloads += found.reloads;
        add(&mut all.census, found.census);
        all.played += found.played;
        all.bad.extend(found.bad);
    }
    all.bad.sort_by_key(|bad| bad.number);
    if let Some(bad) = all.bad.first_mut() {
        bad.shrunk = shrink(stand, plan, bad.number).await;
    }
    Ok(all)
}

/// The smallest history that is found in the time given and still fails.
async fn shrink(stand: &Stand, plan: &Plan, number: u64) -> Option<(Case, Failure)> {
    let until = Instant::now() + plan.shrink_for;
    let mut tree = tree(plan.sort, plan.seed, number);
    let mut best = None;
    let mut goes_on = tree.simplify();
    while goes_on && Instant::now() < until {
        let case = tree.current();
        match case.play(stand, plan.mutation).await {
            Err(failure) => {
                best = Some((case, failure));
                goes_on = tree.simplify();
            }
            Ok(_) => goes_on = tree.complicate(),
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_histories_every_time() {
        for sort in [Sort::Any, Sort::Reloads, Sort::Repairs, Sort::Lives] {
            assert_eq!(case(sort, 7, 3), case(sort, 7, 3));
            assert_ne!(case(sort, 7, 3), case(sort, 7, 4));
            assert_ne!(case(sort, 7, 3), case(sort, 8, 3));
        }
    }

    #[test]
    fn a_history_survives_being_written_down() {
        for number in 0..50 {
            let sorts = [Sort::Any, Sort::Reloads, Sort::Repairs, Sort::Lives];
            let one = case(sorts[usize::try_from(number % 4).unwrap()], 1, number);
            let text = serde_json::to_string(&one).unwrap();
            assert_eq!(serde_json::from_str::<Case>(&text).unwrap(), one);
        }
    }
}
