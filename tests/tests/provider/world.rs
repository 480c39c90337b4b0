//! A pipeline of its own for each test: a stage, a table and a chain, declared in one file.

use std::ops::Deref;

use e2e::{Faults, Must, Namespace, Sandbox, Service, TerraformDir};
use serde_json::Value;

use crate::plan::Plan;

pub(crate) const STAGE: &str = "databend_cdc_stage.dms";
pub(crate) const TABLE: &str = "databend_cdc_table.orders";
pub(crate) const CHAIN: &str = "databend_cdc_task_chain.shop";

/// What every test begins with. `NAME` stands for a name of the test's own, which no other test uses.
const CONFIG: &str = r#"
resource "databend_cdc_stage" "dms" {
  name                 = "NAME"
  url                  = "s3://NAME/dms/"
  region               = "us-east-1"
  endpoint_url         = "ENDPOINT"
  access_key_id_wo     = "AKIANAME"
  secret_access_key_wo = "secret-of-NAME"
  credentials_version  = 1
}

resource "databend_cdc_table" "orders" {
  stage  = databend_cdc_stage.dms.name
  source = { schema = "shop", table = "orders" }
  columns = [
    { name = "order_id", type = "bigint" },
    { name = "quantity", type = "int" },
    { name = "amount", type = "decimal(12,2)" },
    { name = "note", type = "text" },
  ]
  primary_key = ["order_id"]
  raw = { database = "NAME_raw" }
  ods = { database = "NAME_ods" }
}

resource "databend_cdc_task_chain" "shop" {
  name      = "NAME"
  warehouse = "default"
  schedule  = "1 hour"
  tables    = [databend_cdc_table.orders.pipeline]
}
"#;

const PROVIDERS: &str = r#"
terraform {
  required_providers {
    databend = { source = "databend-cdc/databend" }
  }
}
"#;

/// The configuration of one test, Terraform on it, and Databend beside it.
pub(crate) struct World {
    namespace: Namespace,
    pub(crate) terraform: TerraformDir,
    faults: Faults,
    config: String,
}

impl Deref for World {
    type Target = Namespace;

    fn deref(&self) -> &Namespace {
        &self.namespace
    }
}

impl World {
    /// The configuration above, not applied yet.
    pub(crate) async fn new(prefix: &str) -> Self {
        Self::with(prefix, CONFIG).await
    }

    /// Another configuration, not applied yet.
    pub(crate) async fn with(prefix: &str, config: &str) -> Self {
        let namespace = Namespace::new(Sandbox::from_env().must(), prefix).await.must();
        let world = Self {
            terraform: folder(&namespace).await,
            faults: Faults::of(&namespace.sandbox, Service::Databend),
            config: config.to_owned(),
            namespace,
        };
        world.write();
        world
    }

    /// Applied, and nothing left to do.
    pub(crate) async fn applied(prefix: &str) -> Self {
        let world = Self::new(prefix).await;
        world.apply().await;
        world
    }

    /// Edits the configuration. What is replaced must stand in it once.
    pub(crate) fn edit(&mut self, old: &str, new: &str) {
        assert_eq!(self.config.matches(old).count(), 1, "{old}");
        self.config = self.config.replacen(old, new, 1);
        self.write();
    }

    /// Adds to the end of the configuration.
    pub(crate) fn add(&mut self, text: &str) {
        self.config.push_str(text);
        self.write();
    }

    /// Edits the configuration for one look and puts it back.
    pub(crate) fn edited(&self, old: &str, new: &str) -> String {
        assert_eq!(self.config.matches(old).count(), 1, "{old}");
        self.text(&self.config.replacen(old, new, 1))
    }

    /// Puts a whole configuration in place of the present one.
    pub(crate) fn write_text(&self, text: &str) {
        self.terraform.write("main.tf", text).unwrap();
    }

    /// Puts the configuration in place.
    pub(crate) fn write(&self) {
        self.write_text(&self.text(&self.config));
    }

    fn text(&self, config: &str) -> String {
        self.named(config).replace("ENDPOINT", &self.sandbox.aws_endpoint_url)
    }

    /// Terraform anew, without a state, on the same configuration.
    pub(crate) async fn forget(&mut self) {
        self.terraform = folder(&self.namespace).await;
        self.write();
    }

