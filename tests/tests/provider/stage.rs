//! The stage alone: lost credentials, roles, comments, answers that are lost.

use e2e::Must;

use crate::world::{STAGE, World};

const CREDENTIALS: &str = "  access_key_id_wo     = \"AKIANAME\"\n  secret_access_key_wo = \"secret-of-NAME\"\n  credentials_version  = 1";

#[tokio::test]
async fn lost_credentials_show_and_apply_sets_them_again() {
    let w = World::applied("stage_keys").await;
    // Removes credentials and endpoint.
    w.sql("ALTER STAGE NAME SET URL = 's3://NAME/dms/'").await;
    let plan = w.plan().await;
    assert_eq!(plan.actions(STAGE), ["update"]);
    assert_eq!(
        plan.changes(STAGE),
        [
            format!("endpoint_url: https://s3.amazonaws.com -> {}", w.sandbox.aws_endpoint_url),
            "has_credentials: false -> true".to_owned(),
        ]
    );
    w.apply().await;
    assert_eq!(w.rows("SELECT has_credentials FROM system.stages WHERE name = 'NAME'").await, ["true"]);
}

#[tokio::test]
async fn another_role_than_the_connections_shows() {
    let mut w = World::new("stage_connection").await;
    w.sql(
        "CREATE OR REPLACE CONNECTION NAME STORAGE_TYPE = 's3' ROLE_ARN = 'arn:aws:iam::1:role/a' EXTERNAL_ID = 'abcdef'",
    )
    .await;
    w.edit(CREDENTIALS, "  connection_name = \"NAME\"");
    w.edit("  region               = \"us-east-1\"\n  endpoint_url         = \"ENDPOINT\"\n", "");
    w.apply().await;
    w.sql("CREATE OR REPLACE STAGE NAME URL = 's3://NAME/dms/' CONNECTION = (ROLE_ARN = 'arn:aws:iam::1:role/b')")
        .await;
    let changes = w.plan().await.changes(STAGE);
    assert!(changes.contains(&w.named("connection_name: null -> NAME")), "{changes:?}");
    assert!(changes.contains(&"role_arn: arn:aws:iam::1:role/b -> null".to_owned()), "{changes:?}");
    w.apply().await;
    w.sql("DROP CONNECTION NAME").await;
}

#[tokio::test]
async fn a_comment_is_set_without_replacing_the_stage() {
    let mut w = World::applied("stage_comment").await;
    w.heard();
    for comment in ["comment = \"files of DMS\"", "comment = \"\""] {
        w.edit("  credentials_version  = 1", &format!("  {comment}\n  credentials_version  = 1"));
        w.apply_in_place().await;
        let heard = w.changes_heard();
        assert_eq!(heard.len(), 1, "{heard:#?}");
        assert!(heard[0].starts_with("ALTER STAGE NAME SET COMMENT"), "{heard:#?}");
        w.edit(&format!("  {comment}\n"), "");
        w.apply_in_place().await;
        w.heard();
    }
}

#[tokio::test]
async fn a_replacement_whose_answer_is_lost_is_repeated() {
    let mut w = World::applied("stage_lost").await;
    w.edit("s3://NAME/dms/", "s3://NAME/other/");
    w.fault("CREATE OR REPLACE STAGE NAME", "drop_after").await;
    let said = w.terraform.apply(&[]).await.must().stdout;
    assert!(said.contains("The stage moves to another folder"), "{said}");
    w.nothing_to_do().await;
    assert_eq!(
        w.rows("SELECT url FROM system.stages WHERE name = 'NAME'").await,
        [w.named("s3://NAME/other/")]
    );
}
