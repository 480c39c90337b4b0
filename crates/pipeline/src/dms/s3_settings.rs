//! The settings of the S3 target endpoint.

use serde::Serialize;

use crate::table::DEFAULT_TIMESTAMP_COLUMN;

/// What `aws_dms_s3_endpoint` should say, attribute by attribute. The fields that are always the same are here so that
/// nobody has to know them; docs/facts/dms.md §1 tells what each other value would lose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "one field per attribute of aws_dms_s3_endpoint")]
pub struct S3Settings {
    /// Parquet carries types and column names.
    pub data_format: &'static str,
    /// Version 2 has more types.
    pub parquet_version: &'static str,
    /// Full-load files carry an Op column like all others.
    pub include_op_for_full_load: bool,
    /// `true` would drop every delete.
    pub cdc_inserts_and_updates: bool,
    /// `true` would drop every update and delete.
    pub cdc_inserts_only: bool,
    /// `true` would write CSV in one folder for all tables.
    pub preserve_transactions: bool,
    /// Name of the time column.
    pub timestamp_column_name: String,
    /// Full-load rows get the start of the task instead of a time later than that of changes during the load.
    pub use_task_start_time_for_full_load_timestamp: bool,
    /// Seconds from the first change of a file to its writing.
    pub cdc_max_batch_interval: i64,
    /// Kilobytes at which a file is written before its time.
    pub cdc_min_file_size: i64,
}

/// What is wrong with a setting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum S3SettingsError {
    /// DMS refuses an empty name (terraform-provider-aws #27283).
    #[error("timestamp_column_name must not be empty: DMS refuses it, and clean-up of raw needs the column")]
    Timestamp,
    /// Out of range.
    #[error("{name} must be {range}, is {value}")]
    Range {
        /// The setting.
        name: &'static str,
        /// What it must be.
        range: &'static str,
        /// What it is.
        value: i64,
    },
}

impl Default for S3Settings {
    fn default() -> Self {
        Self {
            data_format: "parquet",
            parquet_version: "parquet-2-0",
            include_op_for_full_load: true,
            cdc_inserts_and_updates: false,
            cdc_inserts_only: false,
            preserve_transactions: false,
            timestamp_column_name: DEFAULT_TIMESTAMP_COLUMN.to_owned(),
            use_task_start_time_for_full_load_timestamp: true,
            // DMS's own defaults: at most a minute late, and no flood of small files.
            cdc_max_batch_interval: 60,
            cdc_min_file_size: 32_000,
        }
    }
}

impl S3Settings {
    /// Checks what may differ from the default.
    pub fn check(&self) -> Result<(), S3SettingsError> {
        if self.timestamp_column_name.is_empty() {
            return Err(S3SettingsError::Timestamp);
        }
        for (name, value) in [
            ("cdc_max_batch_interval", self.cdc_max_batch_interval),
            ("cdc_min_file_size", self.cdc_min_file_size),
        ] {
            if !(1..=i64::from(i32::MAX)).contains(&value) {
                return Err(S3SettingsError::Range { name, range: "1 to 2147483647", value });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_keep_deletes_and_op() {
        let settings = S3Settings::default();
        assert!(
            !settings.cdc_inserts_and_updates
                && !settings.cdc_inserts_only
                && !settings.preserve_transactions
        );
        assert!(settings.include_op_for_full_load && settings.use_task_start_time_for_full_load_timestamp);
        assert_eq!(settings.check(), Ok(()));
    }

    #[test]
    fn bad_settings_are_named() {
        let settings = S3Settings { cdc_max_batch_interval: 0, ..S3Settings::default() };
        assert_eq!(
            settings.check().unwrap_err().to_string(),
            "cdc_max_batch_interval must be 1 to 2147483647, is 0"
        );
        let settings = S3Settings { timestamp_column_name: String::new(), ..S3Settings::default() };
        assert_eq!(settings.check(), Err(S3SettingsError::Timestamp));
    }
}
