//! The `ReplicationTaskSettings` of a replication task.

use serde_json::{Value, json};

/// The task settings that differ from pipeline to pipeline. [`TaskSettings::document`] adds all others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskSettings {
    /// Kilobytes at which DMS cuts off a JSON, MEDIUMTEXT, LONGTEXT, MEDIUMBLOB or LONGBLOB value.
    pub lob_max_size: i64,
    /// Tables that the full load reads at the same time.
    pub max_full_load_sub_tasks: i64,
    /// Rows that the full load transfers at a time; times `lob_max_size`, this bounds the memory of a table with LOBs.
    pub commit_rate: i64,
    /// Whether DMS writes the task's log to `CloudWatch`.
    pub enable_logging: bool,
    /// Whether a `TRUNCATE` at the source fails the task. DMS writes no rows for it, so ODS would keep what was truncated.
    pub fail_on_truncation_ddl: bool,
}

/// A setting is out of its range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} must be {range}, is {value}")]
pub struct TaskSettingsError {
    /// The setting.
    pub name: &'static str,
    /// The accepted values.
    pub range: &'static str,
    /// The value given.
    pub value: i64,
}

impl Default for TaskSettings {
    fn default() -> Self {
        Self {
            // DMS's default of 32 cuts off longer JSON, and ODS shows NULL for a document that does not parse.
            lob_max_size: 1024,
            // The rest are DMS's own defaults, except for the log: DMS reports a LOB that it cut off nowhere else.
            max_full_load_sub_tasks: 8,
            commit_rate: 10_000,
            enable_logging: true,
            fail_on_truncation_ddl: false,
        }
    }
}

impl TaskSettings {
    /// Checks the ranges that the user guide gives ("Target metadata task settings", "Full-load task settings").
    pub fn check(&self) -> Result<(), TaskSettingsError> {
        for (name, value, range, accepted) in [
            ("lob_max_size", self.lob_max_size, "1 to 102400 (kilobytes)", 1..=102_400),
            ("max_full_load_sub_tasks", self.max_full_load_sub_tasks, "1 to 49", 1..=49),
            ("commit_rate", self.commit_rate, "1 to 50000", 1..=50_000),
        ] {
            if !accepted.contains(&value) {
                return Err(TaskSettingsError { name, range, value });
            }
        }
        Ok(())
    }

    /// The whole document, as DMS returns it.
    ///
    /// `aws_dms_replication_task` (hashicorp/aws 5.100) ignores a setting that DMS returns and the configuration does
    /// not have, and shows a diff for a setting that only the configuration has. So the document leaves out, and
    /// thereby leaves to DMS:
    ///
    /// - what not every DMS engine returns: `EventErrorPolicy`, `DataMaskingErrorPolicy`, `RecoveryTimeout`,
    ///   `TTSettings`, `ValidationSettings` (validation is off without it);
    /// - what is null: `BeforeImageSettings`, `CharacterSetSettings`, `LoopbackPreventionSettings`, `PostProcessingRules`;
    /// - what is read-only: `CloudWatchLogGroup`, `CloudWatchLogStream`, `historyTimeslotInMinutes`;
    /// - `EnableLogContext`, which the provider refuses while logging is off;
    /// - `LogComponents`: their severity is turned up for an investigation, and Terraform should not turn it down.
    pub fn document(&self) -> Value {
        json!({
            "TargetMetadata": self.target_metadata(),
            "FullLoadSettings": self.full_load_settings(),
            "ErrorBehavior": self.error_behavior(),
            "ChangeProcessingDdlHandlingPolicy": {
                // DMS deletes a table's files for a TRUNCATE or DROP, including those that Databend has not loaded.
                "HandleSourceTableTruncated": false,
                "HandleSourceTableDropped": false,
                // Brings new columns.
                "HandleSourceTableAltered": true,
            },
            "ChangeProcessingTuning": {
                "StatementCacheSize": 50,
                "CommitTimeout": 1,
                "MinTransactionSize": 1000,
                "MemoryKeepTime": 60,
                "MemoryLimitTotal": 1024,
                // Without effect on an S3 target.
                "BatchApplyPreserveTransaction": true,
                "BatchApplyTimeoutMin": 1,
                "BatchApplyTimeoutMax": 30,
                "BatchApplyMemoryLimit": 500,
                "BatchSplitSize": 0,
            },
            "ControlTablesSettings": {
                "ControlSchema": "",
                "HistoryTimeslotInMinutes": 5,
                // The runbook reads DMS's API instead.
                "HistoryTableEnabled": false,
                "StatusTableEnabled": false,
                "SuspendedTablesTableEnabled": false,
                "FullLoadExceptionTableEnabled": false,
            },
            "StreamBufferSettings": {
                "StreamBufferCount": 3,
                "StreamBufferSizeInMB": 8,
                "CtrlStreamBufferSizeInMB": 5,
            },
            "Logging": { "EnableLogging": self.enable_logging },
            "FailTaskWhenCleanTaskResourceFailed": false,
        })
    }

