//! examples/complete as its reader uses it: AWS and Databend in one configuration, with Terraform's real AWS provider.
//! The waiters of that provider take a minute and a half, so this is the only test with it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use e2e::compare::{Comparison, Pair, compare};
use e2e::{Aws, Databend, Must, Mysql, Plan, Runbook, Sandbox, TerraformDir, names, wait};
use serde_json::json;

const TABLE: &str = "module.table[\"orders\"].databend_cdc_table.this";
const ENDPOINT: &str = "aws_dms_endpoint.mysql";

#[tokio::test]
async fn the_complete_example_is_applied_cut_over_and_destroyed() {
    let sandbox = Sandbox::from_env().unwrap();
    let name = names::unique("example");
    let mysql = Mysql::connect(&sandbox).await.must();
    let databend = Databend::connect(&sandbox).await.must();
    source(&mysql, &name).await;

    let terraform = example(&sandbox, &name);
    terraform.init().await.must();
    a_role_needs_an_external_id(&terraform).await;
    terraform.apply(&[]).await.must();
    assert_eq!(terraform.plan(&[]).await.must(), Plan::Empty, "the plan after apply");

    // What Terraform has forgotten is imported, and nothing is left to do.
    let endpoint = terraform.resource(ENDPOINT).await.must()["endpoint_id"].as_str().unwrap().to_owned();
    for (address, id) in [(ENDPOINT, endpoint), (TABLE, format!("{name}_raw.orders,{name}_ods.orders"))] {
        let forgotten = terraform.run(&["state", "rm", address]).await.must();
        assert_eq!(forgotten.code, 0, "{forgotten}");
        terraform.import(address, &id).await.must();
    }
    // AWS gives no password back, and deletion_protection is Terraform's own: both are in the configuration alone.
    terraform.apply(&[]).await.must();
    assert_eq!(terraform.plan(&[]).await.must(), Plan::Empty, "the plan after import and apply");

    let runbook = Runbook::new(&sandbox, terraform.path());
    runbook.expect(0, &["cutover"]).await.must();
    for statements in changes(&name) {
        mysql.transaction(&statements.iter().map(String::as_str).collect::<Vec<_>>()).await.must();
    }
    for table in ["orders", "customers"] {
        let pair = Pair {
            schema: name.clone(),
            table: table.into(),
            ods_database: format!("{name}_ods"),
            ods_table: table.into(),
        };
        let look = async || compare(&mysql, &databend, &pair).await;
        let what = format!("ODS equals the source: {table}");
        wait::until(&what, Duration::from_secs(90), look, Comparison::is_equal).await.must();
    }
    assert_eq!(terraform.plan(&[]).await.must(), Plan::Empty, "the plan after the cutover");
    positions(&databend, &name).await;
    runbook.expect(0, &["status"]).await.must();

    runbook.expect(0, &["suspend"]).await.must();
    let bucket = terraform.output("bucket").await.must().as_str().unwrap().to_owned();
    let task = terraform.output("dms_task_arn").await.must();
    terraform.destroy(&[]).await.must();
    let left = [
        format!("SELECT count(*) FROM system.tasks WHERE left(name, length('{name}')) = '{name}'"),
        format!("SELECT count(*) FROM system.tables WHERE left(database, length('{name}')) = '{name}'"),
        format!("SELECT count(*) FROM system.streams WHERE left(database, length('{name}')) = '{name}'"),
        format!("SELECT count(*) FROM system.stages WHERE left(name, length('{name}')) = '{name}'"),
    ];
    for query in left {
        assert_eq!(databend.count(&query).await.must(), 0, "{query}");
    }
    let aws = Aws::of(&sandbox);
    let gone = aws.keys(&bucket).await.unwrap_err().to_string();
    assert!(gone.contains("NoSuchBucket"), "{gone}");
    let filter = json!({ "Filters": [{ "Name": "replication-task-arn", "Values": [task] }] });
    let gone = aws.dms("DescribeReplicationTasks", filter).await.unwrap_err().to_string();
    assert!(gone.contains("ResourceNotFoundFault"), "{gone}");
}

/// With a principal of Databend Cloud, the example declares a role instead of keys.
async fn a_role_needs_an_external_id(terraform: &TerraformDir) {
    let principal = "-var=databend_principal_arn=arn:aws:iam::210987654321:role/databend-cloud";
    let said = terraform.plan_fails(&[principal]).await.must();
    assert!(said.contains("set databend_external_id"), "{said}");
    let planned = terraform.plan(&[principal, "-var=databend_external_id=id-of-ours"]).await.must();
    assert_eq!(planned, Plan::Changes);
}

