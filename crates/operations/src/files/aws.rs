//! The real S3, through the AWS SDK. The SDK repeats throttled and lost calls by itself.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use aws_config::BehaviorVersion;
use aws_config::meta::region::RegionProviderChain;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{Builder, Region};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::head_object::HeadObjectError;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Files, FilesError, Storage, Stored};
use crate::lease::MARGIN;

/// How often the SDK tries a call, with growing pauses.
const ATTEMPTS: u32 = 6;
/// How long a call may take. S3 copies a file of some gigabytes in minutes.
const LONGEST: Duration = Duration::from_mins(10);
/// What `CopyObject` takes as it is in the name of its source.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A region and an endpoint.
type Place = (Option<String>, Option<String>);

/// S3. Credentials come from where the AWS CLI takes them.
#[derive(Default)]
pub struct AwsFiles {
    clients: Mutex<BTreeMap<Place, Client>>,
}

impl AwsFiles {
    async fn client(&self, storage: &Storage) -> Client {
        let place = (storage.region.clone(), storage.endpoint.clone());
        let known = self.clients.lock().unwrap_or_else(PoisonError::into_inner).get(&place).cloned();
        if let Some(client) = known {
            return client;
        }
        let client = open(storage).await;
        self.clients.lock().unwrap_or_else(PoisonError::into_inner).insert(place, client.clone());
        client
    }
}

async fn open(storage: &Storage) -> Client {
    let region =
        RegionProviderChain::first_try(storage.region.clone().map(Region::new)).or_default_provider();
    let timeouts = TimeoutConfig::builder().operation_timeout(LONGEST).build();
    let shared = aws_config::defaults(BehaviorVersion::latest())
        .region(region)
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
        .timeout_config(timeouts)
        .load()
        .await;
    let mut config = Builder::from(&shared);
    if let Some(endpoint) = &storage.endpoint {
        // What speaks like S3 elsewhere has no host name per bucket.
        config = config.endpoint_url(endpoint).force_path_style(true);
    }
    Client::from_conf(config.build())
}

#[async_trait]
impl Files for AwsFiles {
    async fn look(&self, storage: &Storage, path: &str) -> Result<Option<Stored>, FilesError> {
        let call = self.client(storage).await.head_object();
        let answer = call.bucket(&storage.bucket).key(storage.key(path)).send().await;
        match answer {
            Ok(found) => Ok(Some(Stored {
                size: found.content_length().and_then(|size| u64::try_from(size).ok()).unwrap_or_default(),
                etag: found.e_tag().unwrap_or_default().to_owned(),
            })),
            Err(error) if error.as_service_error().is_some_and(HeadObjectError::is_not_found) => Ok(None),
            Err(error) => Err(sort("HeadObject", storage.url(path), &error)),
        }
    }

    async fn copy(&self, storage: &Storage, from: &str, seen: &Stored, to: &str) -> Result<(), FilesError> {
        let source = format!("{}/{}", storage.bucket, storage.key(from));
        let call = self.client(storage).await.copy_object();
        let call = call
            .copy_source(utf8_percent_encode(&source, ENCODED).to_string())
            .copy_source_if_match(&seen.etag)
            .bucket(&storage.bucket)
            .key(storage.key(to));
        call.send().await.map(drop).map_err(|error| sort("CopyObject", storage.url(from), &error))
    }

    async fn remove(&self, storage: &Storage, path: &str) -> Result<(), FilesError> {
        let call = self.client(storage).await.delete_object();
        let call = call.bucket(&storage.bucket).key(storage.key(path));
        // A lease is surely ours no longer than that (`crate::lease`).
        let Ok(sent) = tokio::time::timeout(MARGIN, call.send()).await else {
            let detail = format!("none within {} s", MARGIN.as_secs());
            return Err(FilesError::NoAnswer { call: "DeleteObject", file: storage.url(path), detail });
        };
        sent.map(drop).map_err(|error| sort("DeleteObject", storage.url(path), &error))
    }
}

/// What an error of the SDK means.
fn sort<E>(call: &'static str, file: String, error: &SdkError<E>) -> FilesError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let everything = crate::aws_error::causes(error);
    let Some(said) = error.as_service_error() else {
        // Missing credentials and regions show before anything is sent.
        return if crate::aws_error::is_of_credentials(&everything) {
            FilesError::Access { call, file, detail: everything }
        } else {
            FilesError::NoAnswer { call, file, detail: everything }
        };
    };
    let status = error.raw_response().map_or(0, |answer| answer.status().as_u16());
    let code = said.code().unwrap_or_default();
    let detail = match (said.message(), code) {
        // An answer to HeadObject has no body that says why.
        (None, "") => format!("HTTP {status}"),
        (message, code) => format!("{} ({code})", message.unwrap_or("no message")),
    };
    match (status, code) {
        (_, "SlowDown" | "RequestTimeout" | "ThrottlingException") | (500.., _) => {
            FilesError::NoAnswer { call, file, detail }
        }
        (401 | 403, _) | (_, "ExpiredToken" | "InvalidToken" | "InvalidAccessKeyId") => {
            FilesError::Access { call, file, detail }
        }
        _ => FilesError::Refused { call, file, detail },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_survives_in_the_source_of_a_copy() {
        let encoded = utf8_percent_encode("lake/shöp/it's 100%+/1.parquet", ENCODED).to_string();
        assert_eq!(encoded, "lake/sh%C3%B6p/it%27s%20100%25%2B/1.parquet");
    }

    #[tokio::test]
    async fn an_endpoint_that_does_not_answer_is_said_in_words() {
        let storage = Storage {
            bucket: "lake".into(),
            root: "dms/".into(),
            region: Some("us-east-1".into()),
            endpoint: Some("http://127.0.0.1:9".into()),
        };
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(aws_sdk_s3::config::BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .endpoint_url("http://127.0.0.1:9")
            .force_path_style(true)
            .credentials_provider(aws_sdk_s3::config::Credentials::new("a", "b", None, None, "test"))
            .retry_config(RetryConfig::disabled())
            .build();
        let place = (storage.region.clone(), storage.endpoint.clone());
        let files = AwsFiles { clients: Mutex::new(BTreeMap::from([(place, Client::from_conf(config))])) };
        let error = files.look(&storage, "shop/orders/1.parquet").await.unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with("no answer from S3 to HeadObject of s3://lake/dms/shop/orders/1.parquet: "),
            "{text}"
        );
        assert!(error.may_pass());
    }
}
