//! COPY of single files into tables beside raw, to see which of them Databend refuses. Raw is not touched, and without
//! PURGE the files stay.

use crate::boundary::Boundary;
use crate::column::DatabendColumn;
use crate::name::{TableName, literal};
use crate::sql::table_ddl::{create_beside, create_beside_without_evolution};
use crate::table::Table;

/// Marks a table as ours, and as one that may go.
const COMMENT: &str = "databend-cdc: a trial of files that may not be loadable";

/// Two tables that files are copied into in raw's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    /// As raw is: new columns in the files arrive by themselves.
    as_it_is: TableName,
    /// As raw is declared. Columns that are not declared are passed over, so that what schema evolution has made of raw, and
    /// what other files say of a new column, has no part in it.
    as_declared: TableName,
    /// The folder of the files under the stage, with a trailing slash.
    folder: String,
}

impl Trial {
    /// A trial of files in this folder. `now` tells it from others.
    pub fn new(table: &Table, folder: &str, now: Boundary) -> Self {
        let name = |purpose| {
            TableName::new(&table.raw.database, format!("{}{}", prefix(table, purpose), now.digits()))
        };
        Self { as_it_is: name("as_it_is"), as_declared: name("as_declared"), folder: folder.to_owned() }
    }

    /// Returns the table that is as raw is.
    pub fn as_it_is(&self) -> &TableName {
        &self.as_it_is
    }

    /// Returns the table that is as raw is declared.
    pub fn as_declared(&self) -> &TableName {
        &self.as_declared
    }

    /// `CREATE TABLE` of both. `raw`: the columns that raw has now.
    pub fn create(&self, table: &Table, raw: &[DatabendColumn]) -> [String; 2] {
        [
            create_beside(&self.as_it_is, raw, COMMENT),
            create_beside_without_evolution(&self.as_declared, &table.raw_columns(), COMMENT),
        ]
    }

    /// COPY of some files, each by its path under the folder, into one of the two.
    pub fn copy<'a>(
        &self,
        table: &Table,
        into: &TableName,
        files: impl IntoIterator<Item = &'a str>,
    ) -> String {
        let files: Vec<_> = files.into_iter().map(literal).collect();
        format!(
            "COPY INTO {into} FROM {} FILES = ({}) FILE_FORMAT = (TYPE = PARQUET, MISSING_FIELD_AS = FIELD_DEFAULT)",
            literal(&format!("@{}/{}", table.stage, self.folder)),
            files.join(", "),
        )
    }

    /// Returns the path of a file under the folder.
    pub fn name_of<'a>(&self, path: &'a str) -> &'a str {
        path.strip_prefix(self.folder.as_str()).unwrap_or(path)
    }
}

/// Names of the tables that trials of a table have left: a row each, `name`. Each begins with one of two prefixes and has our
/// comment.
pub fn existing_trials(table: &Table) -> String {
    let is_one = |purpose| {
        let prefix = prefix(table, purpose);
        format!("LEFT(name, {}) = {}", prefix.chars().count(), literal(&prefix))
    };
    format!(
        "SELECT name FROM system.tables WHERE catalog = 'default' AND database = {} AND comment = {} AND ({} OR {})",
        literal(&table.raw.database),
        literal(COMMENT),
        is_one("as_it_is"),
        is_one("as_declared"),
    )
}

fn prefix(table: &Table, purpose: &str) -> String {
    format!("{}__{purpose}_", table.raw.table)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data_type::DatabendType;
    use crate::sql::testing::assert_parses;
    use crate::table::orders;

    #[test]
    fn exact_text() {
        let table = orders();
        let now = Boundary::after("2026-03-01T12:00:00.5Z".parse().unwrap());
        let trial = Trial::new(&table, "shop/orders/", now);
        let raw = [DatabendColumn::nullable("order_id", DatabendType::parse("INT"))];
        let [as_it_is, as_declared] = trial.create(&table, &raw);
        assert_eq!(
            as_it_is,
            concat!(
                r#"CREATE TABLE "raw"."orders__as_it_is_20260301120001" ("order_id" INT NULL) storage_format = 'parquet' "#,
                "enable_schema_evolution = true COMMENT = 'databend-cdc: a trial of files that may not be loadable'"
            )
        );
        assert!(as_declared.starts_with(concat!(
            r#"CREATE TABLE "raw"."orders__as_declared_20260301120001" ("Op" VARCHAR NULL, "#,
            r#""_dms_ingestion_timestamp" VARCHAR NULL, "order_id" BIGINT NULL, "#
        )));
        assert!(as_declared.ends_with(
            "storage_format = 'parquet' COMMENT = 'databend-cdc: a trial of files that may not be loadable'"
        ));
        let copy = trial.copy(&table, trial.as_declared(), ["1.parquet", "it's/2.parquet"]);
        assert_eq!(
            copy,
            concat!(
                r#"COPY INTO "raw"."orders__as_declared_20260301120001" FROM '@dms/shop/orders/' "#,
                "FILES = ('1.parquet', 'it''s/2.parquet') FILE_FORMAT = (TYPE = PARQUET, MISSING_FIELD_AS = FIELD_DEFAULT)"
            )
        );
        let existing = existing_trials(&table);
        assert_eq!(
            existing,
            concat!(
                "SELECT name FROM system.tables WHERE catalog = 'default' AND database = 'raw' ",
                "AND comment = 'databend-cdc: a trial of files that may not be loadable' ",
                "AND (LEFT(name, 17) = 'orders__as_it_is_' OR LEFT(name, 20) = 'orders__as_declared_')"
            )
        );
        for sql in [as_it_is, as_declared, copy, existing] {
            assert_parses(&sql);
        }
        assert_eq!(trial.name_of("shop/orders/a/1.parquet"), "a/1.parquet");
    }
}
