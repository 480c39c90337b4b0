//! One history, from its first transaction to the comparison.

use std::fmt;
use std::time::{Duration, Instant};

use pipeline::sql;

use super::cutover;
use super::lane::Lane;
use super::model::{Event, Fault, Faulty, History, Transaction};
use super::mutation::Mutation;
use super::reload;
use super::repair;
use super::stand::Stand;
use crate::Error;

/// How often the tasks may run until everything is at rest. Each failure that a history has put there takes one; three
/// in a row suspend a task.
const RUNS_TO_REST: usize = 16;
/// The source refuses a key that is there already; the history goes on without that statement.
const DUPLICATE_KEY: u16 = 1062;

/// What Databend's errors say that were asked for.
const FAULT: &str = "fault injected by the sandbox";

/// What a history that went well has shown.
#[derive(Debug, Clone, Copy, Default)]
pub struct Story {
    /// Transactions, those that were rolled back included.
    pub transactions: usize,
    /// Statements that failed on purpose, cutovers that were killed and files that came late or twice.
    pub faults: usize,
    /// Full loads after the first.
    pub reloads: usize,
    /// Until the cutover had succeeded.
    pub cut_over: Duration,
    /// All of it.
    pub took: Duration,
}

/// How a history can go wrong.
#[derive(Debug)]
pub enum Failure {
    /// At rest, ODS does not equal the source.
    Different(String),
    /// It does not come to rest.
    Restless(String),
    /// The cutover does not succeed, however often it is run.
    Cutover(String),
    /// The repair does not succeed, however often it is run.
    Repair(String),
    /// A cutover that was killed has done what its journal does not tell.
    Silent(String),
    /// A life went wrong: how, and what happened before.
    Stuck(String),
    /// A tool of the test, or something that must not fail.
    Error(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Different(what) => write!(f, "ODS does not equal the source.\n{what}"),
            Self::Restless(what) => write!(f, "it does not come to rest.\n{what}"),
            Self::Silent(what) => write!(f, "the journal does not tell what was done.\n{what}"),
            Self::Repair(what) => write!(f, "the repair does not succeed.\n{what}"),
            Self::Cutover(what) => write!(f, "the cutover does not succeed.\n{what}"),
            Self::Stuck(what) => write!(f, "{what}"),
            Self::Error(error) => write!(f, "{error}"),
        }
    }
}

/// Plays a history in the sandbox, on tables of its own, and compares.
pub async fn play(stand: &Stand, history: &History, mutation: Option<Mutation>) -> Result<Story, Failure> {
    let began = Instant::now();
    let lane = Lane::new(stand, history, mutation).await?;
    let mut player = Player { lane: &lane, history, held: Vec::new(), repeated: 0, story: Story::default() };
    let outcome = player.play(began).await;
    let mut story = player.story;
    if outcome.is_ok() || !stand.keep {
        lane.end().await;
    }
    story.took = began.elapsed();
    outcome.map(|()| story)
}

struct Player<'a> {
    lane: &'a Lane,
    history: &'a History,
    /// Files that are kept back.
    held: Vec<(String, Vec<u8>)>,
    repeated: u32,
    story: Story,
}

