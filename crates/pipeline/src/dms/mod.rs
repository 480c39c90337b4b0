//! The documents that AWS DMS takes, as this pipeline needs them.

mod s3_settings;
mod table_mappings;

pub use s3_settings::{S3Settings, S3SettingsError};
pub use table_mappings::{MappedTable, MappingError, MappingOptions, table_mappings};
