//! The data in small: changes in raw tables, and for each key of an ODS table which change each column shows.
//!
//! A table of the project's own database holds plain rows instead ([`super::value::Value`]).

use std::collections::{BTreeMap, BTreeSet};

/// One row of a raw table.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    pub(super) id: u64,
    pub(super) key: String,
    pub(super) is_delete: bool,
    pub(super) is_old: bool,
    pub(super) cells: BTreeMap<String, String>,
}

impl Change {
    /// An insert or update of a row. Of two changes of one key, the one with the larger id is the newer one.
    pub fn upsert(id: u64, key: &str, cells: &[(&str, &str)]) -> Self {
        let mut change = Self::delete(id, key);
        change.is_delete = false;
        change.cells.extend(cells.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        change.cells.insert("Op".into(), "U".into());
        change
    }

    /// A row of a full load, which has an empty change sequence and comes before every change of its key.
    pub fn full_load(id: u64, key: &str, cells: &[(&str, &str)]) -> Self {
        let mut change = Self::upsert(id, key, cells).with_dms_columns(&[("_dms_change_seq", "")]);
        change.cells.insert("Op".into(), "I".into());
        change
    }

    /// The id of the `n`th change of a second.
    pub fn id_at(second: chrono::DateTime<chrono::Utc>, n: u64) -> u64 {
        second.format("%Y%m%d%H%M%S").to_string().parse::<u64>().map_or(n, |digits| digits * PER_SECOND + n)
    }

    /// A delete of a row.
    pub fn delete(id: u64, key: &str) -> Self {
        let cells = BTreeMap::from([
            ("Op".to_owned(), "D".to_owned()),
            ("_dms_change_seq".to_owned(), order_key(id)),
        ]);
        Self { id, key: key.to_owned(), is_delete: true, is_old: false, cells }
    }

    /// Replaces the columns that DMS adds beside `Op`, as a DMS task with other settings writes them.
    #[must_use]
    pub fn with_dms_columns(mut self, cells: &[(&str, &str)]) -> Self {
        self.cells.retain(|name, _| !name.starts_with("_dms_"));
        self.cells.extend(cells.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        self
    }

    /// Adds columns of the source: those of the key, which a delete has too.
    #[must_use]
    pub fn with_cells(mut self, cells: &[(&str, &str)]) -> Self {
        self.cells.extend(cells.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        self
    }

    /// Older than the retention: the clean-up removes it once ODS shows its effect.
    #[must_use]
    pub fn old(mut self) -> Self {
        self.is_old = true;
        self
    }
}

/// What a table holds beside plain rows.
#[derive(Debug, Clone, Default)]
pub(super) struct Changes {
    /// As raw: changes with the place at which they were appended.
    pub(super) appended: Vec<(u64, Change)>,
    /// The next place.
    pub(super) next: u64,
    /// As ODS: rows by key.
    pub(super) rows: BTreeMap<String, OdsRow>,
}

/// What a column shows that has the default of its column, in place of a change.
pub(super) const DEFAULT: u64 = 0;

/// A row of an ODS table.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct OdsRow {
    /// The newest change that it shows.
    pub(super) newest: u64,
    pub(super) is_deleted: bool,
    /// For each column, the change that it shows.
    pub(super) shows: BTreeMap<String, u64>,
    /// Every change that was merged.
    pub(super) seen: BTreeSet<u64>,
    /// Columns of the change that created the row: where its key is.
    pub(super) key: BTreeMap<String, String>,
    /// Rows of the same key that an INSERT added beside it.
    pub(super) duplicates: usize,
}

impl OdsRow {
    /// A row that a change creates.
    fn of(change: &Change) -> Self {
        Self { key: change.cells.clone(), ..Self::default() }
    }

    /// What the column of the order key holds.
    pub(super) fn order_key(&self) -> String {
        if self.newest == 0 { String::new() } else { order_key(self.newest) }
    }
}

/// The column of the change sequence.
pub(super) const SEQ: &str = pipeline::table::DEFAULT_CHANGE_SEQ_COLUMN;

/// Ids of one second. An id from [`FIRST_OF_A_SECOND`] on holds the second's digits and a number within it.
const PER_SECOND: u64 = 100_000;
const FIRST_OF_A_SECOND: u64 = 10_000_000_000_000 * PER_SECOND;

/// The change sequence of a change.
fn order_key(id: u64) -> String {
    if id < FIRST_OF_A_SECOND {
        return format!("{id:035}");
    }
    format!("{:014}00{:019}", id / PER_SECOND, id % PER_SECOND)
}

/// The id of a change sequence, or of a boundary. A row of a first load has none.
pub(super) fn id_of(order_key: &str) -> Option<u64> {
    if order_key.len() != 35 || !order_key.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let second: u64 = order_key[..14].parse().ok()?;
    let number: u64 = order_key[16..].parse().ok()?;
    Some(second * PER_SECOND + number)
}

impl Changes {
    pub(super) fn append(&mut self, changes: impl IntoIterator<Item = Change>) {
        for change in changes {
            self.appended.push((self.next, change));
            self.next += 1;
        }
    }

    /// The changes from a place on.
    pub(super) fn since(&self, place: u64) -> Vec<Change> {
        self.appended.iter().filter(|(at, _)| *at >= place).map(|(_, change)| change.clone()).collect()
    }

    /// Merges changes into the rows, writing `columns`. It never goes back.
    pub(super) fn merge(&mut self, changes: &[Change], columns: &BTreeSet<String>) {
        for change in changes {
            let row = self.rows.entry(change.key.clone()).or_insert_with(|| OdsRow::of(change));
            row.seen.insert(change.id);
            if change.id < row.newest {
                continue;
            }
            row.newest = change.id;
            row.is_deleted = change.is_delete;
            if !change.is_delete {
                let written = change.cells.keys().filter(|name| columns.contains(*name));
                row.shows.extend(written.map(|name| (name.clone(), change.id)));
            }
        }
    }

    /// Inserts the newest change of each key, beside the rows that have the key already.
    pub(super) fn insert(&mut self, changes: &[Change], columns: &BTreeSet<String>) -> usize {
        let keys: BTreeSet<&String> = changes.iter().map(|change| &change.key).collect();
        for key in &keys {
            if let Some(row) = self.rows.get_mut(*key) {
                row.duplicates += 1;
            }
        }
        self.merge(changes, columns);
        keys.len()
    }

    /// Gives each row the order of its newest change among these; a row without one comes before every change.
    pub(super) fn fill_order(&mut self, changes: &[Change]) {
        for (key, row) in &mut self.rows {
            let newest = changes.iter().filter(|change| change.key == *key).map(|change| change.id).max();
            row.newest = newest.unwrap_or_default();
        }
    }

    /// Removes the old changes whose effect `rows` show.
    pub(super) fn clean_up(&mut self, rows: &BTreeMap<String, OdsRow>) -> usize {
        let before = self.appended.len();
        self.appended.retain(|(_, change)| !is_removable(change, rows));
        before - self.appended.len()
    }

    /// Whether [`clean_up`](Self::clean_up) would remove a change.
    pub(super) fn has_removable(&self, rows: &BTreeMap<String, OdsRow>) -> bool {
        self.appended.iter().any(|(_, change)| is_removable(change, rows))
    }
}

/// Whether a change is older than the retention and `rows` show its effect.
fn is_removable(change: &Change, rows: &BTreeMap<String, OdsRow>) -> bool {
    change.is_old && rows.get(&change.key).is_some_and(|row| row.newest >= change.id)
}

/// What of `changes` a table with these columns does not show, in words; empty if it shows all.
pub(super) fn missing(
    changes: &[Change],
    rows: &BTreeMap<String, OdsRow>,
    columns: &[String],
) -> Vec<String> {
    let mut found = Vec::new();
    let mut newest: BTreeMap<&str, &Change> = BTreeMap::new();
    for change in changes {
        if newest.get(change.key.as_str()).is_none_or(|known| known.id < change.id) {
            newest.insert(&change.key, change);
        }
        if !rows.get(&change.key).is_some_and(|row| row.seen.contains(&change.id)) {
            found.push(format!("change {} of key {} was not merged", change.id, change.key));
        }
    }
    for (key, row) in rows.iter().filter(|(_, row)| row.duplicates > 0) {
        found.push(format!("key {key} has {} rows", row.duplicates + 1));
    }
    for (key, change) in newest {
        let Some(row) = rows.get(key) else { continue };
        if row.is_deleted != change.is_delete {
            found.push(format!("key {key} is deleted: {}, should be {}", row.is_deleted, change.is_delete));
        }
        if change.is_delete {
            continue;
        }
        for column in columns.iter().filter(|column| change.cells.contains_key(*column)) {
            match row.shows.get(column) {
                Some(id) if *id == change.id => {}
                Some(id) => found.push(format!("key {key} shows change {id} in {column}, not {}", change.id)),
                None => {
                    found
                        .push(format!("key {key} has nothing in {column}, should show change {}", change.id));
                }
            }
        }
    }
    found
}
