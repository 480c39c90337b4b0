//! The real DMS, through the AWS SDK. The SDK repeats throttled and lost calls by itself.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use aws_config::BehaviorVersion;
use aws_config::meta::region::RegionProviderChain;
use aws_config::retry::RetryConfig;
use aws_sdk_databasemigration::Client;
use aws_sdk_databasemigration::config::Region;
use aws_sdk_databasemigration::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_databasemigration::types::{
    Filter, ReplicationTask, StartReplicationTaskTypeValue, TableStatistics, TableToReload,
};
use chrono::{DateTime, Utc};

use super::together::Together;
use super::{Dms, DmsError, StartKind, TableView, TaskView};
use crate::aws_error::{causes, is_of_credentials};
use schemars::JsonSchema;
use serde::Deserialize;

/// How often the SDK tries a call, with growing pauses.
const ATTEMPTS: u32 = 6;
/// Tables per page; DMS allows 20 to 500.
const PAGE: i32 = 500;

/// Where DMS is. Credentials come from where the AWS CLI takes them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Aws {
    /// Region. Default: the one in the task's ARN.
    pub region: Option<String>,
    /// Endpoint URL of DMS. Default: the environment's, else the region's.
    pub endpoint_url: Option<String>,
}

/// DMS in the region of runbook.toml, of the task itself, or of the environment.
pub struct AwsDms {
    settings: Aws,
    task_arn: String,
    /// None after credentials have expired: the next call reads them again.
    client: Mutex<Option<Client>>,
    /// Tables to load, by the ARN of their task.
    loads: Mutex<BTreeMap<String, Arc<Together<TableToReload>>>>,
}

impl AwsDms {
    /// A client for the region of this task.
    pub fn new(settings: &Aws, task_arn: &str) -> Result<Self, DmsError> {
        super::check_arn(task_arn)?;
        Ok(Self {
            settings: settings.clone(),
            task_arn: task_arn.to_owned(),
            client: Mutex::default(),
            loads: Mutex::default(),
        })
    }

    async fn client(&self) -> Client {
        if let Some(client) = self.slot().clone() {
            return client;
        }
        let client = open(&self.settings, &self.task_arn).await;
        *self.slot() = Some(client.clone());
        client
    }

    fn loads_of(&self, arn: &str) -> Arc<Together<TableToReload>> {
        let mut loads = self.loads.lock().unwrap_or_else(PoisonError::into_inner);
        loads.entry(arn.to_owned()).or_default().clone()
    }

    fn slot(&self) -> MutexGuard<'_, Option<Client>> {
        self.client.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What an error of the SDK means. Credentials that have expired are dropped.
    fn sort<E>(&self, call: &'static str, arn: &str, error: &SdkError<E>) -> DmsError
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let error = sort(call, arn, error);
        if matches!(error, DmsError::Expired { .. }) {
            *self.slot() = None;
        }
        error
    }
}

async fn open(settings: &Aws, task_arn: &str) -> Client {
    let region = RegionProviderChain::first_try(settings.region.clone().map(Region::new))
        .or_else(region_of(task_arn).map(Region::new))
        .or_default_provider();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .region(region)
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS));
    if let Some(url) = &settings.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    Client::new(&loader.load().await)
}

/// The fourth part of an ARN.
fn region_of(arn: &str) -> Option<String> {
    arn.split(':').nth(3).filter(|region| !region.is_empty()).map(str::to_owned)
}

#[async_trait]
impl Dms for AwsDms {
    async fn task(&self, arn: &str) -> Result<TaskView, DmsError> {
        let call = "DescribeReplicationTasks";
        let filter = Filter::builder()
            .name("replication-task-arn")
            .values(arn)
            .build()
            .map_err(|error| DmsError::Refused { call, detail: error.to_string() })?;
        let answer = self
            .client()
            .await
            .describe_replication_tasks()
            .filters(filter)
            // What it does with files and LOBs is in its settings.
            .without_settings(false)
            .send()
            .await
            .map_err(|error| self.sort(call, arn, &error))?;
        let task = answer.replication_tasks().iter().find(|task| task.replication_task_arn() == Some(arn));
        task.map(task_view).ok_or_else(|| DmsError::NotFound { arn: arn.to_owned() })
    }

    async fn start(&self, arn: &str, how: StartKind) -> Result<(), DmsError> {
        let kind = match how {
            StartKind::StartReplication => StartReplicationTaskTypeValue::StartReplication,
            StartKind::ResumeProcessing => StartReplicationTaskTypeValue::ResumeProcessing,
            StartKind::ReloadTarget => StartReplicationTaskTypeValue::ReloadTarget,
        };
        let client = self.client().await;
        let call =
            client.start_replication_task().replication_task_arn(arn).start_replication_task_type(kind);
        call.send().await.map(drop).map_err(|error| self.sort("StartReplicationTask", arn, &error))
    }

    async fn tables(&self, arn: &str) -> Result<Vec<TableView>, DmsError> {
        let mut tables = Vec::new();
        let mut pages = self
            .client()
            .await
            .describe_table_statistics()
            .replication_task_arn(arn)
            .max_records(PAGE)
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| self.sort("DescribeTableStatistics", arn, &error))?;
            tables.extend(page.table_statistics().iter().map(table_view));
        }
        Ok(tables)
    }

    async fn load_table(&self, arn: &str, schema: &str, table: &str) -> Result<(), DmsError> {
        let call = "ReloadTables";
        let table = TableToReload::builder()
            .schema_name(schema)
            .table_name(table)
            .build()
            .map_err(|error| DmsError::Refused { call, detail: error.to_string() })?;
        let client = &self.client().await;
        let send = move |tables: Vec<TableToReload>| async move {
            let request = client.reload_tables().replication_task_arn(arn).set_tables_to_reload(Some(tables));
            request.send().await.map(drop).map_err(|error| self.sort(call, arn, &error))
        };
        self.loads_of(arn).send(table, send).await
    }
}

