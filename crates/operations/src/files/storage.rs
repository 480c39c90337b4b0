//! Where a stage's files are, as Databend shows it.

use warehouse::catalog::{Snapshot, StageInfo};

use crate::engine::StepError;
use crate::finding::Code;

/// The bucket of a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Storage {
    /// The bucket.
    pub bucket: String,
    /// What every key begins with: empty, or with a trailing slash.
    pub root: String,
    /// The region, if the stage says.
    pub region: Option<String>,
    /// The endpoint, if it is not AWS's own.
    pub endpoint: Option<String>,
}

impl Storage {
    /// That of a stage.
    pub(crate) fn of(snapshot: &Snapshot, stage: &str) -> Result<Self, StepError> {
        let info = snapshot.stage(stage).ok_or_else(|| {
            StepError::finding(
                Code::Missing,
                stage,
                format!("stage {stage} is not in Databend"),
                "run `terraform apply`",
            )
        })?;
        Self::read(info).ok_or_else(|| {
            StepError::finding(
                Code::Missing,
                stage,
                format!("stage {stage} is at {}, and files can be set aside on S3 alone", info.url),
                "move the file to another folder by hand",
            )
        })
    }

    fn read(stage: &StageInfo) -> Option<Self> {
        let (bucket, root) = stage.url.strip_prefix("s3://")?.split_once('/')?;
        let region = stage.storage_params.get("region").and_then(serde_json::Value::as_str);
        let is_of_aws = stage.endpoint.is_empty() || stage.endpoint.contains(".amazonaws.com");
        Some(Self {
            bucket: bucket.to_owned(),
            root: root.to_owned(),
            region: region.filter(|region| !region.is_empty() && *region != "auto").map(str::to_owned),
            endpoint: (!is_of_aws).then(|| stage.endpoint.clone()),
        })
    }

    /// The key of a file.
    pub fn key(&self, path: &str) -> String {
        format!("{}{path}", self.root)
    }

    /// A file, as people write it.
    pub fn url(&self, path: &str) -> String {
        format!("s3://{}/{}", self.bucket, self.key(path))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(url: &str, endpoint: &str, params: serde_json::Value) -> Option<Storage> {
        Storage::read(&StageInfo {
            name: "dms".into(),
            stage_type: "External".into(),
            url: url.into(),
            endpoint: endpoint.into(),
            storage_params: params,
            file_format_options: json!({}),
            has_credentials: false,
            comment: String::new(),
        })
    }

    #[test]
    fn a_stage_shows_where_its_files_are() {
        let aws =
            read("s3://lake/dms/", "https://s3.amazonaws.com", json!({ "region": "eu-central-1" })).unwrap();
        assert_eq!((aws.region.as_deref(), aws.endpoint.as_deref()), (Some("eu-central-1"), None));
        assert_eq!(aws.url("shop/orders/1.parquet"), "s3://lake/dms/shop/orders/1.parquet");
        let other = read("s3://lake/", "http://127.0.0.1:9000", json!({ "region": "" })).unwrap();
        assert_eq!(
            (other.region.as_deref(), other.endpoint.as_deref()),
            (None, Some("http://127.0.0.1:9000"))
        );
        assert_eq!(other.key("shop/1.parquet"), "shop/1.parquet");
        assert_eq!(read("gcs://lake/", "", json!({})), None);
    }
}
