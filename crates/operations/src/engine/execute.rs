//! The driver that executes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pipeline::sql::task_control;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::Semaphore;
use warehouse::catalog::Object;
use warehouse::{Row, Transaction, WarehouseError};

use super::begins::begins_by_itself;
use super::hear::{Heard, tell_while};
use super::move_file::move_file;
use super::trouble::{SHOWS_WITHIN, Trouble, not_taken, refused, why};
use super::try_files::try_files;
use super::{Answers, Driver, Effect, Look, Place, Site, Step, StepError, Told, World};
use crate::journal::{Operation, Recorded, StepKey, StepName};
use crate::lease::{FencedError, Lease, MARGIN};
use crate::progress::{Progress, Reporter};

/// How often a step is tried: others may write to the same tables, or answers may be lost.
const ATTEMPTS: u32 = 20;
/// How long to look after Databend refused a statement: an earlier one, of a killed run, may have been under way.
const LOOKS_AFTER_REFUSAL: u32 = 3;
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct StepReport {
    /// Which step.
    pub step: StepName,
    /// Whether it was found done, and not done now.
    pub already: bool,
    /// For people.
    pub summary: String,
    /// Counts and names.
    pub detail: Value,
}

/// Executes a procedure: looks, writes the intent, sends the effects under the lease, writes how it went.
pub struct Execution<'a> {
    world: &'a World,
    operation: Operation,
    lease: &'a Lease,
    reporter: &'a dyn Reporter,
    limit: Semaphore,
    /// By the name of what they are about.
    told: Mutex<BTreeMap<String, About>>,
}

#[derive(Clone)]
struct About {
    progress: Arc<dyn Progress>,
    reports: Vec<StepReport>,
    /// The step that is taken, or that failed.
    at: Option<StepName>,
}

impl<'a> Execution<'a> {
    /// Executes an operation under a lease.
    pub fn new(world: &'a World, operation: Operation, lease: &'a Lease, reporter: &'a dyn Reporter) -> Self {
        let limit = Semaphore::new(world.settings.parallel_tables);
        Self { world, operation, lease, reporter, limit, told: Mutex::default() }
    }

    /// How the steps about a chain or table ended, and the one that failed or was interrupted.
    pub fn reports(&self, site: &dyn Site) -> (Vec<StepReport>, Option<StepName>) {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.get(&site.name()).map_or_else(Default::default, |about| (about.reports.clone(), about.at))
    }

    /// Where it is told how a chain or table does.
    pub fn progress(&self, site: &dyn Site) -> Arc<dyn Progress> {
        self.about(site, |about| about.progress.clone())
    }

    fn about<T>(&self, site: &dyn Site, f: impl FnOnce(&mut About) -> T) -> T {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let name = site.name();
        let fresh = || About { progress: self.reporter.about(&name), reports: Vec::new(), at: None };
        f(told.entry(name.clone()).or_insert_with(fresh))
    }

    fn report(&self, site: &dyn Site, step: StepName, already: bool, told: &dyn Told) {
        let report = StepReport { step, already, summary: told.summary(), detail: told.detail() };
        let before = if already { "already done: " } else { "" };
        self.about(site, |about| {
            about.progress.keep(&format!("{step}: {before}{}", report.summary));
            about.reports.push(report);
            about.at = None;
        });
    }

