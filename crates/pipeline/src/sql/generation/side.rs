//! The table that takes the files of a later full load.

use crate::boundary::Boundary;
use crate::name::{TableName, ident, idents, literal};
use crate::sql::load::load_full_into;
use crate::sql::table_ddl::create_beside;
use crate::table::Table;

/// Marks a table as ours, and as one that may go.
const COMMENT: &str = "databend-cdc: files of a full load that is not admitted";

/// A table beside raw, with raw's columns and without a stream. Databend remembers the files that a table has loaded by their
/// names, and the files of every full load have the same names: so each load gets a table of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SideTable {
    name: TableName,
}

impl SideTable {
    /// The side table of the load with this boundary.
    pub fn of_load(table: &Table, boundary: Boundary) -> Self {
        Self::new(table, "load", boundary)
    }

    /// A side table for files of earlier loads that nobody admits. `now` tells it from others.
    pub fn of_leftovers(table: &Table, now: Boundary) -> Self {
        Self::new(table, "aside", now)
    }

    fn new(table: &Table, purpose: &str, boundary: Boundary) -> Self {
        let name = format!("{}{}", prefix(table, purpose), boundary.digits());
        Self { name: TableName::new(&table.raw.database, name) }
    }

    /// Returns its name.
    pub fn name(&self) -> &TableName {
        &self.name
    }

    /// `CREATE TABLE`. Its name belongs to one load, so a table that exists already is its own.
    pub fn create(&self, table: &Table) -> String {
        create_beside(&self.name, &table.raw_columns(), COMMENT)
    }

    /// COPY of the files of the full load that are in the table's folder.
    pub fn load(&self, table: &Table) -> String {
        load_full_into(table, &self.name)
    }

    /// Counts its values in one row: `total` rows, and for each column of the source how many of them have a value in it, named
    /// as [`value_columns`] says.
    pub fn values(&self, table: &Table) -> String {
        let columns = table.columns.iter().zip(value_columns(table));
        let counts: Vec<_> = columns
            .map(|(column, name)| format!("count({}) AS {}", ident(&column.name), ident(&name)))
            .collect();
        format!("SELECT count(*) AS total, {} FROM {}", counts.join(", "), self.name)
    }

    /// Counts it in one row: `total` rows, `keys` different keys, and `unmergeable` rows without a key.
    pub fn counts(&self, table: &Table) -> String {
        let keys = idents(&table.primary_key);
        let null: Vec<_> = table.primary_key.iter().map(|key| format!("{} IS NULL", ident(key))).collect();
        format!(
            "SELECT count(*) AS total, count(DISTINCT {keys}) AS keys, count_if({}) AS unmergeable FROM {}",
            null.join(" OR "),
            self.name
        )
    }
}

/// The names of the columns of [`SideTable::values`], in the order of the table's columns.
pub fn value_columns(table: &Table) -> Vec<String> {
    (0..table.columns.len()).map(|n| format!("values_{n}")).collect()
}

/// Names of the side tables of a table: a row each, `name`. Each begins with one of two prefixes and has our comment.
pub fn existing_sides(table: &Table) -> String {
    let is_one = |purpose| {
        let prefix = prefix(table, purpose);
        format!("LEFT(name, {}) = {}", prefix.chars().count(), literal(&prefix))
    };
    format!(
        "SELECT name FROM system.tables WHERE catalog = 'default' AND database = {} AND comment = {} AND ({} OR {})",
        literal(&table.raw.database),
        literal(COMMENT),
        is_one("load"),
        is_one("aside"),
    )
}

fn prefix(table: &Table, purpose: &str) -> String {
    format!("{}__{purpose}_", table.raw.table)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::testing::assert_parses;
    use crate::table::orders;

    fn side() -> SideTable {
        SideTable::of_load(&orders(), Boundary::after("2026-03-01T12:00:00.5Z".parse().unwrap()))
    }

    #[test]
    fn exact_text() {
        let create = concat!(
            r#"CREATE TABLE "raw"."orders__load_20260301120001" ("Op" VARCHAR NULL, "#,
            r#""_dms_ingestion_timestamp" VARCHAR NULL, "order_id" BIGINT NULL, "amount" DECIMAL(76, 30) NULL, "#,
            r#""note" VARCHAR NULL, "_dms_change_seq" VARCHAR NULL, "_dms_position" VARCHAR NULL, "#,
            r#""_dms_before_order_id" BIGINT NULL) storage_format = 'parquet' enable_schema_evolution = true "#,
            "COMMENT = 'databend-cdc: files of a full load that is not admitted'"
        );
        assert_eq!(side().create(&orders()), create);
        assert_eq!(
            side().load(&orders()),
            concat!(
                r#"COPY INTO "raw"."orders__load_20260301120001" FROM '@dms/shop/orders/' "#,
                "PATTERN = '(.*/)?LOAD[0-9A-F]+[.]parquet' FILE_FORMAT = (TYPE = PARQUET, MISSING_FIELD_AS = FIELD_DEFAULT) ",
                "PURGE = TRUE MAX_FILES = 15000"
            )
        );
        assert_eq!(
            side().counts(&orders()),
            concat!(
                r#"SELECT count(*) AS total, count(DISTINCT "order_id") AS keys, count_if("order_id" IS NULL) AS unmergeable "#,
                r#"FROM "raw"."orders__load_20260301120001""#
            )
        );
        for sql in [
            create.to_owned(),
            side().load(&orders()),
            side().counts(&orders()),
            existing_sides(&orders()),
            side().values(&orders()),
        ] {
            assert_parses(&sql);
        }
    }

    #[test]
    fn each_load_has_a_table_of_its_own() {
        let table = orders();
        let [first, second] = ["2026-03-01T12:00:00Z", "2026-03-01T12:00:01Z"]
            .map(|clock| Boundary::after(clock.parse().unwrap()));
        assert_ne!(SideTable::of_load(&table, first), SideTable::of_load(&table, second));
        assert_ne!(SideTable::of_load(&table, first), SideTable::of_leftovers(&table, first));
    }
}
