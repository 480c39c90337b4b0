//! Making and changing the tables. Every step looks at what is there and adds what is lacking, so that it can be done
//! again after any failure.

use pipeline::TableName;
use pipeline::evolution::lack;
use pipeline::sql;
use pipeline::table::{DELETED_COLUMN, SEQ_COLUMN, Table};
use tfplugin::{Context, Diagnostic};
use warehouse::catalog::{Object, Snapshot, TableInfo};
use warehouse::{Warehouse, WarehouseError, code};

use super::read::columns;
use super::tasks;
use crate::diagnostics::from_warehouse;
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
    let seen = look(warehouse, &objects(&table.raw, &table.stream(), &table.ods)).await?;
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

/// Makes what is missing and mends what differs. `told` hears after each step what exists.
pub(super) async fn ensure(
    ctx: &Context,
    warehouse: &Warehouse,
    table: &Table,
    mut told: impl FnMut(Made),
) -> Result<(), Failure> {
    let step = Step { ctx, warehouse, objects: objects(&table.raw, &table.stream(), &table.ods) };
    let seen = step.look().await?;
    let (raw, ods) = (seen.table(&table.raw).cloned(), seen.table(&table.ods).cloned());
    let stream = seen
        .stream(&table.stream())
        .filter(|s| s.invalid_reason.as_deref().unwrap_or("").is_empty() && s.is_on(&table.raw));
    let mut made = Made { raw: raw.is_some(), stream: stream.is_some(), ods: ods.is_some() };
    if let Some(raw) = &raw {
        step.refuse_incomplete_rebuild(table, raw, ods.as_ref()).await?;
    }
    for database in [&table.raw.database, &table.ods.database] {
        step.database(&seen, database).await?;
    }
    own_database::ensure(warehouse, &seen).await?;
    match &raw {
        None => {
            step.once(&sql::create_raw(table), |seen| seen.table(&table.raw).is_some()).await?;
            // Beside an ODS table that exists, a new raw table lacks the changes that the old one had.
            if ods.is_none() {
                step.record_created(table).await?;
            }
        }
        Some(raw) => step.mend_raw(table, raw).await?,
    }
    made.raw = true;
    told(made);
    let anew = stream.is_none();
    if anew {
        if seen.stream(&table.stream()).is_some() || seen.table(&table.stream()).is_some() {
            step.repeatable("The old stream could not be dropped", &sql::drop_stream(&table.stream()))
                .await?;
        }
        step.once(&sql::create_stream(table), |seen| seen.stream(&table.stream()).is_some()).await?;
    }
    made.stream = true;
    told(made);
    let added = match &ods {
        None => {
            step.once(&sql::create_ods(table), |seen| seen.table(&table.ods).is_some()).await?;
            true
        }
        Some(ods) => step.mend_ods(table, ods).await?,
    };
    made.ods = true;
    told(made);
    // What a new stream does not show, and what a new column or a new ODS table does not have, is in raw.
    if raw.is_some() && (anew || added) {
        step.repeatable("Changes that raw keeps could not be merged", &sql::merge_all(table)).await?;
    }
    Ok(())
}

/// Takes back a create that another process got in the way of: drops what this create made, and nothing else.
pub(super) async fn take_back(
    ctx: &Context,
    warehouse: &Warehouse,
    table: &Table,
    made: Made,
) -> Result<(), Diagnostic> {
    let step = Step { ctx, warehouse, objects: objects(&table.raw, &table.stream(), &table.ods) };
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
    tasks::drop_writers(warehouse, &*look_at_all(warehouse).await?, raw, ods).await?;
    let step = Step { ctx, warehouse, objects: objects(raw, stream, ods) };
    step.repeatable("The stream could not be dropped", &sql::drop_stream(stream)).await?;
    step.repeatable("The raw table could not be dropped", &sql::drop_table(raw)).await?;
    step.repeatable("The ODS table could not be dropped", &sql::drop_table(ods)).await
}

/// What a table's statements write.
fn objects(raw: &TableName, stream: &TableName, ods: &TableName) -> [Object; 3] {
    [Object::Table(raw.clone()), Object::Stream(stream.clone()), Object::Table(ods.clone())]
}

