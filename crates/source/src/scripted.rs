//! A MySQL in memory, for tests that need no server. It stands behind the seam that calls the driver
//! (`connection.rs`), and answers each look with the rows that a MySQL 8 would print, so that the looks read them as usual.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

mod work;

use crate::look::Look;
use crate::row::Row;
use crate::{Account, Flavor, Server, SourceError, Table, TableRef};
use work::Work;

/// A scripted source. [`crate::Source::scripted`] connects to it.
#[derive(Debug)]
pub struct Scripted {
    state: Mutex<State>,
}

/// What a scripted source holds.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) tables: BTreeMap<TableRef, ScriptedTable>,
    /// Columns that have a value in some row.
    pub(crate) filled: BTreeSet<(TableRef, String)>,
    /// Keys of rows.
    pub(crate) keys: BTreeSet<(TableRef, Vec<String>)>,
    pub(crate) clock: DateTime<Utc>,
    pub(crate) variables: BTreeMap<String, String>,
    pub(crate) work: Work,
    /// The newest file of the binlog, and its length.
    pub(crate) binlog: (String, u64),
    pub(crate) replicates_from: Option<String>,
    /// What happens to the next looks.
    failures: VecDeque<Option<SourceError>>,
    /// After which look a variable gets another value.
    changes: Vec<(usize, String, String)>,
    asked: Vec<String>,
    last_id: u64,
}

/// A table and the number of its rows.
#[derive(Debug)]
pub(crate) struct ScriptedTable {
    pub(crate) table: Table,
    pub(crate) rows: u64,
    pub(crate) written_at: Option<DateTime<Utc>>,
    /// Of what `InnoDB` stores it in.
    pub(crate) id: u64,
}

impl State {
    fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    pub(crate) fn table(&self, table: &TableRef) -> Result<&ScriptedTable, SourceError> {
        self.tables
            .get(table)
            .ok_or_else(|| SourceError::UnknownTable { address: "scripted".to_owned(), table: table.clone() })
    }
}

impl Scripted {
    /// Returns a source without tables, where nothing is open. Its clock stands still; its binlog is as DMS wants it.
    pub fn new() -> Arc<Self> {
        let variables = [
            ("binlog_format", "ROW"),
            ("binlog_row_image", "FULL"),
            ("log_bin", "ON"),
            ("read_only", "OFF"),
            ("server_id", "1"),
            ("server_uuid", "3e11fa47-71ca-11e1-9e33-c80aa9429562"),
        ];
        Arc::new(Self {
            state: Mutex::new(State {
                tables: BTreeMap::new(),
                filled: BTreeSet::new(),
                keys: BTreeSet::new(),
                clock: DateTime::UNIX_EPOCH + TimeDelta::days(20_000),
                variables: variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
                work: Work::default(),
                binlog: ("mysql-bin.000001".to_owned(), 157),
                replicates_from: None,
                failures: VecDeque::new(),
                changes: Vec::new(),
                asked: Vec::new(),
                last_id: 0,
            }),
        })
    }

    /// Creates a table, or replaces it.
    pub fn put_table(&self, table: Table, rows: u64) {
        let mut state = self.state();
        let id = state.next_id();
        state.tables.insert(table.name.clone(), ScriptedTable { table, rows, written_at: None, id });
    }

    /// Changes how a table is defined, and nothing else: as an ALTER TABLE does that rewrites no row.
    ///
    /// # Panics
    ///
    /// If there is no such table.
    pub fn alter_table(&self, name: &TableRef, change: impl FnOnce(&mut Table)) {
        match self.state().tables.get_mut(name) {
            Some(found) => change(&mut found.table),
            None => panic!("the scripted source has no table {name}"),
        }
    }

    /// Changes how many rows a table has.
    ///
    /// # Panics
    ///
    /// If there is no such table.
    pub fn set_rows(&self, table: &TableRef, rows: u64) {
        match self.state().tables.get_mut(table) {
            Some(found) => found.rows = rows,
            None => panic!("the scripted source has no table {table}"),
        }
    }

    /// Notes that a column has a value in some row.
    pub fn fill_column(&self, table: &TableRef, column: &str) {
        self.state().filled.insert((table.clone(), column.to_owned()));
    }

    /// Replaces the keys of a table's rows.
    pub fn set_keys(&self, table: &TableRef, keys: impl IntoIterator<Item = Vec<String>>) {
        let mut state = self.state();
        state.keys.retain(|(of, _)| of != table);
        state.keys.extend(keys.into_iter().map(|key| (table.clone(), key)));
    }

    /// Notes when a table was last written to; `None`: the server does not remember.
    ///
    /// # Panics
    ///
    /// If there is no such table.
    pub fn set_written(&self, table: &TableRef, at: Option<DateTime<Utc>>) {
        match self.state().tables.get_mut(table) {
            Some(found) => found.written_at = at,
            None => panic!("the scripted source has no table {table}"),
        }
    }

    /// Drops a table.
    pub fn drop_table(&self, table: &TableRef) {
        self.state().tables.remove(table);
    }

    /// Returns the clock.
    pub fn clock(&self) -> DateTime<Utc> {
        self.state().clock
    }

    /// Sets the clock.
    pub fn set_clock(&self, utc: DateTime<Utc>) {
        self.state().clock = utc;
    }

    /// Moves the clock.
    pub fn advance_clock(&self, by: Duration) {
        self.state().clock += by;
    }

    /// Sets where the binlog ends. Without `log_bin` there is none.
    pub fn set_binlog(&self, file: &str, offset: u64) {
        self.state().binlog = (file.to_owned(), offset);
    }

