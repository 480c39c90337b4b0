//! When tables were last written to, as far as the server remembers.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::look::Look;
use crate::name::table_condition;
use crate::row::Row;
use crate::{Server, Source, SourceError, TableRef};

/// When tables were last written to.
#[derive(Debug, Clone)]
pub struct LastWrites {
    server: Arc<Server>,
    found: HashMap<TableRef, DateTime<Utc>>,
}

impl LastWrites {
    /// Returns when a commit last wrote to a table, to the second, by the server's clock. `None` where the server does not
    /// say: `InnoDB` keeps the time in memory alone, so a restart forgets it, and so may a table that was not used for long.
    pub fn get(&self, table: &TableRef) -> Option<DateTime<Utc>> {
        self.found.get(&self.server.comparable(table)).copied()
    }
}

impl Source {
    /// Reads when tables were last written to.
    pub async fn last_writes(&self, tables: &[TableRef]) -> Result<LastWrites, SourceError> {
        let server = self.shared_server();
        let mut found = HashMap::new();
        if !tables.is_empty() {
            for (table, at) in self.look(&ReadLastWrites(tables)).await? {
                found.insert(server.comparable(&table), at);
            }
        }
        Ok(LastWrites { server, found })
    }
}

struct ReadLastWrites<'a>(&'a [TableRef]);

impl Look for ReadLastWrites<'_> {
    type Answer = Vec<(TableRef, DateTime<Utc>)>;

    fn what(&self) -> String {
        format!("the last writes to {} table{}", self.0.len(), if self.0.len() == 1 { "" } else { "s" })
    }

    fn privilege(&self) -> String {
        "SELECT ON *.*".to_owned()
    }

    fn sql(&self, server: &Server) -> String {
        let names: Vec<TableRef> = self.0.iter().map(|table| server.comparable(table)).collect();
        let tables = table_condition(names.iter().map(|table| (table.schema.as_str(), table.table.as_str())));
        format!(
            "SELECT table_schema AS table_schema, table_name AS table_name, update_time AS update_time FROM \
             information_schema.tables WHERE {tables}"
        )
    }

    fn read(&self, rows: &[Row], server: &Server) -> Result<Self::Answer, String> {
        let mut found = Vec::new();
        for row in rows {
            let table = TableRef::new(row.text("table_schema")?, row.text("table_name")?);
            // MariaDB compares without regard to case here, so it also shows tables with similar names.
            if !self.0.iter().any(|asked| server.comparable(asked) == server.comparable(&table)) {
                continue;
            }
            if row.optional("update_time")?.is_some() {
                found.push((table, row.time("update_time")?));
            }
        }
        Ok(found)
    }

    #[cfg(feature = "scripted")]
    fn scripted(&self, state: &crate::scripted::State) -> Result<Vec<Row>, SourceError> {
        let row = |name: &TableRef| {
            let at = state.tables.get(name)?.written_at.map(|at| at.format("%Y-%m-%d %H:%M:%S").to_string());
            Some(Row::of(&[
                ("table_schema", Some(&name.schema)),
                ("table_name", Some(&name.table)),
                ("update_time", at.as_deref()),
            ]))
        };
        Ok(self.0.iter().filter_map(row).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted::Scripted;

    #[test]
    fn a_time_that_the_server_forgot_is_none() {
        let row = |table: &str, at: Option<&str>| {
            Row::of(&[("table_schema", Some("shop")), ("table_name", Some(table)), ("update_time", at)])
        };
        let rows =
            [row("a", Some("2026-03-01 12:00:00")), row("b", None), row("A", Some("2026-03-02 12:00:00"))];
        let asked = [TableRef::new("shop", "a"), TableRef::new("shop", "b")];
        let found = ReadLastWrites(&asked).read(&rows, &Scripted::server()).unwrap();
        let [(table, at)] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((table, at.timestamp()), (&asked[0], 1_772_366_400));
    }
}