    fn target_metadata(&self) -> Value {
        json!({
            // Another schema would move the files out of the folder that the table's stage path names.
            "TargetSchema": "",
            "SupportLobs": true,
            // An S3 target takes no other LOB mode (docs/facts/dms.md §3).
            "FullLobMode": false,
            "LobChunkSize": 0,
            "InlineLobMaxSize": 0,
            "LimitedSizeLobMode": true,
            "LobMaxSize": self.lob_max_size,
            // Not supported for an S3 target; it can lose changes (docs/facts/dms.md §1).
            "BatchApplyEnabled": false,
            "TaskRecoveryTableEnabled": false,
            // For other targets.
            "LoadMaxFileSize": 0,
            "ParallelLoadThreads": 0,
            "ParallelLoadBufferSize": 0,
            "ParallelLoadQueuesPerThread": 0,
            "ParallelApplyThreads": 0,
            "ParallelApplyBufferSize": 0,
            "ParallelApplyQueuesPerThread": 0,
        })
    }

    fn full_load_settings(&self) -> Value {
        json!({
            // Every other mode deletes a table's files when its load starts, including those that Databend has not loaded.
            "TargetTablePrepMode": "DO_NOTHING",
            "CreatePkAfterFullLoad": false,
            // `runbook cutover` lets the task continue into the changes; a task that stopped would wait for an operator.
            "StopTaskCachedChangesApplied": false,
            "StopTaskCachedChangesNotApplied": false,
            "MaxFullLoadSubTasks": self.max_full_load_sub_tasks,
            "TransactionConsistencyTimeout": 600,
            "CommitRate": self.commit_rate,
        })
    }

