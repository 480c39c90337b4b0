//! Changes of columns that a table with a stream does not take: a raw column that is narrower than its family, because
//! schema evolution or someone made it, and a default that a column gets later.
//!
//! The order (docs/facts/databend.md, "Changing a type under a stream"): the table's tasks are suspended and no run is in
//! progress; merge what the stream shows; drop the stream; change tracking off; change the columns; change tracking on; a new
//! stream; merge everything that raw keeps. Every step looks at what exists, so an interrupted apply is continued by the
//! next one.

use pipeline::column::DatabendColumn;
use pipeline::evolution::differences;
use pipeline::sql;
use pipeline::table::{DELETED_COLUMN, SEQ_COLUMN, Table};
use tfplugin::{Diagnostic, Diagnostics};
use tokio_util::sync::CancellationToken;
use warehouse::Warehouse;
use warehouse::catalog::{Snapshot, TableInfo};
use warehouse::chain::{Awake, ChainTasks, with_chain_suspended};

use super::apply::{is_usable, objects};
use super::drift::{is_narrower, pairs};
use super::read::columns;
use super::tasks;
use crate::change::{Change, look};
use crate::diagnostics::from_warehouse;

/// What has to be changed around the stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Rework {
    /// Raw columns with another type or default.
    pub(super) raw: Vec<DatabendColumn>,
    /// ODS columns that exist and get a default.
    pub(super) ods: Vec<DatabendColumn>,
}

impl Rework {
    /// What is needed, if anything.
    pub(super) fn needed(table: &Table, raw: Option<&TableInfo>, ods: Option<&TableInfo>) -> Option<Self> {
        let raw = pairs(&table.raw_columns(), raw?).into_iter().filter_map(|(wanted, found)| {
            let lacks_default = found.data_type == wanted.data_type && !found.has_default_of(&wanted);
            // Nullability stays as it is.
            (is_narrower(&wanted, &found) || lacks_default)
                .then_some(DatabendColumn { nullable: found.nullable, ..wanted })
        });
        let raw: Vec<_> = raw.collect();
        let ods = ods.map(|ods| pairs(&table.ods_columns(), ods)).unwrap_or_default();
        let is_new = |wanted: &DatabendColumn, found: &DatabendColumn| {
            table.defaults.contains_key(&wanted.name) && !found.has_default_of(wanted)
        };
        let ods = ods.into_iter().filter(|(wanted, found)| is_new(wanted, found));
        let ods: Vec<_> = ods.map(|(wanted, _)| wanted).collect();
        (!raw.is_empty() || !ods.is_empty()).then_some(Self { raw, ods })
    }

    /// What apply will do, for the plan.
    pub(super) fn warnings(&self, table: &Table) -> Diagnostics {
        let mut out = Diagnostics::new();
        let (raw, ods) = (table.raw.plain(), table.ods.plain());
        let names = |columns: &[DatabendColumn]| {
            let names: Vec<_> = columns.iter().map(|column| format!("\"{}\"", column.name)).collect();
            names.join(", ")
        };
        if !self.raw.is_empty() {
            out.push(
                Diagnostic::warning(format!("Columns of {raw} will be changed"))
                    .detail(format!(
                        "Databend changes no column of a table with a stream. To give {} the type and default that the pipeline needs, apply suspends the table's tasks, waits for their runs to end, merges what the stream shows, drops the stream, changes the columns, creates the stream again, merges every change that {raw} keeps, and resumes the tasks that ran. Databend rewrites {raw} for this.",
                        names(&self.raw)
                    ))
                    .at("raw_table"),
            );
        }
        let is_defaulted = |column: &&DatabendColumn| table.defaults.contains_key(&column.name);
        let mut filled: Vec<DatabendColumn> = self.raw.iter().filter(is_defaulted).cloned().collect();
        let ods_only = self.ods.iter().filter(|column| !filled.iter().any(|c| c.name == column.name));
        filled.extend(ods_only.cloned().collect::<Vec<_>>());
        if !filled.is_empty() {
            out.push(
                Diagnostic::warning(format!("Rows of {ods} will get the default of {}", names(&filled)))
                    .detail(format!(
                        "These columns exist in {raw} or {ods} without their default, because files or the configuration had them before it. Rows that show NULL get the default if their last change is older than the first change with a value in the column. A NULL that the source wrote before that change cannot be told from a missing value and gets it too. Rows that show another default keep it.",
                    ))
                    .at("columns"),
            );
        }
        out
    }
}

/// Changes the columns, with the table's tasks suspended and no run in progress, and resumes what ran. Returns whether ODS
/// has had the chance to take every change that raw has, so that nothing in raw needs to be merged again.
pub(super) async fn run(
    change: &Change<'_>,
    table: &Table,
    rework: Rework,
    tasks: ChainTasks,
    seen: &Snapshot,
) -> Result<bool, Diagnostic> {
    let merge = pending_merge(table, seen);
    let (table, warehouse, in_order) = (table.clone(), change.warehouse.clone(), tasks.root_first());
    let guarded = with_chain_suspended(
        change.warehouse,
        &tasks,
        Awake::default(),
        change.ctx.token(),
        move |cancel| async move {
            tasks::wait_for_runs(&cancel, &warehouse, &in_order).await?;
            Work { cancel, warehouse, table }.run(&rework, merge).await
        },
    )
    .await
    .map_err(|error| {
        Diagnostic::error("The table's tasks could not be suspended").detail(format!("{error}."))
    })?;
    let Err(not_restored) = guarded.restored else { return guarded.body };
    let cause = guarded.body.err().map(|diagnostic| format!("{diagnostic} ")).unwrap_or_default();
    Err(Diagnostic::error("Tasks do not run again").detail(format!("{cause}{not_restored}.")))
}

