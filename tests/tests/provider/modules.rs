//! The module in examples/modules and the examples that call it: their own `terraform test`, and `moved` over the module.

use std::fs;
use std::path::{Path, PathBuf};

use e2e::{Must, Namespace, Plan, Sandbox, TerraformDir};

/// The common DMS module comes from the Registry, which tests do without.
const REGISTRY_MODULE: &str = "  source  = \"terraform-aws-modules/dms/aws\"\n  version = \"~> 2.6\"\n";
/// It has the inputs and outputs of that module that the example uses.
const STUB: &str = "  source = \"./tests/dms-stub\"\n";

#[tokio::test]
async fn the_module_passes_its_terraform_tests() {
    let terraform = example("modules/cdc-table");
    passes(&terraform, &["callers", "module", "variables"]).await;
    // `expect_failures` names a variable, not its message.
    let arguments = [
        "-var=stage=dms",
        "-var=source_table={schema=\"shop\",table=\"orders\"}",
        "-var=columns=[{name=\"id\",type=\"bigint\"}]",
        "-var=primary_key=[\"order_id\"]",
        "-var=raw={database=\"raw\",retention=3}",
        "-var=ods={database=\"ods\"}",
    ];
    let said = terraform.plan_fails(&arguments).await.must();
    for message in [
        "primary_key names a column that columns does not list.",
        "raw has the key database and, optionally, table and retention_days.",
    ] {
        assert!(said.contains(message), "{said}");
    }
}

#[tokio::test]
async fn examples_complete_passes_its_terraform_tests() {
    passes(&example("complete"), &["example"]).await;
}

#[tokio::test]
async fn example_beside_the_dms_module_passes_its_terraform_tests() {
    let terraform = example("with-terraform-aws-dms");
    let file = terraform.path().join("dms.tf");
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!(text.matches(REGISTRY_MODULE).count(), 1, "{text}");
    fs::write(&file, text.replace(REGISTRY_MODULE, STUB)).unwrap();
    passes(&terraform, &["example"]).await;
}

#[tokio::test]
async fn the_examples_are_formatted() {
    let terraform = TerraformDir::new(&Sandbox::from_env().unwrap()).unwrap();
    let examples = examples().display().to_string();
    let checked = terraform.run(&["fmt", "-check", "-recursive", "-diff", &examples]).await.must();
    assert_eq!(checked.code, 0, "{checked}");
}

const DECLARED: &str = r#"
resource "databend_cdc_table" "items" {
  stage       = databend_cdc_stage.dms.name
  source      = { schema = "shop", table = "items" }
  columns     = [{ name = "id", type = "bigint" }]
  primary_key = ["id"]
  raw         = { database = "NAME_raw" }
  ods         = { database = "NAME_ods" }
}

module "orders" {
  source       = "MODULES/cdc-table"
  stage        = databend_cdc_stage.dms.name
  source_table = { schema = "shop", table = "orders" }
  columns      = [{ name = "id", type = "bigint" }]
  primary_key  = ["id"]
  raw          = { database = "NAME_raw" }
  ods          = { database = "NAME_ods" }
}
"#;

const MOVED: &str = r#"
module "table" {
  source       = "MODULES/cdc-table"
  for_each     = toset(["items", "orders"])
  stage        = databend_cdc_stage.dms.name
  source_table = { schema = "shop", table = each.key }
  columns      = [{ name = "id", type = "bigint" }]
  primary_key  = ["id"]
  raw          = { database = "NAME_raw" }
  ods          = { database = "NAME_ods" }
}

moved {
  from = databend_cdc_table.items
  to   = module.table["items"].databend_cdc_table.this
}

moved {
  from = module.orders
  to   = module.table["orders"]
}
"#;

const STAGE: &str = r#"
terraform {
  required_providers {
    databend = { source = "databend-cdc/databend" }
  }
}

resource "databend_cdc_stage" "dms" {
  name                 = "NAME"
  url                  = "s3://NAME/dms/"
  region               = "us-east-1"
  endpoint_url         = "ENDPOINT"
  access_key_id_wo     = "AKIANAME"
  secret_access_key_wo = "secret-of-NAME"
  credentials_version  = 1
}
"#;

/// Deletion protection is on: a plan that replaced a table would fail.
#[tokio::test]
async fn tables_move_into_and_between_modules() {
    let namespace = Namespace::new(Sandbox::from_env().must(), "modules").await.must();
    let terraform = TerraformDir::new(&namespace.sandbox).unwrap();
    let write = |tables: &str| {
        let modules = examples().join("modules").display().to_string();
        let text = namespace.named(&format!("{STAGE}{tables}"));
        let text = text.replace("MODULES", &modules).replace("ENDPOINT", &namespace.sandbox.aws_endpoint_url);
        terraform.write("main.tf", &text).unwrap();
    };
    write(DECLARED);
    terraform.init().await.must();
    terraform.apply(&[]).await.must();
    write(MOVED);
    terraform.init().await.must();
    let applied = terraform.apply(&[]).await.must();
    assert!(applied.stdout.contains("0 added, 0 changed, 0 destroyed"), "{applied}");
    assert_eq!(terraform.plan(&[]).await.must(), Plan::Empty);
}

/// Every file of the folder `tests` ran, and all its runs passed.
async fn passes(terraform: &TerraformDir, files: &[&str]) {
    terraform.init().await.must();
    let validated = terraform.validate().await.must();
    assert_eq!(validated["valid"], true, "{validated}");
    let said = terraform.test().await.must();
    for file in files {
        assert!(said.contains(&format!("tests/{file}.tftest.hcl... pass")), "{said}");
    }
    assert!(said.contains(", 0 failed."), "{said}");
}

fn example(name: &str) -> TerraformDir {
    TerraformDir::from_example(&Sandbox::from_env().unwrap(), &examples().join(name)).unwrap()
}

fn examples() -> PathBuf {
    fs::canonicalize(Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples")).unwrap()
}
