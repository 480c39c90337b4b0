//! Every state that a model can reach. A state that was reached is remembered by a hash of 128 bits, so that tens of
//! millions fit into memory; that two of them share one is far less likely than a fault of the machine.

use std::collections::HashSet;
use std::fmt::Display;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Something that has states.
pub trait Model {
    /// Everything that decides what may happen next.
    type State: Clone + Hash;
    /// What can happen.
    type Event: Copy + Display;

    /// Where it begins.
    fn start(&self) -> Self::State;

    /// Calls `add` with each event that can happen in a state, and the state after it.
    fn next(&self, state: &Self::State, add: &mut dyn FnMut(Self::Event, Self::State));

    /// What is wrong with a state.
    fn wrong(&self, state: &Self::State) -> Option<String>;
}

/// What came of it.
#[derive(Debug)]
pub struct Explored {
    /// States that were reached.
    pub states: usize,
    /// The first state in which something is wrong, and how it is reached.
    pub counterexample: Option<Counterexample>,
}

/// How something goes wrong.
#[derive(Debug)]
pub struct Counterexample {
    /// What happens, in order.
    pub events: Vec<String>,
    /// What is wrong then.
    pub wrong: String,
}

/// Goes through the states, and ends at the first one in which something is wrong.
pub fn explore<M: Model>(model: &M) -> Explored {
    let start = model.start();
    let mut seen = HashSet::from([fingerprint(&start)]);
    // The events that led to a state, and those that are still to be tried in it.
    let mut path: Vec<(Option<M::Event>, Open<M>)> = vec![(None, open(model, &start))];
    while let Some((_, open_events)) = path.last_mut() {
        let Some((event, state)) = open_events.pop() else {
            path.pop();
            continue;
        };
        if !seen.insert(fingerprint(&state)) {
            continue;
        }
        if let Some(wrong) = model.wrong(&state) {
            let events = path.iter().filter_map(|(event, _)| *event).chain([event]);
            let events = events.map(|event| event.to_string()).collect();
            return Explored { states: seen.len(), counterexample: Some(Counterexample { events, wrong }) };
        }
        let next = open(model, &state);
        path.push((Some(event), next));
    }
    Explored { states: seen.len(), counterexample: None }
}

/// Events that are still to be tried, and the state after each.
type Open<M> = Vec<(<M as Model>::Event, <M as Model>::State)>;

fn open<M: Model>(model: &M, state: &M::State) -> Open<M> {
    let mut all = Vec::new();
    model.next(state, &mut |event, after| all.push((event, after)));
    all
}

fn fingerprint(state: &impl Hash) -> u128 {
    let half = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        salt.hash(&mut hasher);
        state.hash(&mut hasher);
        u128::from(hasher.finish())
    };
    half(0) << 64 | half(1)
}