    async fn take<S: Step>(&self, site: &S::Site, input: &S::Input) -> Result<S::Output, StepError> {
        let key = site.key(self.operation, S::NAME);
        let leases = site.leases();
        let progress = self.progress(site);
        let mut intended = false;
        let mut last = None;
        for attempt in 1..=ATTEMPTS {
            self.world.go_on()?;
            progress.say(&format!("{}: looking", S::NAME));
            let need = match S::look(site, input, self.world).await? {
                Look::Done(output) => {
                    self.found(&key, &leases, intended, &output)?;
                    self.report(site, S::NAME, !intended, &output);
                    return Ok(output);
                }
                Look::Needed(need) => need,
            };
            let effects = S::effects(site, &need);
            if !intended && effects.iter().any(Effect::changes_something) {
                self.world.go_on()?;
                self.lease.require_time().await?;
                let actions: Vec<_> =
                    effects.iter().flat_map(|effect| effect.actions(&key, &leases)).collect();
                let detail = serde_json::json!({ "actions": actions });
                if !self.world.journal.intent(&key, detail, self.lease.held(&leases)).await? {
                    return Err(Lease::taken_over(&leases).into());
                }
                intended = true;
            }
            let trouble = match self.attempt::<S>(site, &key, &need, &effects, progress.as_ref()).await {
                Ok((answers, recorded)) => {
                    let output =
                        S::conclude(site, input, &need, &answers, self.world, progress.as_ref()).await?;
                    if !recorded {
                        self.world.journal.observe(&key, output.detail(), Some(self.lease.held(&leases)))?;
                    }
                    self.report(site, S::NAME, false, &output);
                    return Ok(output);
                }
                Err(trouble) => trouble,
            };
            let (looks, error) = match trouble {
                Trouble::Final(error) => return Err(error),
                Trouble::Refused(error) => {
                    let shown = self.shows::<S>(site, input, LOOKS_AFTER_REFUSAL, progress.as_ref()).await?;
                    let Some(output) = shown else { return Err(error) };
                    self.found(&key, &leases, intended, &output)?;
                    self.report(site, S::NAME, false, &output);
                    return Ok(output);
                }
                Trouble::Again { looks, error } => (looks, error),
                Trouble::Unknown(recorded, error) => {
                    progress.say(&format!("{}: COMMIT gave no answer, looking for its journal row", S::NAME));
                    if self.appeared(&recorded).await? {
                        let answers = Answers::default();
                        let output =
                            S::conclude(site, input, &need, &answers, self.world, progress.as_ref()).await?;
                        self.report(site, S::NAME, false, &output);
                        return Ok(output);
                    }
                    // The commit may still be under way. If it arrives later, the next attempt's commit fails with a
                    // conflict: both change the lease's row.
                    (0, error.into())
                }
            };
            if let Some(output) = self.shows::<S>(site, input, looks, progress.as_ref()).await? {
                self.found(&key, &leases, intended, &output)?;
                self.report(site, S::NAME, false, &output);
                return Ok(output);
            }
            progress.say(&format!(
                "{}: attempt {attempt} of {ATTEMPTS} did not succeed: {}",
                S::NAME,
                why(&error)
            ));
            last = Some(error);
            self.world.pause(Duration::from_millis(250 * u64::from(attempt))).await?;
        }
        Err(last.unwrap_or(StepError::Interrupted))
    }

    /// Notes that a step's effect is there, unless the journal says so.
    fn found(
        &self,
        key: &StepKey,
        leases: &[String],
        intended: bool,
        output: &dyn Told,
    ) -> Result<(), StepError> {
        if intended || self.world.journal.done(key).is_none() {
            let mut detail = output.detail();
            if let Some(fields) = detail.as_object_mut() {
                fields.insert("found".to_owned(), true.into());
            }
            self.world.journal.observe(key, detail, Some(self.lease.held(leases)))?;
        }
        Ok(())
    }

    /// Whether the effect shows within so many looks.
    async fn shows<S: Step>(
        &self,
        site: &S::Site,
        input: &S::Input,
        looks: u32,
        progress: &dyn Progress,
    ) -> Result<Option<S::Output>, StepError> {
        for _ in 0..looks {
            progress.say(&format!("{}: no answer or an error, looking whether it was done", S::NAME));
            self.world.pause(BETWEEN_LOOKS).await?;
            if let Look::Done(output) = S::look(site, input, self.world).await? {
                return Ok(Some(output));
            }
        }
        Ok(None)
    }

    async fn appeared(&self, recorded: &Recorded) -> Result<bool, StepError> {
        for _ in 0..SHOWS_WITHIN {
            if self.world.journal.is_recorded(recorded).await? {
                return Ok(true);
            }
            self.world.pause(BETWEEN_LOOKS).await?;
        }
        Ok(false)
    }