/// The change itself. It can be cancelled between two statements.
struct Work {
    cancel: CancellationToken,
    warehouse: Warehouse,
    table: Table,
}

impl Work {
    async fn run(&self, rework: &Rework, merge: Option<String>) -> Result<bool, Diagnostic> {
        let is_merged = merge.is_some();
        let before = self.raw_rows().await?;
        if let Some(merge) = merge {
            self.send("What the stream shows could not be merged", &merge).await?;
        }
        self.change_columns(rework).await?;
        // The table's own tasks are suspended; only someone else can have added rows meanwhile.
        Ok(is_merged && self.raw_rows().await? == before)
    }

    async fn raw_rows(&self) -> Result<u64, Diagnostic> {
        let failed = |error| from_warehouse("The changes in raw could not be counted", &error);
        let counted =
            self.warehouse.query_one(&sql::handover::rows(&self.table.raw)).await.map_err(failed)?;
        counted.get("n").map_err(failed)
    }

    async fn change_columns(&self, rework: &Rework) -> Result<(), Diagnostic> {
        let table = &self.table;
        for column in &rework.ods {
            let questions = [sql::first_in_raw(table, &column.name), sql::first_in_ods(table, &column.name)];
            let first = self.first(&questions).await?;
            if let Some(fill) = sql::fill_ods(table, column, first.as_deref()) {
                self.send("A column of the ODS table could not be filled", &fill).await?;
            }
            // The default says that the column has been filled.
            let modify = sql::modify_columns(&table.ods, std::slice::from_ref(column));
            self.send("A column of the ODS table could not be changed", &modify).await?;
        }
        if rework.raw.is_empty() {
            return Ok(());
        }
        let tracking = |on: bool| sql::set_options(&table.raw, &[("change_tracking", on.to_string())]);
        let failed = "The raw table could not be changed";
        self.send("The old stream could not be dropped", &sql::drop_stream(&table.stream())).await?;
        self.send(failed, &tracking(false)).await?;
        for column in rework.raw.iter().filter(|column| column.default.is_some()) {
            let first = self.first(&[sql::first_in_raw(table, &column.name)]).await?;
            if let Some(fill) = sql::fill_raw(table, column, first.as_deref()) {
                self.send("A column of the raw table could not be filled", &fill).await?;
            }
        }
        self.send(failed, &sql::modify_columns(&table.raw, &rework.raw)).await?;
        self.send(failed, &tracking(true)).await?;
        self.create_stream().await
    }

    /// A statement that does no harm when it is done twice.
    async fn send(&self, failed: &str, text: &str) -> Result<(), Diagnostic> {
        if self.cancel.is_cancelled() {
            return Err(Diagnostic::error("Stopped")
                .detail("Run terraform apply to continue: what is done so far is kept."));
        }
        let result = self.warehouse.execute_idempotent(text).await;
        self.warehouse.catalog().touch(objects(&self.table));
        result.map(drop).map_err(|error| from_warehouse(failed, &error))
    }

    /// Creates the stream. When the answer is lost, or the stream exists after a lost answer, a look says so.
    async fn create_stream(&self) -> Result<(), Diagnostic> {
        let result = self.warehouse.execute(&sql::create_stream(&self.table)).await;
        self.warehouse.catalog().touch(objects(&self.table));
        let Err(error) = result else { return Ok(()) };
        if error.is_outcome_unknown()
            && look(&self.warehouse, &[]).await?.stream(&self.table.stream()).is_some()
        {
            return Ok(());
        }
        Err(from_warehouse("The stream could not be created", &error))
    }

    /// The first order key that one of these questions finds.
    async fn first(&self, questions: &[String]) -> Result<Option<String>, Diagnostic> {
        let failed = |error| from_warehouse("The changes of a column could not be read", &error);
        let mut all = Vec::new();
        for question in questions {
            let row = self.warehouse.query_one(question).await.map_err(failed)?;
            all.extend(row.get_or_default::<Option<String>>("first").map_err(failed)?);
        }
        Ok(all.into_iter().min())
    }
}

/// The merge of what the stream shows, with the columns that both tables have. `None` if it cannot run.
fn pending_merge(table: &Table, seen: &Snapshot) -> Option<String> {
    let (raw, ods) = (seen.table(&table.raw)?, seen.table(&table.ods)?);
    let stream = seen.stream(&table.stream())?;
    let own = |column: &str| table.columns.iter().any(|known| known.name == column);
    let lacks_own = |info: &TableInfo, wanted: &[DatabendColumn]| {
        differences(&columns(info), wanted).add.iter().any(|column| !own(&column.name))
    };
    let has_flags = [DELETED_COLUMN, SEQ_COLUMN].iter().all(|column| ods.column(column).is_some());
    let mut known = table.clone();
    known.columns.retain(|c| raw.column(&c.name).is_some() && ods.column(&c.name).is_some());
    let has_key = known.key_columns().len() == table.primary_key.len();
    (is_usable(stream, table) && has_flags && has_key && !lacks_own(raw, &table.raw_columns()))
        .then(|| sql::merge(&known))
}
