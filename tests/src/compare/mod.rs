//! Whether an ODS table equals its source, row by row and value by value.
//!
//! Both sides are read as text and brought into one form by the column's `MySQL` type ([`form`]): what differs then
//! differs in meaning, not in print. The rows are compared by key; a key that stands twice in ODS is a finding of its
//! own.

mod form;

use std::collections::BTreeMap;
use std::fmt;

use crate::{Databend, Error, Mysql};

pub use form::Form;

/// How many findings of one kind [`Comparison`] prints.
const SHOWN: usize = 10;

/// A table of the source and what should be its copy.
#[derive(Debug, Clone)]
pub struct Pair {
    /// The source's schema.
    pub schema: String,
    /// The source's table.
    pub table: String,
    /// The database of the copy.
    pub ods_database: String,
    /// The table of the copy.
    pub ods_table: String,
}

/// A row's key, as text.
pub type Key = Vec<Option<String>>;

/// What the comparison of two tables found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparison {
    /// How many rows the source has.
    pub source_rows: usize,
    /// How many rows ODS has that are not deleted.
    pub ods_rows: usize,
    /// Keys that ODS lacks.
    pub missing: Vec<Key>,
    /// Keys that only ODS has.
    pub extra: Vec<Key>,
    /// Keys that stand more than once in ODS, deleted rows included.
    pub twice: Vec<Key>,
    /// Values that differ.
    pub different: Vec<Difference>,
}

/// One value that is not the same on both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The row.
    pub key: Key,
    /// The column.
    pub column: String,
    /// Its value in the source.
    pub source: Option<String>,
    /// Its value in ODS.
    pub ods: Option<String>,
}

impl Comparison {
    /// ODS equals the source.
    pub fn is_equal(&self) -> bool {
        self.missing.is_empty() && self.extra.is_empty() && self.twice.is_empty() && self.different.is_empty()
    }
}

/// Reads both sides and compares them. The source must be at rest meanwhile.
pub async fn compare(mysql: &Mysql, databend: &Databend, pair: &Pair) -> Result<Comparison, Error> {
    let columns = columns(mysql, pair).await?;
    let keys: Vec<usize> =
        columns.iter().enumerate().filter(|(_, column)| column.key).map(|(i, _)| i).collect();
    if keys.is_empty() {
        let what = format!("{}.{}", pair.schema, pair.table);
        return Err(Error::Form { what, reason: "it has no primary key, or is not there".into() });
    }
    let source = mysql.rows(&source_query(pair, &columns)).await?;
    let ods = databend.rows(&ods_query(pair, &columns)).await?;
    Ok(compared(&columns, &keys, source, ods))
}

/// A column of the source.
#[derive(Debug, Clone)]
struct Column {
    name: String,
    form: Form,
    key: bool,
}

async fn columns(mysql: &Mysql, pair: &Pair) -> Result<Vec<Column>, Error> {
    // MariaDB's JSON is a LONGTEXT with this check.
    let kind = if mysql.is_mariadb {
        "IF(EXISTS (SELECT 1 FROM information_schema.check_constraints AS k \
           WHERE k.constraint_schema = c.table_schema AND k.table_name = c.table_name \
           AND k.check_clause = CONCAT('json_valid(`', REPLACE(c.column_name, '`', '``'), '`)')), 'json', data_type)"
    } else {
        "data_type"
    };
    let rows = mysql
        .rows(&format!(
            "SELECT column_name, {kind}, column_key FROM information_schema.columns AS c \
             WHERE table_schema = '{}' AND table_name = '{}' ORDER BY ordinal_position",
            literal(&pair.schema),
            literal(&pair.table),
        ))
        .await?;
    let column = |row: Vec<Option<String>>| {
        let [name, kind, key]: [Option<String>; 3] = row.try_into().ok()?;
        Some(Column { name: name?, form: Form::of(&kind?), key: key.as_deref() == Some("PRI") })
    };
    Ok(rows.into_iter().filter_map(column).collect())
}

/// The inside of a string in single quotes.
fn literal(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\'', "\'\'")
}

fn source_query(pair: &Pair, columns: &[Column]) -> String {
    let quoted = |name: &str| format!("`{}`", name.replace('`', "``"));
    let values: Vec<String> =
        columns.iter().map(|column| column.form.in_mysql(&quoted(&column.name))).collect();
    format!("SELECT {} FROM {}.{}", values.join(", "), quoted(&pair.schema), quoted(&pair.table))
}

fn ods_query(pair: &Pair, columns: &[Column]) -> String {
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let values: Vec<String> =
        columns.iter().map(|column| column.form.in_databend(&quoted(&column.name))).collect();
    // The last column says whether the row counts.
    format!(
        "SELECT {}, TO_STRING(\"is_deleted\") FROM {}.{}",
        values.join(", "),
        quoted(&pair.ods_database),
        quoted(&pair.ods_table)
    )
}

type Row = Vec<Option<String>>;