fn task_view(task: &ReplicationTask) -> TaskView {
    let stats = task.replication_task_stats();
    TaskView {
        status: task.status().unwrap_or_default().to_owned(),
        migration_type: task.migration_type().map(|kind| kind.as_str().to_owned()).unwrap_or_default(),
        stop_reason: task
            .stop_reason()
            .map(|reason| reason.trim_start_matches("Stop Reason ").to_owned())
            .filter(|reason| !reason.is_empty()),
        last_failure: task.last_failure_message().filter(|text| !text.is_empty()).map(str::to_owned),
        full_load_percent: stats.map_or(0, |stats| stats.full_load_progress_percent),
        ever_started: task.replication_task_start_date().is_some()
            || stats.is_some_and(|stats| stats.fresh_start_date().is_some()),
        fresh_start: time(stats.and_then(|stats| stats.fresh_start_date())),
        full_load_finished: time(stats.and_then(|stats| stats.full_load_finish_date())),
        prep_mode: task.replication_task_settings().and_then(prep_mode),
        lob_max_kb: task.replication_task_settings().and_then(lob_max_kb),
    }
}

/// What the settings say of files that are there before a load.
fn prep_mode(settings: &str) -> Option<String> {
    let settings: serde_json::Value = serde_json::from_str(settings).ok()?;
    settings.pointer("/FullLoadSettings/TargetTablePrepMode")?.as_str().map(str::to_owned)
}

/// What the settings say of the size of LOBs.
fn lob_max_kb(settings: &str) -> Option<u64> {
    let settings: serde_json::Value = serde_json::from_str(settings).ok()?;
    let target = settings.get("TargetMetadata")?;
    let is_limited = target.get("LimitedSizeLobMode").and_then(serde_json::Value::as_bool) == Some(true);
    target.get("LobMaxSize").filter(|_| is_limited)?.as_u64()
}

fn time(at: Option<&aws_sdk_databasemigration::primitives::DateTime>) -> Option<DateTime<Utc>> {
    at.and_then(|at| DateTime::from_timestamp(at.secs(), at.subsec_nanos()))
}

fn table_view(table: &TableStatistics) -> TableView {
    let count = |n: i64| u64::try_from(n).unwrap_or_default();
    TableView {
        schema: table.schema_name().unwrap_or_default().to_owned(),
        table: table.table_name().unwrap_or_default().to_owned(),
        state: table.table_state().unwrap_or_default().to_owned(),
        full_load_rows: count(table.full_load_rows()),
        full_load_started: time(table.full_load_start_time()),
        full_load_ended: time(table.full_load_end_time()),
        reloaded: table.full_load_reloaded().unwrap_or_default(),
        inserts: count(table.inserts()),
        updates: count(table.updates()),
        deletes: count(table.deletes()),
        ddls: count(table.ddls()),
    }
}

fn sort<E>(call: &'static str, arn: &str, error: &SdkError<E>) -> DmsError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let everything = causes(error);
    let Some(said) = error.as_service_error() else {
        // Missing credentials and regions show before anything is sent.
        return if is_of_credentials(&everything) {
            DmsError::Access { call, detail: everything }
        } else {
            DmsError::NoAnswer { call, detail: everything }
        };
    };
    let code = said.code().unwrap_or_default();
    let detail = format!("{} ({code})", said.message().unwrap_or("no message"));
    match code {
        "ResourceNotFoundFault" => DmsError::NotFound { arn: arn.to_owned() },
        "InvalidResourceStateFault" => DmsError::InvalidState { call, detail },
        "AccessDeniedFault"
        | "AccessDeniedException"
        | "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "MissingAuthenticationTokenException" => DmsError::Access { call, detail },
        "ExpiredTokenException" | "ExpiredToken" | "RequestExpired" => DmsError::Expired { call, detail },
        "ThrottlingException" | "Throttling" | "TooManyRequestsException" | "RequestLimitExceeded" => {
            DmsError::Throttled { call, detail }
        }
        _ if error.raw_response().is_some_and(|answer| answer.status().as_u16() >= 500) => {
            DmsError::NoAnswer { call, detail }
        }
        _ => DmsError::Refused { call, detail },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_is_in_the_arn() {
        assert_eq!(
            region_of("arn:aws:dms:eu-central-1:123456789012:task:X").as_deref(),
            Some("eu-central-1")
        );
        assert_eq!(region_of("nonsense"), None);
    }

    #[test]
    fn stop_reasons_lose_their_prefix() {
        let task = ReplicationTask::builder().stop_reason("Stop Reason NORMAL").status("stopped").build();
        let view = task_view(&task);
        assert_eq!(view.stop_reason.as_deref(), Some("NORMAL"));
        assert!(!view.ever_started);
    }

    #[tokio::test]
    async fn an_endpoint_that_does_not_answer_is_said_in_words() {
        let config = aws_sdk_databasemigration::Config::builder()
            .behavior_version(aws_sdk_databasemigration::config::BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .endpoint_url("http://127.0.0.1:9")
            .credentials_provider(aws_sdk_databasemigration::config::Credentials::new(
                "a", "b", None, None, "test",
            ))
            .retry_config(RetryConfig::disabled())
            .build();
        let dms = AwsDms {
            settings: Aws::default(),
            task_arn: String::new(),
            client: Mutex::new(Some(Client::from_conf(config))),
            loads: Mutex::default(),
        };
        let error = dms.task("arn:aws:dms:us-east-1:1:task:X").await.unwrap_err();
        assert!(error.to_string().starts_with("no answer from DMS to DescribeReplicationTasks: "), "{error}");
    }
}
