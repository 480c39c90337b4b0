//! Creating and changing the tables. Every step looks at what is there and adds what is lacking, so that it can be done
//! again after any failure.

use pipeline::TableName;
use pipeline::column::DatabendColumn;
use pipeline::evolution::differences;
use pipeline::sql;
use pipeline::table::{SEQ_COLUMN, Table};
use tfplugin::{Diagnostic, Diagnostics};
use warehouse::catalog::{Object, Snapshot, StreamInfo, TableInfo, TaskInfo, Unfinished};
use warehouse::{Warehouse, WarehouseError};

use super::loss::{self, Loss, Prior, WhenLost};
use super::model::TableModel;
use super::plan::applied;
use super::read::columns;
use super::rework::{self, Rework};
use super::tasks::{self, is_lease_on};
use super::{drift, handover, renames, takeover};
use crate::change::{Change, look, look_at};
use crate::diagnostics::from_warehouse;

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

/// Fails if anything that is about to be created exists, unless an interrupted create of the same table made it: it belongs to
/// someone else, and may hold data.
pub(super) async fn refuse_existing(change: &Change<'_>, table: &Table) -> Result<(), Diagnostic> {
    let seen = look_at(change.warehouse, &objects(table)).await?;
    if tasks::refuse_second_reader(&seen, table).is_err() {
        // This process may have dropped that task since the catalog was read.
        tasks::refuse_second_reader(&*look_at(change.warehouse, &[]).await?, table)?;
    }
    let exists = |name: &&&TableName| seen.table(name).is_some() || seen.stream(name).is_some();
    let stream = table.stream();
    let Some(name) = [&table.raw, &table.ods, &stream].iter().find(exists).copied() else { return Ok(()) };
    if change.adopts() {
        return Ok(());
    }
    let way = if change.open().is_some_and(|intent| intent.operation == "create") {
        "An interrupted apply created it from another description of this table. Apply that description again, or import it"
    } else {
        "To take it over, run"
    };
    Err(Diagnostic::error("The table already exists").detail(format!(
        "{} exists in Databend and is not in Terraform's state. {way}: terraform import <address> '{},{}'. To create a new one, choose other names.",
        name.plain(),
        table.raw.plain(),
        table.ods.plain()
    )))
}

/// What else an update is told beside the table's description.
#[derive(Debug, Clone, Default)]
pub(super) struct Terms {
    pub(super) prior: Prior,
    pub(super) when_lost: WhenLost,
}

/// Creates what is missing and changes what differs. `told` hears after each step what exists.
pub(super) async fn ensure(
    change: &Change<'_>,
    table: &Table,
    terms: &Terms,
    told: impl FnMut(Made),
) -> Result<(), Failure> {
    let tasks = change.unfinished().tasks.into_keys().map(Object::Task);
    let touched: Vec<_> = objects(table).into_iter().chain(tasks).chain([Object::Own]).collect();
    let seen = look_at(change.warehouse, &touched).await?;
    if let Some(view) = drift::views(table, &seen).into_iter().next() {
        return Err(view.into());
    }
    let now = Now::of(table, &seen);
    let before = change.unfinished();
    let mut unfinished = now.unfinished(table, before.clone());
    let mut is_emptied = false;
    let is_new = |raw| before.new_raw && !seen.own().is_recorded(raw);
    if !now.raw.is_some_and(is_new) {
        is_emptied = settle_loss(&seen, table, terms)?;
    }
    let rework = Rework::needed(table, now.raw, now.ods);
    if rework.is_some() {
        let tasks = tasks::of_table(&seen, &table.raw, &table.ods);
        for name in tasks.root_first() {
            let runs = seen.task(&name).is_some_and(TaskInfo::is_running);
            *unfinished.tasks.entry(name).or_default() |= runs;
        }
        unfinished.merge.insert(table.ods.plain());
    }
    let step = Step { change, table, seen: &seen, unfinished: unfinished.clone() };
    takeover::prepare(&step, now.raw, now.ods).await?;
    if let Some(rework) = rework {
        step.effect().await?;
        let prepared = look(change.warehouse, &tables(table)).await?;
        let tasks = tasks::of_table(&prepared, &table.raw, &table.ods);
        let has_all = rework::run(change, table, rework, tasks, &prepared).await?;
        if has_all && takeover::is_by_hand(now.ods) && !before.merge.contains(&table.ods.plain()) {
            unfinished.merge.remove(&table.ods.plain());
        }
    }
    complete(change, table, &terms.prior, is_emptied, unfinished, told).await?;
    let merges = tasks::merging_into(&seen, &table.ods);
    let is_empty = is_emptied || loss::awaits_load(&seen, table);
    let stays = |task: &TaskInfo| is_empty && merges.contains(&task.name);
    tasks::resume(change, &seen, &before, stays).await?;
    Ok(())
}

