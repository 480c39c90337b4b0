//! The functions, called from Terraform.

use std::collections::BTreeSet;
use std::time::Duration;

use e2e::{Aws, DmsSite, Must, Plan, Sandbox, TerraformDir, names, wait};
use serde_json::{Value, json};

const PROVIDERS: &str = r#"
terraform {
  required_providers {
    databend = { source = "databend-cdc/databend" }
  }
}
"#;

async fn terraform() -> TerraformDir {
    let terraform = TerraformDir::new(&Sandbox::from_env().must()).must();
    terraform.write("providers.tf", PROVIDERS).must();
    terraform.init().await.must();
    terraform
}

/// The values of expressions.
async fn values(expressions: &[&str]) -> Vec<Value> {
    let terraform = terraform().await;
    let output = |(i, text): (usize, &&str)| format!("output \"o{i}\" {{\n  value = {text}\n}}\n");
    let config: String = expressions.iter().enumerate().map(output).collect();
    terraform.write("main.tf", &config).must();
    terraform.apply(&[]).await.must();
    let mut values = Vec::new();
    for i in 0..expressions.len() {
        values.push(terraform.output(&format!("o{i}")).await.must());
    }
    values
}

#[tokio::test]
async fn table_mappings_keep_order_and_old_keys() {
    let tables = r#"[{ schema = "shop", table = "orders" }, { schema = "sh%op", table = "order_items" }]"#;
    let [all, bare] = values(&[
        &format!("jsondecode(provider::databend::dms_table_mappings({tables}))"),
        &format!("jsondecode(provider::databend::dms_table_mappings({tables}, {{ change_seq_column = \"seq\", position_column = \"\", before_image_prefix = \"\" }}))"),
    ])
    .await
    .try_into()
    .unwrap();
    let rules = all["rules"].as_array().unwrap();
    let actions: Vec<_> = rules.iter().map(|rule| rule["rule-action"].as_str().unwrap()).collect();
    let one = ["include", "add-column", "add-column", "add-before-image-columns"];
    assert_eq!(actions, [one, one].concat());
    assert_eq!(rules[0]["object-locator"]["table-name"], "orders");
    assert_eq!(rules[1]["expression"], "$AR_H_CHANGE_SEQ");
    assert_eq!(rules[1]["value"], "_dms_change_seq");
    assert_eq!(rules[2]["expression"], "$AR_H_STREAM_POSITION");
    assert_eq!(rules[2]["value"], "_dms_position");
    assert_eq!(
        rules[3]["before-image-def"],
        json!({ "column-prefix": "_dms_before_", "column-suffix": "", "column-filter": "pk-only" })
    );
    let ids: BTreeSet<_> = rules.iter().map(|rule| rule["rule-id"].to_string()).collect();
    assert_eq!(ids.len(), rules.len());
    let rules = bare["rules"].as_array().unwrap();
    assert_eq!(rules.len(), 4);
    assert_eq!(rules[1]["value"], "seq");
}

#[tokio::test]
async fn s3_settings_fit_the_resource() {
    let [defaults, given] = values(&[
        "provider::databend::dms_s3_settings()",
        "provider::databend::dms_s3_settings({ cdc_max_batch_interval = 5, timestamp_column_name = \"ts\" })",
    ])
    .await
    .try_into()
    .unwrap();
    assert_eq!(
        defaults,
        json!({
            "data_format": "parquet",
            "parquet_version": "parquet-2-0",
            "include_op_for_full_load": true,
            "cdc_inserts_and_updates": false,
            "cdc_inserts_only": false,
            "preserve_transactions": false,
            "timestamp_column_name": "_dms_ingestion_timestamp",
            "use_task_start_time_for_full_load_timestamp": true,
            "cdc_max_batch_interval": 60,
            "cdc_min_file_size": 32000,
        })
    );
    assert_eq!(
        (&given["cdc_max_batch_interval"], &given["timestamp_column_name"]),
        (&json!(5), &json!("ts"))
    );
}

const TASK_SETTINGS: &str = r#"
terraform {
  required_providers {
    aws      = { source = "hashicorp/aws", version = "~> 5.100" }
    databend = { source = "databend-cdc/databend" }
  }
}

locals {
  settings = {
    defaults = provider::databend::dms_task_settings()
    options = provider::databend::dms_task_settings({
      lob_max_size            = 63
      max_full_load_sub_tasks = 4
      commit_rate             = 500
      enable_logging          = false
      fail_on_truncation_ddl  = true
    })
  }
}

