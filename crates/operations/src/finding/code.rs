//! The codes of findings. docs/reference/findings.md is written from them.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

/// Declares the codes, each with its meaning as its documentation.
macro_rules! codes {
    ($($(#[doc = $meaning:literal])+ $name:ident = $code:literal,)+) => {
        /// What kind of finding it is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
        pub enum Code {
            $($(#[doc = $meaning])+ #[serde(rename = $code)] $name,)+
        }

        impl Code {
            /// All codes, in alphabetical order.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// As messages and the documentation show it.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)+
                }
            }

            /// What it means.
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Self::$name => concat!($($meaning),+).trim_ascii(),)+
                }
            }
        }
    };
}

codes! {
    /// ODS was created empty, because raw no longer had every change. Its merge sleeps until the table is loaded again.
    AwaitsLoad = "AWAITS-LOAD",
    /// The row of a canary did not arrive in ODS in time.
    CanaryLost = "CANARY-LOST",
    /// A table cannot have a canary: its key, another column that needs a value, or a row that has the canary's key.
    CanaryUnfit = "CANARY-UNFIT",
    /// The tasks of a chain with a shared load task stay suspended, because the files of one of its tables cannot be copied.
    ChainWaits = "CHAIN-WAITS",
    /// A file of the full load cannot be copied into raw.
    CopyFailed = "COPY-FAILED",
    /// The DMS task has a migration type other than `full-load-and-cdc`: it does not load the rows that are there, or
    /// delivers no changes.
    DmsMigrationType = "DMS-MIGRATION-TYPE",
    /// DMS could not be asked.
    DmsNoAnswer = "DMS-NO-ANSWER",
    /// The DMS task would remove files with changes before it loads a table again (`TargetTablePrepMode`).
    DmsPrepMode = "DMS-PREP-MODE",
    /// DMS loaded a table again, after it was cut over or while raw held an earlier load. The rows of that load have no place
    /// in the order of changes.
    DmsReloaded = "DMS-RELOADED",
    /// A table was loaded by another DMS task than the one that feeds it. What changed between the two was not delivered.
    DmsReplaced = "DMS-REPLACED",
    /// DMS runs, and changes of a table do not arrive.
    DmsSilent = "DMS-SILENT",
    /// The DMS task does not start or settle within 15 minutes.
    DmsSlow = "DMS-SLOW",
    /// The DMS task does not run.
    DmsStopped = "DMS-STOPPED",
    /// DMS has given up a table.
    DmsTableError = "DMS-TABLE-ERROR",
    /// The DMS task follows the changes of a table and has not loaded it.
    DmsTableNotLoaded = "DMS-TABLE-NOT-LOADED",
    /// The DMS task does not know a table: its table mappings leave it out.
    DmsTableUnknown = "DMS-TABLE-UNKNOWN",
    /// Another DMS task, which fed a table before, still delivers its changes.
    DmsTwoReaders = "DMS-TWO-READERS",
    /// Files of a table were set aside, because Databend refuses to load them. Their changes are not in ODS.
    FileSetAside = "FILE-SET-ASIDE",
    /// The full load of a table takes longer than `full_load_timeout_seconds`.
    FullLoadSlow = "FULL-LOAD-SLOW",
    /// `primary_key` is not the primary key of the table at the source. DMS writes before images of the primary key alone, so
    /// a changed key would leave its old row in ODS.
    KeyNotPrimary = "KEY-NOT-PRIMARY",
    /// ODS has a key more than once.
    KeysDoubled = "KEYS-DOUBLED",
    /// Files of a full load that nobody asked the runbook for wait in a table's folder. No task takes them.
    LoadFiles = "LOAD-FILES",
    /// DMS is loading a table, and the runbook did not ask for it.
    LoadInProgress = "LOAD-IN-PROGRESS",
    /// A later full load is not the whole table, or has not arrived as a whole.
    LoadIncomplete = "LOAD-INCOMPLETE",
    /// Files wait longer than `stale_after_seconds` to be loaded into raw.
    LoadLate = "LOAD-LATE",
    /// A later full load would mark many rows as deleted.
    ManyDeletes = "MANY-DELETES",
    /// Changes in raw wait longer than `stale_after_seconds` to be merged into ODS.
    MergeLate = "MERGE-LATE",
    /// Something that a table needs is not in Databend, or is not as it must be.
    Missing = "MISSING",
    /// The tasks were resumed, and had no successful run within `first_run_timeout_seconds`.
    NoGreenRun = "NO-GREEN-RUN",
    /// Databend prints keys of a table otherwise than this version of the runbook knows, so its rows cannot be compared.
    NotComparable = "NOT-COMPARABLE",
    /// A table is not cut over.
    NotCutOver = "NOT-CUT-OVER",
    /// The rows of a table cannot be repaired one by one.
    NotRepairable = "NOT-REPAIRABLE",
    /// ODS of a table cannot be rebuilt from raw: raw is not known to have every change, does not tell their order, or says
    /// nothing of some columns.
    NotReplayable = "NOT-REPLAYABLE",
    /// ODS is not what raw says.
    OdsDiffers = "ODS-DIFFERS",
    /// Raw does not hold the full load that DMS has read.
    RawDiffers = "RAW-DIFFERS",
    /// Raw does not take files that it would take as it is declared: schema evolution has given it a narrower column, or one that
    /// differs from another only in case.
    RawUnfit = "RAW-UNFIT",
    /// Rows of raw have no key, so they are not merged.
    RowsWithoutKey = "ROWS-WITHOUT-KEY",
    /// Change sequences do not carry the time of the source's clock, or it cannot be told whether they do.
    SequenceZone = "SEQUENCE-ZONE",
    /// Statements or transactions at the source have been open for long. A later load or a repair waits for them.
    SourceBusy = "SOURCE-BUSY",
    /// Another server answers as the source than before, after a failover for example.
    SourceChanged = "SOURCE-CHANGED",
    /// The columns of a table have changed at the source, and the configuration does not follow.
    SourceColumns = "SOURCE-COLUMNS",
    /// The source has another number of rows than DMS has delivered.
    SourceDiffers = "SOURCE-DIFFERS",
    /// The source is a replica. A later load or a repair needs the primary's clock and process list.
    SourceIsReplica = "SOURCE-IS-REPLICA",
    /// A later load, a verification or a repair needs a look at the source, and its DSN is not known.
    SourceNeeded = "SOURCE-NEEDED",
    /// A table has changed at the source in a way that DMS delivers no rows for: it was truncated, took the place of another
    /// one, lost a partition, or had its values converted.
    SourceRows = "SOURCE-ROWS",
    /// The source no longer shows a table that is cut over.
    SourceTableGone = "SOURCE-TABLE-GONE",
    /// Something about the source could not be told, such as whether it was idle, because its DSN is not known or it does not
    /// say. No reason for exit code 2.
    SourceUnknown = "SOURCE-UNKNOWN",
    /// The stream on raw was not read for half of the time after which Databend forgets what it has to show.
    StreamAging = "STREAM-AGING",
    /// The last runs of a task failed.
    TaskFailed = "TASK-FAILED",
    /// A task that is due regularly has had no successful run for a long time.
    TaskLate = "TASK-LATE",
    /// A task is not in Databend.
    TaskMissing = "TASK-MISSING",
    /// A task would work on a table that is being filled.
    TaskRunning = "TASK-RUNNING",
    /// A task of a table that is cut over is suspended.
    TaskSuspended = "TASK-SUSPENDED",
    /// Values of raw do not fit their column of ODS: they are NULL there, or rounded.
    ValuesUnfit = "VALUES-UNFIT",
    /// `verify` found rows of ODS that are not as at the source, and no change on its way explains it.
    VerifyDiffers = "VERIFY-DIFFERS",
    /// `verify` could not tell of some rows whether they are as at the source: they kept changing, or their changes did not
    /// arrive in time.
    VerifyInconclusive = "VERIFY-INCONCLUSIVE",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_in_order_and_have_a_meaning_of_one_paragraph() {
        let names: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert!(names.is_sorted(), "{names:?}");
        for code in Code::ALL {
            let meaning = code.meaning();
            assert!(meaning.ends_with('.') && !meaning.contains("  "), "{code}: {meaning}");
            assert_eq!(serde_json::json!(code), code.as_str());
        }
    }
}
