//! A history's steps as statements of `MySQL`.

use super::kind::Kind;
use super::model::{History, SlowStatement, Statement, TableShape, Transaction};
use super::names;

/// How many different keys there are: few, so that they meet often.
pub(super) const KEYS: u8 = 12;
/// A key beyond all others, for the time of a swap.
const NOBODY: u8 = 200;

/// A name in backticks.
fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

impl TableShape {
    /// Its name.
    pub(super) fn name(&self) -> &'static str {
        names::table(self.name)
    }

    /// Names of all columns: the key's, the others, the INTs.
    pub(super) fn columns(&self) -> Vec<String> {
        (0..self.key.len() + self.values.len() + usize::from(self.width))
            .map(|i| names::column(self.name, i))
            .collect()
    }

    /// Names of the key's columns.
    pub(super) fn key_columns(&self) -> Vec<String> {
        (0..self.key.len()).map(|i| names::column(self.name, i)).collect()
    }

    /// `CREATE TABLE`.
    pub(super) fn ddl(&self, schema: &str) -> String {
        let names = self.columns();
        let kinds = self.key.iter().map(|kind| format!("{} NOT NULL", kind.ddl()));
        let values = self.values.iter().map(|kind| format!("{} NULL", kind.ddl()));
        let ints = (0..self.width).map(|_| "int NULL".to_owned());
        let columns: Vec<_> = names
            .iter()
            .zip(kinds.chain(values).chain(ints))
            .map(|(name, kind)| format!("{} {kind}", quoted(name)))
            .collect();
        let key: Vec<_> = self.key_columns().iter().map(|name| quoted(name)).collect();
        format!("CREATE TABLE {} ({}, PRIMARY KEY ({}))", self.at(schema), columns.join(", "), key.join(", "))
    }

    fn at(&self, schema: &str) -> String {
        format!("{}.{}", quoted(schema), quoted(self.name()))
    }

    /// The parts of a key. Those of a composite one differ among themselves.
    fn key_parts(&self, key: u8) -> Vec<String> {
        let last = self.key.len() - 1;
        // Of a composite key, only the last part tells neighbours apart.
        self.key.iter().enumerate().map(|(i, kind)| kind.key(if i == last { key } else { key / 4 })).collect()
    }

    fn value_parts(&self, value: u16) -> Vec<String> {
        let values = self
            .values
            .iter()
            .enumerate()
            .map(|(i, kind)| kind.value(value.wrapping_add(u16::try_from(i).unwrap_or(0))));
        let ints = (0..self.width).map(|i| (u32::from(value) + u32::from(i)).to_string());
        values.chain(ints).collect()
    }

    /// ` WHERE` the key is this one, to the last byte: a collation would find others too.
    fn is(&self, key: u8) -> String {
        let parts: Vec<_> = self
            .key_columns()
            .iter()
            .zip(self.key_parts(key))
            .map(|(name, value)| format!("{} = {value}", quoted(name)))
            .collect();
        format!(" WHERE {}", parts.join(" AND "))
    }

    fn row(&self, key: u8, value: u16) -> String {
        let mut all = self.key_parts(key);
        all.extend(self.value_parts(value));
        format!("({})", all.join(", "))
    }

    /// `a = 1, b = 2` for every column that is no key; for a table that is all key, the key itself.
    fn set(&self, value: u16) -> String {
        let columns = self.columns();
        let parts: Vec<_> = columns[self.key.len()..]
            .iter()
            .zip(self.value_parts(value))
            .map(|(name, value)| format!("{} = {value}", quoted(name)))
            .collect();
        if parts.is_empty() {
            let key = quoted(&columns[0]);
            return format!("{key} = {key}");
        }
        parts.join(", ")
    }

    /// The statement, if the key is one INT or BIGINT.
    fn if_numbered(&self, statement: String) -> Vec<String> {
        if matches!(self.key[..], [Kind::Int | Kind::BigInt]) { vec![statement] } else { Vec::new() }
    }

    fn rekey(&self, from: u8, to: u8, first: usize) -> String {
        let parts: Vec<_> = self.key_columns()[first..]
            .iter()
            .zip(&self.key_parts(to)[first..])
            .map(|(name, value)| format!("{} = {value}", quoted(name)))
            .collect();
        format!("{}{}", parts.join(", "), self.is(from))
    }
}

impl Statement {
    /// The number of its table.
    pub(super) fn table(&self) -> u8 {
        match *self {
            Self::Insert { table, .. }
            | Self::Upsert { table, .. }
            | Self::Replace { table, .. }
            | Self::Update { table, .. }
            | Self::UpdateAll { table, .. }
            | Self::Delete { table, .. }
            | Self::DeleteAll { table }
            | Self::Rekey { table, .. }
            | Self::Swap { table, .. }
            | Self::RekeyPart { table, .. }
            | Self::Fill { table, .. }
            | Self::Seed { table, .. }
            | Self::Churn { table, .. }
            | Self::Burst { table, .. } => table,
        }
    }

