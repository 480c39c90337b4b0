//! `provider::databend::…`, one file per function.

mod column_type;
mod dms_bucket_policy;
mod dms_s3_settings;
mod dms_table_mappings;
mod dms_task_settings;
mod dms_trust_policy;
mod options;

pub(crate) use column_type::ColumnType;
pub(crate) use dms_bucket_policy::DmsBucketPolicy;
pub(crate) use dms_s3_settings::DmsS3Settings;
pub(crate) use dms_table_mappings::DmsTableMappings;
pub(crate) use dms_task_settings::DmsTaskSettings;
pub(crate) use dms_trust_policy::DmsTrustPolicy;
