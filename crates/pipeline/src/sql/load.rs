//! COPY of DMS files into the raw table.

use crate::sql::{TableName, literal};
use crate::table::Table;

/// Full-load files: `LOAD` and a hexadecimal counter (docs/facts/dms.md, "Layout"). The pattern is searched for in the path
/// below the table's folder.
const FULL_LOAD_FILES: &str = "(.*/)?LOAD[0-9A-F]+[.]parquet";
/// Every Parquet file whose name does not begin with `LOAD`. The regular expressions of Databend have no lookahead.
const CHANGE_FILES: &str = "(.*/)?([^L/]|L[^O/]|LO[^A/]|LOA[^D/])[^/]*[.]parquet";

/// How many files one COPY takes. Databend refuses more (docs/facts/databend.md, "COPY"), so a pipeline that was suspended
/// for long could never load again; the next COPY takes the others.
pub const FILES_PER_COPY: usize = 15_000;

/// COPY of the files with changes: what the load task runs. Full-load files are the runbook's: what a later load brings
/// must not be merged without its place in the order of changes.
pub fn load(table: &Table) -> String {
    copy(&table.raw, table, CHANGE_FILES)
}

/// COPY of the full-load files: what the cutover runs before it counts, as often as there are portions of
/// [`FILES_PER_COPY`].
pub fn load_full(table: &Table) -> String {
    load_full_into(table, &table.raw)
}

/// COPY of the full-load files into another table than raw.
pub(super) fn load_full_into(table: &Table, into: &TableName) -> String {
    copy(into, table, FULL_LOAD_FILES)
}

/// - `MISSING_FIELD_AS = FIELD_DEFAULT`: without it, files that differ in their columns fail together.
/// - No column list: together with schema evolution it loses columns.
/// - `PURGE`: a file goes when its rows are in, so that it is not loaded again after the load history of 24 h.
/// - No `ON_ERROR`: it has no effect on Parquet.
///
/// All observed: docs/facts/databend.md, "Names and schema" and "COPY". The patterns avoid backslashes, since a task's text is
/// stored without escaping them.
fn copy(into: &TableName, table: &Table, pattern: &str) -> String {
    format!(
        "COPY INTO {} FROM {} PATTERN = {} FILE_FORMAT = (TYPE = PARQUET, MISSING_FIELD_AS = FIELD_DEFAULT) PURGE = TRUE \
         MAX_FILES = {FILES_PER_COPY}",
        into,
        location(table),
        literal(pattern),
    )
}

/// The table's folder as a stage location.
pub fn location(table: &Table) -> String {
    literal(&format!("@{}/{}", table.stage, table.path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::testing::assert_parses;
    use crate::table::orders;

    #[test]
    fn exact_text() {
        let expected = concat!(
            r#"COPY INTO "raw"."orders" FROM '@dms/shop/orders/' PATTERN = '(.*/)?([^L/]|L[^O/]|LO[^A/]|LOA[^D/])[^/]*[.]parquet' "#,
            "FILE_FORMAT = (TYPE = PARQUET, MISSING_FIELD_AS = FIELD_DEFAULT) PURGE = TRUE MAX_FILES = 15000"
        );
        assert_eq!(load(&orders()), expected);
        assert_parses(expected);
        assert!(load_full(&orders()).contains("PATTERN = '(.*/)?LOAD[0-9A-F]+[.]parquet'"));
    }
}
