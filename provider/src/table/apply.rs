//! Making and changing the tables. Every step looks at what is there and adds what is lacking, so that it can be done
//! again after any failure.

use pipeline::TableName;
use pipeline::evolution::lack;
use pipeline::sql;
use pipeline::table::Table;
use tfplugin::{Context, Diagnostic};
use tokio_util::sync::CancellationToken;
use warehouse::catalog::{Snapshot, StreamInfo, TableInfo};
use warehouse::chain::{Awake, with_chain_suspended};
use warehouse::{Warehouse, WarehouseError};

use super::loss::{self, Loss, Prior, WhenLost};
use super::read::columns;
use super::rework::Rework;
use super::tasks;
use crate::diagnostics::{from_warehouse, sentence};
use crate::own_database;

/// Why tables could not be created or changed.
pub(super) enum Failure {
    /// Another process created an object of this name meanwhile: it is not ours.
    Exists(Diagnostic),
    /// Anything else.
    Other(Diagnostic),
}

impl From<Diagnostic> for Failure {
    fn from(diagnostic: Diagnostic) -> Self {
        Self::Other(diagnostic)
    }
}

impl From<Failure> for Diagnostic {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Exists(diagnostic) | Failure::Other(diagnostic) => diagnostic,
        }
    }
}

/// What exists of a table so far, to be told to Terraform.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Made {
    pub(super) raw: bool,
    pub(super) stream: bool,
    pub(super) ods: bool,
}

/// Fails if anything that is about to be made is there already: it is somebody's, and may hold data.
pub(super) async fn refuse_existing(warehouse: &Warehouse, table: &Table) -> Result<(), Diagnostic> {
    let seen = look(warehouse).await?;
    for name in [&table.raw, &table.ods, &table.stream()] {
        if seen.table(name).is_some() || seen.stream(name).is_some() {
            return Err(Diagnostic::error("Already there").detail(format!(
                "{} exists in Databend and is not in Terraform's state. To take it over, run: terraform import <address> '{},{}'. To make a new one, choose other names.",
                name.plain(),
                table.raw.plain(),
                table.ods.plain()
            )));
        }
    }
    Ok(())
}

/// What else an update is told beside the table's description.
#[derive(Debug, Clone, Default)]
pub(super) struct Terms {
    pub(super) prior: Prior,
    pub(super) when_lost: WhenLost,
}

/// Makes what is missing and mends what differs. `told` hears after each step what exists.
pub(super) async fn ensure(
    ctx: &Context,
    warehouse: &Warehouse,
    table: &Table,
    terms: &Terms,
    told: impl FnMut(Made),
) -> Result<(), Failure> {
    let seen = look(warehouse).await?;
    let (raw, ods) = (seen.table(&table.raw), seen.table(&table.ods));
    let step = Step { cancel: ctx.token().clone(), warehouse: warehouse.clone() };
    let is_emptied = step.settle_loss(table, terms, raw, ods).await?;
    match Rework::needed(table, raw, ods) {
        None => step.complete(table, is_emptied, false, told).await,
        Some(rework) => suspended(ctx, warehouse, table, is_emptied, rework).await,
    }
}

/// Changes columns around the stream, and then everything else, with the table's tasks suspended.
async fn suspended(
    ctx: &Context,
    warehouse: &Warehouse,
    table: &Table,
    is_emptied: bool,
    rework: Rework,
) -> Result<(), Failure> {
    let seen = look(warehouse).await?;
    let names = tasks::of_table(&seen, &table.raw, &table.ods);
    let (owned, inner) = (table.clone(), warehouse.clone());
    let in_order = names.root_first();
    let guarded =
        with_chain_suspended(warehouse, &names, Awake::default(), ctx.token(), move |cancel| async move {
            let step = Step { cancel: cancel.clone(), warehouse: inner };
            tasks::wait_for_runs(&cancel, &step.warehouse, &in_order).await?;
            let seen = look(&step.warehouse).await?;
            step.rework(&owned, &rework, &seen).await?;
            step.complete(&owned, is_emptied, true, |_| {}).await
        })
        .await
        .map_err(|error| {
            Diagnostic::error("The table's tasks could not be suspended").detail(error.to_string())
        })?;
    let Err(not_restored) = guarded.restored else { return guarded.body };
    let mut detail = format!("{}.", sentence(&not_restored.to_string()).trim_end_matches('.'));
    if let Err(failure) = guarded.body {
        detail = format!("{} {detail}", Diagnostic::from(failure));
    }
    Err(Diagnostic::error("Tasks do not run again").detail(detail).into())
}

