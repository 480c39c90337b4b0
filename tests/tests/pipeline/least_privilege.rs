//! The user that docs/guides/databend-user.md makes, by the very statements of that guide: enough for everything, and
//! nothing of it too much.

use e2e::{Databend, Must, Sandbox, Table, TerraformDir, World, names};

use crate::owners;

const GUIDE: &str = include_str!("../../../docs/guides/databend-user.md");
/// What the guide calls the user and the role.
const NAME: &str = "databend_cdc";
const PASSWORD: &str = "a-password-of-your-own";

/// The statements of the guide's SQL block with this number, for a user and a role called `name`.
pub(crate) fn statements(block: usize, name: &str) -> Vec<String> {
    let text = GUIDE.split("```sql").nth(block + 1).and_then(|rest| rest.split("```").next()).unwrap();
    let statements: Vec<_> = text
        .split(';')
        .map(|statement| statement.trim().replace(NAME, name))
        .filter(|statement| !statement.is_empty())
        .collect();
    assert!(!statements.is_empty(), "the guide has no statements in its SQL block {block}");
    statements
}

/// Makes the user, without the statements that contain `left_out`; the sandbox as he sees it.
pub(crate) async fn user(name: &str, left_out: &str) -> Sandbox {
    let mut sandbox = Sandbox::from_env().unwrap();
    let root = Databend::connect(&sandbox).await.must();
    for statement in statements(0, name).iter().filter(|text| left_out.is_empty() || !text.contains(left_out))
    {
        root.exec(statement).await.must();
    }
    let (_, address) = sandbox.databend_dsn.split_once('@').unwrap();
    sandbox.databend_dsn = format!("databend://{name}:{PASSWORD}@{address}");
    sandbox
}

#[tokio::test]
async fn the_guides_statements_are_enough() {
    let name = names::unique("cdc");
    let sandbox = user(&name, "").await;
    // All tests share the runbook's database, so it stays root's here.
    owners::give_journal_to_root(&name).await;

    let world = World::of(
        sandbox,
        &[Table::orders()],
        &["INSERT INTO NAME.orders SELECT seq, 'new', seq / 4, concat('order ', seq) FROM NAME.seq_1_to_50"],
    )
    .await;
    assert_eq!(world.databend.value("SELECT current_user()").await.must(), format!("'{name}'@'%'"));
    world.cutover().await;
    assert_eq!(owners::of_journal().await, ["account_admin"]);
    world
        .transaction(&[
            "UPDATE NAME.orders SET status = 'paid' WHERE order_id = 1",
            "DELETE FROM NAME.orders WHERE order_id = 2",
        ])
        .await;
    world.assert_ods_equals_source().await;
    let owners = format!("SELECT DISTINCT owner FROM system.tables WHERE database = '{}_ods'", world.name);
    assert_eq!(world.databend.value(&owners).await.must(), name);
    assert_eq!(world.terraform.plan(&[]).await.must(), e2e::Plan::Empty);
    let status = world.runbook.run(&["status"]).await.must();
    assert_eq!(status.code, 0, "{status}");
    for verb in ["suspend", "resume"] {
        world.runbook.expect(0, &[verb]).await.must();
    }
    world.terraform.destroy(&[]).await.must();
}

#[tokio::test]
async fn a_database_of_somebody_else_is_handed_over() {
    let name = names::unique("cdc");
    let sandbox = user(&name, "").await;
    let root = Databend::connect(&Sandbox::from_env().unwrap()).await.must();
    let database = format!("{name}_theirs");
    root.exec(&format!("CREATE DATABASE {database}")).await.must();
    let table = format!("CREATE TABLE {database}.orders (a INT)");
    let databend = Databend::connect(&sandbox).await.must();
    let refused = databend.exec(&table).await.unwrap_err().to_string();
    assert!(refused.contains("1063"), "{refused}");
    for statement in statements(1, &name) {
        root.exec(&statement.replace("raw.", &format!("{database}."))).await.must();
    }
    databend.exec(&table).await.must();
    databend.exec(&format!("DROP DATABASE {database}")).await.must();
}

/// Each grant of the guide, a statement of the product that needs it, and what the refusal names.
const NEEDED: [(&str, &str, &str); 5] = [
    ("CREATE DATABASE ON", "CREATE DATABASE NAME", "privilege [CreateDatabase] is required on *.*"),
    (
        "SUPER",
        "CREATE STAGE NAME URL = 's3://bucket/' CONNECTION = (REGION = 'x')",
        "privilege [Super] is required on *.*",
    ),
    ("SUPER", "CREATE TASK NAME SCHEDULE = 1 MINUTE AS SELECT 1", "privilege [Super] is required on *.*"),
    (
        "system.tasks",
        "SELECT * FROM system.tasks",
        "privilege [Select] is required on 'default'.'system'.'tasks'",
    ),
    (
        "system.task_history",
        "SELECT * FROM system.task_history LIMIT 1",
        "privilege [Select] is required on 'default'.'system'.'task_history'",
    ),
];

#[tokio::test]
async fn none_of_the_grants_can_be_left_out() {
    for grant in statements(0, NAME).iter().filter(|text| text.starts_with("GRANT") && text.contains(" ON "))
    {
        assert!(NEEDED.iter().any(|(part, ..)| grant.contains(part)), "no check for {grant}");
    }
    for (left_out, statement, named) in NEEDED {
        let name = names::unique("less");
        let statement = statement.replace("NAME", &name);
        let less = Databend::connect(&user(&name, left_out).await).await.must();
        let refused = less.exec(&statement).await.expect_err(&statement).to_string();
        assert!(refused.contains(named) && refused.contains("1063"), "without {left_out}: {refused}");
    }
    // Without the role in its user's hands, none of them counts.
    let name = names::unique("less");
    let less = Databend::connect(&user(&name, "GRANT ROLE").await).await.must();
    let refused = less.exec("SELECT * FROM system.tasks").await.unwrap_err().to_string();
    assert!(refused.contains("with roles [public]"), "{refused}");
}

#[tokio::test]
async fn terraform_names_the_missing_grant_and_the_way_out() {
    let name = names::unique("less");
    let sandbox = user(&name, "SUPER").await;
    // All tests share our own database, which another role has created.
    owners::give_journal_to_root(&name).await;
    let terraform = TerraformDir::new(&sandbox).unwrap();
    terraform
        .write(
            "main.tf",
            r#"terraform {
  required_providers {
    databend = { source = "databend-cdc/databend" }
  }
}

resource "databend_cdc_stage" "dms" {
  name   = "never_made"
  url    = "s3://bucket/"
  region = "us-east-1"
  access_key_id_wo     = "id"
  secret_access_key_wo = "key"
  credentials_version  = 1
}
"#,
        )
        .unwrap();
    terraform.init().await.must();
    let said = terraform.apply_fails(&[]).await.must();
    for part in ["privilege [Super] is required on *.*", "(code 1063)", "docs/guides/databend-user.md"] {
        assert!(said.contains(part), "it does not say {part:?}: {said}");
    }
}