/// Fails if ODS, or a column of it, would have to be rebuilt from a raw table that no longer has every change. Returns
/// whether ODS is to be created empty instead.
fn settle_loss(seen: &Snapshot, table: &Table, terms: &Terms) -> Result<bool, Diagnostic> {
    let (raw, ods) = (seen.table(&table.raw), seen.table(&table.ods));
    match loss::loss(table, &terms.prior, raw, ods) {
        Some(lost) if !loss::is_complete(seen, table, &terms.prior) => {
            if lost == Loss::Table && terms.when_lost == WhenLost::CreateEmpty {
                return Ok(true);
            }
            Err(loss::refusal(table, &lost))
        }
        _ => Ok(false),
    }
}

/// Everything that needs no suspended task.
async fn complete(
    change: &Change<'_>,
    table: &Table,
    prior: &Prior,
    is_emptied: bool,
    unfinished: Unfinished,
    mut told: impl FnMut(Made),
) -> Result<(), Failure> {
    let tasks = change.unfinished().tasks.into_keys().map(Object::Task);
    let objects: Vec<_> = objects(table).into_iter().chain(tasks).collect();
    let seen = look_at(change.warehouse, &objects).await?;
    let now = Now::of(table, &seen);
    let mut made = Made { raw: now.raw.is_some(), stream: now.stream.is_some(), ods: now.ods.is_some() };
    let before = change.unfinished();
    let step = Step { change, table, seen: &seen, unfinished };
    if let Some(raw) = now.raw
        && before.new_raw
        && !seen.own().is_recorded(raw)
    {
        step.record_created().await?;
    }
    let lost_in_raw = loss::lost_in_raw(table, prior, now.raw);
    if !lost_in_raw.is_empty() {
        let record = sql::record_incomplete(&table.raw);
        step.repeatable("The lost columns of the raw table could not be recorded", &record).await?;
        change.warehouse.catalog().touch([Object::Own]);
    }
    for database in [&table.raw.database, &table.ods.database] {
        step.database(database).await?;
    }
    if let Some(raw) = now.raw.filter(|_| is_emptied) {
        let record = sql::record_emptied(&table.raw, raw.id);
        step.repeatable("The lost ODS table could not be recorded", &record).await?;
        change.warehouse.catalog().touch([Object::Own]);
        tasks::suspend_merges(change, &seen, &table.ods).await?;
    }
    match now.raw {
        None => {
            step.once(&sql::create_raw(table), |seen| seen.table(&table.raw).is_some()).await?;
            if step.unfinished.new_raw {
                step.record_created().await?;
            }
        }
        Some(raw) => step.change_raw(raw).await?,
    }
    made.raw = true;
    told(made);
    if now.stream.is_none() {
        let stream = table.stream();
        if seen.stream(&stream).is_some() || seen.table(&stream).is_some() {
            step.repeatable("The old stream could not be dropped", &sql::drop_stream(&stream)).await?;
        }
        step.once(&sql::create_stream(table), |seen| seen.stream(&table.stream()).is_some()).await?;
    }
    made.stream = true;
    told(made);
    match now.ods {
        None => step.once(&sql::create_ods(table), |seen| seen.table(&table.ods).is_some()).await?,
        Some(ods) => {
            takeover::ensure_seq(&step, ods).await?;
            takeover::allow_null(&step, ods).await?;
            step.change_ods(ods).await?;
        }
    }
    made.ods = true;
    told(made);
    // What a new stream does not show, and what a new column or a new ODS table does not have, is in raw.
    let is_empty = is_emptied || loss::awaits_load(&seen, table);
    if step.unfinished.merge.contains(&table.ods.plain()) && !is_empty {
        // What raw has lost stays in ODS.
        let mut known = table.clone();
        known.columns.retain(|column| !lost_in_raw.contains(&column.name));
        step.repeatable("Changes that raw keeps could not be merged", &sql::merge_all(&known)).await?;
    }
    Ok(())
}

/// What exists of a table.
struct Now<'a> {
    raw: Option<&'a TableInfo>,
    /// The stream, if it can be used.
    stream: Option<&'a StreamInfo>,
    ods: Option<&'a TableInfo>,
}

