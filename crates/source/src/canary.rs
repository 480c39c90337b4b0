//! The row of a canary, written at the source. Everything else in this crate only reads: this has a connection of its own.

use std::time::Duration;

use mysql_async::Conn;
use mysql_async::prelude::Queryable;

use crate::connection::{self, Access};
use crate::driver::{self, Reading};
use crate::name::{ident, literal};
use crate::{Dsn, KeyColumn, KeyKind, Options, Server, SourceError, TableRef};

/// How long a change of one row may take.
const LIMIT: Duration = Duration::from_secs(30);

/// A row that nobody else has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CanaryRow {
    /// Its table.
    pub table: TableRef,
    /// The column of the primary key.
    pub key: KeyColumn,
    /// The key that it is inserted with.
    pub first_key: String,
    /// The key that it is given later.
    pub second_key: String,
    /// A column that is changed, and its new value; none where the table has no other column.
    pub value: Option<(KeyColumn, String)>,
}

/// A change of the row, each in a transaction of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CanaryChange {
    /// INSERT.
    Insert,
    /// UPDATE of another column than the key.
    Update,
    /// UPDATE of the key.
    ChangeKey,
    /// DELETE, whichever key the row has.
    Delete,
}

impl CanaryRow {
    /// Returns the statement; none for the change of a column that the table does not have.
    fn sql(&self, change: CanaryChange) -> Option<String> {
        let Self { table, key, first_key, second_key, value } = self;
        let (name, first, second) =
            (ident(&key.name), written(key.kind, first_key), written(key.kind, second_key));
        Some(match change {
            CanaryChange::Insert => format!("INSERT INTO {table} ({name}) VALUES ({first})"),
            CanaryChange::Update => {
                let (column, value) = value.as_ref()?;
                let (column, value) = (ident(&column.name), written(column.kind, value));
                format!("UPDATE {table} SET {column} = {value} WHERE {}", key.is(first_key))
            }
            CanaryChange::ChangeKey => {
                format!("UPDATE {table} SET {name} = {second} WHERE {}", key.is(first_key))
            }
            CanaryChange::Delete => {
                format!("DELETE FROM {table} WHERE {} OR {}", key.is(first_key), key.is(second_key))
            }
        })
    }
}

fn written(kind: KeyKind, value: &str) -> String {
    if kind == KeyKind::Number { value.to_owned() } else { literal(value) }
}

/// A connection that writes a canary's row.
pub struct CanaryWriter {
    connection: Conn,
    server: Server,
    address: String,
    row: CanaryRow,
}

impl CanaryWriter {
    /// Connects.
    pub async fn connect(dsn: &Dsn, options: &Options, row: CanaryRow) -> Result<Self, SourceError> {
        let opening = connection::open(dsn, options, Access::Write);
        let (connection, server) = tokio::time::timeout(options.connect_timeout, opening)
            .await
            .map_err(|_| driver::too_slow(dsn, options.connect_timeout))??;
        Ok(Self { connection, server, address: dsn.address(), row })
    }

    /// Returns the row.
    pub fn row(&self) -> &CanaryRow {
        &self.row
    }

    /// Changes the row. Returns false where the table has no column to change.
    pub async fn write(&mut self, change: CanaryChange) -> Result<bool, SourceError> {
        let Some(sql) = self.row.sql(change) else { return Ok(false) };
        let what = format!("the canary's row of {}", self.row.table);
        let writing = self.connection.query_drop(sql);
        match tokio::time::timeout(LIMIT, writing).await {
            Ok(Ok(())) => Ok(true),
            Ok(Err(error)) => Err(driver::reading(
                &error,
                &Reading {
                    what,
                    privilege: format!("SELECT, INSERT, UPDATE, DELETE ON {}", self.row.table),
                    account: &self.server.account,
                    limit: LIMIT,
                    address: self.address.clone(),
                },
            )),
            Err(_) => Err(SourceError::Timeout { address: self.address.clone(), what, limit: LIMIT }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_change_is_about_the_one_row() {
        let column = |name: &str, kind| KeyColumn { name: name.into(), kind };
        let row = CanaryRow {
            table: TableRef::new("ops", "canary"),
            key: column("id", KeyKind::Number),
            first_key: "126".into(),
            second_key: "127".into(),
            value: Some((column("no`te", KeyKind::Text), "it's".into())),
        };
        for (change, sql) in [
            (CanaryChange::Insert, "INSERT INTO `ops`.`canary` (`id`) VALUES (126)"),
            (CanaryChange::Update, "UPDATE `ops`.`canary` SET `no``te` = 'it''s' WHERE `id` = 126"),
            (CanaryChange::ChangeKey, "UPDATE `ops`.`canary` SET `id` = 127 WHERE `id` = 126"),
            (CanaryChange::Delete, "DELETE FROM `ops`.`canary` WHERE `id` = 126 OR `id` = 127"),
        ] {
            assert_eq!(row.sql(change).as_deref(), Some(sql));
        }
        let without = CanaryRow { value: None, ..row.clone() };
        assert_eq!(without.sql(CanaryChange::Update), None);
        let key = column("name", KeyKind::Text);
        let text = CanaryRow { key, first_key: "a".into(), second_key: "b".into(), ..row };
        let delete = text.sql(CanaryChange::Delete).unwrap();
        assert!(delete.contains("= 'a' OR `name` = 'b' AND"), "AND binds before OR: {delete}");
    }
}