impl Player<'_> {
    async fn play(&mut self, began: Instant) -> Result<(), Failure> {
        for transaction in &self.history.before {
            self.commit(transaction).await?;
        }
        let (lane, history) = (self.lane, self.history);
        let during = async {
            for transaction in &history.during {
                tokio::time::sleep(Duration::from_millis(300)).await;
                commit(lane, history, transaction).await?;
                // Refused while DMS does not run yet.
                drop(lane.dms().flush().await);
            }
            Ok::<_, Failure>(())
        };
        let (cut_over, during) = tokio::join!(cutover::run(lane, &history.cutover), during);
        during?;
        self.story.faults += cut_over?;
        self.story.transactions += history.during.len();
        self.story.cut_over = began.elapsed();
        for event in &self.history.after {
            self.happen(event).await?;
        }
        self.rest().await?;
        let differences = self.lane.differences().await?;
        if differences.is_empty() { Ok(()) } else { Err(Failure::Different(differences.join("\n"))) }
    }

    async fn happen(&mut self, event: &Event) -> Result<(), Failure> {
        let lane = self.lane;
        match event {
            Event::Commit(transaction) => self.commit(transaction).await?,
            Event::Flush => lane.dms().flush().await?,
            Event::Run => lane.run_tasks().await?,
            Event::Hold => {
                if let Some(key) = lane.files().await?.into_iter().next() {
                    let content = lane.aws.get(&lane.stand.site.bucket, &key).await?;
                    lane.aws.delete(&lane.stand.site.bucket, &key).await?;
                    self.held.push((key, content));
                    self.story.faults += 1;
                }
            }
            Event::Release => self.release().await?,
            Event::Repeat => {
                if let Some(key) = lane.files().await?.into_iter().next_back() {
                    let content = lane.aws.get(&lane.stand.site.bucket, &key).await?;
                    self.repeated += 1;
                    let folder = key.rsplit_once('/').map_or("", |(folder, _)| folder);
                    let again = format!("{folder}/20991231-{:09}.parquet", self.repeated);
                    lane.aws.put(&lane.stand.site.bucket, &again, &content).await?;
                    self.story.faults += 1;
                }
            }
            Event::Restart => {
                lane.dms().stop().await?;
                lane.dms().start("resume-processing").await?;
                self.story.faults += 1;
            }
            Event::Fail(fault) => {
                lane.faults
                    .add(&pattern(&lane.name, *fault), if fault.done { "drop_after" } else { "error" }, 1)
                    .await?;
                self.story.faults += 1;
            }
            Event::CleanUp => lane.clean_up().await?,
            Event::Cutover => cutover::again(lane).await?,
            Event::Pause => {
                lane.runbook.expect(0, &["suspend"]).await?;
                lane.runbook.expect(0, &["resume"]).await?;
            }
            Event::NewStream { table } => {
                let number = usize::from(*table) % lane.tables.len();
                let table = &lane.tables[number];
                // As the provider does when the stream is gone; applied again where a fault was waiting.
                lane.databend.exec(&sql::drop_stream(&table.stream())).await?;
                lane.databend.exec(&sql::create_stream(table)).await?;
                let merge_all = &lane.merge_all(number);
                if let Err(error) = lane.databend.exec(merge_all).await {
                    if !error.to_string().contains(FAULT) {
                        return Err(error.into());
                    }
                    lane.databend.exec(merge_all).await?;
                }
                self.story.faults += 1;
            }
            Event::Repair(plan) => {
                self.story.faults += repair::run(lane, self.history, plan).await?;
            }
            Event::Reload(plan) => {
                self.story.faults += reload::run(lane, self.history, plan).await?;
                self.story.reloads += 1;
            }
        }
        Ok(())
    }

    async fn commit(&mut self, transaction: &Transaction) -> Result<(), Failure> {
        self.story.transactions += 1;
        commit(self.lane, self.history, transaction).await
    }

    async fn release(&mut self) -> Result<(), Failure> {
        for (key, content) in self.held.drain(..) {
            self.lane.aws.put(&self.lane.stand.site.bucket, &key, &content).await?;
        }
        Ok(())
    }

    /// Everything that was committed is written, loaded and merged.
    async fn rest(&mut self) -> Result<(), Failure> {
        self.release().await?;
        let lane = self.lane;
        let (mut files, mut backlog) = (Vec::new(), 0);
        for _ in 0..RUNS_TO_REST {
            lane.dms().flush().await?;
            lane.run_tasks().await?;
            (files, backlog) = (lane.files().await?, lane.backlog().await?);
            if files.is_empty() && backlog == 0 {
                return Ok(());
            }
            if lane.is_suspended().await? {
                lane.runbook.expect(0, &["resume"]).await?;
            }
        }
        let errors = lane.errors().await?;
        Err(Failure::Restless(format!(
            "files: {files:?}\nrows in the streams: {backlog}\nerrors of tasks:\n{errors}"
        )))
    }
}

/// One transaction at the source, of which its binlog does not tell.
pub(super) async fn unseen(lane: &Lane, history: &History, transaction: &Transaction) -> Result<(), Failure> {
    session(lane, history, transaction, &["SET sql_log_bin = 0"], &["SET sql_log_bin = 1"]).await
}

/// One transaction at the source.
pub(super) async fn commit(lane: &Lane, history: &History, transaction: &Transaction) -> Result<(), Failure> {
    session(lane, history, transaction, &[], &[]).await
}

async fn session(
    lane: &Lane,
    history: &History,
    transaction: &Transaction,
    before: &[&str],
    after: &[&str],
) -> Result<(), Failure> {
    let mut statements: Vec<String> = before.iter().map(|&sql| sql.to_owned()).collect();
    if transaction.days_ago > 0 {
        statements
            .push(format!("SET timestamp = UNIX_TIMESTAMP() - {}", 86_400 * u32::from(transaction.days_ago)));
    }
    statements.push("BEGIN".into());
    statements.extend(transaction.statements.iter().flat_map(|statement| history.sql(&lane.name, statement)));
    statements.push(if transaction.rolled_back { "ROLLBACK" } else { "COMMIT" }.into());
    statements.extend(after.iter().map(|&sql| sql.to_owned()));
    Ok(lane.stand.mysql.session_but(&statements, DUPLICATE_KEY).await?)
}

/// Finds a statement of this history's tasks by its text.
fn pattern(name: &str, fault: Fault) -> String {
    match fault.of {
        Faulty::Merge => format!("^MERGE INTO \"{name}_ods\""),
        _ => format!("^COPY INTO \"{name}_raw\""),
    }
}