impl<'a> Now<'a> {
    fn of(table: &Table, seen: &'a Snapshot) -> Self {
        Self {
            raw: seen.table(&table.raw),
            stream: seen.stream(&table.stream()).filter(|stream| is_usable(stream, table)),
            ods: seen.table(&table.ods),
        }
    }

    /// What the next apply has to finish if this one does not.
    fn unfinished(&self, table: &Table, before: Unfinished) -> Unfinished {
        let mut unfinished = before;
        let lacks_columns = self.ods.is_none_or(|ods| !missing_in_ods(ods, table).is_empty());
        if self.raw.is_some() && (self.stream.is_none() || lacks_columns) {
            unfinished.merge.insert(table.ods.plain());
        }
        // Beside an ODS table that exists, a new raw table lacks the changes that the old one had.
        unfinished.new_raw |= self.raw.is_none() && self.ods.is_none();
        unfinished
    }
}

/// Columns that ODS lacks and that raw's changes fill. The order key is filled by itself.
fn missing_in_ods(ods: &TableInfo, table: &Table) -> Vec<DatabendColumn> {
    let mut missing = differences(&columns(ods), &table.ods_columns()).add;
    missing.retain(|column| column.name != SEQ_COLUMN);
    missing
}

/// Whether the merge can read a stream.
pub(super) fn is_usable(stream: &StreamInfo, table: &Table) -> bool {
    stream.invalid_reason.as_deref().unwrap_or("").is_empty()
        && stream.is_on(&table.raw)
        && stream.is_append_only()
}

/// Takes back a create that another process got in the way of: drops what this create made, and nothing else.
pub(super) async fn take_back(change: &Change<'_>, table: &Table, made: Made) -> Result<(), Diagnostic> {
    let seen = look_at(change.warehouse, &objects(table)).await?;
    let step = Step { change, table, seen: &seen, unfinished: Unfinished::default() };
    if made.stream {
        step.repeatable("The new stream could not be dropped", &sql::drop_stream(&table.stream())).await?;
    }
    if made.raw {
        step.repeatable("The new raw table could not be dropped", &sql::drop_table(&table.raw)).await?;
    }
    Ok(())
}

/// Drops everything: first the tasks that write to the tables, ODS last, since it is what readers see.
pub(super) async fn drop_all(change: &Change<'_>, names: [&TableName; 3]) -> Result<(), Diagnostic> {
    let [raw, stream, ods] = names;
    let seen = look(change.warehouse, &[]).await?;
    let tasks = tasks::drop_writers(change, &seen, raw, ods).await?;
    let drop = async |failed: &str, text: String| {
        let unfinished = || Unfinished { tasks: tasks.clone(), ..change.unfinished() };
        change.effect(unfinished, |held| is_lease_on(held, raw)).await?;
        let dropped = change.warehouse.execute_idempotent(&text).await;
        change.warehouse.catalog().touch(objects_named(raw, stream, ods));
        dropped.map(std::mem::drop).map_err(|error| from_warehouse(failed, &error))
    };
    drop("The stream could not be dropped", sql::drop_stream(stream)).await?;
    drop("The raw table could not be dropped", sql::drop_table(raw)).await?;
    drop("The ODS table could not be dropped", sql::drop_table(ods)).await
}

/// Fails, before anything is sent, if a change of an existing table would lose something that only Databend shows.
pub(super) async fn refuse_update(
    warehouse: &Warehouse,
    prior: &TableModel,
    next: &Table,
) -> Result<(), Diagnostics> {
    takeover::refuse_twins(&*look(warehouse, &tables(next)).await?, next)?;
    check_change(warehouse, prior, next).await.map(|_| ())
}

/// The part of [`refuse_update`] that plan says too. Returns warnings.
pub(super) async fn check_change(
    warehouse: &Warehouse,
    prior: &TableModel,
    next: &Table,
) -> Result<Diagnostics, Diagnostics> {
    let seen = look(warehouse, &tables(next)).await?;
    takeover::refuse_other_cases(&seen, next)?;
    let known = applied(prior);
    if known.is_none() || handover::changed_from(prior, next).is_some() {
        handover::refuse(warehouse, &seen, known.as_ref(), next).await?;
    }
    renames::refuse(warehouse, &seen, known.as_ref(), next).await?;
    Ok(if known.is_none() { handover::import_warnings(&seen, next) } else { Diagnostics::new() })
}

