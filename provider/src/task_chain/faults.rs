//! How a stored task may differ from the one that is wanted.

use std::fmt;

use pipeline::sql;
use pipeline::stamp::Stamp;
use pipeline::task::{Task, session_parameters};
use warehouse::catalog::TaskInfo;

/// A difference that no attribute shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// It does not run after the task that it must run after.
    Parent(Option<String>),
    /// Its condition is another one.
    Condition(String),
    /// It has no schedule.
    NoSchedule,
    /// A session parameter is missing or has another value.
    SessionParameter(&'static str, &'static str),
    /// Its statements are others.
    Body,
    /// Its comment is not the stamp of this or an earlier version.
    Comment,
    /// It differs from the chain's other tasks.
    Deviates {
        /// In what.
        what: &'static str,
        /// What it has.
        value: String,
    },
}

/// How a stored task differs from the wanted one, beside what the chain's tasks have in common.
pub(super) fn of(task: &Task, info: &TaskInfo) -> Vec<Fault> {
    let mut faults = Vec::new();
    if info.after != task.after.iter().cloned().collect::<Vec<_>>() {
        faults.push(Fault::Parent(task.after.clone()));
    }
    if !condition_matches(task, info) {
        faults.push(Fault::Condition(info.condition_text.clone()));
    }
    if task.schedule.is_some() && info.schedule.is_none() {
        faults.push(Fault::NoSchedule);
    }
    for (name, value) in session_parameters() {
        if info.session_parameters.get(name).map(String::as_str) != Some(value) {
            faults.push(Fault::SessionParameter(name, value));
        }
    }
    let stamp = Stamp::read(&info.comment);
    if !body_is_current(task, info, stamp.as_ref()) {
        faults.push(Fault::Body);
    } else if !stamp.is_some_and(|stamp| stamp.means_the_same(&task.stamp)) {
        faults.push(Fault::Comment);
    }
    faults
}

/// Whether a task runs what it should: the same statements, or those of a version that only printed them differently
/// and that nobody changed since.
fn body_is_current(task: &Task, info: &TaskInfo, stamp: Option<&Stamp>) -> bool {
    stamp.is_some_and(|stamp| stamp.means_the_same(&task.stamp) && stamp.is_of(&info.definition))
        || sql::same_body(&info.definition, &task.body)
}

fn condition_matches(task: &Task, info: &TaskInfo) -> bool {
    match &task.when {
        Some(when) => sql::same_condition(&info.condition_text, when),
        None => info.condition_text.is_empty(),
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parent(Some(parent)) => write!(f, "it does not run after {parent} alone"),
            Self::Parent(None) => f.write_str("it runs after another task"),
            Self::Condition(text) => write!(f, "its condition is \"{text}\""),
            Self::NoSchedule => f.write_str("it has no schedule"),
            Self::SessionParameter(name, value) => {
                write!(f, "its session parameter {name} is not {value}")
            }
            Self::Body => f.write_str("it does not run the statements that its table's description makes"),
            Self::Comment => f.write_str("its comment does not say which version wrote its statements"),
            Self::Deviates { what, value } => {
                write!(f, "its {what} is \"{value}\", unlike that of the chain's other tasks")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use pipeline::schedule::Schedule;
    use pipeline::task::{Body, Role};
    use warehouse::catalog::TaskState;

    use super::*;

    fn task(sql: &str) -> Task {
        let body = Body::Single(sql.to_owned());
        Task {
            name: "t".into(),
            role: Role::Load,
            warehouse: "default".into(),
            schedule: Some(Schedule::Every(60)),
            after: None,
            when: None,
            suspend_after_failures: 3,
            error_integration: None,
            stamp: Stamp::new("the description", &body),
            body,
        }
    }

    fn stored(task: &Task, definition: &str) -> TaskInfo {
        TaskInfo {
            name: task.name.clone(),
            state: TaskState::Started,
            schedule: Some("INTERVAL 60 SECOND".into()),
            definition: definition.into(),
            condition_text: String::new(),
            after: Vec::new(),
            warehouse: "default".into(),
            session_parameters: session_parameters()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect::<BTreeMap<_, _>>(),
            suspend_task_after_num_failures: Some(3),
            error_integration: String::new(),
            comment: task.stamp.to_string(),
            owner: String::new(),
            next_schedule_time: None,
            last_committed_on: None,
            last_suspended_on: None,
        }
    }

    #[test]
    fn a_text_of_another_version_that_means_the_same_is_no_fault() {
        let old = task("DELETE FROM a.b WHERE x > 1");
        let new = task("DELETE FROM a.b AS r WHERE r.x > 1");
        assert_eq!(of(&new, &stored(&old, "DELETE FROM a.b WHERE x > 1")), []);
    }

    #[test]
    fn a_text_that_was_changed_by_hand_is_a_fault() {
        let task = task("DELETE FROM a.b WHERE x > 1");
        assert_eq!(of(&task, &stored(&task, "DELETE FROM a.b")), [Fault::Body]);
    }

    #[test]
    fn a_text_of_another_format_or_description_is_a_fault() {
        let mut old = task("DELETE FROM a.b WHERE x > 1");
        let new = task("DELETE FROM a.b AS r WHERE r.x > 1");
        old.stamp.format = 0;
        assert_eq!(of(&new, &stored(&old, "DELETE FROM a.b WHERE x > 1")), [Fault::Body]);
        old.stamp = Stamp::new("another description", &old.body);
        assert_eq!(of(&new, &stored(&old, "DELETE FROM a.b WHERE x > 1")), [Fault::Body]);
    }

    #[test]
    fn a_comment_that_is_not_ours_is_a_fault() {
        let task = task("DELETE FROM a.b");
        let mut info = stored(&task, "DELETE FROM a.b");
        info.comment = "mine".into();
        assert_eq!(of(&task, &info), [Fault::Comment]);
    }
}
