//! Defects put into the pipeline on purpose. A property that does not catch them proves nothing.

use std::fmt;

use clap::ValueEnum;
use pipeline::chain::Task;
use pipeline::{Pipeline, Table};

/// What is taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mutation {
    /// The newest change is found by DMS's time alone.
    OrderKey,
    /// A merge may go back.
    Guard,
    /// A changed key is no delete of the old one.
    BeforeImage,
    /// Every change of a key is merged.
    Dedup,
    /// A delete of a key that ODS does not know is forgotten.
    UnseenDeletes,
    /// COPY without `MISSING_FIELD_AS = FIELD_DEFAULT`.
    FieldDefault,
    /// Tasks without `enable_join_runtime_filter = 0`.
    RuntimeFilter,
    /// The runbook's journal says what it is about to do when that is done.
    LateJournal,
}

impl fmt::Display for Mutation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value();
        f.write_str(value.as_ref().map_or("?", |value| value.get_name()))
    }
}

impl Mutation {
    /// The pipeline of a table, with the defect if there is to be one.
    pub(super) fn pipeline(mutation: Option<Self>, table: &Table) -> Pipeline {
        let mut table = table.clone();
        if mutation == Some(Self::BeforeImage) {
            table.before_image_prefix = None;
        }
        let mut pipeline = Pipeline::new(&table);
        let change: &dyn Fn(&str) -> String = match mutation {
            Some(Self::OrderKey) => &|sql| without(sql, r#""_cdc_seq" DESC, "#),
            Some(Self::Guard) => &|sql| without(sql, r#"s."_cdc_seq" >= t."_cdc_seq" AND "#),
            Some(Self::Dedup) => &|sql| without_between(sql, " QUALIFY ROW_NUMBER() OVER (", ") = 1"),
            Some(Self::UnseenDeletes) => &|sql| {
                without_between(sql, r#" WHEN NOT MATCHED AND s."_cdc_op" = 'D'"#, r#"TRUE, s."_cdc_seq")"#)
            },
            Some(Self::FieldDefault) => {
                pipeline.load_sql = without(&pipeline.load_sql, ", MISSING_FIELD_AS = FIELD_DEFAULT");
                return pipeline;
            }
            None | Some(Self::BeforeImage | Self::RuntimeFilter | Self::LateJournal) => return pipeline,
        };
        for sql in [&mut pipeline.merge_sql, &mut pipeline.merge_all_sql] {
            *sql = change(sql);
        }
        if matches!(mutation, Some(Self::OrderKey | Self::Dedup)) {
            pipeline.initial_insert_sql = change(&pipeline.initial_insert_sql);
        }
        pipeline
    }

    /// The statement that makes a task, with the defect if there is to be one.
    pub(super) fn create_task(mutation: Option<Self>, task: &Task) -> String {
        let sql = pipeline::sql::create_task(task);
        match mutation {
            Some(Self::RuntimeFilter) => without(&sql, "enable_join_runtime_filter = '0', "),
            _ => sql,
        }
    }
}

/// The text without a part, which must be there: a defect that changes nothing would be caught by nothing.
fn without(sql: &str, part: &str) -> String {
    assert!(sql.contains(part), "the mutation does not fit the SQL any more: no {part} in {sql}");
    sql.replace(part, "")
}

/// The text without what stands from `start` to the first `end` behind it.
fn without_between(sql: &str, start: &str, end: &str) -> String {
    let cut = sql.find(start).and_then(|from| {
        let to = sql[from..].find(end)?;
        Some(format!("{}{}", &sql[..from], &sql[from + to + end.len()..]))
    });
    match cut {
        Some(cut) => cut,
        None => panic!("the mutation does not fit the SQL any more: no {start} … {end} in {sql}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_taken_out() {
        assert_eq!(
            without_between("SELECT a QUALIFY (b) = 1 FROM c", " QUALIFY (", ") = 1"),
            "SELECT a FROM c"
        );
        assert_eq!(without("a AND b", "a AND "), "b");
    }

    #[test]
    #[should_panic(expected = "does not fit the SQL any more")]
    fn a_mutation_that_does_not_fit_is_no_mutation() {
        without("SELECT 1", "QUALIFY");
    }
}