    /// A record that DMS cannot process suspends its table, which `runbook status` shows. DMS's defaults log the error
    /// and drop the record.
    fn error_behavior(&self) -> Value {
        json!({
            "DataErrorPolicy": "SUSPEND_TABLE",
            "DataTruncationErrorPolicy": "SUSPEND_TABLE",
            "DataErrorEscalationPolicy": "SUSPEND_TABLE",
            "DataErrorEscalationCount": 0,
            "ApplyErrorInsertPolicy": "SUSPEND_TABLE",
            "ApplyErrorUpdatePolicy": "SUSPEND_TABLE",
            "ApplyErrorDeletePolicy": "SUSPEND_TABLE",
            "ApplyErrorEscalationPolicy": "SUSPEND_TABLE",
            "ApplyErrorEscalationCount": 0,
            "ApplyErrorFailOnTruncationDdl": self.fail_on_truncation_ddl,
            // One table's error does not stop the others.
            "TableErrorPolicy": "SUSPEND_TABLE",
            "TableErrorEscalationPolicy": "STOP_TASK",
            "TableErrorEscalationCount": 0,
            // A lost connection is retried indefinitely, at most half an hour apart: the binlog outlives most outages.
            "RecoverableErrorCount": -1,
            "RecoverableErrorInterval": 5,
            "RecoverableErrorThrottling": true,
            "RecoverableErrorThrottlingMax": 1800,
            "RecoverableErrorStopRetryAfterThrottlingMax": false,
            // Fails where DMS would otherwise start without a transaction that stayed open.
            "FailOnTransactionConsistencyBreached": true,
            // Table mappings that match no table are a mistake.
            "FailOnNoTablesCaptured": true,
            "FullLoadIgnoreConflicts": true,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_whole() {
        assert_eq!(
            TaskSettings::default().document(),
            json!({
                "ChangeProcessingDdlHandlingPolicy": {
                    "HandleSourceTableAltered": true, "HandleSourceTableDropped": false, "HandleSourceTableTruncated": false,
                },
                "ChangeProcessingTuning": {
                    "BatchApplyMemoryLimit": 500, "BatchApplyPreserveTransaction": true, "BatchApplyTimeoutMax": 30,
                    "BatchApplyTimeoutMin": 1, "BatchSplitSize": 0, "CommitTimeout": 1, "MemoryKeepTime": 60,
                    "MemoryLimitTotal": 1024, "MinTransactionSize": 1000, "StatementCacheSize": 50,
                },
                "ControlTablesSettings": {
                    "ControlSchema": "", "FullLoadExceptionTableEnabled": false, "HistoryTableEnabled": false,
                    "HistoryTimeslotInMinutes": 5, "StatusTableEnabled": false, "SuspendedTablesTableEnabled": false,
                },
                "ErrorBehavior": {
                    "ApplyErrorDeletePolicy": "SUSPEND_TABLE", "ApplyErrorEscalationCount": 0,
                    "ApplyErrorEscalationPolicy": "SUSPEND_TABLE", "ApplyErrorFailOnTruncationDdl": false,
                    "ApplyErrorInsertPolicy": "SUSPEND_TABLE", "ApplyErrorUpdatePolicy": "SUSPEND_TABLE",
                    "DataErrorEscalationCount": 0, "DataErrorEscalationPolicy": "SUSPEND_TABLE",
                    "DataErrorPolicy": "SUSPEND_TABLE", "DataTruncationErrorPolicy": "SUSPEND_TABLE",
                    "FailOnNoTablesCaptured": true, "FailOnTransactionConsistencyBreached": true,
                    "FullLoadIgnoreConflicts": true, "RecoverableErrorCount": -1, "RecoverableErrorInterval": 5,
                    "RecoverableErrorStopRetryAfterThrottlingMax": false, "RecoverableErrorThrottling": true,
                    "RecoverableErrorThrottlingMax": 1800, "TableErrorEscalationCount": 0,
                    "TableErrorEscalationPolicy": "STOP_TASK", "TableErrorPolicy": "SUSPEND_TABLE",
                },
                "FailTaskWhenCleanTaskResourceFailed": false,
                "FullLoadSettings": {
                    "CommitRate": 10000, "CreatePkAfterFullLoad": false, "MaxFullLoadSubTasks": 8,
                    "StopTaskCachedChangesApplied": false, "StopTaskCachedChangesNotApplied": false,
                    "TargetTablePrepMode": "DO_NOTHING", "TransactionConsistencyTimeout": 600,
                },
                "Logging": { "EnableLogging": true },
                "StreamBufferSettings": {
                    "CtrlStreamBufferSizeInMB": 5, "StreamBufferCount": 3, "StreamBufferSizeInMB": 8,
                },
                "TargetMetadata": {
                    "BatchApplyEnabled": false, "FullLobMode": false, "InlineLobMaxSize": 0, "LimitedSizeLobMode": true,
                    "LoadMaxFileSize": 0, "LobChunkSize": 0, "LobMaxSize": 1024, "ParallelApplyBufferSize": 0,
                    "ParallelApplyQueuesPerThread": 0, "ParallelApplyThreads": 0, "ParallelLoadBufferSize": 0,
                    "ParallelLoadQueuesPerThread": 0, "ParallelLoadThreads": 0, "SupportLobs": true,
                    "TargetSchema": "", "TaskRecoveryTableEnabled": false,
                },
            })
        );
    }

    #[test]
    fn each_setting_is_in_its_place() {
        let settings = TaskSettings {
            lob_max_size: 63,
            max_full_load_sub_tasks: 4,
            commit_rate: 500,
            enable_logging: false,
            fail_on_truncation_ddl: true,
        };
        assert_eq!(settings.check(), Ok(()));
        let document = settings.document();
        for (pointer, value) in [
            ("/TargetMetadata/LobMaxSize", json!(63)),
            ("/FullLoadSettings/MaxFullLoadSubTasks", json!(4)),
            ("/FullLoadSettings/CommitRate", json!(500)),
            ("/Logging/EnableLogging", json!(false)),
            ("/ErrorBehavior/ApplyErrorFailOnTruncationDdl", json!(true)),
        ] {
            assert_eq!(document.pointer(pointer), Some(&value), "{pointer}");
        }
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let cases = [
            (
                TaskSettings { lob_max_size: 0, ..TaskSettings::default() },
                "lob_max_size must be 1 to 102400 (kilobytes), is 0",
            ),
            (
                TaskSettings { max_full_load_sub_tasks: 50, ..TaskSettings::default() },
                "max_full_load_sub_tasks must be 1 to 49, is 50",
            ),
            (
                TaskSettings { commit_rate: 50_001, ..TaskSettings::default() },
                "commit_rate must be 1 to 50000, is 50001",
            ),
        ];
        for (settings, message) in cases {
            assert_eq!(settings.check().unwrap_err().to_string(), message);
        }
        assert_eq!(TaskSettings::default().check(), Ok(()));
    }
}
