//! The table that ODS is rebuilt in.

use crate::name::{TableName, literal};
use crate::sql::table_ddl::create_like_ods;
use crate::table::Table;

/// Marks a table as ours, and as one that may go.
const COMMENT: &str = "databend-cdc: ODS as raw has it, not taken over";

/// A table beside ODS, with ODS's columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RebuiltTable {
    name: TableName,
}

impl RebuiltTable {
    /// The one that a run creates. `run` tells it from those of other runs.
    pub fn of_run(table: &Table, run: &str) -> Self {
        Self::named(table, format!("{}{run}", prefix(table)))
    }

    /// The one of this name, in ODS's database.
    pub fn named(table: &Table, name: impl Into<String>) -> Self {
        Self { name: TableName::new(&table.ods.database, name) }
    }

    /// Returns its name.
    pub fn name(&self) -> &TableName {
        &self.name
    }

    /// `CREATE TABLE`. Its name belongs to one replay, so a table that exists already is its own.
    pub fn create(&self, table: &Table) -> String {
        create_like_ods(table, &self.name, COMMENT)
    }

    /// The table's description with this table in ODS's place, for statements about ODS.
    pub fn in_place_of_ods(&self, table: &Table) -> Table {
        Table { ods: self.name.clone(), ..table.clone() }
    }
}

/// Names of the tables in which replays have rebuilt ODS, and which nobody has dropped: a row each, `name`. Each begins with
/// one prefix and has our comment.
pub fn existing(table: &Table) -> String {
    let prefix = prefix(table);
    format!(
        "SELECT name FROM system.tables WHERE catalog = 'default' AND database = {} AND comment = {} AND LEFT(name, {}) = {}",
        literal(&table.ods.database),
        literal(COMMENT),
        prefix.chars().count(),
        literal(&prefix),
    )
}

fn prefix(table: &Table) -> String {
    format!("{}__replay_", table.ods.table)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::checks::ods_counts;
    use crate::sql::testing::assert_parses;
    use crate::table::orders;

    #[test]
    fn exact_text() {
        let rebuilt = RebuiltTable::of_run(&orders(), "1");
        let create = concat!(
            r#"CREATE TABLE "ods"."orders__replay_1" ("order_id" BIGINT NOT NULL, "amount" DECIMAL(12, 2) NULL, "#,
            r#""note" VARCHAR NULL, "is_deleted" BOOLEAN NOT NULL DEFAULT FALSE, "_cdc_seq" VARCHAR NOT NULL DEFAULT '') "#,
            "storage_format = 'parquet' COMMENT = 'databend-cdc: ODS as raw has it, not taken over'"
        );
        assert_eq!(rebuilt.create(&orders()), create);
        assert_eq!(
            existing(&orders()),
            concat!(
                "SELECT name FROM system.tables WHERE catalog = 'default' AND database = 'ods' AND ",
                "comment = 'databend-cdc: ODS as raw has it, not taken over' AND LEFT(name, 15) = 'orders__replay_'"
            )
        );
        assert_parses(create);
        assert_parses(&existing(&orders()));
    }

    #[test]
    fn it_stands_for_ods() {
        let table = orders();
        let rebuilt = RebuiltTable::of_run(&table, "1");
        assert_eq!(
            ods_counts(&rebuilt.in_place_of_ods(&table)),
            ods_counts(&table).replace(r#""ods"."orders""#, r#""ods"."orders__replay_1""#)
        );
        assert_eq!(RebuiltTable::named(&table, "orders__replay_1"), rebuilt);
    }
}
