//! A pipeline of its own for each test: source tables, a DMS task and a bucket, and the Databend half by Terraform.

use std::time::Duration;

use e2e::compare::{Comparison, Pair, compare};
use e2e::{Databend, DmsTask, Error, Mysql, Runbook, Sandbox, TerraformDir, names, wait};
use serde_json::Value;

use crate::must::Must;
use crate::table::Table;

/// How long the last change may take from the source to ODS.
const QUIET_WITHIN: Duration = Duration::from_secs(60);
/// Seconds from the first change of a file to its writing.
const DMS_SECONDS: i64 = 1;

/// The pipeline of one test.
pub(crate) struct World {
    pub(crate) sandbox: Sandbox,
    pub(crate) mysql: Mysql,
    pub(crate) databend: Databend,
    pub(crate) dms: DmsTask,
    pub(crate) terraform: TerraformDir,
    pub(crate) runbook: Runbook,
    /// A name that no other test uses: the source's schema, the stage, the chain.
    pub(crate) name: String,
    pub(crate) tables: Vec<Table>,
}

impl World {
    /// Tables at the source, a DMS task that never ran, and everything in Databend: ready for `runbook cutover`.
    /// `NAME` in the statements is the schema; they run before anything else knows the tables.
    pub(crate) async fn new(tables: &[Table], statements: &[&str]) -> Self {
        Self::of(Sandbox::from_env().unwrap(), tables, statements).await
    }

    /// The same as another user of Databend than root.
    pub(crate) async fn of(sandbox: Sandbox, tables: &[Table], statements: &[&str]) -> Self {
        let name = names::unique("p");
        let mysql = Mysql::connect(&sandbox).await.must();
        mysql.exec(&format!("CREATE DATABASE {name}")).await.must();
        for table in tables {
            mysql.exec(&table.ddl(&name)).await.must();
        }
        for statement in statements {
            mysql.exec(&statement.replace("NAME", &name)).await.must();
        }
        let mapped: Vec<_> = tables.iter().map(|table| (name.clone(), table.name.clone())).collect();
        let dms = DmsTask::create(&sandbox, &name.replace('_', "-"), &mapped, DMS_SECONDS).await.must();
        let terraform = TerraformDir::new(&sandbox).unwrap();
        // The settings of the runbook lie beside the configuration, as at its users'.
        terraform.write("runbook.toml", "poll_seconds = 1\n").unwrap();
        let runbook = Runbook::new(&sandbox, terraform.path());
        let databend = Databend::connect(&sandbox).await.must();
        let world = Self { sandbox, mysql, databend, dms, terraform, runbook, name, tables: tables.to_vec() };
        world.declare();
        world.terraform.init().await.must();
        world.terraform.apply(&[]).await.must();
        world
    }

    /// With the table `orders` and this many rows in it.
    pub(crate) async fn orders(rows: u32) -> Self {
        let fill = format!(
            "INSERT INTO NAME.orders SELECT seq, 'new', seq / 4, concat('order ', seq) FROM NAME.seq_1_to_{rows}"
        );
        Self::new(&[Table::orders()], &[fill.as_str()][..usize::from(rows > 0)]).await
    }

