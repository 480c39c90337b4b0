//! What goes wrong on purpose.

use super::Refusal;

/// Before the server has done the statement, or after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// The statement was not done.
    Before,
    /// The statement was done.
    After,
}

type Matcher = Box<dyn Fn(&str) -> bool + Send>;
/// What happens while the process that sends a statement stands still.
pub(super) type Pause = Box<dyn FnOnce() + Send>;

/// What is to happen to statements. Each refusal, lost answer and empty answer happens once.
#[derive(Default)]
pub(super) struct Faults {
    refusals: Vec<(Matcher, Refusal)>,
    lost: Vec<(Matcher, When)>,
    nothing: Vec<Matcher>,
    stop: Option<(usize, When)>,
    lost_at: Option<(usize, When)>,
    late: Option<(usize, usize)>,
    meanwhile: Option<(usize, String)>,
    pause: Option<(usize, Pause)>,
}

/// What happens to one statement.
pub(super) enum Fate {
    Answered,
    Refused(Refusal),
    Lost(When),
    /// It gives no answer, and is done so many statements later.
    Late(usize),
    Nothing,
    Stopped(When),
}

impl Faults {
    pub(super) fn refuse(&mut self, matches: Matcher, refusal: Refusal) {
        self.refusals.push((matches, refusal));
    }

    pub(super) fn lose_answer(&mut self, matches: Matcher, when: When) {
        self.lost.push((matches, when));
    }

    pub(super) fn answer_nothing(&mut self, matches: Matcher) {
        self.nothing.push(matches);
    }

    pub(super) fn stop_at(&mut self, n: usize, when: When) {
        self.stop = Some((n, when));
    }

    pub(super) fn lose_answer_at(&mut self, n: usize, when: When) {
        self.lost_at = Some((n, when));
    }

    pub(super) fn commit_late_at(&mut self, n: usize, statements: usize) {
        self.late = Some((n, statements));
    }

    pub(super) fn meanwhile(&mut self, n: usize, sql: &str) {
        self.meanwhile = Some((n, sql.to_owned()));
    }

    pub(super) fn pause_at(&mut self, n: usize, pause: Pause) {
        self.pause = Some((n, pause));
    }

    /// What happens right before the `n`th statement, while its sender stands still.
    pub(super) fn pause(&mut self, n: usize) -> Option<Pause> {
        self.pause.take_if(|(at, _)| *at == n).map(|(_, pause)| pause)
    }

    /// What another session does right before the `n`th statement.
    pub(super) fn before(&mut self, n: usize) -> Option<String> {
        self.meanwhile.take_if(|(at, _)| *at == n).map(|(_, sql)| sql)
    }

    /// The fate of the statement that is the `n`th, counted from zero.
    pub(super) fn fate(&mut self, n: usize, sql: &str) -> Fate {
        if let Some((at, when)) = self.stop
            && at == n
        {
            self.stop = None;
            return Fate::Stopped(when);
        }
        if let Some((_, statements)) = self.late.take_if(|(at, _)| *at == n) {
            return Fate::Late(statements);
        }
        if let Some((_, when)) = self.lost_at.take_if(|(at, _)| *at == n) {
            return Fate::Lost(when);
        }
        if let Some(i) = self.refusals.iter().position(|(matches, _)| matches(sql)) {
            return Fate::Refused(self.refusals.remove(i).1);
        }
        if let Some(i) = self.lost.iter().position(|(matches, _)| matches(sql)) {
            return Fate::Lost(self.lost.remove(i).1);
        }
        if let Some(i) = self.nothing.iter().position(|matches| matches(sql)) {
            drop(self.nothing.remove(i));
            return Fate::Nothing;
        }
        Fate::Answered
    }
}
