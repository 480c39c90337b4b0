//! A change of the columns that DMS adds (`change_seq_column`, `timestamp_column`, `before_image_prefix`): refused as long
//! as a change that carries the old column alone would be passed over. DMS has to write the new one first, and what it
//! wrote before has to be merged.

use pipeline::name::same_column;
use pipeline::sql::handover::{self, Timed};
use pipeline::table::{SEQ_COLUMN, Table};
use tfplugin::{Diagnostic, Diagnostics};
use warehouse::Warehouse;
use warehouse::catalog::{Snapshot, TableInfo};

use super::apply::is_usable;
use super::model::TableModel;
use super::plan::applied;
use crate::diagnostics::from_warehouse;

/// The table that the state describes, if it differs from `next` in the columns that DMS adds.
pub(super) fn changed_from(prior: &TableModel, next: &Table) -> Option<Table> {
    let prior = applied(prior)?;
    let differs = prior.change_seq_column != next.change_seq_column
        || prior.timestamp_column != next.timestamp_column
        || prior.before_image_prefix != next.before_image_prefix;
    differs.then_some(prior)
}

/// Fails while the change from `prior` to `next` would pass over a change of the source. After an import `prior` is `None`.
pub(super) async fn refuse(
    warehouse: &Warehouse,
    seen: &Snapshot,
    prior: Option<&Table>,
    next: &Table,
) -> Result<(), Diagnostic> {
    let (Some(raw), Some(ods)) = (seen.table(&next.raw), seen.table(&next.ods)) else { return Ok(()) };
    if ods.column(SEQ_COLUMN).is_none() {
        return Ok(());
    }
    let handover = Handover { warehouse, seen, raw, next };
    match prior {
        None => handover.refuse_unknown_order().await,
        Some(_) if handover.is_empty().await? => Ok(()),
        Some(prior) => {
            handover.refuse_order(prior).await?;
            handover.refuse_before_images(prior).await
        }
    }
}

/// What the user should know of a table that is imported: whether DMS writes the change sequence yet.
pub(super) fn import_warnings(seen: &Snapshot, next: &Table) -> Diagnostics {
    let mut out = Diagnostics::new();
    let (Some(raw), Some(sequence)) = (seen.table(&next.raw), &next.change_seq_column) else { return out };
    if !raw.columns.iter().any(|column| same_column(&column.name, sequence)) {
        out.push(
            Diagnostic::warning(format!("{} has no change sequence yet", next.raw.plain()))
                .detail(format!(
                    "DMS has not written \"{sequence}\" so far. Until it does, merges take changes in the order in which they arrive, and those of one merge by time. Let the DMS task add the sequence (provider::databend::dms_table_mappings does). Until then, write change_seq_column = \"\" to order changes by time."
                ))
                .at("change_seq_column"),
        );
    }
    out
}

/// What the user should know of a change that is not refused.
pub(super) fn warnings(prior: &Table, next: &Table) -> Diagnostics {
    let mut out = Diagnostics::new();
    if prior.timestamp_column != next.timestamp_column {
        let (old, new, raw) = (&prior.timestamp_column, &next.timestamp_column, next.raw.plain());
        out.push(
            Diagnostic::warning(format!("{raw} keeps the rows without \"{new}\""))
                .detail(format!(
                    "The clean-up goes by timestamp_column, so it never removes the rows that have their time in \"{old}\" alone. DMS must write \"{new}\" from now on: set timestamp_column_name of the S3 endpoint while the DMS task is stopped, and resume it."
                ))
                .at("timestamp_column"),
        );
    }
    out
}

struct Handover<'a> {
    warehouse: &'a Warehouse,
    seen: &'a Snapshot,
    raw: &'a TableInfo,
    next: &'a Table,
}

