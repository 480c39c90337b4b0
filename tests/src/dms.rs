//! DMS tasks from the sandbox's `MySQL` to a bucket of their own, made through AWS's API in a second. Terraform's AWS
//! provider makes the same in one and a half minutes, most of which it sleeps; one test and the demo show that it does.

use std::time::Duration;

use pipeline::dms::{MappedTable, MappingOptions, S3Settings, TaskSettings, table_mappings};
use serde_json::{Map, Value, json};

use crate::{Aws, Error, Sandbox, wait};

/// How long a status may take to come.
const SETTLED_WITHIN: Duration = Duration::from_secs(60);

/// The task, not started yet, and its bucket.
#[derive(Debug, Clone)]
pub struct DmsTask {
    aws: Aws,
    /// The task's ARN.
    pub arn: String,
    /// Where it writes.
    pub bucket: String,
}

/// What tasks need: an instance, both endpoints and a bucket. Several tasks can share one.
#[derive(Debug, Clone)]
pub struct DmsSite {
    aws: Aws,
    /// The ARN of the replication instance.
    pub instance: String,
    /// The ARN of the source endpoint.
    pub source: String,
    /// The ARN of the target endpoint.
    pub target: String,
    /// Where the tasks write.
    pub bucket: String,
}

impl DmsSite {
    /// A site whose tasks write changes `interval` seconds after the first. `name` names everything: small letters,
    /// digits and hyphens.
    pub async fn create(sandbox: &Sandbox, name: &str, interval: i64) -> Result<Self, Error> {
        let aws = Aws::of(sandbox);
        aws.create_bucket(name).await?;
        let role = aws.create_role(name, name).await?;
        let mysql = sandbox.mysql_parts()?;
        let instance = aws
            .dms(
                "CreateReplicationInstance",
                json!({ "ReplicationInstanceIdentifier": name, "ReplicationInstanceClass": "dms.t3.micro" }),
            )
            .await?;
        let instance = text(&instance, "/ReplicationInstance/ReplicationInstanceArn")?;
        let source = json!({
            "EndpointIdentifier": format!("{name}-mysql"), "EndpointType": "source", "EngineName": "mysql",
            "ServerName": mysql.host, "Port": mysql.port, "Username": mysql.user, "Password": mysql.password,
            "ExtraConnectionAttributes": "skipTableSuspensionForPartitionDdl=true",
        });
        let target = json!({
            "EndpointIdentifier": format!("{name}-s3"), "EndpointType": "target", "EngineName": "s3",
            "S3Settings": s3_settings(name, &role, interval)?,
        });
        let source = text(&aws.dms("CreateEndpoint", source).await?, "/Endpoint/EndpointArn")?;
        let target = text(&aws.dms("CreateEndpoint", target).await?, "/Endpoint/EndpointArn")?;
        let filter = json!({ "Filters": [{ "Name": "replication-instance-arn", "Values": [instance] }] });
        wait::until(
            "the replication instance is available",
            SETTLED_WITHIN,
            async || {
                let found = aws.dms("DescribeReplicationInstances", filter.clone()).await?;
                text(&found, "/ReplicationInstances/0/ReplicationInstanceStatus")
            },
            |status| status == "available",
        )
        .await?;
        Ok(Self { aws, instance, source, target, bucket: name.to_owned() })
    }

    /// A task for `tables` (schema and table), not started yet.
    pub async fn task(&self, name: &str, tables: &[(String, String)]) -> Result<DmsTask, Error> {
        self.unusual_task(name, tables, "full-load-and-cdc", |_| {}).await
    }

    /// A task of another migration type, or with other settings than `dms_task_settings` gives.
    pub async fn unusual_task(
        &self,
        name: &str,
        tables: &[(String, String)],
        migration_type: &str,
        change: impl FnOnce(&mut Value),
    ) -> Result<DmsTask, Error> {
        let mut settings = TaskSettings::default().document();
        change(&mut settings);
        let task = json!({
            "ReplicationTaskIdentifier": name, "MigrationType": migration_type,
            "SourceEndpointArn": self.source, "TargetEndpointArn": self.target,
            "ReplicationInstanceArn": self.instance, "TableMappings": mappings(tables)?.to_string(),
            "ReplicationTaskSettings": settings.to_string(),
        });
        let task = self.aws.dms("CreateReplicationTask", task).await?;
        let arn = text(&task, "/ReplicationTask/ReplicationTaskArn")?;
        let new = DmsTask { aws: self.aws.clone(), arn, bucket: self.bucket.clone() };
        new.until("ready").await?;
        Ok(new)
    }
}

impl DmsTask {
    /// What `DescribeReplicationTasks` says.
    pub async fn describe(&self) -> Result<Value, Error> {
        let filter = json!({ "Filters": [{ "Name": "replication-task-arn", "Values": [self.arn] }] });
        Ok(self.aws.dms("DescribeReplicationTasks", filter).await?["ReplicationTasks"][0].take())
    }

    /// Waits for a status.
    pub async fn until(&self, status: &str) -> Result<(), Error> {
        let look = async || text(&self.describe().await?, "/Status");
        wait::until(&format!("the DMS task is {status}"), SETTLED_WITHIN, look, |now| now == status)
            .await
            .map(drop)
    }

