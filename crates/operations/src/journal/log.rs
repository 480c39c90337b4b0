//! The journal as a state machine per step, which refuses events that cannot follow one another.

use std::collections::{BTreeMap, BTreeSet};

use super::{Event, EventKind, RunId, StepKey};

/// Where a step stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum StepState {
    /// Nobody has begun it.
    #[default]
    Fresh,
    /// A run was about to bring it about, and has not said how it went. If that run is gone, the world has to be asked.
    Intended {
        /// The run.
        by: RunId,
    },
    /// It was brought about.
    Done {
        /// When and how.
        event: Box<Event>,
    },
    /// It could not be brought about.
    Failed {
        /// When and why.
        event: Box<Event>,
    },
}

/// An event that cannot follow what came before.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the journal refuses \"{event}\" by run {run} for {key}: {reason}")]
pub struct IllegalEvent {
    /// The step.
    pub key: StepKey,
    /// The event.
    pub event: &'static str,
    /// Who wanted to write it.
    pub run: RunId,
    /// Why it cannot be.
    pub reason: String,
}

/// What the journal says about every step.
#[derive(Debug, Clone, Default)]
pub struct Log {
    states: BTreeMap<StepKey, StepState>,
    /// The last row of each step that says it is done, whatever came after it.
    done: BTreeMap<StepKey, Event>,
    /// Of steps that several tables share, the runs whose intent no row has answered: runs on different tables take such a
    /// step side by side.
    shared: BTreeSet<(StepKey, RunId)>,
    seen: BTreeSet<(RunId, i64)>,
}

impl Log {
    /// The log that these rows tell, in their order, and the rows that do not belong there. A row that was written twice,
    /// because the first answer was lost, counts once. A row that cannot follow the one before it does not count: a run
    /// that lost its lease while it was stopped may write one before it notices.
    pub fn replay(events: impl IntoIterator<Item = Event>) -> (Self, Vec<IllegalEvent>) {
        let mut log = Self::default();
        let illegal = events.into_iter().filter_map(|event| log.apply(event).err()).collect();
        (log, illegal)
    }

    /// Where a step stands.
    pub fn state(&self, key: &StepKey) -> StepState {
        self.states.get(key).cloned().unwrap_or_default()
    }

    /// The last row that says that a step is done, whatever came after it.
    pub fn last_done(&self, key: &StepKey) -> Option<&Event> {
        self.done.get(key)
    }

    /// Whether an event may come now.
    pub fn check(&self, key: &StepKey, run: RunId, event: EventKind) -> Result<(), IllegalEvent> {
        let refuse =
            |reason: String| Err(IllegalEvent { key: key.clone(), event: event.as_str(), run, reason });
        match (self.states.get(key).unwrap_or(&StepState::Fresh), event) {
            (StepState::Intended { by }, EventKind::Intent) if *by == run => {
                refuse("this run has already written its intent".into())
            }
            // After a kill another run begins again; after a failure, or when the world has changed back, any run does.
            (_, EventKind::Intent) => Ok(()),
            (StepState::Intended { by }, _) if *by == run => Ok(()),
            _ if self.shared.contains(&(key.clone(), run)) => Ok(()),
            (StepState::Intended { by }, _) => refuse(format!("the intent is that of run {by}")),
            (_, _) => refuse("no intent was written before".into()),
        }
    }

