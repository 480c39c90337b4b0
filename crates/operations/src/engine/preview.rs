//! The driver that shows what an execution would send now. Changes nothing, not even the journal.

use std::sync::{Mutex, PoisonError};

use miette::Diagnostic;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Action, Answers, Driver, Effect, Look, Place, Site, Step, StepError, Told, World};
use crate::dms::DmsError;
use crate::finding::Code;
use crate::journal::{Operation, StepName};
use crate::progress::Progress;

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Planned {
    /// The chain.
    pub chain: String,
    /// `schema.table` at the source; empty for a step of the whole chain.
    pub table: String,
    /// Which step.
    pub step: StepName,
    /// Whether it would do something.
    pub state: State,
    /// How it was found done, what it waits for, or what is in the way.
    pub note: String,
    /// The code of what is in the way, if it is a finding (findings.md).
    pub code: Option<Code>,
    /// What to do about what is in the way.
    pub help: Option<String>,
    /// What it would send.
    pub actions: Vec<Action>,
}

/// Whether a step would do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Its effect is there.
    Done,
    /// It would be taken.
    Pending,
    /// It cannot be taken as things are.
    Blocked,
}

/// What a step gives to later ones, as far as a preview knows it.
#[derive(Debug, Clone)]
pub enum Later<T> {
    /// It was found done, and gives this.
    Now(T),
    /// It is still to be done.
    Later,
}

/// A preview tells nothing while it looks.
struct Unheard;

impl Progress for Unheard {
    fn say(&self, _: &str) {}
    fn progress(&self, _: &str) {}
    fn keep(&self, _: &str) {}
}

/// Previews a procedure.
pub struct Preview<'a> {
    world: &'a World,
    operation: Operation,
    planned: Mutex<Vec<Planned>>,
}

impl<'a> Preview<'a> {
    /// Previews an operation.
    pub fn new(world: &'a World, operation: Operation) -> Self {
        Self { world, operation, planned: Mutex::default() }
    }

    /// The steps, those about one table together, in the order in which the tables came first.
    pub fn into_planned(self) -> Vec<Planned> {
        let planned = self.planned.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut groups: Vec<Vec<Planned>> = Vec::new();
        for step in planned {
            let same = |group: &&mut Vec<Planned>| !step.table.is_empty() && group[0].table == step.table;
            match groups.iter_mut().find(same) {
                Some(group) => group.push(step),
                None => groups.push(vec![step]),
            }
        }
        groups.into_iter().flatten().collect()
    }

    fn add(&self, site: &dyn Site, step: StepName, state: State, note: String, actions: Vec<Action>) {
        let (chain, table) = (site.chain().to_owned(), site.table());
        self.push(Planned { chain, table, step, state, note, code: None, help: None, actions });
    }

    fn push(&self, planned: Planned) {
        self.planned.lock().unwrap_or_else(PoisonError::into_inner).push(planned);
    }

    /// Takes a step that only asks.
    async fn ask<S: Step>(
        &self,
        site: &S::Site,
        input: &S::Input,
        need: &S::Need,
        effects: &[Effect],
    ) -> Result<S::Output, StepError> {
        let mut answers = Answers::default();
        for effect in effects {
            if let Effect::Query(sql) = effect {
                answers.push(self.world.warehouse.query(sql).await?);
            }
        }
        S::conclude(site, input, need, &answers, self.world, &Unheard).await
    }

    fn blocked(&self, site: &dyn Site, step: StepName, problem: &StepError) {
        self.push(Planned {
            chain: site.chain().to_owned(),
            table: site.table(),
            step,
            state: State::Blocked,
            note: problem.to_string(),
            code: problem.as_finding().map(|finding| finding.code),
            help: problem.help().map(|help| help.to_string()),
            actions: Vec::new(),
        });
    }
}

impl Driver for Preview<'_> {
    type Out<T: Send + Sync + Clone> = Later<T>;

    fn world(&self) -> &World {
        self.world
    }

    fn given<T: Send + Sync + Clone>(&self, value: T) -> Later<T> {
        Later::Now(value)
    }

    fn both<A, B>(&self, a: Later<A>, b: Later<B>) -> Later<(A, B)>
    where
        A: Send + Sync + Clone,
        B: Send + Sync + Clone,
    {
        match (a, b) {
            (Later::Now(a), Later::Now(b)) => Later::Now((a, b)),
            _ => Later::Later,
        }
    }

    async fn step<S: Step>(
        &self,
        site: &S::Site,
        input: &Later<S::Input>,
    ) -> Result<Later<S::Output>, StepError>
    where
        S::Input: Clone,
    {
        self.world.go_on()?;
        let need = match input {
            // What follows a step that is to be done cannot be looked at yet.
            Later::Later => S::usual(site),
            Later::Now(input) => match S::look(site, input, self.world).await {
                Ok(Look::Done(output)) => {
                    self.add(site, S::NAME, State::Done, output.summary(), Vec::new());
                    return Ok(Later::Now(output));
                }
                Ok(Look::Needed(need)) => need,
                Err(problem) => {
                    if matches!(problem, StepError::Finding(_) | StepError::Dms(DmsError::NotFound { .. })) {
                        self.blocked(site, S::NAME, &problem);
                    }
                    return Err(problem);
                }
            },
        };
        let key = site.key(self.operation, S::NAME);
        let effects = S::effects(site, &need);
        // The answers to a step that only asks decide what later steps do.
        let only_asks = !effects.is_empty() && !effects.iter().any(Effect::changes_something);
        let output = match input {
            Later::Now(input) if only_asks => match self.ask::<S>(site, input, &need, &effects).await {
                Ok(output) => Later::Now(output),
                Err(problem) => {
                    if matches!(problem, StepError::Finding(_)) {
                        self.blocked(site, S::NAME, &problem);
                    }
                    return Err(problem);
                }
            },
            _ => Later::Later,
        };
        let leases = site.leases();
        let actions = effects.iter().flat_map(|effect| effect.actions(&key, &leases)).collect();
        self.add(site, S::NAME, State::Pending, S::note(&need), actions);
        Ok(output)
    }

    fn stop_at(&self, site: &dyn Site, step: StepName, found: Option<StepError>) -> Result<(), StepError> {
        let Some(problem) = found else { return Ok(()) };
        self.blocked(site, step, &problem);
        Err(problem)
    }

    fn tell(&self, site: &dyn Site, step: StepName, told: &dyn Told) {
        self.add(site, step, State::Done, told.summary(), Vec::new());
    }

    async fn settle(&self) -> Result<(), StepError> {
        Ok(())
    }

    async fn place(&self) -> Result<Place<'_>, StepError> {
        Ok(Place(None))
    }
}