/// Takes back a create that another process got in the way of: drops what this create made, and nothing else.
pub(super) async fn take_back(
    ctx: &Context,
    warehouse: &Warehouse,
    table: &Table,
    made: Made,
) -> Result<(), Diagnostic> {
    let step = Step { cancel: ctx.token().clone(), warehouse: warehouse.clone() };
    if made.stream {
        step.repeatable("The new stream could not be dropped", &sql::drop_stream(&table.stream())).await?;
    }
    if made.raw {
        step.repeatable("The new raw table could not be dropped", &sql::drop_table(&table.raw)).await?;
    }
    Ok(())
}

/// Drops everything: first the tasks that write to the tables, ODS last, since it is what readers see.
pub(super) async fn drop_all(
    ctx: &Context,
    warehouse: &Warehouse,
    table: [&TableName; 3],
) -> Result<(), Diagnostic> {
    let [raw, stream, ods] = table;
    tasks::drop_writers(warehouse, &*look(warehouse).await?, raw, ods).await?;
    let step = Step { cancel: ctx.token().clone(), warehouse: warehouse.clone() };
    step.repeatable("The stream could not be dropped", &sql::drop_stream(stream)).await?;
    step.repeatable("The raw table could not be dropped", &sql::drop_table(raw)).await?;
    step.repeatable("The ODS table could not be dropped", &sql::drop_table(ods)).await
}

/// The catalog as it is now.
async fn look(warehouse: &Warehouse) -> Result<std::sync::Arc<Snapshot>, Diagnostic> {
    warehouse
        .catalog()
        .snapshot(warehouse)
        .await
        .map_err(|error| from_warehouse("Databend's catalog could not be read", &error))
}

/// Whether the merge can read a stream.
pub(super) fn is_usable(stream: &StreamInfo, table: &Table) -> bool {
    stream.invalid_reason.as_deref().unwrap_or("").is_empty()
        && stream.is_on(&table.raw)
        && stream.is_append_only()
}

/// Statements of one apply.
pub(super) struct Step {
    pub(super) cancel: CancellationToken,
    pub(super) warehouse: Warehouse,
}

impl Step {
    /// Makes what is missing and mends what a statement alone can mend. `is_stream_new`: the stream was created just now,
    /// so it does not show what raw kept before.
    async fn complete(
        &self,
        table: &Table,
        is_emptied: bool,
        is_stream_new: bool,
        mut told: impl FnMut(Made),
    ) -> Result<(), Failure> {
        let seen = look(&self.warehouse).await?;
        let (raw, ods) = (seen.table(&table.raw).cloned(), seen.table(&table.ods).cloned());
        let stream = seen.stream(&table.stream()).filter(|stream| is_usable(stream, table));
        let mut made = Made { raw: raw.is_some(), stream: stream.is_some(), ods: ods.is_some() };
        for database in [&table.raw.database, &table.ods.database] {
            self.database(&seen, database).await?;
        }
        own_database::ensure(&self.warehouse, &seen).await?;
        if let Some(raw) = raw.as_ref().filter(|_| is_emptied) {
            self.repeatable(
                "The lost ODS table could not be recorded",
                &sql::record_emptied(&table.raw, raw.id),
            )
            .await?;
            tasks::suspend_merges(&self.cancel, &self.warehouse, &table.ods).await?;
        }
        match &raw {
            None => {
                self.once(&sql::create_raw(table), |seen| seen.table(&table.raw).is_some()).await?;
                // Beside an ODS table that exists, a new raw table lacks the changes that the old one had.
                if ods.is_none() {
                    self.record_created(table).await?;
                }
            }
            Some(raw) => self.mend_raw(table, raw).await?,
        }
        made.raw = true;
        told(made);
        let anew = stream.is_none();
        if anew {
            self.repeatable("The old stream could not be dropped", &sql::drop_stream(&table.stream()))
                .await?;
            self.once(&sql::create_stream(table), |seen| seen.stream(&table.stream()).is_some()).await?;
        }
        made.stream = true;
        told(made);
        let added = match &ods {
            None => {
                self.once(&sql::create_ods(table), |seen| seen.table(&table.ods).is_some()).await?;
                true
            }
            Some(ods) => self.mend_ods(table, ods).await?,
        };
        made.ods = true;
        told(made);
        // What a new stream does not show, and what a new column or a new ODS table does not have, is in raw.
        if let Some(raw) = &raw
            && (is_stream_new || anew || added)
            && !self.awaits_load(table, raw).await?
        {
            self.repeatable("Changes that raw keeps could not be merged", &sql::merge_all(table)).await?;
        }
        Ok(())
    }

    /// A statement that does no harm when it is done twice.
    pub(super) async fn repeatable(&self, failed: &str, text: &str) -> Result<(), Diagnostic> {
        self.stop_if_cancelled()?;
        let result = self.warehouse.execute_idempotent(text).await;
        self.warehouse.catalog().invalidate();
        result.map(drop).map_err(|error| from_warehouse(failed, &error))
    }

