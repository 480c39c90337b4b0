//! A life, from the cutover to the comparison.

use std::panic::AssertUnwindSafe;
use std::time::Instant;

use futures_util::FutureExt;

use super::declaration::Declaration;
use super::model::Life;
use super::source::SourceTable;
use crate::history::{Failure, Stand, Story};
use crate::{Aws, DmsTask, Error, Must, World};

/// Soon enough for a verb that waits for the next run; what an event or the operator needs runs at once.
const SCHEDULE: &str = "5 seconds";
const SETTINGS: &str =
    "poll_seconds = 1\nsequences_are_utc = true\ndelivery_seconds = 3\nverify_settle_seconds = 30\n";

/// A pipeline in the middle of its life.
pub(super) struct Living {
    pub(super) world: World,
    pub(super) aws: Aws,
    /// Every table that there ever was, by number.
    pub(super) tables: Vec<SourceTable>,
    /// What the configuration has not followed yet: the table's name, and what to declare.
    pub(super) unfollowed: Vec<(String, Declaration)>,
    /// Good copies of files that were cut off, by path; none where there is none.
    pub(super) cut_off: Vec<(String, Option<Vec<u8>>)>,
    /// DMS tasks that were replaced.
    pub(super) former: Vec<DmsTask>,
    /// What happened and was done, for the report of a failure.
    pub(super) told: Vec<String>,
    pub(super) story: Story,
}

/// Plays a life in the sandbox, and compares.
pub(crate) async fn play(stand: &Stand, life: &Life) -> Result<Story, Failure> {
    let began = Instant::now();
    // What the tools of the tests do not expect ends a test: here, it ends a life.
    let lived = AssertUnwindSafe(live(stand, life)).catch_unwind().await;
    let story = lived.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(Failure::Error(Error::Form {
            what: "a life".into(),
            reason: text.unwrap_or_else(|| "it panicked".into()),
        }))
    })?;
    Ok(Story { took: began.elapsed(), ..story })
}

async fn live(stand: &Stand, life: &Life) -> Result<Story, Failure> {
    let began = Instant::now();
    let tables: Vec<_> =
        life.born.iter().enumerate().map(|(number, born)| SourceTable::new(number, born)).collect();
    let declared: Vec<_> =
        tables.iter().enumerate().map(|(number, table)| table.declared().numbered(number)).collect();
    let rows = tables.iter().zip(&life.born).flat_map(|(table, born)| table.fill(born.rows));
    let rows: Vec<_> = rows.collect();
    let rows: Vec<_> = rows.iter().map(String::as_str).collect();
    let world = World::scheduled(stand.sandbox.clone(), &declared, &rows, SCHEDULE).await;
    world.terraform.write("runbook.toml", SETTINGS).must();
    world.cutover().await;
    let mut living = Living {
        aws: Aws::of(&world.sandbox),
        world,
        tables,
        unfollowed: Vec::new(),
        cut_off: Vec::new(),
        former: Vec::new(),
        told: Vec::new(),
        story: Story { cut_over: began.elapsed(), ..Story::default() },
    };
    let mut outcome = Ok(());
    for event in &life.events {
        living.told.push(format!("# {event:?}"));
        outcome = living.happen(event).await;
        if outcome.is_err() {
            break;
        }
    }
    if outcome.is_ok() {
        outcome = living.come_to_rest().await;
    }
    let outcome = outcome.map_err(|failure| living.with_story(failure));
    if outcome.is_err() && stand.keep {
        living.world.keep();
    }
    let story = living.story;
    living.end().await;
    outcome.map(|()| story)
}

impl Living {
    /// A failure with what led to it.
    fn with_story(&self, failure: Failure) -> Failure {
        Failure::Stuck(format!(
            "{failure}\n{}: what happened and was done:\n{}",
            self.world.name,
            self.told.join("\n")
        ))
    }

    /// Everything on its way arrives, if nothing holds it up.
    pub(super) async fn deliver(&self) -> Result<(), Error> {
        // Refused while DMS does not run.
        drop(self.world.dms.flush().await);
        self.world.run_loads().await
    }

    /// At rest every table equals its source.
    pub(super) async fn compare(&self) -> Result<(), Failure> {
        let mut different = Vec::new();
        for table in &self.world.tables {
            let pair = self.world.pair(&table.name);
            let found = crate::compare::compare(&self.world.mysql, &self.world.databend, &pair).await?;
            if !found.is_equal() {
                different.push(format!("{}: {found}", pair.table));
            }
        }
        if different.is_empty() { Ok(()) } else { Err(Failure::Different(different.join("\n"))) }
    }

    async fn end(self) {
        for dms in &self.former {
            drop(dms.delete().await);
        }
        drop(self.world.mysql.exec(&self.world.named("DROP DATABASE NAME")).await);
    }
}
