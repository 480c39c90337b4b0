//! The functions, called from Terraform.

use e2e::{Must, Sandbox, TerraformDir};
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
        &format!("jsondecode(provider::databend::dms_table_mappings({tables}, {{ change_seq_column = \"seq\", before_image_prefix = \"\" }}))"),
    ])
    .await
    .try_into()
    .unwrap();
    let rules = all["rules"].as_array().unwrap();
    let actions: Vec<_> = rules.iter().map(|rule| rule["rule-action"].as_str().unwrap()).collect();
    let one = ["include", "add-column", "add-before-image-columns"];
    assert_eq!(actions, [one, one].concat());
    assert_eq!(rules[0]["object-locator"]["table-name"], "orders");
    assert_eq!(rules[1]["expression"], "$AR_H_CHANGE_SEQ");
    assert_eq!(rules[1]["value"], "_dms_change_seq");
    assert_eq!(
        rules[2]["before-image-def"],
        json!({ "column-prefix": "_dms_before_", "column-suffix": "", "column-filter": "pk-only" })
    );
    let ids: std::collections::BTreeSet<_> = rules.iter().map(|rule| rule["rule-id"].to_string()).collect();
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
