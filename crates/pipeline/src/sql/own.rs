//! Our own database in the user's Databend: what must outlive a process. The provider or the runbook creates it,
//! whichever needs it first.
//!
//! Every row carries the format of the row and the operation that wrote it, so that a later version can tell what an
//! earlier one meant, and an earlier one passes over what it does not know.

use crate::name::{TableName, ident, literal};

/// The database.
pub const DATABASE: &str = "databend_cdc";
/// The format of the rows that this version writes.
pub const FORMAT: u32 = 1;

/// One of our tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnTable {
    /// Its name in [`DATABASE`].
    pub name: &'static str,
    /// What it is for.
    comment: &'static str,
    /// Options of the table, each with a space before it.
    options: &'static str,
    /// Columns and the rest of their definition. New columns are added at the end, with a default.
    columns: &'static [(&'static str, &'static str)],
}

/// What the runbook did.
pub const JOURNAL: OwnTable = OwnTable {
    name: "journal",
    comment: "databend-cdc: what the runbook did, intent before effect",
    options: "",
    columns: &[
        ("run_id", "VARCHAR NOT NULL"),
        // Counts within a run: two events of one run may carry the same time.
        ("seq", "BIGINT NOT NULL"),
        ("pipeline", "VARCHAR NOT NULL"),
        ("table_name", "VARCHAR NOT NULL"),
        ("step", "VARCHAR NOT NULL"),
        ("event", "VARCHAR NOT NULL"),
        ("at", "TIMESTAMP NOT NULL"),
        ("detail", "VARCHAR NOT NULL"),
        ("actor", "VARCHAR NOT NULL"),
        ("format", "INT NOT NULL DEFAULT 1"),
        ("operation", "VARCHAR NOT NULL DEFAULT 'cutover'"),
    ],
};

/// Which run works on which table. One row per segment, since that is what Databend detects conflicts by.
pub const LEASES: OwnTable = OwnTable {
    name: "leases",
    comment: "databend-cdc: which run works on which table",
    options: " ROW_PER_BLOCK = 1 BLOCK_PER_SEGMENT = 1",
    columns: &[
        // The raw table: `raw.orders`.
        ("table_name", "VARCHAR NOT NULL"),
        ("holder", "VARCHAR NOT NULL"),
        ("token", "VARCHAR NOT NULL"),
        ("acquired_at", "TIMESTAMP NOT NULL"),
        // Unless the run with this token has renewed it.
        ("expires_at", "TIMESTAMP NOT NULL"),
        ("format", "INT NOT NULL DEFAULT 1"),
        ("operation", "VARCHAR NOT NULL DEFAULT ''"),
    ],
};

/// Renewals of leases: a run adds a row for all leases that it holds.
pub const LEASE_HEARTBEATS: OwnTable = OwnTable {
    name: "lease_heartbeats",
    comment: "databend-cdc: when runs renewed their leases",
    options: "",
    columns: &[
        ("token", "VARCHAR NOT NULL"),
        ("at", "TIMESTAMP NOT NULL"),
        ("format", "INT NOT NULL DEFAULT 1"),
        ("operation", "VARCHAR NOT NULL DEFAULT ''"),
    ],
};

/// The boundary of a table's latest load: changes below it are contained in that load.
pub const FLOORS: OwnTable = OwnTable {
    name: "floors",
    comment: "databend-cdc: changes below a table's floor are contained in its latest load",
    options: "",
    columns: &[
        ("raw_database", "VARCHAR NOT NULL"),
        ("raw_table", "VARCHAR NOT NULL"),
        ("order_key", "VARCHAR NOT NULL"),
        ("at", "TIMESTAMP NOT NULL"),
        ("format", "INT NOT NULL DEFAULT 1"),
        ("operation", "VARCHAR NOT NULL DEFAULT ''"),
    ],
};

/// How far clean-up has removed changes from raw.
pub const HORIZONS: OwnTable = OwnTable {
    name: "horizons",
    comment: "databend-cdc: changes before a raw table's horizon may have been removed from it",
    options: "",
    columns: &[
        ("raw_database", "VARCHAR NOT NULL"),
        ("raw_table", "VARCHAR NOT NULL"),
        // The id of the raw table that was created; 0 in a clean-up's row.
        ("raw_table_id", "BIGINT UNSIGNED NOT NULL"),
        ("horizon", "TIMESTAMP NOT NULL"),
        ("at", "TIMESTAMP NOT NULL"),
        ("format", "INT NOT NULL DEFAULT 1"),
        ("operation", "VARCHAR NOT NULL DEFAULT ''"),
    ],
};

/// What an apply of Terraform is about to do, written before its first effect.
pub const INTENTS: OwnTable = OwnTable {
    name: "intents",
    comment: "databend-cdc: what an apply is about to do, written before its first effect",
    options: "",
    columns: &[
        // What is changed: `table raw.orders,ods.orders`. Empty in a row that is about a writer.
        ("subject", "VARCHAR NOT NULL"),
        ("token", "VARCHAR NOT NULL"),
        ("event", "VARCHAR NOT NULL"),
        // Fingerprint of what the subject is to become.
        ("description", "VARCHAR NOT NULL"),
        ("detail", "VARCHAR NOT NULL"),
        ("writer", "VARCHAR NOT NULL"),
        ("at", "TIMESTAMP NOT NULL"),
        ("format", "INT NOT NULL DEFAULT 1"),
        ("operation", "VARCHAR NOT NULL DEFAULT ''"),
    ],
};

/// All of our tables.
pub const TABLES: [OwnTable; 6] = [JOURNAL, LEASES, LEASE_HEARTBEATS, FLOORS, HORIZONS, INTENTS];