    /// Sets up, or removes, replication from port 3306 of a host.
    pub fn set_replicates_from(&self, host: Option<&str>) {
        self.state().replicates_from = host.map(str::to_owned);
    }

    /// Sets a global variable.
    pub fn set_variable(&self, name: &str, value: &str) {
        self.state().variables.insert(name.to_owned(), value.to_owned());
    }

    /// Lets a look fail: the next one, or the one after those that fail already.
    pub fn fail_next(&self, error: SourceError) {
        self.fail_after(0, error);
    }

    /// Lets a look fail after some that succeed.
    pub fn fail_after(&self, looks: usize, error: SourceError) {
        let failures = std::iter::repeat_n(None, looks).chain([Some(error)]);
        self.state().failures.extend(failures);
    }

    /// Sets a global variable when this many looks have been answered, those counted that [`take_asked`](Self::take_asked) has
    /// not taken yet.
    pub fn set_variable_after(&self, looks: usize, name: &str, value: &str) {
        self.state().changes.push((looks, name.to_owned(), value.to_owned()));
    }

    /// Returns what was asked since the last call, in order, as messages call it.
    pub fn take_asked(&self) -> Vec<String> {
        std::mem::take(&mut self.state().asked)
    }

    pub(crate) fn server() -> Server {
        Server {
            flavor: Flavor::Mysql,
            version: (8, 0, 35),
            version_text: "8.0.35".to_owned(),
            account: Account { user: "cdc".to_owned(), host: "%".to_owned() },
            folds_table_names: false,
        }
    }

    pub(crate) fn answer<L: Look>(&self, look: &L) -> Result<Vec<Row>, SourceError> {
        let mut state = self.state();
        let due = state.asked.len();
        for (looks, name, value) in std::mem::take(&mut state.changes) {
            if looks == due {
                state.variables.insert(name, value);
            } else {
                state.changes.push((looks, name, value));
            }
        }
        state.asked.push(look.what());
        match state.failures.pop_front().flatten() {
            Some(error) => Err(error),
            None => look.scripted(&state),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Column, ColumnDefault, ReplicaReason, Role, Source};

    fn orders() -> Table {
        Table {
            name: TableRef::new("shop", "orders"),
            columns: vec![Column {
                name: "id".into(),
                column_type: "bigint".into(),
                nullable: false,
                default: ColumnDefault::None,
                extra: "auto_increment".into(),
            }],
            primary_key: vec!["id".into()],
        }
    }

    #[tokio::test]
    async fn every_look_is_answered() {
        let scripted = Scripted::new();
        scripted.put_table(orders(), 3);
        scripted.set_variable("read_only", "ON");
        let source = Source::scripted(&scripted).await.unwrap();
        let (name, other) = (orders().name, TableRef::new("shop", "other"));
        let tables = source.tables(&[name.clone(), other.clone()]).await.unwrap();
        assert_eq!(tables.get(&name), Ok(&orders()));
        assert!(tables.get(&other).unwrap_err().is_unknown_table());
        assert_eq!(source.count(&name).await, Ok(3));
        let written = DateTime::from_timestamp(1_772_366_400, 0);
        scripted.set_written(&name, written);
        let writes = source.last_writes(&[name.clone(), other.clone()]).await.unwrap();
        assert_eq!((writes.get(&name), writes.get(&other)), (written, None));
        assert_eq!(source.settings().await.unwrap().read_only, Some(true));
        let time = DateTime::from_timestamp_micros(1_772_366_400_000_123).unwrap();
        scripted.set_clock(time);
        assert_eq!(source.clock().await.unwrap().utc, time);
        assert!(source.activity().await.unwrap().is_empty());
        assert_eq!(source.role().await, Ok(Role::Replica(ReplicaReason::ReadOnly)));
        scripted.set_binlog("mysql-bin.000024", 373);
        let position = source.position().await.unwrap();
        assert_eq!(position.to_string(), "mysql-bin.000024:373");
        assert_eq!(position.server().as_str(), "3e11fa47-71ca-11e1-9e33-c80aa9429562");
        scripted.set_variable("log_bin", "OFF");
        assert_eq!(source.position().await, Err(SourceError::NoBinlog { address: "scripted".into() }));
        assert_eq!(
            scripted.take_asked(),
            [
                "columns and keys of 2 tables",
                "the columns of `shop`.`other`",
                "the number of rows of `shop`.`orders`",
                "the last writes to 2 tables",
                "its settings",
                "its clock",
                "a snapshot",
                "its open transactions",
                "the end of a snapshot",
                "its running statements and their events",
                "its prepared XA transactions",
                "whether it is read-only",
                "where it replicates from",
                "its identity",
                "the end of its binlog",
                "its identity",
                "the end of its binlog",
            ]
        );
    }

    #[tokio::test]
    async fn a_closed_session_is_replaced_once() {
        let scripted = Scripted::new();
        scripted.put_table(orders(), 3);
        let source = Source::scripted(&scripted).await.unwrap();
        let lost = SourceError::ConnectionLost {
            address: "scripted".into(),
            what: "the number of rows of `shop`.`orders`".into(),
            detail: "broken pipe".into(),
        };
        scripted.fail_next(lost.clone());
        assert_eq!(source.count(&orders().name).await, Ok(3));
        scripted.fail_next(lost.clone());
        scripted.fail_next(lost.clone());
        assert_eq!(source.count(&orders().name).await, Err(lost));
    }
}
