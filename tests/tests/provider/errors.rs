//! What is wrong is said at its place, with the way out.

use e2e::Must;

use crate::world::World;

/// What is edited in the configuration, the attribute that the message is at, and what the message says.
type Case = (&'static str, &'static str, &'static str, &'static [&'static str]);

const INVALID: &[Case] = &[
    (
        r#"type = "bigint""#,
        r#"type = "bigit""#,
        "columns[0].type",
        &["Unknown MySQL type", "\"bigit\"", "information_schema"],
    ),
    (
        r#"{ name = "note", type = "text" }"#,
        r#"{ name = "note", type = "text", defualt = "none" }"#,
        r#"columns[3]["defualt"]"#,
        &["Unknown key", "Did you mean `default`?"],
    ),
    (
        r#"{ name = "note", type = "text" }"#,
        r#"{ name = "note", default = 0 }"#,
        "columns[3].type",
        &["Missing key", "is required and has no value"],
    ),
    (
        r#"source = { schema = "shop", table = "orders" }"#,
        r#"source = { schema = "shop", table = "orders", path = "shop/orders/" }"#,
        r#"source["path"]"#,
        &["Unknown key", "The keys are `schema` and `table`"],
    ),
    (
        r#"primary_key = ["order_id"]"#,
        r#"primary_key = ["order_id", "id"]"#,
        "primary_key[1]",
        &["\"id\" is not among the columns (order_id, quantity, amount, note)", "add it to columns"],
    ),
    (
        r#"primary_key = ["order_id"]"#,
        "primary_key = []",
        "primary_key",
        &["without a primary key cannot be merged", "name the columns that identify a row"],
    ),
    (
        r#"name = "note""#,
        r#"name = "amount""#,
        "columns[3].name",
        &["\"amount\" is listed twice", "remove one"],
    ),
    (
        r#"name = "note""#,
        r#"name = "Amount""#,
        "columns[3].name",
        &["\"amount\" and \"Amount\" differ only in case"],
    ),
    (
        r#"name = "note""#,
        r#"name = "op""#,
        "columns[3].name",
        &["collides with \"Op\"", "rename-column rule"],
    ),
    (r"s3://NAME/dms/", "s3://NAME/dms", "url", &["no trailing slash", "write \"s3://NAME/dms/\""]),
    (r"s3://NAME/dms/", "NAME/dms/", "url", &["does not begin with s3://", "s3://<bucket>/<folder>/"]),
    (
        "endpoint_url         = \"ENDPOINT\"",
        "endpoint_url = \"localhost:9000\"",
        "endpoint_url",
        &["https:// or http://"],
    ),
    (
        "access_key_id_wo     = \"AKIANAME\"\n  secret_access_key_wo = \"secret-of-NAME\"",
        "",
        "role_arn",
        &["exactly one way", "role_arn", "connection_name", "access_key_id_wo"],
    ),
    (
        "credentials_version  = 1",
        "role_arn = \"arn:aws:iam::123456789012:role/x\"",
        "role_arn",
        &["exactly one way"],
    ),
    (
        "  secret_access_key_wo = \"secret-of-NAME\"\n",
        "",
        "access_key_id_wo",
        &["so secret_access_key_wo must be set too"],
    ),
    (
        "\"1 hour\"",
        "\"cron */5 * * * * UTC\"",
        "schedule",
        &["has 5 cron fields", "takes six, seconds first", "write \"cron 0 */5 * * * * UTC\""],
    ),
    ("\"1 hour\"", "\"often\"", "schedule", &["\"often\" is not a schedule", "1 minute"]),
    (
        "name      = \"NAME\"",
        "name = \"My-Chain\"",
        "name",
        &["\"My-Chain\" cannot name tasks", "lower-case letters, digits and underscores"],
    ),
    (
        "[databend_cdc_table.orders.pipeline]",
        "[]",
        "tables",
        &["at least one table", "pipeline attribute of a databend_cdc_table"],
    ),
    (
        r#"raw = { database = "NAME_raw" }"#,
        r#"raw = { database = "NAME_raw", retention_days = 91 }"#,
        "raw.retention_days",
        &["1 to 90 days", "is 91"],
    ),
    (
        r#"raw = { database = "NAME_raw" }"#,
        r#"raw = { database = "NAME_raw", retention_days = -1 }"#,
        "raw.retention_days",
        &["1 to 90 days", "is -1"],
    ),
    (
        r#"raw = { database = "NAME_raw" }"#,
        r#"raw = { database = "NAME_ods" }"#,
        "ods.table",
        &["and ODS are both NAME_ods.orders", "different databases or tables"],
    ),
    (
        r#"primary_key = ["order_id"]"#,
        "primary_key = [\"order_id\"]\n  path = \"/shop/orders\"",
        "path",
        &["without a leading and with a trailing slash", "is \"/shop/orders\""],
    ),
    (
        r#"ods = { database = "NAME_ods" }"#,
        r#"ods = { database = "NAME_ods", cluster_by = ["id"] }"#,
        "ods.cluster_by",
        &["\"id\" (element 0) is not among the columns"],
    ),
];

#[tokio::test]
async fn a_wrong_configuration_is_refused_before_anything_is_planned() {
    let w = World::new("invalid").await;
    let whole = w.terraform.validate().await.must();
    assert_eq!(whole["valid"], true, "{whole}");
    for (old, new, path, parts) in INVALID {
        w.write_text(&w.edited(old, new));
        let found = w.terraform.validate().await.must();
        let diagnostics = found["diagnostics"].as_array().unwrap();
        assert_eq!(diagnostics.len(), 1, "{new}: {found:#}");
        let said =
            format!("{} {}", diagnostics[0]["summary"], diagnostics[0]["detail"]).replace("\\\"", "\"");
        for part in *parts {
            assert!(said.contains(&w.named(part)), "{new}: {part} is not in {said}");
        }
        // Terraform shows the line; a path that goes deeper than an attribute is in the text.
        let top = path.split(['.', '[']).next().unwrap();
        let line = diagnostics[0]["snippet"]["code"].as_str().unwrap_or_default();
        assert!(top == *path || said.contains(path), "{new}: {path} is not in {said}");
        assert!(line.contains(top) || new.is_empty() || line.contains("resource"), "{new}: shown at {line}");
    }
    assert_eq!(w.heard(), Vec::<String>::new(), "nothing needs Databend before the plan");
}

#[tokio::test]
async fn several_mistakes_are_told_at_once() {
    let mut w = World::new("several_wrong").await;
    w.edit(r#"type = "bigint""#, r#"type = "bigit""#);
    w.edit(r#"type = "decimal(12,2)""#, r#"type = "decimal(12,2""#);
    w.edit("s3://NAME/dms/", "NAME");
    w.edit("\"1 hour\"", "\"often\"");
    // Terraform does not look at a resource whose reference is wrong already.
    w.edit("databend_cdc_stage.dms.name", "\"dms\"");
    w.edit("[databend_cdc_table.orders.pipeline]", "[]");
    let found = w.terraform.validate().await.must();
    assert_eq!(found["error_count"], 5, "{found:#}");
}

#[tokio::test]
async fn a_wrong_or_missing_dsn_is_explained_and_not_shown() {
    let mut w = World::new("dsn").await;
    w.terraform.set("DATABEND_DSN", "mysql://root:hunter2@127.0.0.1/default");
    let said = w.terraform.plan_fails(&[]).await.must();
    for part in ["Wrong Databend DSN", "databend://USER:PASSWORD@HOST:PORT/DATABASE", "DATABEND_DSN"] {
        assert!(said.contains(part), "{said}");
    }
    assert!(!said.contains("hunter2"), "{said}");

    w.terraform.set("DATABEND_DSN", "");
    let said = w.terraform.apply_fails(&[]).await.must();
    assert!(said.contains("No Databend DSN") && said.contains("DATABEND_DSN"), "{said}");
}

#[tokio::test]
async fn databend_that_does_not_answer_is_named_by_its_address() {
    let mut w = World::new("unreachable").await;
    w.terraform.set("DATABEND_DSN", "databend://root:hunter2@127.0.0.1:1/default?sslmode=disable");
    let said = w.terraform.apply_fails(&[]).await.must();
    for part in ["No connection to Databend", "127.0.0.1:1 cannot be reached", "sslmode"] {
        assert!(said.contains(part), "{said}");
    }
    assert!(!said.contains("hunter2"), "{said}");
}

#[tokio::test]
async fn wrong_credentials_are_named_as_such() {
    let mut w = World::new("credentials").await;
    w.terraform.set("DATABEND_DSN", &w.sandbox.databend_dsn.replace("root:@", "someone:hunter2@"));
    let said = w.terraform.apply_fails(&[]).await.must();
    assert!(said.contains("does not accept the credentials of user \"someone\""), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
}

#[tokio::test]
async fn what_would_lose_data_is_refused_at_plan() {
    let w = World::applied("loss").await;
    for (old, new, parts) in [
        (
            r#"    { name = "note", type = "text" },"#,
            "",
            &["columns", "\"note\" is no longer listed", "Keep it in columns"][..],
        ),
        (
            r#"type = "int""#,
            r#"type = "smallint""#,
            &["columns[1].type", "cannot change from int to smallint", "a second databend_cdc_table"],
        ),
        (
            r#"primary_key = ["order_id"]"#,
            r#"primary_key = ["quantity"]"#,
            &["primary_key", "would have to be dropped and loaded again", "deletion_protection = false"],
        ),
        (
            r#"raw = { database = "NAME_raw" }"#,
            r#"raw = { database = "NAME_other" }"#,
            &["raw.database", "Declare a second databend_cdc_table", "deletion_protection = false"],
        ),
        (
            r#"primary_key = ["order_id"]"#,
            "primary_key = [\"order_id\"]\n  change_seq_column = \"\"",
            &["change_seq_column", "Keep the column in the DMS task"],
        ),
    ] {
        w.write_text(&w.edited(old, new));
        let said = w.terraform.plan_fails(&[]).await.must();
        for part in parts {
            assert!(said.contains(part), "{new}: {part} is not in {said}");
        }
    }
    w.write();
    w.nothing_to_do().await;
}

#[tokio::test]
async fn without_protection_another_identity_is_a_replacement() {
    let mut w = World::new("identity").await;
    w.edit(r#"primary_key = ["order_id"]"#, "primary_key = [\"order_id\"]\n  deletion_protection = false");
    w.apply().await;
    w.edit(r#"ods = { database = "NAME_ods" }"#, r#"ods = { database = "NAME_ods", table = "orders2" }"#);
    assert_eq!(w.plan().await.actions(crate::world::TABLE), ["delete", "create"]);
    w.apply().await;
    let tables = "SELECT name FROM system.tables WHERE database = 'NAME_ods'";
    assert_eq!(w.rows(tables).await, ["orders2"]);
}

#[tokio::test]
async fn what_exists_already_is_not_touched_and_the_import_is_named() {
    let w = World::new("exists").await;
    w.sql(
        r"CREATE DATABASE NAME_ods
        CREATE TABLE NAME_ods.orders (order_id BIGINT)
        INSERT INTO NAME_ods.orders VALUES (1)
        CREATE TASK NAME_load_NAME_ods_orders SCHEDULE = 60 MINUTE AS SELECT 1",
    )
    .await;
    let said = w.terraform.apply_fails(&[]).await.must();
    for part in
        ["NAME_ods.orders exists in Databend", "terraform import", "'NAME_raw.orders,NAME_ods.orders'"]
    {
        assert!(said.contains(&w.named(part)), "{said}");
    }
    assert_eq!(w.rows("SELECT order_id FROM NAME_ods.orders").await, ["1"]);
    assert_eq!(
        w.rows("SELECT name FROM system.tables WHERE database = 'NAME_raw'").await,
        Vec::<String>::new()
    );

    w.sql("DROP TABLE NAME_ods.orders").await;
    let said = w.terraform.apply_fails(&[]).await.must();
    for part in ["Task NAME_load_NAME_ods_orders exists in Databend", "terraform import <address> NAME"] {
        assert!(said.contains(&w.named(part)), "{said}");
    }
    assert_eq!(
        w.rows("SELECT definition FROM system.tasks WHERE name = 'NAME_load_NAME_ods_orders'").await,
        ["SELECT 1"]
    );
}

#[tokio::test]
async fn a_stage_that_exists_already_names_the_import() {
    let w = World::new("stage_exists").await;
    w.sql("CREATE STAGE NAME").await;
    let said = w.terraform.apply_fails(&[]).await.must();
    assert!(said.contains(&w.named("terraform import <address> NAME")), "{said}");
}
