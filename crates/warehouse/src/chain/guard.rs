//! Changing something under a chain: suspended before, as it was afterwards, whatever happens between.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;

use pipeline::sql::task_control as sql;
use tokio_util::sync::CancellationToken;

use super::{ChainTasks, TaskControl};
use crate::WarehouseError;

/// What came of a guarded change.
#[derive(Debug)]
#[must_use]
pub struct Guarded<T, E> {
    /// What the change itself returned.
    pub body: Result<T, E>,
    /// Whether the chain is as it was before.
    pub restored: Result<(), NotRestored>,
}

/// What runs after a change beside what ran before it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Awake {
    /// New tasks, each with the one that it replaces: it runs if that one ran and is gone.
    pub replaces: BTreeMap<String, String>,
    /// Tasks that ran before an earlier change, which was interrupted.
    pub ran: BTreeSet<String>,
    /// Tasks that run in any case.
    pub also: BTreeSet<String>,
}

/// A chain that could not be put back as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the tasks that were suspended for this change could not be resumed: {cause}. Nothing is lost, but nothing is loaded \
     or merged either until you run, in this order: {}",
    commands.join("; ")
)]
pub struct NotRestored {
    /// The statements that put it back, in order.
    pub commands: Vec<String>,
    /// Why it failed.
    pub cause: WarehouseError,
}

/// A chain that could not be suspended, so that the change was not begun.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SuspendError {
    /// Suspending failed; the chain is as it was.
    #[error("the task chain could not be suspended, so nothing was changed: {0}")]
    Suspend(#[source] WarehouseError),
    /// Suspending failed half-way, and so did putting it back.
    #[error(
        "the task chain could not be suspended, so nothing was changed: {cause}. Besides, {not_restored}"
    )]
    HalfSuspended {
        /// Why suspending failed.
        cause: WarehouseError,
        /// Why putting back failed.
        not_restored: NotRestored,
    },
    /// Cancelled before the change was begun; the chain is as it was.
    #[error("cancelled before anything was changed")]
    Cancelled,
}

/// Suspends a chain root first, runs `body`, and resumes children first what ran before.
///
/// - The chain is put back when `body` returns, fails or panics, and also when the future of this function is dropped:
///   everything runs in a task of its own.
/// - `body` gets a token that is cancelled with `cancel`. It should look at it between its statements and return; it is
///   never torn out of a statement, since that statement's outcome would be unknown then.
/// - A task that `body` has dropped is not resumed; one that it has replaced under the same name is.
pub async fn with_chain_suspended<C, T, E, F, Fut>(
    control: &C,
    tasks: &ChainTasks,
    awake: Awake,
    cancel: &CancellationToken,
    body: F,
) -> Result<Guarded<T, E>, SuspendError>
where
    C: TaskControl,
    F: FnOnce(CancellationToken) -> Fut + Send + 'static,
    Fut: Future<Output = Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
{
    let (control, tasks, cancel) = (control.clone(), tasks.clone(), cancel.clone());
    unpanic(tokio::spawn(async move { guarded(&control, &tasks, &awake, &cancel, body).await }).await)
}

async fn guarded<C, T, E, F, Fut>(
    control: &C,
    tasks: &ChainTasks,
    awake: &Awake,
    cancel: &CancellationToken,
    body: F,
) -> Result<Guarded<T, E>, SuspendError>
where
    C: TaskControl,
    F: FnOnce(CancellationToken) -> Fut + Send + 'static,
    Fut: Future<Output = Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
{
    let now_running = control.running().await.map_err(SuspendError::Suspend)?;
    let running: BTreeSet<String> = now_running.union(&awake.ran).cloned().collect();
    for task in tasks.root_first().iter().filter(|task| now_running.contains(*task)) {
        if let Err(cause) = control.suspend(task).await {
            // This task too may be suspended by now: an error may have come after the deed.
            return Err(match put_back(control, tasks, awake, &running).await {
                Ok(()) => SuspendError::Suspend(cause),
                Err(not_restored) => SuspendError::HalfSuspended { cause, not_restored },
            });
        }
    }
    if cancel.is_cancelled() {
        return Err(match put_back(control, tasks, awake, &running).await {
            Ok(()) => SuspendError::Cancelled,
            Err(not_restored) => {
                SuspendError::HalfSuspended { cause: not_restored.cause.clone(), not_restored }
            }
        });
    }
    let body = tokio::spawn(body(cancel.child_token())).await;
    let restored = put_back(control, tasks, awake, &running).await;
    Ok(Guarded { body: unpanic(body), restored })
}