    /// A database, where it is missing: what the catalog shows costs no statement.
    async fn database(&self, seen: &Snapshot, name: &str) -> Result<(), Diagnostic> {
        if seen.shows_database(name) {
            return Ok(());
        }
        self.stop_if_cancelled()?;
        self.warehouse
            .ensure_database(name)
            .await
            .map_err(|error| from_warehouse("A database could not be created", &error))
    }

    /// The record without which a raw table counts as incomplete.
    async fn record_created(&self, table: &Table) -> Result<(), Diagnostic> {
        self.repeatable("The new raw table could not be recorded", &sql::record_created(&table.raw)).await
    }

    /// Fails if ODS, or a column of it, would have to be rebuilt from a raw table that no longer has every change. Returns
    /// whether ODS is to be created empty instead.
    async fn settle_loss(
        &self,
        table: &Table,
        terms: &Terms,
        raw: Option<&TableInfo>,
        ods: Option<&TableInfo>,
    ) -> Result<bool, Diagnostic> {
        let Some(lost) = loss::loss(table, &terms.prior, raw, ods) else { return Ok(false) };
        let failed = |error| from_warehouse("The raw table's horizon could not be read", &error);
        if loss::is_complete(&self.warehouse, table, raw).await.map_err(failed)? {
            return Ok(false);
        }
        if lost == Loss::Table && terms.when_lost == WhenLost::CreateEmpty {
            return Ok(true);
        }
        Err(loss::refusal(table, &lost))
    }

    /// Whether ODS was created empty and waits for the table to be loaded again: what raw keeps is not merged into it.
    async fn awaits_load(&self, table: &Table, raw: &TableInfo) -> Result<bool, Diagnostic> {
        let failed = |error| from_warehouse("The raw table's horizon could not be read", &error);
        self.warehouse.awaits_load(&table.raw, raw.id).await.map_err(failed)
    }

    /// A CREATE. When its answer is lost, a look says whether it was done.
    pub(super) async fn once(&self, text: &str, is_done: impl Fn(&Snapshot) -> bool) -> Result<(), Failure> {
        self.stop_if_cancelled()?;
        let result = self.warehouse.execute(text).await;
        self.warehouse.catalog().invalidate();
        match result {
            Ok(_) => Ok(()),
            Err(error @ WarehouseError::OutcomeUnknown { .. }) => {
                if is_done(&*look(&self.warehouse).await?) {
                    Ok(())
                } else {
                    Err(from_warehouse("A table could not be created", &error).into())
                }
            }
            Err(error) if error.is_already_there() => {
                Err(Failure::Exists(from_warehouse("A table could not be created", &error)))
            }
            Err(error) => Err(from_warehouse("A table could not be created", &error).into()),
        }
    }

    async fn mend_raw(&self, table: &Table, raw: &TableInfo) -> Result<(), Failure> {
        for column in lack(&columns(raw), &table.raw_columns()).add {
            self.once(&sql::add_column(&table.raw, &column), |seen| {
                seen.table(&table.raw).is_some_and(|raw| raw.column(&column.name).is_some())
            })
            .await?;
        }
        let options: Vec<_> = sql::raw_options(table)
            .into_iter()
            .filter(|(name, value)| raw.options.get(*name) != Some(value))
            .collect();
        if !options.is_empty() {
            self.repeatable("The raw table could not be changed", &sql::set_options(&table.raw, &options))
                .await?;
        }
        Ok(())
    }

    /// Returns whether columns were added.
    async fn mend_ods(&self, table: &Table, ods: &TableInfo) -> Result<bool, Failure> {
        let lack = lack(&columns(ods), &table.ods_columns());
        for column in &lack.add {
            self.once(&sql::add_column(&table.ods, column), |seen| {
                seen.table(&table.ods).is_some_and(|ods| ods.column(&column.name).is_some())
            })
            .await?;
        }
        if !lack.modify.is_empty() {
            self.repeatable(
                "A column of the ODS table could not be changed",
                &sql::modify_columns(&table.ods, &lack.modify),
            )
            .await?;
        }
        if super::read::cluster_columns(&ods.cluster_by) != table.cluster_by {
            self.repeatable(
                "The cluster key could not be changed",
                &sql::cluster_by(&table.ods, &table.cluster_by),
            )
            .await?;
        }
        let wanted = sql::ods_options(table);
        if wanted.iter().any(|(name, value)| ods.options.get(*name) != Some(value)) {
            self.repeatable(
                "An option of the ODS table could not be changed",
                &sql::set_options(&table.ods, &wanted),
            )
            .await?;
        }
        Ok(!lack.add.is_empty())
    }

    fn stop_if_cancelled(&self) -> Result<(), Diagnostic> {
        if self.cancel.is_cancelled() {
            return Err(Diagnostic::error("Stopped")
                .detail("Apply again to go on: what is done so far is in the state."));
        }
        Ok(())
    }
}