impl OwnTable {
    /// Its name with the database.
    pub fn table_name(&self) -> TableName {
        TableName::new(DATABASE, self.name)
    }

    /// `CREATE TABLE`. Not `IF NOT EXISTS`: that makes the role that runs it the owner of a table that exists.
    pub fn create(&self) -> String {
        let columns: Vec<_> =
            self.columns.iter().map(|(name, definition)| format!("{} {definition}", ident(name))).collect();
        format!(
            "CREATE TABLE {} ({}) COMMENT = {}{}",
            self.table_name(),
            columns.join(", "),
            literal(self.comment),
            self.options
        )
    }

    /// The columns that a table of an earlier version does not have, each with the `ALTER TABLE … ADD COLUMN` for it.
    pub fn missing(&self, existing: &[String]) -> Vec<(&'static str, String)> {
        self.columns
            .iter()
            .filter(|(name, _)| !existing.iter().any(|column| column == name))
            .map(|(name, definition)| {
                (*name, format!("ALTER TABLE {} ADD COLUMN {} {definition}", self.table_name(), ident(name)))
            })
            .collect()
    }
}

/// The columns that our tables have: a row each, `table` and `name`. None if there is no such database.
pub fn existing() -> String {
    format!("SELECT \"table\", name FROM system.columns WHERE database = {}", literal(DATABASE))
}

/// What a refresh needs of our database, in one statement. The columns, by `kind`:
///
/// - `intent`: as in [`INTENTS`], with the subject as `name`;
/// - `horizon`: the latest row of each operation on a raw table; `name` is its database, `token` its name, `description`
///   the id of the table that was created;
/// - `lease`: a lease that is held; `name` is the raw table, `writer` the holder;
/// - `ddl`: what the runbook has seen that DDL changed at the source; `name` is the table there, `detail` as in [`JOURNAL`];
/// - `settled`: the latest time at which ODS was known to follow from that table.
pub fn read() -> String {
    format!(
        r#"{INTENTS_READ} FROM {} UNION ALL SELECT 'horizon', "raw_database", "raw_table", '', "operation", "raw_table_id"::VARCHAR, '', '', max("at"), 1, NOW() FROM {} GROUP BY "raw_database", "raw_table", "operation", "raw_table_id" UNION ALL {} UNION ALL {}"#,
        INTENTS.table_name(),
        HORIZONS.table_name(),
        leases_read(),
        ddl_read(),
    )
}

/// Of [`read`], what shows whether another process works on these subjects: their intents, the heartbeats of all
/// writers, and the leases.
pub fn read_of(subjects: &[String]) -> String {
    // The empty one is that of rows about writers.
    let subjects: Vec<_> = [""].into_iter().chain(subjects.iter().map(String::as_str)).map(literal).collect();
    format!(
        r#"{INTENTS_READ} FROM {} WHERE "subject" IN ({}) UNION ALL {}"#,
        INTENTS.table_name(),
        subjects.join(", "),
        leases_read(),
    )
}

const INTENTS_READ: &str = r#"SELECT 'intent' AS kind, "subject" AS name, "token", "event", "operation", "description", "detail", "writer", "at", "format", NOW() AS server_now"#;

fn ddl_read() -> String {
    format!(
        r#"SELECT 'ddl', "table_name", '', '', '', '', "detail", "actor", "at", 1, NOW() FROM {0} WHERE "step" = 'settle' AND "event" = 'failed' UNION ALL SELECT 'settled', "table_name", '', '', '', '', '', '', max("at"), 1, NOW() FROM {0} WHERE "event" = 'done' AND ("step" IN ('admit', 'verify', 'settle') OR "step" = 'compare-source' AND "operation" = 'cutover') GROUP BY "table_name""#,
        JOURNAL.table_name(),
    )
}

fn leases_read() -> String {
    format!(
        r#"SELECT 'lease', "table_name", "token", '', '', '', '', "holder", "acquired_at", 1, NOW() FROM {} WHERE "holder" <> '' AND ("expires_at" > NOW() OR "token" IN (SELECT "token" FROM {} WHERE "at" > DATE_SUB(SECOND, {}, NOW())))"#,
        LEASES.table_name(),
        LEASE_HEARTBEATS.table_name(),
        super::lease::TIME_TO_LIVE,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::testing::assert_parses;

    #[test]
    fn every_row_has_a_format_and_an_operation() {
        for table in TABLES {
            let sql = table.create();
            assert!(
                sql.contains(r#""format" INT NOT NULL"#) && sql.contains(r#""operation" VARCHAR NOT NULL"#),
                "{sql}"
            );
            assert_parses(&sql);
        }
        assert_parses(&existing());
        assert_parses(&read());
        let of = read_of(&["chain o'clock".to_owned(), "stage s".to_owned()]);
        assert!(
            of.contains(r#"WHERE "subject" IN ('', 'chain o''clock', 'stage s') UNION ALL SELECT 'lease'"#),
            "{of}"
        );
        assert_parses(&of);
    }

    #[test]
    fn tables_of_an_earlier_version_get_the_columns_that_they_miss() {
        let first: Vec<String> =
            JOURNAL.columns.iter().map(|(name, _)| (*name).to_owned()).filter(|n| n != "format").collect();
        let missing = JOURNAL.missing(&first);
        let statement = r#"ALTER TABLE "databend_cdc"."journal" ADD COLUMN "format" INT NOT NULL DEFAULT 1"#;
        assert_eq!(missing, [("format", statement.to_owned())]);
        assert_parses(statement);
    }
}