fn compared(columns: &[Column], keys: &[usize], source: Vec<Row>, ods: Vec<Row>) -> Comparison {
    let normal = |row: Row| -> Row {
        row.into_iter()
            .zip(columns)
            .map(|(value, column)| value.map(|text| column.form.normal(&text)))
            .collect()
    };
    let key = |row: &Row| -> Key { keys.iter().map(|&i| row[i].clone()).collect() };

    let mut found = Comparison::default();
    let source: BTreeMap<Key, Row> = source.into_iter().map(normal).map(|row| (key(&row), row)).collect();
    found.source_rows = source.len();
    let mut live: BTreeMap<Key, Row> = BTreeMap::new();
    let mut times: BTreeMap<Key, usize> = BTreeMap::new();
    for mut row in ods {
        let deleted = matches!(row.pop().flatten().as_deref(), Some("true" | "1"));
        let row = normal(row);
        let key = key(&row);
        *times.entry(key.clone()).or_default() += 1;
        if !deleted {
            found.ods_rows += 1;
            live.insert(key, row);
        }
    }
    found.twice = times.into_iter().filter(|(_, times)| *times > 1).map(|(key, _)| key).collect();
    found.extra = live.keys().filter(|key| !source.contains_key(*key)).cloned().collect();
    for (key, expected) in source {
        let Some(actual) = live.remove(&key) else {
            found.missing.push(key);
            continue;
        };
        for ((column, source), ods) in columns.iter().zip(expected).zip(actual) {
            if source != ods {
                found.different.push(Difference {
                    key: key.clone(),
                    column: column.name.clone(),
                    source,
                    ods,
                });
            }
        }
    }
    found
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rows in the source, {} in ODS", self.source_rows, self.ods_rows)?;
        if self.is_equal() {
            return write!(f, ", all equal");
        }
        keys(f, "not in ODS", &self.missing)?;
        keys(f, "only in ODS", &self.extra)?;
        keys(f, "more than once in ODS", &self.twice)?;
        if !self.different.is_empty() {
            write!(f, "\n{} values differ:", self.different.len())?;
            for one in self.different.iter().take(SHOWN) {
                let (source, ods) = (shown(one.source.as_deref()), shown(one.ods.as_deref()));
                write!(
                    f,
                    "\n  key {}, {}: {source} in the source, {ods} in ODS",
                    joined(&one.key),
                    one.column
                )?;
            }
        }
        Ok(())
    }
}

fn keys(f: &mut fmt::Formatter<'_>, what: &str, keys: &[Key]) -> fmt::Result {
    if keys.is_empty() {
        return Ok(());
    }
    let first: Vec<String> = keys.iter().take(SHOWN).map(joined).collect();
    let more = if keys.len() > SHOWN { ", …" } else { "" };
    write!(f, "\n{} keys {what}: {}{more}", keys.len(), first.join(", "))
}

fn joined(key: &Key) -> String {
    key.iter().map(|part| shown(part.as_deref())).collect::<Vec<_>>().join("/")
}

fn shown(value: Option<&str>) -> String {
    value.map_or_else(|| "NULL".into(), |text| format!("{text:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns() -> Vec<Column> {
        vec![
            Column { name: "id".into(), form: Form::of("bigint"), key: true },
            Column { name: "amount".into(), form: Form::of("decimal"), key: false },
        ]
    }

    fn row(values: &[&str]) -> Row {
        values.iter().map(|value| if *value == "NULL" { None } else { Some((*value).to_owned()) }).collect()
    }

    fn run(source: &[&[&str]], ods: &[&[&str]]) -> Comparison {
        let rows = |rows: &[&[&str]]| rows.iter().map(|values| row(values)).collect();
        compared(&columns(), &[0], rows(source), rows(ods))
    }

    #[test]
    fn equal_in_another_order_and_another_print() {
        let found = run(&[&["1", "1.50"], &["2", "NULL"]], &[&["2", "NULL", "false"], &["1", "1.5", "0"]]);
        assert!(found.is_equal(), "{found}");
        assert_eq!(found.to_string(), "2 rows in the source, 2 in ODS, all equal");
    }

    #[test]
    fn a_deleted_row_is_no_row() {
        let found = run(&[&["1", "1"]], &[&["1", "1", "false"], &["2", "7", "true"]]);
        assert!(found.is_equal(), "{found}");
        assert!(!run(&[&["1", "1"]], &[&["1", "1", "true"]]).is_equal());
    }

    #[test]
    fn every_kind_of_difference_is_named() {
        let found = run(
            &[&["1", "1"], &["2", "2"], &["4", "4"]],
            &[&["2", "3", "false"], &["3", "3", "false"], &["4", "4", "false"], &["4", "4", "true"]],
        );
        assert_eq!(
            found.to_string(),
            "3 rows in the source, 3 in ODS\n1 keys not in ODS: \"1\"\n1 keys only in ODS: \"3\"\n\
             1 keys more than once in ODS: \"4\"\n1 values differ:\n  key \"2\", amount: \"2\" in the source, \"3\" in ODS"
        );
    }

    #[test]
    fn null_is_not_the_empty_string() {
        let columns = vec![
            Column { name: "id".into(), form: Form::of("int"), key: true },
            Column { name: "note".into(), form: Form::of("varchar"), key: false },
        ];
        let found = compared(&columns, &[0], vec![row(&["1", "NULL"])], vec![row(&["1", "", "false"])]);
        assert_eq!(found.different.len(), 1);
    }
}