    /// The table whose rows may get other keys.
    fn changes_keys(&self) -> Option<u8> {
        match *self {
            Self::Rekey { table, .. } | Self::RekeyPart { table, .. } | Self::Swap { table, .. } => {
                Some(table)
            }
            // Written as an UPDATE that puts 'A' in the place of 'a'.
            Self::Replace { table, .. } => Some(table),
            _ => None,
        }
    }
}

impl History {
    /// `TRUNCATE` of a table.
    pub(super) fn truncate(&self, schema: &str, table: u8) -> String {
        format!("TRUNCATE TABLE {}", self.table(table).at(schema))
    }

    /// Those statements of a transaction that are about a table.
    pub(super) fn only(&self, table: u8, transaction: &Transaction) -> Transaction {
        let about = |statement: &&Statement| self.table(statement.table()).name == self.table(table).name;
        let statements = transaction.statements.iter().filter(about).cloned().collect();
        Transaction { statements, ..transaction.clone() }
    }

    /// The table that a step means.
    pub(super) fn table(&self, number: u8) -> &TableShape {
        &self.tables[usize::from(number) % self.tables.len()]
    }

    /// A statement that waits for a lock, which has the schema's name, when it has found its row.
    pub(super) fn slow_sql(&self, schema: &str, slow: &SlowStatement) -> Vec<String> {
        let statements = self.sql(schema, &slow.statement).into_iter();
        statements.map(|sql| format!("{sql} AND GET_LOCK('{schema}', 600) = 1")).collect()
    }

    /// The statements of a step.
    pub(super) fn sql(&self, schema: &str, statement: &Statement) -> Vec<String> {
        if statement.changes_keys().is_some_and(|table| self.table(table).no_before_image) {
            return Vec::new();
        }
        match *statement {
            Statement::Insert { table, key, value } => self.insert(schema, table, "INSERT", key, value, ""),
            Statement::Upsert { table, key, value } => {
                let update = format!(" ON DUPLICATE KEY UPDATE {}", self.table(table).set(value));
                self.insert(schema, table, "INSERT", key, value, &update)
            }
            Statement::Replace { table, key, value } => self.insert(schema, table, "REPLACE", key, value, ""),
            Statement::Update { table, key, value } => {
                let table = self.table(table);
                vec![format!("UPDATE {} SET {}{}", table.at(schema), table.set(value), table.is(key))]
            }
            Statement::UpdateAll { table, value } => {
                let table = self.table(table);
                vec![format!("UPDATE {} SET {}", table.at(schema), table.set(value))]
            }
            Statement::Delete { table, key } => {
                let table = self.table(table);
                vec![format!("DELETE FROM {}{}", table.at(schema), table.is(key))]
            }
            Statement::DeleteAll { table } => vec![format!("DELETE FROM {}", self.table(table).at(schema))],
            Statement::Rekey { table, from, to } => {
                let table = self.table(table);
                vec![format!("UPDATE {} SET {}", table.at(schema), table.rekey(from, to, 0))]
            }
            Statement::RekeyPart { table, from, to } => {
                let table = self.table(table);
                vec![format!(
                    "UPDATE {} SET {}",
                    table.at(schema),
                    table.rekey(from, to, table.key.len() - 1)
                )]
            }
            Statement::Swap { table, one, other } => {
                let table = self.table(table);
                [(one, NOBODY), (other, one), (NOBODY, other)]
                    .map(|(from, to)| format!("UPDATE {} SET {}", table.at(schema), table.rekey(from, to, 0)))
                    .to_vec()
            }
            Statement::Fill { table, value } => {
                let table = self.table(table);
                let rows: Vec<_> =
                    (0..KEYS).map(|key| table.row(key, value.wrapping_add(u16::from(key)))).collect();
                vec![format!("INSERT IGNORE INTO {} VALUES {}", table.at(schema), rows.join(", "))]
            }
            Statement::Seed { table, thousands } => {
                let table = self.table(table);
                let rows = u32::from(thousands) * 1000;
                let values: Vec<_> = std::iter::once("seq".to_owned())
                    .chain(table.value_parts(u16::from(thousands)))
                    .collect();
                let from = format!("{}.seq_1_to_{rows}", quoted(schema));
                table.if_numbered(format!(
                    "INSERT IGNORE INTO {} SELECT {} FROM {from}",
                    table.at(schema),
                    values.join(", ")
                ))
            }
            Statement::Churn { table, rows, times } => {
                let table = self.table(table);
                let key = quoted(&table.key_columns()[0]);
                let change = |n: u8| {
                    let set = table.set(u16::from(n) * 3 + 1);
                    format!("UPDATE {} SET {set} WHERE {key} BETWEEN 1 AND {rows}", table.at(schema))
                };
                (0..times).flat_map(|n| table.if_numbered(change(n))).collect()
            }
            Statement::Burst { table, key, times } => {
                let table = self.table(table);
                (0..u16::from(times))
                    .map(|n| {
                        format!("UPDATE {} SET {}{}", table.at(schema), table.set(n * 3 + 1), table.is(key))
                    })
                    .collect()
            }
        }
    }

    fn insert(&self, schema: &str, table: u8, verb: &str, key: u8, value: u16, end: &str) -> Vec<String> {
        let table = self.table(table);
        vec![format!("{verb} INTO {} VALUES {}{end}", table.at(schema), table.row(key, value))]
    }
}
