//! Defects put into the pipeline on purpose. A property that does not catch them proves nothing.

use std::fmt;

use chrono::{NaiveDateTime, TimeDelta};
use clap::ValueEnum;
use pipeline::Table;
use pipeline::task::{Role, Task};

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
    /// Merge tasks that do not switch the join runtime filter off, neither by a hint nor by a session parameter.
    RuntimeFilter,
    /// Changes below the floor of a later load are merged.
    Floor,
    /// The same, but only where all of raw is merged again.
    FloorInReplay,
    /// Rows that a later load does not have stay in ODS.
    Sweep,
    /// The boundary of a later load is an hour before the load.
    EarlyBoundary,
    /// The boundary of a later load is an hour after the load.
    LateBoundary,
    /// The runbook sees nothing that is open at the source.
    NoWait,
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
    /// The description of a table, with the defect if it lies there.
    pub(super) fn description(mutation: Option<Self>, table: &Table) -> Table {
        let mut table = table.clone();
        if mutation == Some(Self::BeforeImage) {
            table.before_image_prefix = None;
        }
        table
    }

    /// The merge of all of raw with the defect; `None` if it stays as it is.
    pub(super) fn replay(self, sql: &str) -> Option<String> {
        match self {
            Self::FloorInReplay => Self::Floor.statement(sql),
            other => other.statement(sql),
        }
    }

    /// A statement to the source with the defect; `None` if it stays as it is.
    pub(super) fn source_statement(self, sql: &str) -> Option<String> {
        let instead = |all: &str, none: &str| sql.contains(all).then(|| sql.replace(all, none));
        match self {
            Self::NoWait => {
                instead(ALL_TRANSACTIONS, OWN_TRANSACTION).or_else(|| instead(ALL_STATEMENTS, NO_STATEMENT))
            }
            _ => None,
        }
    }

    /// A statement with the defect; `None` if the statement stays as it is.
    pub(super) fn statement(self, sql: &str) -> Option<String> {
        match self {
            Self::EarlyBoundary => return moved_boundaries(sql, TimeDelta::hours(-1)),
            Self::LateBoundary => return moved_boundaries(sql, TimeDelta::hours(1)),
            _ => {}
        }
        // The runbook's journal quotes statements.
        if sql.starts_with(r#"INSERT INTO "databend_cdc""#) {
            return None;
        }
        let dedups = sql.contains(" QUALIFY ROW_NUMBER() OVER (");
        let merges = sql.contains("MERGE INTO ");
        match self {
            Self::OrderKey if dedups => Some(without(sql, r#""_cdc_seq" DESC, "#)),
            Self::Dedup if dedups => Some(without_between(sql, " QUALIFY ROW_NUMBER() OVER (", ") = 1")),
            Self::Guard if merges => Some(without(sql, r#"s."_cdc_seq" >= t."_cdc_seq" AND "#)),
            Self::UnseenDeletes if merges => Some(without_between(
                sql,
                r#" WHEN NOT MATCHED AND s."_cdc_op" = 'D'"#,
                r#"TRUE, s."_cdc_seq")"#,
            )),
            Self::Floor if merges => Some(without_between(
                sql,
                " AND NOT EXISTS (SELECT 1 FROM \"databend_cdc\".\"floors\"",
                r#"> c."_cdc_seq")"#,
            )),
            Self::Sweep if is_sweep(sql) => Some(format!("{sql} AND FALSE")),
            // What the runbook asks before it commits would find it.
            Self::Sweep if is_stale_rows(sql) => Some("SELECT 0 AS n".to_owned()),
            _ => None,
        }
    }

    /// The statement that creates a task, with the defect if there is to be one.
    pub(super) fn create_task(mutation: Option<Self>, task: &Task) -> String {
        let sql = pipeline::sql::create_task(task);
        match mutation {
            Some(Self::RuntimeFilter) if task.role == Role::Merge => {
                let sql = without(&sql, "enable_join_runtime_filter = '0', ");
                without(&sql, "SET_VAR(enable_join_runtime_filter=0) ")
            }
            Some(Self::FieldDefault) if task.role == Role::Load => {
                without(&sql, ", MISSING_FIELD_AS = FIELD_DEFAULT")
            }
            Some(mutation) => mutation.statement(&sql).unwrap_or(sql),
            None => sql,
        }
    }
}

/// The statement with every boundary in it moved; `None` if there is none, or in the journal, which quotes statements.
fn moved_boundaries(sql: &str, by: TimeDelta) -> Option<String> {
    if sql.starts_with(r#"INSERT INTO "databend_cdc"."journal""#) {
        return None;
    }
    let mut out = String::new();
    let mut rest = sql;
    while let Some(at) = rest.find(BOUNDARY_END) {
        let (before, after) = rest.split_at(at);
        let time = before.len().checked_sub(14).and_then(|from| before.get(from..));
        match time.and_then(|time| NaiveDateTime::parse_from_str(time, "%Y%m%d%H%M%S").ok()) {
            Some(time) => {
                out.push_str(&before[..before.len() - 14]);
                out.push_str(&(time + by).format("%Y%m%d%H%M%S").to_string());
            }
            None => out.push_str(before),
        }
        out.push_str(BOUNDARY_END);
        rest = &after[BOUNDARY_END.len()..];
    }
    out.push_str(rest);
    (out != sql).then_some(out)
}

/// How the runbook asks for what is open at the source, and how the answer has nothing of others.
const ALL_TRANSACTIONS: &str = "INNODB_TRX AS x ON TRUE";
const OWN_TRANSACTION: &str = "INNODB_TRX AS x ON x.trx_mysql_thread_id = CONNECTION_ID()";
const ALL_STATEMENTS: &str = "PROCESSLIST AS p ON p.ID <> CONNECTION_ID()";
const NO_STATEMENT: &str = "PROCESSLIST AS p ON FALSE";

/// What stands behind the whole second of a boundary.
const BOUNDARY_END: &str = "000000000000000000000'";

/// Whether a statement deletes what a later load does not have.
fn is_sweep(sql: &str) -> bool {
    sql.starts_with("INSERT INTO ") && sql.contains("'D', ") && sql.contains("AS t WHERE NOT t.")
}

/// Whether a statement counts what a later load has left alone.
fn is_stale_rows(sql: &str) -> bool {
    sql.starts_with("SELECT count(*) AS n FROM ")
        && sql.contains(" WHERE NOT \"is_deleted\" AND \"_cdc_seq\" < ")
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
    fn a_boundary_is_moved() {
        let end = "0".repeat(21);
        assert_eq!(
            Mutation::LateBoundary.statement(&format!("SELECT '20261129233000{end}', '00{end}'")),
            Some(format!("SELECT '20261130003000{end}', '00{end}'"))
        );
        assert_eq!(Mutation::EarlyBoundary.statement("SELECT '2026'"), None);
    }

    #[test]
    fn what_only_quotes_a_statement_stays_as_it_is() {
        let quoted =
            r#"INSERT INTO "databend_cdc"."journal" VALUES ('MERGE INTO … QUALIFY ROW_NUMBER() OVER (')"#;
        assert_eq!(Mutation::Floor.statement(quoted), None);
        assert_eq!(Mutation::OrderKey.statement(quoted), None);
    }

    #[test]
    #[should_panic(expected = "does not fit the SQL any more")]
    fn a_mutation_that_does_not_fit_is_no_mutation() {
        without("SELECT 1", "QUALIFY");
    }
}