impl Handover<'_> {
    /// After an import it is not known by which column ODS was ordered, but that column must be in raw.
    async fn refuse_unknown_order(&self) -> Result<(), Diagnostic> {
        let column = handover::order_column(self.next);
        if self.in_raw(column).is_some() || !self.is_ordered().await? {
            return Ok(());
        }
        Err(Diagnostic::error("Changes would be passed over")
            .detail(format!(
                "{} has no column \"{column}\", and {} orders changes by another one: without it, every change would count as older than what ODS shows. Write the name of the column that DMS writes.",
                self.next.raw.plain(),
                self.next.ods.plain()
            ))
            .at(self.order_attribute()))
    }

    async fn refuse_order(&self, prior: &Table) -> Result<(), Diagnostic> {
        let (old, new) = (handover::order_column(prior), handover::order_column(self.next));
        if old == new {
            return Ok(());
        }
        let how = match &self.next.change_seq_column {
            Some(_) => format!(
                "Stop the DMS task, add a rule to its table mappings with rule-action add-column, value \"{new}\" and expression $AR_H_CHANGE_SEQ, and resume the task"
            ),
            None => format!(
                "Stop the DMS task, set timestamp_column_name = \"{new}\" in its S3 endpoint, and resume the task"
            ),
        };
        let attribute = self.order_attribute();
        let (Some(old_found), Some(new_found), Some(old_time), Some(new_time)) = (
            self.in_raw(old),
            self.in_raw(new),
            self.in_raw(&prior.timestamp_column),
            self.in_raw(&self.next.timestamp_column),
        ) else {
            return Err(self.dms_first(attribute, old, new, &how, "no change carries it yet"));
        };
        self.refuse_unmerged(attribute, &[(old_found, new_found)], old, new).await?;
        let (old_rows, new_rows) =
            (Timed { column: old_found, time: old_time }, Timed { column: new_found, time: new_time });
        if self.count(&handover::newest_rows_with_new(&self.next.raw, &old_rows, &new_rows)).await? == 0 {
            return Err(self.dms_first(attribute, old, new, &how, "the newest changes do not carry it"));
        }
        Ok(())
    }

    async fn refuse_before_images(&self, prior: &Table) -> Result<(), Diagnostic> {
        let (Some(old), Some(new)) = (&prior.before_image_prefix, &self.next.before_image_prefix) else {
            return Ok(());
        };
        if old == new {
            return Ok(());
        }
        let mut pairs = Vec::new();
        for key in &self.next.primary_key {
            let (old, new) = (format!("{old}{key}"), format!("{new}{key}"));
            let Some(new_found) = self.in_raw(&new) else {
                let how = format!(
                    "Stop the DMS task, give the add-before-image-columns rule of its table mappings the prefix \"{}\" (dms_table_mappings: before_image_prefix), and resume the task",
                    self.next.before_image_prefix.as_deref().unwrap_or_default()
                );
                return Err(self.dms_first(
                    "before_image_prefix",
                    &old,
                    &new,
                    &how,
                    "no change carries it yet",
                ));
            };
            pairs.extend(self.in_raw(&old).map(|old_found| (old_found, new_found)));
        }
        self.refuse_unmerged("before_image_prefix", &pairs, old, new).await
    }

    /// Fails while the stream has changes with an old column alone.
    async fn refuse_unmerged(
        &self,
        attribute: &'static str,
        pairs: &[(&str, &str)],
        old: &str,
        new: &str,
    ) -> Result<(), Diagnostic> {
        let stream = self.next.stream();
        if !self.seen.stream(&stream).is_some_and(|found| is_usable(found, self.next)) {
            return Err(Diagnostic::error("The stream has to be recreated first")
                .detail(format!(
                    "{} cannot say which changes are not merged yet. Leave {attribute} at \"{old}\", run terraform apply, and change it then.",
                    stream.plain()
                ))
                .at(attribute));
        }
        let mut unmerged = 0;
        for (old, new) in pairs {
            unmerged += self.count(&handover::rows_with_old_alone(&stream, old, new)).await?;
        }
        if unmerged == 0 {
            return Ok(());
        }
        Err(Diagnostic::error("Changes have to be merged first")
            .detail(format!(
                "{} has {unmerged} changes without \"{new}\" that are not merged yet: read by the new column, they would be passed over. Wait until the merge task has merged them, and run terraform apply again. If there are always new ones, DMS still writes the old way.",
                stream.plain()
            ))
            .at(attribute))
    }

    fn dms_first(&self, attribute: &'static str, old: &str, new: &str, how: &str, why: &str) -> Diagnostic {
        Diagnostic::error(format!("DMS has to write \"{new}\" first"))
            .detail(format!(
                "{attribute} cannot change from \"{old}\" to \"{new}\" yet: in {raw} {why}, and changes without it would count as older than what ODS shows, or leave an old key behind. {how}. When new changes in {raw} have the column, run terraform apply again: it merges once more what raw keeps, so nothing is passed over, but ODS may lag until then.",
                raw = self.next.raw.plain(),
            ))
            .at(attribute)
    }

    /// Whether nothing was ever loaded.
    async fn is_empty(&self) -> Result<bool, Diagnostic> {
        Ok(self.count(&handover::rows(&self.next.raw)).await? == 0
            && self.count(&handover::rows(&self.next.ods)).await? == 0)
    }

    /// Whether ODS has rows that an older change cannot overwrite.
    async fn is_ordered(&self) -> Result<bool, Diagnostic> {
        Ok(self.count(&handover::ordered_rows(self.next)).await? > 0)
    }

    async fn count(&self, sql: &str) -> Result<u64, Diagnostic> {
        let failed = |error| from_warehouse("The changes in raw could not be counted", &error);
        self.warehouse.query_one(sql).await.map_err(failed)?.get("n").map_err(failed)
    }

    /// The name under which raw has a column.
    fn in_raw(&self, name: &str) -> Option<&str> {
        let columns = || self.raw.columns.iter().map(|column| column.name.as_str());
        columns().find(|found| *found == name).or_else(|| columns().find(|found| same_column(found, name)))
    }

    fn order_attribute(&self) -> &'static str {
        if self.next.change_seq_column.is_some() { "change_seq_column" } else { "timestamp_column" }
    }
}