/// What a table's statements write.
pub(super) fn objects(table: &Table) -> [Object; 3] {
    objects_named(&table.raw, &table.stream(), &table.ods)
}

/// Whether a rename was done. A table that has both names was not renamed.
fn is_renamed(table: &TableInfo, from: &str, to: &str) -> bool {
    table.column(to).is_some() && table.column(from).is_none()
}

fn tables(table: &Table) -> [TableName; 2] {
    [table.raw.clone(), table.ods.clone()]
}

fn objects_named(raw: &TableName, stream: &TableName, ods: &TableName) -> [Object; 3] {
    [Object::Table(raw.clone()), Object::Stream(stream.clone()), Object::Table(ods.clone())]
}

pub(super) struct Step<'a> {
    change: &'a Change<'a>,
    pub(super) table: &'a Table,
    seen: &'a Snapshot,
    unfinished: Unfinished,
}

impl Step<'_> {
    /// Before each statement that changes something.
    async fn effect(&self) -> Result<(), Diagnostic> {
        let is_lease = |held: &_| is_lease_on(held, &self.table.raw);
        self.change.effect(|| self.unfinished.clone(), is_lease).await
    }

    /// A statement that does no harm when it is done twice.
    pub(super) async fn repeatable(&self, failed: &str, text: &str) -> Result<(), Diagnostic> {
        self.effect().await?;
        let warehouse = self.change.warehouse;
        let result = warehouse.execute_idempotent(text).await;
        warehouse.catalog().touch(objects(self.table));
        result.map(drop).map_err(|error| from_warehouse(failed, &error))
    }

    /// A database, where it is missing: what the catalog shows costs no statement.
    async fn database(&self, name: &str) -> Result<(), Diagnostic> {
        if self.seen.shows_database(name) {
            return Ok(());
        }
        self.effect().await?;
        self.change
            .warehouse
            .ensure_database(name)
            .await
            .map_err(|error| from_warehouse("A database could not be created", &error))
    }

    /// The record without which a raw table counts as incomplete.
    async fn record_created(&self) -> Result<(), Diagnostic> {
        self.effect().await?;
        let recorded = self.change.warehouse.record_created(&self.table.raw).await;
        recorded.map_err(|error| from_warehouse("The new raw table could not be recorded", &error))
    }

    /// A CREATE. When its answer is lost, a look says whether it was done.
    pub(super) async fn once(&self, text: &str, is_done: impl Fn(&Snapshot) -> bool) -> Result<(), Failure> {
        self.effect().await?;
        let warehouse = self.change.warehouse;
        let result = warehouse.execute_ddl(text).await;
        warehouse.catalog().touch(objects(self.table));
        match result {
            Ok(_) => Ok(()),
            // COPY may have added the column since the look.
            Err(error)
                if matches!(error, WarehouseError::OutcomeUnknown { .. }) || error.has_the_column() =>
            {
                if is_done(&*look_at(warehouse, &objects(self.table)).await?) {
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

    pub(super) async fn change_raw(&self, raw: &TableInfo) -> Result<(), Failure> {
        let table = self.table;
        let differences = differences(&columns(raw), &table.raw_columns());
        for rename in &differences.rename {
            self.once(&sql::rename_column(&table.raw, &rename.from, &rename.to), |seen| {
                seen.table(&table.raw).is_some_and(|raw| is_renamed(raw, &rename.from, &rename.to))
            })
            .await?;
        }
        for column in differences.add {
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

    async fn change_ods(&self, ods: &TableInfo) -> Result<(), Failure> {
        let table = self.table;
        let renames = renames::in_ods(table, ods);
        for rename in &renames {
            self.once(&sql::rename_column(&table.ods, &rename.from, &rename.to), |seen| {
                seen.table(&table.ods).is_some_and(|ods| is_renamed(ods, &rename.from, &rename.to))
            })
            .await?;
        }
        let differences = differences(&renames::renamed(columns(ods), &renames), &table.ods_columns());
        let is_renamed = |column: &&DatabendColumn| renames.iter().any(|rename| rename.to == column.name);
        for column in missing_in_ods(ods, table).iter().filter(|column| !is_renamed(column)) {
            self.once(&sql::add_column(&table.ods, column), |seen| {
                seen.table(&table.ods).is_some_and(|ods| ods.column(&column.name).is_some())
            })
            .await?;
        }
        if !differences.modify.is_empty() {
            self.repeatable(
                "A column of the ODS table could not be changed",
                &sql::modify_columns(&table.ods, &differences.modify),
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
        Ok(())
    }
}