    /// Sends the effects. The answers, and whether the journal's row came with them.
    async fn attempt<S: Step>(
        &self,
        site: &S::Site,
        key: &StepKey,
        need: &S::Need,
        effects: &[Effect],
        progress: &dyn Progress,
    ) -> Result<(Answers, bool), Trouble> {
        let mut answers = Answers::default();
        let mut recorded = false;
        let leases = site.leases();
        for effect in effects {
            self.world.go_on().map_err(Trouble::Final)?;
            if effect.changes_something() {
                let held = self.lease.require(&leases).await;
                held.map_err(|error| Trouble::Final(error.into()))?;
            }
            match effect {
                Effect::Query(sql) => {
                    let rows = self.world.warehouse.query(sql).await;
                    answers.push(rows.map_err(|error| Trouble::Final(error.into()))?);
                }
                Effect::Statement(sql) => {
                    let doing = doing::<S>(need, sql);
                    progress.say(&doing);
                    let heard = Heard::default();
                    let hear = |work| heard.hear(work);
                    let sent = self.world.warehouse.execute_long(sql, &hear);
                    let rows = tell_while(progress, &doing, &heard, sent).await;
                    answers.push(rows.map_err(|error| refused::<S>(site, error))?);
                }
                Effect::Create(sql) => {
                    progress.say(&format!("{}: CREATE", S::NAME));
                    let created = self.world.warehouse.create(sql).await;
                    created.map_err(|error| refused::<S>(site, error))?;
                    answers.push(Vec::new());
                }
                Effect::Transaction(statements) | Effect::Carrying { statements, .. } => {
                    self.transaction::<S>(site, key, need, statements, &mut answers, progress).await?;
                    recorded = true;
                }
                Effect::ResumeTask(task) => {
                    let sent = self.alter(task, &task_control::resume(task), S::NAME, progress).await;
                    answers.push(sent.map_err(|error| refused::<S>(site, error))?);
                }
                Effect::SuspendTask(task) => {
                    let sent = self.alter(task, &task_control::suspend(task), S::NAME, progress).await;
                    answers.push(sent.map_err(|error| refused::<S>(site, error))?);
                }
                Effect::RunTask(task) => {
                    let statement = task_control::execute(task);
                    if let Err(error) =
                        in_time("EXECUTE TASK", self.world.warehouse.execute(&statement)).await
                    {
                        tracing::debug!(%error, task, "the task was not started by hand; its schedule will start it");
                    }
                }
                Effect::StartDms { arn, how } => {
                    progress.say(&format!("{}: {}", S::NAME, how.as_str()));
                    match self.world.dms.start(arn, *how).await {
                        Ok(()) => {}
                        // Another program, or an earlier try of ours whose answer was lost, was faster: look again.
                        Err(error) => return Err(not_taken(error)),
                    }
                }
                Effect::LoadTable { arn, schema, table, unless_within } => {
                    if let Some(within) = unless_within {
                        let begins = begins_by_itself(self.world, schema, table, *within, progress).await;
                        if begins.map_err(Trouble::Final)? {
                            continue;
                        }
                        // It was waited for.
                        let held = self.lease.require(&leases).await;
                        held.map_err(|error| Trouble::Final(error.into()))?;
                    }
                    progress.say(&format!("{}: ReloadTables", S::NAME));
                    self.world.dms.load_table(arn, schema, table).await.map_err(not_taken)?;
                }
                Effect::TryFiles(tried) => {
                    let permission = || self.lease.require(&leases);
                    let found = try_files(self.world, tried, permission, progress).await;
                    answers.tried(found.map_err(|error| match error {
                        StepError::Warehouse(error) => refused::<S>(site, error),
                        error => Trouble::Final(error),
                    })?);
                }
                Effect::MoveFile(moved) => {
                    progress.say(&format!("{}: {}", S::NAME, moved.from));
                    let permission = || self.lease.require(&leases);
                    move_file(self.world, moved, permission).await?;
                }
            }
        }
        Ok((answers, recorded))
    }

    /// Changes a task, in time.
    async fn alter(
        &self,
        task: &str,
        statement: &str,
        step: StepName,
        progress: &dyn Progress,
    ) -> Result<Vec<Row>, WarehouseError> {
        progress.say(&format!("{step}: {task}"));
        let sent = in_time("ALTER TASK", self.world.warehouse.execute_idempotent(statement)).await;
        self.world.warehouse.catalog().touch([Object::Task(task.to_owned())]);
        sent
    }

    async fn transaction<S: Step>(
        &self,
        site: &S::Site,
        key: &StepKey,
        need: &S::Need,
        statements: &[String],
        answers: &mut Answers,
        progress: &dyn Progress,
    ) -> Result<(), Trouble> {
        let again = |error: WarehouseError| {
            if error.is_conflict() || error.is_surely_not_done() {
                Trouble::Again { looks: 0, error: error.into() }
            } else {
                Trouble::Final(S::explain(site, error))
            }
        };
        let transaction = self.world.warehouse.begin().await.map_err(again)?;
        let filled = self.fill::<S>(site, key, need, statements, answers, &transaction, progress).await;
        let recorded = match filled {
            Ok(recorded) => recorded,
            Err(error) => {
                transaction.rollback().await;
                return Err(match error {
                    StepError::Warehouse(error) => again(error),
                    error => Trouble::Final(error),
                });
            }
        };
        progress.say(&format!("{}: COMMIT", S::NAME));
        match self.lease.commit_fenced(transaction, &site.leases()).await {
            Ok(()) => {}
            Err(FencedError::Lost) => {
                let lost = self.world.lease_lost(&site.leases(), "another run has taken it over");
                return Err(Trouble::Final(lost));
            }
            Err(FencedError::Warehouse(error)) if error.is_outcome_unknown() => {
                return Err(Trouble::Unknown(recorded, error));
            }
            Err(FencedError::Warehouse(error)) => return Err(again(error)),
        }
        // A session that lost its transaction without noticing commits nothing and says OK.
        match self.world.journal.is_recorded(&recorded).await {
            Ok(true) => Ok(()),
            Ok(false) => {
                let error = WarehouseError::OutcomeUnknown {
                    statement: "COMMIT".into(),
                    detail: "it was answered, but nothing became visible".into(),
                };
                Err(Trouble::Again { looks: 0, error: error.into() })
            }
            Err(error) => Err(Trouble::Final(error.into())),
        }
    }