    /// Writes the configuration.
    fn declare(&self) {
        let (name, tables) = (&self.name, &self.tables);
        let resources: String = tables.iter().enumerate().map(|(i, table)| table.resource(i, name)).collect();
        let pipelines: Vec<_> =
            (0..tables.len()).map(|i| format!("databend_cdc_table.t{i}.pipeline")).collect();
        let text = format!(
            r#"terraform {{
  required_providers {{
    databend = {{ source = "databend-cdc/databend" }}
  }}
}}

resource "databend_cdc_stage" "dms" {{
  name                 = "{name}"
  url                  = "s3://{bucket}/"
  region               = "{region}"
  endpoint_url         = "{endpoint}"
  access_key_id_wo     = "{key_id}"
  secret_access_key_wo = "{key}"
  credentials_version  = 1
}}

{resources}
resource "databend_cdc_task_chain" "chain" {{
  name         = "{name}"
  warehouse    = "default"
  schedule     = "1 second"
  tables       = [{pipelines}]
  dms_task_arn = "{arn}"
}}
"#,
            bucket = self.dms.bucket,
            region = self.sandbox.aws_region,
            endpoint = self.sandbox.aws_endpoint_url,
            key_id = self.sandbox.aws_access_key_id,
            key = self.sandbox.aws_secret_access_key,
            pipelines = pipelines.join(", "),
            arn = self.dms.arn,
        );
        self.terraform.write("main.tf", &text).unwrap();
    }

    /// `text` with the schema for `NAME`.
    pub(crate) fn named(&self, text: &str) -> String {
        text.replace("NAME", &self.name)
    }

    /// One transaction at the source; `NAME` is the schema.
    pub(crate) async fn transaction(&self, statements: &[&str]) {
        let statements: Vec<_> = statements.iter().map(|sql| self.named(sql)).collect();
        self.mysql.transaction(&statements.iter().map(String::as_str).collect::<Vec<_>>()).await.must();
    }

    /// A number from Databend; `NAME` is the schema.
    pub(crate) async fn count(&self, sql: &str) -> u64 {
        self.databend.count(&self.named(sql)).await.must()
    }

    /// The tables and their copies.
    fn pairs(&self) -> impl Iterator<Item = Pair> {
        self.tables.iter().map(|table| Pair {
            schema: self.name.clone(),
            table: table.name.clone(),
            ods_database: format!("{}_ods", self.name),
            ods_table: table.name.clone(),
        })
    }

    /// Waits until everything that was committed at the source has come to rest: written by DMS, loaded, merged.
    pub(crate) async fn quiet(&self) {
        self.dms.flush().await.must();
        // In this order: a file is removed after its rows are in raw, a stream is empty after they are in ODS.
        let files = async || self.dms.files().await;
        wait::until("every file is loaded", QUIET_WITHIN, files, Vec::is_empty).await.must();
        for table in &self.tables {
            let backlog = format!(
                "SELECT count(*) FROM \"{}_raw\".\"stream_{}\"",
                self.name,
                table.name.replace('"', "\"\"")
            );
            let rows = async || self.databend.count(&backlog).await;
            wait::until(&format!("{backlog} is 0"), QUIET_WITHIN, rows, |rows| *rows == 0).await.must();
        }
    }

    /// Waits until it is quiet; then every ODS table equals its source, row by row, and no key stands twice.
    pub(crate) async fn assert_ods_equals_source(&self) {
        self.quiet().await;
        for pair in self.pairs() {
            let found = self.compared(&pair).await;
            assert!(found.is_equal(), "{}: {found}", pair.table);
        }
    }

    /// Without waiting, for a table that is cut over or not.
    pub(crate) async fn compared(&self, pair: &Pair) -> Comparison {
        compare(&self.mysql, &self.databend, pair).await.must()
    }

    /// Names and states of the chain's tasks, in order of their names, which lose the chain's.
    pub(crate) async fn tasks(&self) -> Vec<String> {
        let query = self.named(
            "SELECT name, state FROM system.tasks WHERE left(name, length('NAME_')) = 'NAME_' ORDER BY name",
        );
        let rows = self.databend.rows(&query).await.must();
        let prefix = format!("{}_", self.name);
        rows.into_iter()
            .map(|row| row.into_iter().map(Option::unwrap_or_default).collect::<Vec<_>>().join(" "))
            .map(|row| row.replace(&prefix, ""))
            .collect()
    }

    /// `runbook --json VERB`, which must end with `code`.
    pub(crate) async fn json(&self, code: i32, arguments: &[&str]) -> Value {
        self.runbook.json(code, arguments).await.must()
    }

    /// `runbook cutover`, which must succeed.
    pub(crate) async fn cutover(&self) {
        self.runbook.expect(0, &["cutover"]).await.must();
    }
}

/// What still runs would take time from the tests that follow, also when this one failed.
impl Drop for World {
    fn drop(&mut self) {
        let (sandbox, dms, name) = (self.sandbox.clone(), self.dms.clone(), self.name.clone());
        let end = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                drop(dms.stop().await);
                let Ok(databend) = Databend::connect(&sandbox).await else { return };
                drop(drop_tasks(&databend, &name).await);
            });
        };
        drop(std::thread::spawn(end).join());
    }
}

async fn drop_tasks(databend: &Databend, name: &str) -> Result<(), Error> {
    let query = format!("SELECT name FROM system.tasks WHERE left(name, length('{name}_')) = '{name}_'");
    for task in databend.rows(&query).await?.into_iter().flatten().flatten() {
        databend.exec(&format!("DROP TASK {task}")).await?;
    }
    Ok(())
}