    /// Everything committed until now is in files when this returns.
    pub async fn flush(&self) -> Result<(), Error> {
        self.aws.admin("dms/flush", json!({ "task": self.arn })).await.map(drop)
    }

    /// DMS gives a table up, as after an error of its own.
    pub async fn give_up(&self, schema: &str, table: &str) -> Result<(), Error> {
        let arguments = json!({ "task": self.arn, "schema": schema, "table": table });
        self.aws.admin("dms/table-error", arguments).await.map(drop)
    }

    /// `ReloadTables`, for one table.
    pub async fn reload(&self, schema: &str, table: &str) -> Result<(), Error> {
        let arguments = json!({
            "ReplicationTaskArn": self.arn, "TablesToReload": [{ "SchemaName": schema, "TableName": table }],
        });
        self.aws.dms("ReloadTables", arguments).await.map(drop)
    }

    /// `ModifyReplicationTask` with mappings for these tables (schema and table); it must not run. `loads`: whether it loads
    /// the added ones by itself when it is resumed, which AWS documents nowhere.
    pub async fn remap(&self, tables: &[(String, String)], loads: bool) -> Result<(), Error> {
        let arguments = json!({
            "ReplicationTaskArn": self.arn, "TableMappings": mappings(tables)?.to_string(),
        });
        self.aws.dms("ModifyReplicationTask", arguments).await?;
        self.until("stopped").await?;
        let added = if loads { "loaded" } else { "followed" };
        let switches = json!({ "task": self.arn, "switches": { "added_tables": added } });
        self.aws.admin("dms/switches", switches).await.map(drop)
    }

    /// What DMS says about a table: `Table completed` for instance; nothing while it does not list it.
    pub async fn table_state(&self, table: &str) -> Result<Option<String>, Error> {
        let answer =
            self.aws.dms("DescribeTableStatistics", json!({ "ReplicationTaskArn": self.arn })).await?;
        let tables = answer["TableStatistics"].as_array().cloned().unwrap_or_default();
        let state = tables.iter().find(|one| one["TableName"] == table).map(|one| &one["TableState"]);
        Ok(state.and_then(Value::as_str).map(str::to_owned))
    }

    /// Starts it: `start-replication` or `resume-processing`.
    pub async fn start(&self, how: &str) -> Result<(), Error> {
        let arguments = json!({ "ReplicationTaskArn": self.arn, "StartReplicationTaskType": how });
        self.aws.dms("StartReplicationTask", arguments).await?;
        self.until("running").await
    }

    /// Stops it.
    pub async fn stop(&self) -> Result<(), Error> {
        self.aws.dms("StopReplicationTask", json!({ "ReplicationTaskArn": self.arn })).await?;
        self.until("stopped").await
    }

    /// Deletes it; it must not run.
    pub async fn delete(&self) -> Result<(), Error> {
        self.aws.dms("DeleteReplicationTask", json!({ "ReplicationTaskArn": self.arn })).await.map(drop)
    }

    /// The files in its bucket.
    pub async fn files(&self) -> Result<Vec<String>, Error> {
        self.aws.keys(&self.bucket).await
    }
}

fn text(document: &Value, pointer: &str) -> Result<String, Error> {
    document.pointer(pointer).and_then(Value::as_str).map(str::to_owned).ok_or_else(|| Error::Form {
        what: "an answer of DMS".into(),
        reason: format!("there is no {pointer} in {document}"),
    })
}

fn mappings(tables: &[(String, String)]) -> Result<Value, Error> {
    let tables: Vec<_> = tables
        .iter()
        .map(|(schema, table)| MappedTable { schema: schema.clone(), table: table.clone() })
        .collect();
    table_mappings(&tables, &MappingOptions::default())
        .map_err(|error| Error::Form { what: "the table mappings".into(), reason: error.to_string() })
}

/// As `dms_s3_settings` says it, in the API's spelling.
fn s3_settings(bucket: &str, role: &str, interval: i64) -> Result<Value, Error> {
    let settings = S3Settings { cdc_max_batch_interval: interval, ..S3Settings::default() };
    let form =
        |error: serde_json::Error| Error::Form { what: "S3Settings".into(), reason: error.to_string() };
    let Value::Object(settings) = serde_json::to_value(settings).map_err(form)? else {
        return Err(Error::Form { what: "S3Settings".into(), reason: "it is no object".into() });
    };
    let mut all: Map<String, Value> =
        settings.into_iter().map(|(name, value)| (in_pascal_case(&name), value)).collect();
    all.insert("BucketName".into(), bucket.into());
    all.insert("ServiceAccessRoleArn".into(), role.into());
    Ok(Value::Object(all))
}

/// `cdc_max_batch_interval` → `CdcMaxBatchInterval`.
fn in_pascal_case(name: &str) -> String {
    name.split('_').map(|word| word[..1].to_uppercase() + &word[1..]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_spelled_as_the_api_spells_them() {
        let settings = s3_settings("lake", "arn:role", 2).unwrap();
        assert_eq!(settings["CdcMaxBatchInterval"], 2);
        assert_eq!(settings["IncludeOpForFullLoad"], true);
        assert_eq!(settings["DataFormat"], "parquet");
        assert_eq!(settings["BucketName"], "lake");
    }
}