/// Raw keeps the binlog file and offset of every change, and none of the load's rows.
async fn positions(databend: &Databend, name: &str) {
    let rows = |condition: &str| format!("SELECT count(*) FROM {name}_raw.orders WHERE {condition}");
    let changes = databend.count(&rows(r#""_dms_change_seq" <> ''"#)).await.must();
    let placed = rows(r#""_dms_change_seq" <> '' AND REGEXP_LIKE("_dms_position", '^.+\\.[0-9]+:[0-9]+$')"#);
    assert!(changes > 0);
    assert_eq!(databend.count(&placed).await.must(), changes, "changes with a position");
    let loaded = rows(r#""_dms_change_seq" = '' AND "_dms_position" <> ''"#);
    assert_eq!(databend.count(&loaded).await.must(), 0, "rows of the load with a position");
}

async fn source(mysql: &Mysql, name: &str) {
    let statements = [
        format!("CREATE DATABASE {name}"),
        format!(
            "CREATE TABLE {name}.orders (order_id bigint PRIMARY KEY, customer_id bigint, status varchar(20), \
             amount decimal(12,2), note text, created_at datetime(6), updated_at timestamp(6) NULL)"
        ),
        format!(
            "INSERT INTO {name}.orders SELECT seq, seq % 7, 'new', seq / 8, concat('n', seq), \
             '2026-01-01 00:00:00.123456', '2026-02-03 04:05:06.789' FROM {name}.seq_1_to_300"
        ),
        format!("CREATE TABLE {name}.customers (customer_id bigint PRIMARY KEY, email varchar(100))"),
        format!("INSERT INTO {name}.customers VALUES (1, 'a@example.com'), (2, NULL), (3, '')"),
    ];
    mysql.session(&statements).await.must();
}

/// Transactions.
fn changes(name: &str) -> Vec<Vec<String>> {
    [
        vec![
            "UPDATE NAME.orders SET status = 'paid', updated_at = now(6) WHERE order_id <= 20",
            "UPDATE NAME.orders SET status = 'shipped', amount = amount + 0.01 WHERE order_id <= 20",
        ],
        vec![
            "UPDATE NAME.customers SET email = 'b@example.com' WHERE customer_id = 1",
            "DELETE FROM NAME.customers WHERE customer_id = 2",
        ],
        vec!["DELETE FROM NAME.orders WHERE order_id BETWEEN 30 AND 39"],
        vec!["UPDATE NAME.orders SET order_id = 5000 WHERE order_id = 50"],
        vec!["INSERT INTO NAME.orders VALUES (301, 1, 'new', 0, NULL, NULL, NULL), (30, 1, 'again', NULL, '', NULL, NULL)"],
    ]
    .map(|statements| statements.into_iter().map(|sql| sql.replace("NAME", name)).collect())
    .into()
}

/// The example with the sandbox's addresses in its variables, and names that no other test uses.
fn example(sandbox: &Sandbox, name: &str) -> TerraformDir {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/complete");
    let mut terraform = TerraformDir::from_example(sandbox, &path).unwrap();
    let own = [
        ("tables.tf", "schema = \"shop\"", format!("schema = \"{name}\"")),
        ("databend.tf", "database = \"raw\"", format!("database = \"{name}_raw\"")),
        ("databend.tf", "database = \"ods\"", format!("database = \"{name}_ods\"")),
    ];
    for (file, old, new) in own {
        let path: PathBuf = terraform.path().join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.matches(old).count(), 1, "{file}: {old}");
        fs::write(&path, text.replacen(old, &new, 1)).unwrap();
    }
    let mysql = sandbox.mysql_parts().unwrap();
    let variables = [
        ("name", name.replace('_', "-")),
        ("mysql_host", mysql.host),
        ("mysql_port", mysql.port.to_string()),
        ("mysql_username", mysql.user),
        ("mysql_password", mysql.password),
        ("cdc_max_batch_interval", "1".into()),
        ("bucket_force_destroy", "true".into()),
        ("s3_use_path_style", "true".into()),
        ("s3_endpoint_url", sandbox.aws_endpoint_url.clone()),
        ("databend_access_key_id", sandbox.aws_access_key_id.clone()),
        ("databend_secret_access_key", sandbox.aws_secret_access_key.clone()),
        ("schedule", "2 seconds".into()),
        ("deletion_protection", "false".into()),
    ];
    for (variable, value) in variables {
        terraform.set(&format!("TF_VAR_{variable}"), &value);
    }
    terraform
}