/// The catalog, in which these objects are as they are now.
async fn look(warehouse: &Warehouse, objects: &[Object]) -> Result<std::sync::Arc<Snapshot>, Diagnostic> {
    warehouse.catalog().snapshot_of(warehouse, objects).await.map_err(|error| unread(&error))
}

/// The catalog, in which everything that this process wrote is as it is now.
async fn look_at_all(warehouse: &Warehouse) -> Result<std::sync::Arc<Snapshot>, Diagnostic> {
    warehouse.catalog().snapshot(warehouse).await.map_err(|error| unread(&error))
}

fn unread(error: &WarehouseError) -> Diagnostic {
    from_warehouse("Databend's catalog could not be read", error)
}

struct Step<'a> {
    ctx: &'a Context,
    warehouse: &'a Warehouse,
    /// What the statements write.
    objects: [Object; 3],
}

impl Step<'_> {
    async fn look(&self) -> Result<std::sync::Arc<Snapshot>, Diagnostic> {
        look(self.warehouse, &self.objects).await
    }

    /// A statement that does no harm when it is done twice.
    async fn repeatable(&self, failed: &str, text: &str) -> Result<(), Diagnostic> {
        self.stop_if_cancelled()?;
        let result = self.warehouse.execute_idempotent(text).await;
        self.warehouse.catalog().touch(self.objects.clone());
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

    /// Fails if ODS, or a column that the merge keeps there, would have to be rebuilt from a raw table that no longer has
    /// every change: what clean-up removed would be missing silently, and deleted rows would come back to life.
    async fn refuse_incomplete_rebuild(
        &self,
        table: &Table,
        raw: &TableInfo,
        ods: Option<&TableInfo>,
    ) -> Result<(), Diagnostic> {
        let missing = match ods {
            None => table.ods.plain(),
            Some(ods) => {
                let own =
                    [DELETED_COLUMN, SEQ_COLUMN].into_iter().find(|column| ods.column(column).is_none());
                let Some(column) = own else { return Ok(()) };
                format!("column \"{column}\" of {}", table.ods.plain())
            }
        };
        let failed = |error| from_warehouse("The raw table's horizon could not be read", &error);
        let complete = match self.warehouse.query_one(&sql::is_complete(&table.raw, raw.id)).await {
            Ok(row) => row.get::<u64>("n").map_err(failed)? > 0,
            Err(error) if matches!(error.code(), Some(code::UNKNOWN_DATABASE | code::UNKNOWN_TABLE)) => false,
            Err(error) => return Err(failed(error)),
        };
        if complete {
            return Ok(());
        }
        Err(Diagnostic::error("ODS cannot be rebuilt from raw").detail(format!(
            "{missing} is missing, and {raw} is not known to have every change: clean-up removed old ones, or {raw} was not created together with ODS. A rebuild would leave rows out, or bring deleted rows back, silently. If the table was dropped, run UNDROP TABLE {ods} in Databend and apply again. Otherwise load the table again: run `runbook suspend --table {source}`, drop what is left of {raw} and {plain}, run `terraform apply`, reload the table in DMS, and run `runbook cutover --table {source}`.",
            raw = table.raw.plain(),
            ods = table.ods,
            plain = table.ods.plain(),
            source = table.source(),
        )))
    }

    /// A CREATE. When its answer is lost, a look says whether it was done.
    async fn once(&self, text: &str, is_done: impl Fn(&Snapshot) -> bool) -> Result<(), Failure> {
        self.stop_if_cancelled()?;
        let result = self.warehouse.execute_ddl(text).await;
        self.warehouse.catalog().touch(self.objects.clone());
        match result {
            Ok(_) => Ok(()),
            Err(error @ WarehouseError::OutcomeUnknown { .. }) => {
                if is_done(&*self.look().await?) {
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
        for column in &lack.modify {
            self.repeatable(
                "A column of the ODS table could not be changed",
                &sql::modify_column(&table.ods, column),
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
        if self.ctx.is_cancelled() {
            return Err(Diagnostic::error("Stopped")
                .detail("Apply again to go on: what is done so far is in the state."));
        }
        Ok(())
    }
}