/// Resumes what ran before and still exists, children first. Goes on after a failure: one task that cannot be resumed
/// does not keep the others asleep, except that the root stays asleep while a child does.
async fn put_back(
    control: &impl TaskControl,
    tasks: &ChainTasks,
    awake: &Awake,
    ran: &BTreeSet<String>,
) -> Result<(), NotRestored> {
    let replaced = |task: &String| awake.replaces.get(task).filter(|old| ran.contains(*old));
    let is_due = |task: &String| ran.contains(task) || awake.also.contains(task) || replaced(task).is_some();
    let order: Vec<String> = tasks.children_first().into_iter().filter(is_due).collect();
    let commands = |tasks: &[String]| tasks.iter().map(|task| sql::resume(task)).collect();
    if order.is_empty() {
        return Ok(());
    }
    let existing = match control.existing().await {
        Ok(existing) => existing,
        Err(cause) => return Err(NotRestored { commands: commands(&order), cause }),
    };
    let mut left: Vec<String> = Vec::new();
    let mut first_cause = None;
    // A replaced task that still exists runs on in the place of its successor: both would do the same work.
    let is_next = |task: &String| {
        existing.contains(task)
            && (ran.contains(task) || !replaced(task).is_some_and(|old| existing.contains(old)))
    };
    for task in order.into_iter().filter(is_next) {
        let child_asleep = tasks.children_of(&task).any(|child| left.contains(child));
        if child_asleep {
            left.push(task);
        } else if let Err(cause) = control.resume(&task).await {
            first_cause.get_or_insert(cause);
            left.push(task);
        }
    }
    match first_cause {
        None => Ok(()),
        Some(cause) => Err(NotRestored { commands: commands(&left), cause }),
    }
}

