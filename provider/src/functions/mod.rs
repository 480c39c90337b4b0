//! `provider::databend::…`, one file per function.

mod dms_s3_settings;
mod dms_table_mappings;

pub(crate) use dms_s3_settings::DmsS3Settings;
pub(crate) use dms_table_mappings::DmsTableMappings;
