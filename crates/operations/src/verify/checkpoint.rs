//! Where the comparison of each table stands, in a file, so that a later run can go on from there.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use miette::Diagnostic;
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use super::compare::Key;
use super::scan::Totals;

/// The version of the file.
const FORMAT: u32 = 1;

/// Where the comparison of a table stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Checkpoint {
    /// A fingerprint of what is compared: a comparison of something else cannot go on here.
    pub(super) of: String,
    /// When it began.
    pub(super) began: DateTime<Utc>,
    pub(super) place: Place,
    pub(super) suspects: BTreeSet<Key>,
    pub(super) totals: Totals,
}

/// How far a comparison is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Place {
    /// After this row of the source.
    Source(Option<Key>),
    /// After this key of ODS: all rows of the source are compared.
    Ods(Option<String>),
    /// All rows are compared.
    End,
}

/// The file with the checkpoints of all tables. Only its owner can read it, since keys may say something about people.
#[derive(Debug)]
pub struct Checkpoints {
    path: PathBuf,
    tables: Mutex<BTreeMap<String, Checkpoint>>,
}

/// The file cannot be used.
#[derive(Debug, Clone, thiserror::Error, Diagnostic)]
pub enum CheckpointError {
    /// It cannot be read.
    #[error("{path} cannot be read: {cause}")]
    #[diagnostic(help(
        "give --resume a file that you may read and write, or the name of one that does not exist yet"
    ))]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: Arc<std::io::Error>,
    },
    /// It was not written by this program, or by a newer version of it.
    #[error("{path} is not what `runbook verify --resume` has written: {reason}")]
    #[diagnostic(help(
        "give --resume the name of a file that does not exist yet, or remove this one if it is not needed"
    ))]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// It cannot be written.
    #[error("{path} cannot be written: {cause}")]
    #[diagnostic(help(
        "make room, or let the folder be written to, and run the same command again: it continues from what the file has"
    ))]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: Arc<std::io::Error>,
    },
}

#[derive(Serialize)]
struct Written<'a> {
    format: u32,
    tables: &'a BTreeMap<String, Checkpoint>,
}

#[derive(Deserialize)]
struct Format {
    format: u32,
}

#[derive(Deserialize)]
struct Read {
    tables: BTreeMap<String, Checkpoint>,
}

impl Checkpoints {
    /// Reads a file, or begins one.
    pub fn open(path: &Path) -> Result<Self, CheckpointError> {
        let tables = match std::fs::read(path) {
            Ok(text) => {
                read(&text).map_err(|reason| CheckpointError::Form { path: path.to_owned(), reason })?
            }
            Err(error) if error.kind() == ErrorKind::NotFound => BTreeMap::new(),
            Err(cause) => {
                return Err(CheckpointError::Read { path: path.to_owned(), cause: Arc::new(cause) });
            }
        };
        let this = Self { path: path.to_owned(), tables: Mutex::new(tables) };
        // Hours later would be a bad time to learn that it cannot be written.
        this.change(|_| {})?;
        Ok(this)
    }

    /// Where the comparison of a table stands, if it is one of this.
    pub(super) fn get(&self, table: &str, of: &str) -> Option<Checkpoint> {
        let tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        tables.get(table).filter(|checkpoint| checkpoint.of == of).cloned()
    }

    /// Keeps where it stands.
    pub(super) fn put(&self, table: &str, checkpoint: Checkpoint) -> Result<(), CheckpointError> {
        self.change(|tables| drop(tables.insert(table.to_owned(), checkpoint)))
    }

    /// Removes the file: everything is compared.
    pub fn finish(self) -> Result<(), CheckpointError> {
        std::fs::remove_file(&self.path).map_err(|cause| self.not_written(cause))
    }

    /// Never leaves half a file.
    fn change(&self, change: impl FnOnce(&mut BTreeMap<String, Checkpoint>)) -> Result<(), CheckpointError> {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut tables);
        let written = || -> Result<(), std::io::Error> {
            let text = serde_json::to_vec(&Written { format: FORMAT, tables: &tables })?;
            let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
            let mut file = NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
            file.write_all(&text)?;
            file.persist(&self.path)?;
            Ok(())
        };
        written().map_err(|cause| self.not_written(cause))
    }

    fn not_written(&self, cause: std::io::Error) -> CheckpointError {
        CheckpointError::Write { path: self.path.clone(), cause: Arc::new(cause) }
    }
}

fn read(text: &[u8]) -> Result<BTreeMap<String, Checkpoint>, String> {
    let Format { format } = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    if format != FORMAT {
        return Err(format!("it has format {format}, and this version knows {FORMAT}"));
    }
    let Read { tables } = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    Ok(tables)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint(place: Place) -> Checkpoint {
        Checkpoint {
            of: "orders".into(),
            began: DateTime::UNIX_EPOCH,
            place,
            suspects: BTreeSet::from([vec!["7".to_owned()]]),
            totals: Totals { rows: 5_000, parts: 1, ..Totals::default() },
        }
    }

    #[test]
    fn a_later_run_reads_what_an_earlier_one_has_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("verify.json");
        let first = Checkpoints::open(&path).unwrap();
        assert_eq!(first.get("shop.orders", "orders"), None);
        for place in [Place::Source(Some(vec!["9".into()])), Place::Ods(Some("x\u{1}y".into())), Place::End] {
            let checkpoint = checkpoint(place);
            first.put("shop.orders", checkpoint.clone()).unwrap();
            let second = Checkpoints::open(&path).unwrap();
            assert_eq!(second.get("shop.orders", "orders"), Some(checkpoint));
            assert_eq!(second.get("shop.orders", "other columns"), None);
            assert_eq!(second.get("shop.items", "orders"), None);
        }
        first.finish().unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn another_file_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.txt");
        for (text, reason) in [
            ("my notes", "expected value"),
            ("{}", "missing field `format`"),
            (r#"{"format":2,"tables":[]}"#, "it has format 2, and this version knows 1"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = Checkpoints::open(&path).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[test]
    fn a_folder_that_cannot_be_written_to_is_told_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("missing/verify.json");
        let error = Checkpoints::open(&path).unwrap_err();
        assert!(matches!(error, CheckpointError::Write { .. }), "{error}");
    }
}
