//! A pipeline of its own for each test: a stage, a table and a chain, declared in one file.

use e2e::{Databend, Faults, Sandbox, Service, TerraformDir, Wire, names};
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

/// The value; of an error its message, not its fields.
pub(crate) fn must<T>(result: Result<T, e2e::Error>) -> T {
    result.unwrap_or_else(|error| panic!("{error}"))
}

/// The configuration of one test, Terraform on it, and Databend beside it.
pub(crate) struct World {
    pub(crate) sandbox: Sandbox,
    pub(crate) databend: Databend,
    pub(crate) terraform: TerraformDir,
    /// The provider's way to Databend.
    pub(crate) wire: Wire,
    dsn: String,
    faults: Faults,
    name: String,
    config: String,
}

impl World {
    /// The configuration above, not applied yet.
    pub(crate) async fn new(prefix: &str) -> Self {
        let sandbox = Sandbox::from_env().unwrap();
        let (wire, dsn) = must(Wire::to_databend(&sandbox).await);
        let world = Self {
            databend: Databend::connect(&sandbox).await.unwrap(),
            terraform: folder(&sandbox, &dsn).await,
            wire,
            dsn,
            faults: Faults::of(&sandbox, Service::Databend),
            name: names::unique(prefix),
            config: CONFIG.to_owned(),
            sandbox,
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

    /// With names instead of `NAME`.
    pub(crate) fn named(&self, text: &str) -> String {
        text.replace("NAME", &self.name)
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
        self.terraform = folder(&self.sandbox, &self.dsn).await;
        self.write();
    }

    /// Applies; afterwards there is nothing left to do.
    pub(crate) async fn apply(&self) {
        must(self.terraform.apply(&[]).await);
        self.nothing_to_do().await;
    }

    /// Fails unless a plan is empty, showing what it would do.
    pub(crate) async fn nothing_to_do(&self) {
        if must(self.terraform.plan(&[]).await) == e2e::Plan::Empty {
            return;
        }
        let plan = self.plan().await;
        let all: Vec<_> = [STAGE, TABLE, CHAIN].map(|address| plan.changes(address)).concat();
        panic!("the plan is not empty: {all:#?}");
    }

    /// What Terraform would do.
    pub(crate) async fn plan(&self) -> Plan {
        Plan(must(self.terraform.planned().await))
    }

    /// An attribute from the state.
    pub(crate) async fn attribute(&self, address: &str, name: &str) -> Value {
        must(self.terraform.resource(address).await)[name].take()
    }

    /// Runs statements in Databend, one per line, as a person would, with names instead of `NAME`.
    pub(crate) async fn sql(&self, statements: &str) {
        for line in statements.lines().map(str::trim).filter(|line| !line.is_empty()) {
            must(self.databend.exec(&self.named(line)).await);
        }
    }

    /// The rows of a query, values joined by a bar, with names instead of `NAME`.
    pub(crate) async fn rows(&self, query: &str) -> Vec<String> {
        let rows = must(self.databend.rows(&self.named(query)).await);
        let value = |value: Option<String>| value.unwrap_or_else(|| "NULL".into());
        rows.into_iter().map(|row| row.into_iter().map(value).collect::<Vec<_>>().join("|")).collect()
    }

    /// Names and states of the chain's tasks, in order of their names, which lose the chain's.
    pub(crate) async fn tasks(&self) -> Vec<String> {
        let own = self.named(
            "SELECT name, state FROM system.tasks WHERE LEFT(name, LENGTH('NAME_')) = 'NAME_' ORDER BY name",
        );
        let short = |row: String| row.replacen(&self.named("NAME_"), "", 1).replace('|', " ");
        self.rows(&own).await.into_iter().map(short).collect()
    }

    /// Applies, which must not make or destroy anything; afterwards there is nothing left to do.
    pub(crate) async fn apply_in_place(&self) {
        let said = must(self.terraform.apply(&[]).await).stdout;
        assert!(said.contains("0 added,") && said.contains("0 destroyed."), "{said}");
        self.nothing_to_do().await;
    }

    /// Runs the merge of a table, as its task would.
    pub(crate) async fn merge(&self, table: &str) {
        let pipeline = self.attribute(table, "pipeline").await;
        must(self.databend.exec("SET enable_join_runtime_filter = 0").await);
        must(self.databend.exec(pipeline["merge_sql"].as_str().unwrap()).await);
    }

    /// Lets statements of this test fail: the next one that matches, with names instead of `NAME`.
    pub(crate) async fn fault(&self, pattern: &str, action: &str) {
        must(self.faults.add(&self.named(pattern), action, 1).await);
    }

    /// Lets the next statement that matches be refused with a code and a message.
    pub(crate) async fn refuse(&self, pattern: &str, code: u16, message: &str) {
        must(self.faults.refuse(&self.named(pattern), code, &self.named(message)).await);
    }

    /// The SQL of the provider since the last call, with `NAME` for names.
    pub(crate) fn heard(&self) -> Vec<String> {
        let passed = self.wire.take_passed().into_iter();
        let is_sql = |text: &String| !text.contains(" HTTP/1.1");
        passed.filter(is_sql).map(|sql| sql.replace(&self.name, "NAME")).collect()
    }

    /// The part of it that may change something.
    pub(crate) fn changes_heard(&self) -> Vec<String> {
        let reads = |sql: &String| ["SELECT", "SET "].iter().any(|read| sql.starts_with(read));
        self.heard().into_iter().filter(|sql| !reads(sql)).collect()
    }
}

/// Each refresh reads the whole catalog, so what is left behind would slow down every other test. What a failed test
/// made stays, to be looked at.
impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let (sandbox, name) = (self.sandbox.clone(), self.name.clone());
        let cleaned = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(clean(&sandbox, &name))
        });
        must(cleaned.join().unwrap());
    }
}

async fn clean(sandbox: &Sandbox, name: &str) -> Result<(), e2e::Error> {
    let databend = Databend::connect(sandbox).await?;
    let own = |column: &str, table: &str| {
        format!("SELECT {column} FROM system.{table} WHERE LEFT({column}, LENGTH('{name}')) = '{name}'")
    };
    for task in databend.rows(&own("name", "tasks")).await?.into_iter().flatten().flatten() {
        databend.exec(&format!("DROP TASK {task}")).await?;
    }
    let streams = format!("SELECT name FROM system.streams WHERE database = '{name}_raw'");
    for stream in databend.rows(&streams).await?.into_iter().flatten().flatten() {
        databend.exec(&format!("DROP STREAM {name}_raw.\"{stream}\"")).await?;
    }
    for database in databend.rows(&own("name", "databases")).await?.into_iter().flatten().flatten() {
        databend.exec(&format!("DROP DATABASE {database}")).await?;
    }
    databend.exec(&format!("DROP STAGE IF EXISTS {name}")).await
}

async fn folder(sandbox: &Sandbox, dsn: &str) -> TerraformDir {
    let mut terraform = TerraformDir::new(sandbox).unwrap();
    terraform.set("DATABEND_DSN", dsn);
    terraform.write("providers.tf", PROVIDERS).unwrap();
    terraform.init().await.unwrap();
    terraform
}