/// Hands a panic on to whoever waits, as if it had happened here.
fn unpanic<T>(result: Result<T, tokio::task::JoinError>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // Only a runtime that shuts down cancels these tasks.
            Err(error) => panic!("a guarded task was cancelled: {error}"),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::control::fake::Fake;
    use super::super::grouped;
    use super::*;
    use pipeline::chain::TaskNames;

    #[tokio::test]
    async fn what_ran_runs_again_and_what_slept_sleeps_on() {
        let fake = Fake::running(&["load", "merge_x"]);
        let inside = fake.clone();
        let guarded = with_chain_suspended(
            &fake,
            &grouped(),
            Awake::default(),
            &CancellationToken::new(),
            move |_| async move { Ok::<_, ()>(inside.now_running()) },
        )
        .await
        .unwrap();
        assert_eq!(guarded.body.unwrap(), Vec::<String>::new());
        assert_eq!(guarded.restored, Ok(()));
        assert_eq!(fake.log(), ["suspend load", "suspend merge_x", "resume merge_x", "resume load"]);
    }

    #[tokio::test]
    async fn an_error_inside_puts_the_chain_back() {
        let fake = Fake::running(&["load"]);
        let guarded =
            with_chain_suspended(&fake, &grouped(), Awake::default(), &CancellationToken::new(), |_| async {
                Err::<(), _>("no")
            })
            .await
            .unwrap();
        assert_eq!(guarded.body, Err("no"));
        assert_eq!(fake.now_running(), ["load"]);
    }

    #[tokio::test]
    async fn a_panic_inside_puts_the_chain_back() {
        let fake = Fake::running(&["load"]);
        let outer = fake.clone();
        let panicked = tokio::spawn(async move {
            let _ = with_chain_suspended(
                &outer,
                &grouped(),
                Awake::default(),
                &CancellationToken::new(),
                |_| async {
                    let parsed: Result<u8, _> = "inside".parse::<u8>();
                    Ok::<u8, ()>(parsed.unwrap())
                },
            )
            .await;
        })
        .await;
        assert!(panicked.unwrap_err().is_panic());
        assert_eq!(fake.now_running(), ["load"]);
    }

    #[tokio::test(start_paused = true)]
    async fn dropping_the_caller_puts_the_chain_back() {
        let fake = Fake::running(&["load"]);
        let cancel = CancellationToken::new();
        {
            let tasks = grouped();
            let guarded = with_chain_suspended(&fake, &tasks, Awake::default(), &cancel, |_| async {
                tokio::time::sleep(Duration::from_secs(5)).await;
                Ok::<(), ()>(())
            });
            let _ = tokio::time::timeout(Duration::from_secs(1), guarded).await;
        }
        assert!(fake.now_running().is_empty(), "the change is still under way");
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert_eq!(fake.now_running(), ["load"]);
    }

    #[tokio::test]
    async fn cancelling_reaches_the_change_and_the_chain_is_put_back() {
        let fake = Fake::running(&["load"]);
        let cancel = CancellationToken::new();
        let trigger = cancel.clone();
        let guarded =
            with_chain_suspended(&fake, &grouped(), Awake::default(), &cancel, move |token| async move {
                trigger.cancel();
                token.cancelled().await;
                Err::<(), _>("cancelled")
            })
            .await
            .unwrap();
        assert_eq!(guarded.body, Err("cancelled"));
        assert_eq!(fake.now_running(), ["load"]);
        let early = with_chain_suspended(&fake, &grouped(), Awake::default(), &cancel, |_| async {
            Ok::<(), ()>(())
        })
        .await;
        assert_eq!(early.unwrap_err(), SuspendError::Cancelled);
        assert_eq!(fake.now_running(), ["load"]);
    }

    #[tokio::test]
    async fn a_chain_that_cannot_be_put_back_names_the_commands() {
        let fake = Fake::running(&["load", "merge_x", "merge_y"]);
        fake.refuse("resume merge_x");
        let guarded =
            with_chain_suspended(&fake, &grouped(), Awake::default(), &CancellationToken::new(), |_| async {
                Ok::<(), ()>(())
            })
            .await
            .unwrap();
        assert!(guarded.body.is_ok());
        let error = guarded.restored.unwrap_err();
        assert_eq!(error.commands, ["ALTER TASK merge_x RESUME", "ALTER TASK load RESUME"]);
        assert_eq!(
            error.to_string(),
            "the tasks that were suspended for this change could not be resumed: Databend refused resume merge_x: no \
             (code 1). Nothing is lost, but nothing is loaded or merged either until you run, in this order: \
             ALTER TASK merge_x RESUME; ALTER TASK load RESUME"
        );
        assert_eq!(fake.now_running(), ["merge_y"]);
    }

    #[tokio::test]
    async fn a_chain_that_cannot_be_suspended_is_left_as_it_was() {
        let fake = Fake::running(&["load", "merge_x"]);
        fake.refuse("suspend merge_x");
        let result =
            with_chain_suspended(&fake, &grouped(), Awake::default(), &CancellationToken::new(), |_| async {
                Ok::<(), ()>(())
            })
            .await;
        assert!(matches!(result, Err(SuspendError::Suspend(_))));
        assert_eq!(fake.now_running(), ["load", "merge_x"]);
    }

    #[tokio::test]
    async fn a_task_that_replaces_one_that_ran_runs_and_a_new_one_does_not() {
        let fake = Fake::running(&["load", "merge_x"]);
        fake.create_task("own_x");
        fake.create_task("own_y");
        let own = |table: &str| TaskNames {
            load: format!("own_{table}"),
            merge: format!("merge_{table}"),
            cleanup: format!("cleanup_{table}"),
        };
        let tasks = ChainTasks::new([own("x"), own("y"), TaskNames { load: "load".into(), ..own("x") }]);
        let replaces = [("own_x".to_owned(), "load".to_owned())].into();
        let awake = Awake { replaces, ..Awake::default() };
        // As long as the old task exists, it runs.
        let none = |_| async { Ok::<(), ()>(()) };
        let cancel = CancellationToken::new();
        let guarded = with_chain_suspended(&fake, &tasks, awake.clone(), &cancel, none).await.unwrap();
        assert_eq!(guarded.restored, Ok(()));
        assert_eq!(fake.now_running(), ["load", "merge_x"]);
        let inside = fake.clone();
        let drops = move |_| async move {
            inside.drop_task("load");
            Ok::<(), ()>(())
        };
        let guarded = with_chain_suspended(&fake, &tasks, awake, &cancel, drops).await.unwrap();
        assert_eq!(guarded.restored, Ok(()));
        assert_eq!(fake.now_running(), ["merge_x", "own_x"]);
    }

    #[tokio::test]
    async fn a_task_that_the_change_dropped_stays_gone() {
        let fake = Fake::running(&["load", "merge_x"]);
        let inside = fake.clone();
        let guarded = with_chain_suspended(
            &fake,
            &grouped(),
            Awake::default(),
            &CancellationToken::new(),
            move |_| async move {
                inside.drop_task("merge_x");
                Ok::<(), ()>(())
            },
        )
        .await
        .unwrap();
        assert_eq!(guarded.restored, Ok(()));
        assert_eq!(fake.now_running(), ["load"]);
    }
}
