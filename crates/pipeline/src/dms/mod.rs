//! The documents that AWS takes for DMS, as this pipeline needs them.

mod bucket_policy;
mod s3_settings;
mod table_mappings;
mod task_settings;
mod trust_policy;

pub use bucket_policy::{BucketPolicy, BucketPolicyError, BucketRole};
pub use s3_settings::{S3Settings, S3SettingsError};
pub use table_mappings::{MappedTable, MappingError, MappingOptions, table_mappings};
pub use task_settings::{TaskSettings, TaskSettingsError};
pub use trust_policy::{TrustPolicyError, trust_policy};