    /// Everything between BEGIN and the lease's fence.
    #[expect(clippy::too_many_arguments, reason = "what a transaction of a step is made of")]
    async fn fill<S: Step>(
        &self,
        site: &S::Site,
        key: &StepKey,
        need: &S::Need,
        statements: &[String],
        answers: &mut Answers,
        transaction: &Transaction,
        progress: &dyn Progress,
    ) -> Result<Recorded, StepError> {
        for sql in statements {
            let doing = doing::<S>(need, sql);
            progress.say(&doing);
            let heard = Heard::default();
            let hear = |work| heard.hear(work);
            let sent = transaction.run_long(sql, &hear);
            answers.push(tell_while(progress, &doing, &heard, sent).await?);
        }
        let detail = S::verdict(site, need, answers)?;
        let recorded = self.world.journal.record(key, detail)?;
        transaction.run(&recorded.sql).await?;
        Ok(recorded)
    }
}

impl Driver for Execution<'_> {
    type Out<T: Send + Sync + Clone> = T;

    fn world(&self) -> &World {
        self.world
    }

    fn given<T: Send + Sync + Clone>(&self, value: T) -> T {
        value
    }

    fn both<A, B>(&self, a: A, b: B) -> (A, B)
    where
        A: Send + Sync + Clone,
        B: Send + Sync + Clone,
    {
        (a, b)
    }

    async fn step<S: Step>(&self, site: &S::Site, input: &S::Input) -> Result<S::Output, StepError>
    where
        S::Input: Clone,
    {
        self.about(site, |about| about.at = Some(S::NAME));
        let taken = self.take::<S>(site, input).await;
        if let Err(error) = &taken
            && !error.ends_the_run()
        {
            let key = site.key(self.operation, S::NAME);
            // If not even this can be written, the first error is the one to tell.
            let leases = site.leases();
            let (journal, held) = (&self.world.journal, self.lease.held(&leases));
            let code = error.as_finding().map(|finding| finding.code);
            let detail = serde_json::json!({ "error": error.to_string(), "code": code });
            let written = async {
                if S::KEEPS_REFUSALS && code.is_some() {
                    journal.refuse(&key, detail, held).await?;
                } else {
                    journal.fail(&key, detail, held).await?;
                }
                journal.flush().await
            };
            if let Err(journal) = written.await {
                tracing::debug!(%journal, "the failure was not written to the journal");
            }
        }
        taken
    }

    fn stop_at(&self, site: &dyn Site, step: StepName, found: Option<StepError>) -> Result<(), StepError> {
        self.about(site, |about| about.at = Some(step));
        found.map_or(Ok(()), Err)
    }

    fn tell(&self, site: &dyn Site, step: StepName, told: &dyn Told) {
        self.report(site, step, true, told);
    }

    async fn settle(&self) -> Result<(), StepError> {
        Ok(self.world.journal.flush().await?)
    }

    async fn place(&self) -> Result<Place<'_>, StepError> {
        let place = self.limit.acquire().await.map_err(|_| StepError::Interrupted)?;
        self.world.go_on()?;
        Ok(Place(Some(place)))
    }
}

/// Waits for the answer to a statement that Databend cannot fence no longer than the lease is surely ours.
async fn in_time<T>(
    statement: &str,
    sent: impl Future<Output = Result<T, WarehouseError>>,
) -> Result<T, WarehouseError> {
    tokio::time::timeout(MARGIN, sent).await.unwrap_or_else(|_| {
        Err(WarehouseError::OutcomeUnknown {
            statement: statement.to_owned(),
            detail: format!("no answer within {} s", MARGIN.as_secs()),
        })
    })
}

/// What is being done, for people.
fn doing<S: Step>(need: &S::Need, sql: &str) -> String {
    let kind = sql.split_whitespace().next().unwrap_or_default();
    match S::amount(need) {
        Some(amount) => format!("{}: {kind}, {amount}", S::NAME),
        None => format!("{}: {kind}", S::NAME),
    }
}