    /// Adds an event.
    pub fn apply(&mut self, event: Event) -> Result<(), IllegalEvent> {
        if self.seen.contains(&(event.run_id, event.seq)) {
            return Ok(());
        }
        self.check(&event.key, event.run_id, event.event)?;
        self.seen.insert((event.run_id, event.seq));
        let key = event.key.clone();
        let mine = (key.clone(), event.run_id);
        if event.event != EventKind::Intent {
            self.shared.remove(&mine);
        } else if key.table.is_empty() {
            self.shared.insert(mine);
        }
        if event.event == EventKind::Done {
            self.done.insert(key.clone(), event.clone());
        }
        let state = match event.event {
            EventKind::Intent => StepState::Intended { by: event.run_id },
            EventKind::Done => StepState::Done { event: Box::new(event) },
            EventKind::Failed => StepState::Failed { event: Box::new(event) },
        };
        self.states.insert(key, state);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use chrono::Utc;

    use super::*;
    use crate::journal::{Operation, StepName};

    fn key() -> StepKey {
        StepKey {
            operation: Operation::Cutover,
            pipeline: "shop".into(),
            table: "shop.orders".into(),
            step: StepName::Load,
        }
    }

    fn event(run: RunId, seq: i64, event: EventKind) -> Event {
        Event {
            run_id: run,
            seq,
            key: key(),
            event,
            at: Utc::now(),
            detail: serde_json::json!({}),
            actor: "me@here".into(),
        }
    }

    fn told(events: impl IntoIterator<Item = Event>) -> Log {
        let (log, illegal) = Log::replay(events);
        assert_eq!(illegal, []);
        log
    }

    fn reason(log: &Log, run: RunId, kind: EventKind) -> String {
        log.check(&key(), run, kind).unwrap_err().reason
    }

    #[test]
    fn intent_then_done() {
        let run = RunId::new();
        let log = told([event(run, 1, EventKind::Intent), event(run, 2, EventKind::Done)]);
        assert!(matches!(log.state(&key()), StepState::Done { .. }));
    }

    #[test]
    fn nothing_is_done_without_an_intent() {
        let run = RunId::new();
        assert_eq!(reason(&Log::default(), run, EventKind::Done), "no intent was written before");
        let done = told([event(run, 1, EventKind::Intent), event(run, 2, EventKind::Done)]);
        assert_eq!(reason(&done, run, EventKind::Done), "no intent was written before");
        assert_eq!(reason(&done, run, EventKind::Failed), "no intent was written before");
    }

    #[test]
    fn a_run_does_not_answer_for_another() {
        let (killed, next) = (RunId::new(), RunId::new());
        let mut log = told([event(killed, 1, EventKind::Intent)]);
        assert_eq!(reason(&log, next, EventKind::Done), format!("the intent is that of run {killed}"));
        log.apply(event(next, 1, EventKind::Intent)).unwrap();
        assert_eq!(reason(&log, killed, EventKind::Done), format!("the intent is that of run {next}"));
        log.apply(event(next, 2, EventKind::Done)).unwrap();
    }

    #[test]
    fn runs_take_a_shared_step_side_by_side() {
        let (one, other) = (RunId::new(), RunId::new());
        let shared = |run, seq, kind| {
            let mut event = event(run, seq, kind);
            event.key.table.clear();
            event
        };
        let mut log = told([
            shared(one, 1, EventKind::Intent),
            shared(other, 1, EventKind::Intent),
            shared(one, 2, EventKind::Done),
            shared(other, 2, EventKind::Done),
        ]);
        let twice = log.apply(shared(one, 3, EventKind::Done)).unwrap_err();
        assert_eq!(twice.reason, "no intent was written before");
    }

    #[test]
    fn an_intent_is_not_written_twice_by_one_run() {
        let run = RunId::new();
        let log = told([event(run, 1, EventKind::Intent)]);
        assert_eq!(reason(&log, run, EventKind::Intent), "this run has already written its intent");
    }

    #[test]
    fn after_a_failure_or_when_the_world_changed_back_it_begins_again() {
        let run = RunId::new();
        for outcome in [EventKind::Failed, EventKind::Done] {
            let mut log = told([event(run, 1, EventKind::Intent), event(run, 2, outcome)]);
            log.apply(event(run, 3, EventKind::Intent)).unwrap();
            assert_eq!(log.state(&key()), StepState::Intended { by: run });
        }
    }

    #[test]
    fn a_row_that_was_written_twice_counts_once() {
        let run = RunId::new();
        let (intent, done) = (event(run, 1, EventKind::Intent), event(run, 2, EventKind::Done));
        told([intent.clone(), intent, done.clone(), done]);
    }

    #[test]
    fn rows_of_a_run_that_lost_its_lease_do_not_count() {
        let (paused, next) = (RunId::new(), RunId::new());
        let (log, illegal) = Log::replay([
            event(paused, 1, EventKind::Intent),
            event(next, 1, EventKind::Intent),
            event(paused, 2, EventKind::Failed),
            event(next, 2, EventKind::Done),
        ]);
        assert_eq!(illegal.len(), 1);
        assert!(matches!(log.state(&key()), StepState::Done { event } if event.run_id == next));
    }

    #[test]
    fn an_illegal_event_names_everything() {
        let run = RunId::new();
        let error = Log::default().check(&key(), run, EventKind::Done).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "the journal refuses \"done\" by run {run} for shop: load of shop.orders: no intent was written before"
            )
        );
    }
}
