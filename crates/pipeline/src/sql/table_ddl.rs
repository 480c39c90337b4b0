//! CREATE, ALTER and DROP of the two tables and their databases.

use crate::column::DatabendColumn;
use crate::sql::{TableName, ident, idents, literal};
use crate::table::Table;

/// The storage format of both tables: what Databend takes on object storage by itself. Its other format, `native`, gives
/// wrong numbers back for decimals of more than 38 digits that repeat within a block, silently: 0.01 in a
/// DECIMAL(76, 30) comes back as 3402823669209384634633746074317682114.56 (docs/engine-defects.md).
const STORAGE_FORMAT: &str = "storage_format = 'parquet'";

/// `CREATE DATABASE`. Not `IF NOT EXISTS`: that makes the role that runs it the owner of a database that is there already.
pub fn create_database(name: &str) -> String {
    format!("CREATE DATABASE {}", ident(name))
}

/// The options of the raw table, name and value, as `system.tables.table_option` shows them in upper case.
///
/// - `enable_schema_evolution`: a new column at the source arrives by itself.
/// - `change_tracking`: what a stream needs; set from the start so that the stream sees the first row.
/// - `data_retention_period_in_hours`: a stream that is unread for longer goes stale; Databend's default is one day
///   (docs/facts/databend.md, "Streams").
pub fn raw_options(table: &Table) -> [(&'static str, String); 3] {
    [
        ("enable_schema_evolution", "true".to_owned()),
        ("change_tracking", "true".to_owned()),
        ("data_retention_period_in_hours", (table.retention_days * 24).to_string()),
    ]
}

/// `CREATE TABLE` of the raw table. Not `IF NOT EXISTS`: a table that is already there is somebody's and must be imported.
pub fn create_raw(table: &Table) -> String {
    let options: Vec<_> =
        raw_options(table).iter().map(|(name, value)| format!("{name} = {value}")).collect();
    format!(
        "CREATE TABLE {} ({}) {STORAGE_FORMAT} {}",
        table.raw,
        columns(&table.raw_columns()),
        options.join(" ")
    )
}

/// `CREATE TABLE` of a table that takes files in raw's place. New columns in the files arrive by themselves.
pub(super) fn create_beside(name: &TableName, raw_columns: &[DatabendColumn], comment: &str) -> String {
    beside(name, raw_columns, " enable_schema_evolution = true", comment)
}

/// The same for a table that passes over new columns in the files.
pub(super) fn create_beside_without_evolution(
    name: &TableName,
    raw_columns: &[DatabendColumn],
    comment: &str,
) -> String {
    beside(name, raw_columns, "", comment)
}

fn beside(name: &TableName, raw_columns: &[DatabendColumn], option: &str, comment: &str) -> String {
    format!(
        "CREATE TABLE {name} ({}) {STORAGE_FORMAT}{option} COMMENT = {}",
        columns(raw_columns),
        literal(comment)
    )
}

/// `CREATE TABLE` of a table with ODS's columns.
pub(super) fn create_like_ods(table: &Table, name: &TableName, comment: &str) -> String {
    format!(
        "CREATE TABLE {name} ({}) {STORAGE_FORMAT} COMMENT = {}",
        columns(&table.ods_columns()),
        literal(comment)
    )
}

/// `CREATE TABLE` of the ODS table.
pub fn create_ods(table: &Table) -> String {
    let cluster = if table.cluster_by.is_empty() {
        String::new()
    } else {
        format!(" CLUSTER BY ({})", idents(&table.cluster_by))
    };
    let [(option, value)] = ods_options(table);
    format!(
        "CREATE TABLE {} ({}){cluster} {STORAGE_FORMAT} {option} = {value}",
        table.ods,
        columns(&table.ods_columns())
    )
}

/// The options of the ODS table, name and value.
pub fn ods_options(table: &Table) -> [(&'static str, String); 1] {
    [("row_per_block", table.row_per_block.to_string())]
}

fn columns(columns: &[DatabendColumn]) -> String {
    columns.iter().map(DatabendColumn::ddl).collect::<Vec<_>>().join(", ")
}

/// `ALTER TABLE … ADD COLUMN`.
pub fn add_column(table: &TableName, column: &DatabendColumn) -> String {
    format!("ALTER TABLE {table} ADD COLUMN {}", column.ddl())
}

/// `ALTER TABLE … MODIFY COLUMN`, for several columns at once: Databend rewrites the table once. Fails with 1132 on a table
/// with change tracking, which one with a stream has.
pub fn modify_columns(table: &TableName, columns: &[DatabendColumn]) -> String {
    let columns: Vec<_> = columns.iter().map(|column| format!("COLUMN {}", column.ddl())).collect();
    format!("ALTER TABLE {table} MODIFY {}", columns.join(", "))
}

/// `ALTER TABLE … RENAME COLUMN`. It works under a stream, which then shows earlier rows under the new name
/// (docs/facts/databend.md, "Names and schema").
pub fn rename_column(table: &TableName, from: &str, to: &str) -> String {
    format!("ALTER TABLE {table} RENAME COLUMN {} TO {}", ident(from), ident(to))
}

/// `ALTER TABLE … SET OPTIONS`.
pub fn set_options(table: &TableName, options: &[(&str, String)]) -> String {
    let options: Vec<_> = options.iter().map(|(name, value)| format!("{name} = {value}")).collect();
    format!("ALTER TABLE {table} SET OPTIONS ({})", options.join(", "))
}

/// `ALTER TABLE … CLUSTER BY`, or `DROP CLUSTER KEY` for none.
pub fn cluster_by(table: &TableName, columns: &[String]) -> String {
    if columns.is_empty() {
        format!("ALTER TABLE {table} DROP CLUSTER KEY")
    } else {
        format!("ALTER TABLE {table} CLUSTER BY ({})", idents(columns))
    }
}

/// `DROP TABLE IF EXISTS`.
pub fn drop_table(table: &TableName) -> String {
    format!("DROP TABLE IF EXISTS {table}")
}

/// An append-only stream on the raw table: it shows each row that was added since it was last read by a statement that
/// writes.
pub fn create_stream(table: &Table) -> String {
    format!(
        "CREATE STREAM {} ON TABLE {} APPEND_ONLY = TRUE COMMENT = {}",
        table.stream(),
        table.raw,
        literal("changes that ODS has not taken yet")
    )
}

/// `DROP STREAM IF EXISTS`.
pub fn drop_stream(stream: &TableName) -> String {
    format!("DROP STREAM IF EXISTS {stream}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data_type::DatabendType;
    use crate::sql::testing::assert_parses;
    use crate::table::orders;

    #[test]
    fn exact_text() {
        let raw = concat!(
            r#"CREATE TABLE "raw"."orders" ("Op" VARCHAR NULL, "_dms_ingestion_timestamp" VARCHAR NULL, "#,
            r#""order_id" BIGINT NULL, "amount" DECIMAL(76, 30) NULL, "note" VARCHAR NULL, "#,
            r#""_dms_change_seq" VARCHAR NULL, "_dms_position" VARCHAR NULL, "_dms_before_order_id" BIGINT NULL) "#,
            "storage_format = 'parquet' enable_schema_evolution = true change_tracking = true data_retention_period_in_hours = 360"
        );
        assert_eq!(create_raw(&orders()), raw);
        let ods = concat!(
            r#"CREATE TABLE "ods"."orders" ("order_id" BIGINT NOT NULL, "amount" DECIMAL(12, 2) NULL, "#,
            r#""note" VARCHAR NULL, "is_deleted" BOOLEAN NOT NULL DEFAULT FALSE, "_cdc_seq" VARCHAR NOT NULL DEFAULT '') storage_format = 'parquet' row_per_block = 100000"#,
        );
        assert_eq!(create_ods(&orders()), ods);
    }

    #[test]
    fn every_statement_parses() {
        let mut table = orders();
        table.cluster_by = vec!["order_id".into()];
        for sql in [
            create_database("raw"),
            create_raw(&table),
            create_ods(&table),
            add_column(&table.ods, &DatabendColumn::nullable("x y", DatabendType::parse("DECIMAL(12, 2)"))),
            modify_columns(
                &table.ods,
                &[
                    DatabendColumn::not_null("x", DatabendType::parse("BIGINT")),
                    DatabendColumn::nullable("y", DatabendType::Varchar).with_default("'it''s'"),
                ],
            ),
            rename_column(&table.raw, "op", "Op"),
            set_options(&table.raw, &raw_options(&table)),
            cluster_by(&table.ods, &table.cluster_by),
            cluster_by(&table.ods, &[]),
            drop_table(&table.raw),
            create_stream(&table),
            drop_stream(&table.stream()),
        ] {
            assert_parses(&sql);
        }
    }
}