resource "aws_dms_replication_task" "shop" {
  for_each                  = local.settings
  replication_task_id       = "NAME-${each.key}"
  migration_type            = "full-load-and-cdc"
  replication_instance_arn  = "INSTANCE"
  source_endpoint_arn       = "SOURCE"
  target_endpoint_arn       = "TARGET"
  table_mappings            = provider::databend::dms_table_mappings([{ schema = "shop", table = "orders" }])
  replication_task_settings = each.value
}

output "tasks" {
  value = { for key, task in aws_dms_replication_task.shop : key => task.replication_task_arn }
}
"#;

/// DMS returns the settings as Terraform sent them, so the next plan is empty, and a change by hand shows in it.
#[tokio::test]
async fn task_settings_leave_no_diff() {
    let sandbox = Sandbox::from_env().must();
    let name = names::unique_dashed("settings");
    let site = DmsSite::create(&sandbox, &name, 60).await.must();
    let terraform = TerraformDir::new(&sandbox).must();
    let config = TASK_SETTINGS
        .replace("NAME", &name)
        .replace("INSTANCE", &site.instance)
        .replace("SOURCE", &site.source)
        .replace("TARGET", &site.target);
    terraform.write("main.tf", &config).must();
    terraform.init().await.must();
    terraform.apply(&[]).await.must();
    assert_eq!(terraform.plan(&[]).await.must(), Plan::Empty);

    // DMS knows every setting: one that it does not return would be a diff in each plan.
    let aws = Aws::of(&sandbox);
    let tasks = terraform.output("tasks").await.must();
    let [sent] = values(&["jsondecode(provider::databend::dms_task_settings())"]).await.try_into().unwrap();
    let bare = json!({
        "ReplicationTaskIdentifier": format!("{name}-bare"), "MigrationType": "full-load-and-cdc",
        "SourceEndpointArn": site.source, "TargetEndpointArn": site.target,
        "ReplicationInstanceArn": site.instance,
        "TableMappings": json!({ "rules": [{
            "rule-type": "selection", "rule-id": "1", "rule-name": "1", "rule-action": "include",
            "object-locator": { "schema-name": "shop", "table-name": "orders" },
        }] }).to_string(),
    });
    let bare = aws.dms("CreateReplicationTask", bare).await.must();
    let known = bare["ReplicationTask"]["ReplicationTaskSettings"].as_str().unwrap();
    let known = paths(&serde_json::from_str(known).unwrap());
    let unknown: Vec<_> = paths(&sent).into_iter().filter(|path| !known.contains(path)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");

    for (section, setting, value) in [
        ("FullLoadSettings", "TargetTablePrepMode", json!("DROP_AND_CREATE")),
        ("ErrorBehavior", "DataErrorPolicy", json!("LOG_ERROR")),
    ] {
        let change = |value: &Value| {
            let settings = json!({ section: { setting: value } }).to_string();
            json!({ "ReplicationTaskArn": tasks["defaults"], "ReplicationTaskSettings": settings })
        };
        aws.dms("ModifyReplicationTask", change(&value)).await.must();
        assert_eq!(terraform.plan(&[]).await.must(), Plan::Changes, "{setting}");
        settled(&aws, &tasks["defaults"]).await;
        aws.dms("ModifyReplicationTask", change(&sent[section][setting])).await.must();
        settled(&aws, &tasks["defaults"]).await;
    }
    assert_eq!(terraform.plan(&[]).await.must(), Plan::Empty);
}

/// Waits until DMS has modified a task.
async fn settled(aws: &Aws, task: &Value) {
    let filter = json!({ "Filters": [{ "Name": "replication-task-arn", "Values": [task] }] });
    let look = async || {
        let found = aws.dms("DescribeReplicationTasks", filter.clone()).await?;
        Ok(found["ReplicationTasks"][0]["Status"].clone())
    };
    wait::until("the task is modified", Duration::from_secs(30), look, |status| status == "ready")
        .await
        .must();
}

/// The path of every setting.
fn paths(settings: &Value) -> BTreeSet<String> {
    match settings {
        Value::Object(settings) => settings
            .iter()
            .flat_map(|(name, value)| paths(value).into_iter().map(move |below| format!("{name}/{below}")))
            .collect(),
        _ => BTreeSet::from([String::new()]),
    }
}

#[tokio::test]
async fn policies_name_the_account_and_the_bucket() {
    let [trust, write, read] = values(&[
        r#"jsondecode(provider::databend::dms_trust_policy(123456789012, "eu-central-1"))"#,
        r#"jsondecode(provider::databend::dms_bucket_policy("lake", { folder = "dms" }))"#,
        r#"jsondecode(provider::databend::dms_bucket_policy("arn:aws:s3:::lake", { role = "databend", folder = "dms" }))"#,
    ])
    .await
    .try_into()
    .unwrap();
    assert_eq!(
        trust["Statement"],
        json!([{
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": { "Service": ["dms.amazonaws.com", "dms.eu-central-1.amazonaws.com"] },
            "Condition": {
                "StringEquals": { "aws:SourceAccount": "123456789012" },
                "ArnLike": { "aws:SourceArn": "arn:aws:dms:eu-central-1:123456789012:*" },
            },
        }])
    );
    let allow = |sid: &str, actions: &[&str], resource: &str| json!({ "Sid": sid, "Effect": "Allow", "Action": actions, "Resource": [resource] });
    let list = allow("List", &["s3:ListBucket"], "arn:aws:s3:::lake");
    let objects = "arn:aws:s3:::lake/dms/*";
    assert_eq!(
        write["Statement"],
        json!([list, allow("Write", &["s3:PutObject", "s3:DeleteObject", "s3:PutObjectTagging"], objects)])
    );
    let mut list_below = list;
    list_below["Condition"] = json!({ "StringLike": { "s3:prefix": ["dms/*"] } });
    assert_eq!(
        read["Statement"],
        json!([list_below, allow("ReadAndPurge", &["s3:GetObject", "s3:DeleteObject"], objects)])
    );
}

#[tokio::test]
async fn column_types_are_those_of_the_tables() {
    let [amount, document] = values(&[
        "provider::databend::column_type(\"decimal(12,2)\")",
        "provider::databend::column_type(\"json\")",
    ])
    .await
    .try_into()
    .unwrap();
    assert_eq!(amount, json!({ "raw": "DECIMAL(76, 30)", "ods": "DECIMAL(12, 2)" }));
    assert_eq!(document, json!({ "raw": "VARCHAR", "ods": "VARIANT" }));
}

#[tokio::test]
async fn mistakes_name_the_argument() {
    let terraform = terraform().await;
    for (call, parts) in [
        ("dms_table_mappings([])", &["\"tables\"", "list at least one"][..]),
        ("dms_table_mappings([{ schema = \"shop\" }])", &["\"tables\"", "\"table\" is required"]),
        ("dms_table_mappings([], {}, {})", &["\"options\"", "at most one object"]),
        (
            "dms_table_mappings([{ schema = \"s\", table = \"t\" }], { change_seq = \"x\" })",
            &["\"options\"", "change_seq_column"],
        ),
        ("dms_s3_settings({ cdc_inserts_and_updates = true })", &["\"options\"", "cdc_inserts_and_updates"]),
        (
            "dms_s3_settings({ cdc_max_batch_interval = 0 })",
            &["\"options\"", "cdc_max_batch_interval", "1 to"],
        ),
        ("dms_s3_settings({ timestamp_column_name = \"\" })", &["\"options\"", "must not be empty"]),
        ("dms_task_settings({ target_table_prep_mode = \"x\" })", &["\"options\"", "lob_max_size"]),
        ("dms_task_settings({ lob_max_size = 0 })", &["\"options\"", "lob_max_size must be 1 to 102400"]),
        ("dms_trust_policy(\"1234\", \"us-east-1\")", &["\"account_id\"", "12 digits"]),
        ("dms_trust_policy(\"123456789012\", \"us-east-1a\")", &["\"region\"", "not an AWS region"]),
        ("dms_bucket_policy(\"s3://lake\")", &["\"bucket\"", "not a bucket"]),
        (
            "dms_bucket_policy(\"lake\", { role = \"x\" })",
            &["\"options\"", "must be \"dms\" or \"databend\""],
        ),
        ("column_type(\"bigit\")", &["\"type\"", "\"bigit\" is not a MySQL column type"]),
        ("dms_s3_settings({}, {})", &["\"options\"", "at most one object"]),
        ("dms_s3_settings(\"x\")", &["\"options\""]),
    ] {
        terraform
            .write("main.tf", &format!("output \"o\" {{\n  value = provider::databend::{call}\n}}\n"))
            .must();
        let said = terraform.plan_fails(&[]).await.must();
        for part in parts {
            assert!(said.contains(part), "{call}: {part} is not in {said}");
        }
    }
}