    /// Applies; afterwards there is nothing left to do.
    pub(crate) async fn apply(&self) {
        self.terraform.apply(&[]).await.must();
        self.nothing_to_do().await;
    }

    /// Fails unless a plan is empty, showing what it would do.
    pub(crate) async fn nothing_to_do(&self) {
        if self.terraform.plan(&[]).await.must() == e2e::Plan::Empty {
            return;
        }
        let plan = self.plan().await;
        let all: Vec<_> = [STAGE, TABLE, CHAIN].map(|address| plan.changes(address)).concat();
        panic!("the plan is not empty: {all:#?}");
    }

    /// What Terraform would do.
    pub(crate) async fn plan(&self) -> Plan {
        Plan(self.terraform.planned().await.must())
    }

    /// An attribute from the state.
    pub(crate) async fn attribute(&self, address: &str, name: &str) -> Value {
        self.terraform.resource(address).await.must()[name].take()
    }

    /// Runs statements in Databend, one per line, as a person would, with names instead of `NAME`.
    pub(crate) async fn sql(&self, statements: &str) {
        for line in statements.lines().map(str::trim).filter(|line| !line.is_empty()) {
            self.databend.exec(&self.named(line)).await.must();
        }
    }

    /// The rows of a query, values joined by a bar, with names instead of `NAME`.
    pub(crate) async fn rows(&self, query: &str) -> Vec<String> {
        let rows = self.databend.rows(&self.named(query)).await.must();
        let value = |value: Option<String>| value.unwrap_or_else(|| "NULL".into());
        rows.into_iter().map(|row| row.into_iter().map(value).collect::<Vec<_>>().join("|")).collect()
    }

    /// The chain's tasks and their states, ordered by name, without the chain's name.
    pub(crate) async fn tasks(&self) -> Vec<String> {
        self.namespace
            .tasks()
            .await
            .must()
            .into_iter()
            .map(|(name, state)| format!("{name} {state}"))
            .collect()
    }

    /// Applies, which must not make or destroy anything; afterwards there is nothing left to do.
    pub(crate) async fn apply_in_place(&self) {
        let said = self.terraform.apply(&[]).await.must().stdout;
        assert!(said.contains("0 added,") && said.contains("0 destroyed."), "{said}");
        self.nothing_to_do().await;
    }

    /// Runs the merge of a table, as its task would.
    pub(crate) async fn merge(&self, table: &str) {
        let pipeline = e2e::pipeline_of(self.attribute(table, "pipeline").await);
        self.databend.exec(&pipeline::sql::merge(&pipeline)).await.must();
    }

    /// Lets statements of this test fail: the next one that matches, with names instead of `NAME`.
    pub(crate) async fn fault(&self, pattern: &str, action: &str) {
        self.faults.add(&self.named(pattern), action, 1).await.must();
    }

    /// Lets the next statement that matches be refused with a code and a message.
    pub(crate) async fn refuse(&self, pattern: &str, code: u16, message: &str) {
        self.faults.refuse(&self.named(pattern), code, &self.named(message)).await.must();
    }

    /// The SQL of the provider since the last call, with `NAME` for names.
    pub(crate) fn heard(&self) -> Vec<String> {
        let passed = self.proxy.take_passed().into_iter();
        let is_sql = |text: &String| !text.contains(" HTTP/1.1");
        passed.filter(is_sql).map(|sql| sql.replace(&self.name, "NAME")).collect()
    }

    /// The part of it that may change something, without what the provider notes of its own changes.
    pub(crate) fn changes_heard(&self) -> Vec<String> {
        let reads = |sql: &String| ["SELECT", "SET "].iter().any(|read| sql.starts_with(read));
        let notes = |sql: &String| sql.contains(r#""databend_cdc"."intents""#);
        self.heard().into_iter().filter(|sql| !reads(sql) && !notes(sql)).collect()
    }
}

async fn folder(namespace: &Namespace) -> TerraformDir {
    let mut terraform = TerraformDir::new(&namespace.sandbox).must();
    terraform.set("DATABEND_DSN", &namespace.dsn);
    terraform.write("providers.tf", PROVIDERS).must();
    terraform.init().await.must();
    terraform
}
