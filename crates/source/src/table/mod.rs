//! Tables of the source: their columns and primary keys, for any number of tables in one statement.

mod default;
mod look;

use std::collections::HashMap;
use std::collections::hash_map::Entry;

pub use default::ColumnDefault;

use crate::{Server, Source, SourceError, TableRef};

/// A table as `information_schema` describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its name, as the server stores it.
    pub name: TableRef,
    /// Its columns in order.
    pub columns: Vec<Column>,
    /// The columns of its primary key, in the key's order; empty where it has none.
    pub primary_key: Vec<String>,
}

/// A column as `information_schema.columns` describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name, as the server stores it.
    pub name: String,
    /// `column_type`, for example `bigint(20) unsigned`.
    pub column_type: String,
    /// Whether it takes NULL.
    pub nullable: bool,
    /// Its default.
    pub default: ColumnDefault,
    /// `extra`: `auto_increment`, `STORED GENERATED`, `INVISIBLE` and alike.
    pub extra: String,
}

impl Column {
    /// Whether its value is computed. DMS does not deliver such columns (docs/facts/dms.md §3).
    pub fn is_generated(&self) -> bool {
        self.has_extra("VIRTUAL GENERATED") || self.has_extra("STORED GENERATED")
    }

    /// Whether `SELECT *` leaves it out. DMS does not deliver such columns (docs/facts/dms.md §3).
    pub fn is_invisible(&self) -> bool {
        self.has_extra("INVISIBLE")
    }

    fn has_extra(&self, word: &str) -> bool {
        self.extra.to_uppercase().contains(word)
    }
}

/// What [`Source::tables`] found, table by table.
#[derive(Debug, Clone)]
pub struct Tables {
    server: std::sync::Arc<Server>,
    found: HashMap<TableRef, Result<Table, SourceError>>,
}

impl Tables {
    /// Returns one of the tables that were asked for, or why it could not be read.
    pub fn get(&self, table: &TableRef) -> Result<&Table, SourceError> {
        match self.found.get(&self.server.comparable(table)) {
            Some(Ok(found)) => Ok(found),
            Some(Err(error)) => Err(error.clone()),
            None => {
                Err(SourceError::Decode { what: look::what(1), detail: format!("{table} was not asked for") })
            }
        }
    }
}

impl Source {
    /// Reads columns and primary keys of tables. A table that does not exist, or that the account may not read, fails
    /// alone, when it is taken from the answer.
    pub async fn tables(&self, tables: &[TableRef]) -> Result<Tables, SourceError> {
        let server = self.shared_server();
        let mut found = HashMap::new();
        if !tables.is_empty() {
            for table in self.look(&look::ReadTables(tables)).await? {
                found.insert(server.comparable(&table.name), Ok(table));
            }
        }
        for table in tables {
            let key = server.comparable(table);
            if let Entry::Vacant(missing) = found.entry(key) {
                missing.insert(Err(self.why_not_found(table).await?));
            }
        }
        Ok(Tables { server, found })
    }

    /// Finds out why `information_schema` shows nothing of a table. It hides what an account has no privilege on, and
    /// only a SELECT tells that from a wrong name.
    async fn why_not_found(&self, table: &TableRef) -> Result<SourceError, SourceError> {
        match self.look(&look::Probe(table)).await {
            Err(error @ (SourceError::UnknownTable { .. } | SourceError::MissingPrivilege { .. })) => Ok(error),
            Err(error) => Err(error),
            Ok(()) => Ok(SourceError::Decode {
                what: format!("the columns of {table}"),
                detail: "information_schema shows none, but the table can be read; it was created just now, or it is a \
                         temporary table"
                    .to_owned(),
            }),
        }
    }
}
