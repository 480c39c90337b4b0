//! Keys are with Databend and nowhere else.

use std::fs;
use std::path::Path;

use e2e::Must;

use crate::world::{STAGE, World};

const VARIABLES: &str = r#"
variable "id" {
  type      = string
  ephemeral = true
}

variable "secret" {
  type      = string
  ephemeral = true
}
"#;

/// A world whose keys come from outside, and not from its configuration.
async fn world(prefix: &str, secret: &str) -> World {
    let mut w = World::new(prefix).await;
    w.edit("\"AKIANAME\"", "var.id");
    w.edit("\"secret-of-NAME\"", "var.secret");
    w.add(VARIABLES);
    w.terraform.set("TF_VAR_id", &format!("AKIA{secret}"));
    w.terraform.set("TF_VAR_secret", secret);
    w
}

/// Files under a folder in which a text stands.
fn files_with(folder: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.file_name().is_some_and(|name| name == ".terraform") {
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        if bytes.windows(text.len()).any(|window| window == text.as_bytes()) {
            found.push(path.display().to_string());
        }
    }
    found
}

#[tokio::test]
async fn keys_are_in_no_file_and_no_log() {
    let secret = "kept/with+databend/alone1234567890abcd";
    let mut w = world("secrets", secret).await;
    let log = w.terraform.path().join("trace.log");
    w.terraform.set("TF_LOG_CORE", "TRACE");
    w.terraform.set("TF_LOG_PROVIDER", "TRACE");
    w.terraform.set("TF_LOG_PATH", &log.display().to_string());
    let plan = w.plan().await.0.to_string();
    assert!(plan.contains("access_key_id_wo") && !plan.contains(secret), "{plan}");
    w.apply().await;
    let logged = fs::read_to_string(&log).unwrap();
    assert!(logged.contains("CREATE STAGE"), "the provider logs its statements");
    assert_eq!(files_with(w.terraform.path(), secret), Vec::<String>::new());
    let state = w.terraform.show().await.must().to_string();
    assert!(state.contains("credentials_version") && !state.contains(secret), "{state}");
    // It is with Databend, whole.
    let handed = w.heard().into_iter().find(|sql| sql.starts_with("CREATE STAGE")).unwrap();
    assert!(handed.contains(secret), "{handed}");
}

#[tokio::test]
async fn keys_are_in_no_error() {
    let secret = "shown/to+nobody/at/all1234567890abcdef";
    let mut w = world("secret_errors", secret).await;
    // As Databend refuses a statement that it cannot read: with the statement.
    let message =
        format!("invalid CONNECTION: (ACCESS_KEY_ID = 'AKIA{secret}', SECRET_ACCESS_KEY = '{secret}')");
    w.refuse("CREATE STAGE NAME", 1005, &message).await;
    w.terraform.set("TF_LOG_PROVIDER", "TRACE");
    let output = w.terraform.run(&["apply", "-auto-approve", "-no-color"]).await.unwrap();
    assert_eq!(output.code, 1, "{output}");
    let said = e2e::unwrapped(&output.stderr);
    assert!(said.contains("CREATE STAGE") && said.contains("invalid CONNECTION"), "{said}");
    assert!(!said.contains(secret) && !output.stdout.contains(secret), "{output}");
    w.apply().await;
}

#[tokio::test]
async fn a_higher_version_hands_over_other_keys() {
    let mut w = world("rotated", "the-first-key-1234567890").await;
    w.apply().await;
    w.terraform.set("TF_VAR_secret", "the-second-key-1234567890");
    w.nothing_to_do().await;
    w.edit("credentials_version  = 1", "credentials_version  = 2");
    assert_eq!(w.plan().await.changes(STAGE), ["credentials_version: 1 -> 2"]);
    w.heard();
    w.apply().await;
    let changes = w.changes_heard();
    assert!(changes.len() == 1 && changes[0].contains("the-second-key-1234567890"), "{changes:?}");
}
