//! A pipeline of its own for each test: source tables, a DMS task and a bucket, and the Databend half by Terraform.

use std::ops::Deref;
use std::time::Duration;

use serde_json::{Value, json};

use crate::compare::{Comparison, Pair, compare};
use crate::{
    Admin, DmsSite, DmsTask, Error, Must, Mysql, Namespace, Runbook, Sandbox, Table, TerraformDir, wait,
};

/// How long the last change may take from the source to ODS.
const QUIET_WITHIN: Duration = Duration::from_secs(120);
/// Seconds from the first change of a file to its writing.
const DMS_SECONDS: i64 = 1;

/// A change of a table's declaration.
type Declare = fn(&mut Table);

/// The pipeline of one test. The name is the source's schema, the stage and the chain.
pub struct World {
    namespace: Namespace,
    /// The source.
    pub mysql: Mysql,
    /// Where DMS tasks run, and write to.
    pub site: DmsSite,
    /// The task that replicates it.
    pub dms: DmsTask,
    /// The declaration of everything in Databend.
    pub terraform: TerraformDir,
    /// The runbook on that declaration.
    pub runbook: Runbook,
    /// The source's tables.
    pub tables: Vec<Table>,
    /// The name of the chain, which begins with that of the test.
    pub chain: String,
    admin: Admin,
    /// When the load tasks run.
    schedule: String,
}

impl Deref for World {
    type Target = Namespace;

    fn deref(&self) -> &Namespace {
        &self.namespace
    }
}

impl World {
    /// Tables at the source, a DMS task that never ran, and everything in Databend: ready for `runbook cutover`.
    /// `NAME` in the statements is the schema; they run before anything else knows the tables.
    pub async fn new(tables: &[Table], statements: &[&str]) -> Self {
        Self::of(Sandbox::from_env().must(), tables, statements).await
    }

    /// The same as another user of Databend than root.
    pub async fn of(sandbox: Sandbox, tables: &[Table], statements: &[&str]) -> Self {
        // A load that finds nothing costs Databend as much as most statements of a test.
        let schedule = format!("{} seconds", tables.len().max(2));
        Self::scheduled(sandbox, tables, statements, &schedule).await
    }

    /// The same with another schedule of the load tasks.
    pub async fn scheduled(sandbox: Sandbox, tables: &[Table], statements: &[&str], schedule: &str) -> Self {
        let namespace = Namespace::new(sandbox, "p").await.must();
        let (sandbox, name) = (&namespace.sandbox, &namespace.name);
        let mysql = Mysql::connect(sandbox).await.must();
        let mut source = vec![format!("CREATE DATABASE {name}")];
        source.extend(tables.iter().map(|table| table.ddl(name)));
        source.extend(statements.iter().map(|statement| namespace.named(statement)));
        mysql.session(&source).await.must();
        let mapped: Vec<_> = tables.iter().map(|table| (name.clone(), table.name.clone())).collect();
        let site = DmsSite::create(sandbox, &name.replace('_', "-"), DMS_SECONDS).await.must();
        let dms = site.task(&name.replace('_', "-"), &mapped).await.must();
        let terraform = TerraformDir::new(sandbox).must();
        // The settings of the runbook lie beside the configuration, as at its users'.
        terraform.write("runbook.toml", "poll_seconds = 1\n").must();
        let runbook = Runbook::new(sandbox, terraform.path());
        let admin = Admin::of(sandbox);
        let world = Self {
            chain: namespace.name.clone(),
            namespace,
            mysql,
            site,
            dms,
            terraform,
            runbook,
            tables: tables.to_vec(),
            admin,
            schedule: schedule.into(),
        };
        world.declare();
        world.terraform.init().await.must();
        world.terraform.apply(&[]).await.must();
        world
    }

    /// With the table `orders` and this many rows in it.
    pub async fn orders(rows: u32) -> Self {
        let fill = format!(
            "INSERT INTO NAME.orders SELECT seq, 'new', seq / 4, concat('order ', seq) FROM NAME.seq_1_to_{rows}"
        );
        Self::new(&[Table::orders()], &[fill.as_str()][..usize::from(rows > 0)]).await
    }

    /// Has another DMS task feed the chain, as the configuration says from now on.
    pub async fn feed_from(&mut self, dms: DmsTask) {
        self.dms = dms;
        self.declare();
        self.terraform.apply(&[]).await.must();
    }

    /// Adds a table to source, DMS task and configuration, as a user does: Terraform stops the task and changes its mappings.
    /// The statements run when the table is there. `loads`: see [`DmsTask::remap`].
    pub async fn add_table(&mut self, table: Table, statements: &[&str], loads: bool) {
        let mut source = vec![table.ddl(&self.name)];
        source.extend(statements.iter().map(|statement| self.named(statement)));
        self.mysql.session(&source).await.must();
        self.tables.push(table);
        let mapped: Vec<_> =
            self.tables.iter().map(|table| (self.name.clone(), table.name.clone())).collect();
        self.dms.stop().await.must();
        self.dms.remap(&mapped, loads).await.must();
        self.declare();
        self.terraform.apply(&[]).await.must();
    }

    /// Changes the declarations of tables, and applies them at once.
    pub async fn redeclare(&mut self, changes: &[(&str, Declare)]) {
        for (name, change) in changes {
            change(self.tables.iter_mut().find(|table| table.name == *name).unwrap());
        }
        self.declare();
        self.terraform.apply(&[]).await.must();
    }

    /// Writes the configuration.
    pub(crate) fn declare(&self) {
        let (name, chain, tables) = (&self.name, &self.chain, &self.tables);
        let numbers = tables.iter().enumerate().map(|(place, table)| table.number(place));
        let resources: String =
            numbers.clone().zip(tables).map(|(number, table)| table.resource(number, name)).collect();
        let pipelines: Vec<_> =
            numbers.map(|number| format!("databend_cdc_table.t{number}.pipeline")).collect();
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
  name         = "{chain}"
  warehouse    = "default"
  schedule     = "{schedule}"
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
            schedule = self.schedule,
        );
        self.terraform.write("main.tf", &text).unwrap();
    }

    /// One transaction at the source; `NAME` is the schema.
    pub async fn transaction(&self, statements: &[&str]) {
        let statements: Vec<_> = statements.iter().map(|sql| self.named(sql)).collect();
        self.mysql.transaction(&statements.iter().map(String::as_str).collect::<Vec<_>>()).await.must();
    }

    /// A number from Databend; `NAME` is the schema.
    pub async fn count(&self, sql: &str) -> u64 {
        self.databend.count(&self.named(sql)).await.must()
    }

    /// Waits until everything that was committed at the source has come to rest: written by DMS, loaded, merged. The load tasks
    /// that are started run at once, and need not be waited for.
    pub async fn quiet(&self) {
        self.dms.flush().await.must();
        let backlog = self.tables.iter().map(|table| {
            let stream = format!("stream_{}", table.name.replace('"', "\"\""));
            format!("(SELECT count(*) FROM \"{}_raw\".\"{stream}\")", self.name)
        });
        let backlog = format!("SELECT {}", backlog.collect::<Vec<_>>().join(" + "));
        // In this order: a file is removed after its rows are in raw, a stream is empty after they are in ODS.
        let left = async || {
            self.run_loads().await?;
            let mut files = self.dms.files().await?;
            // Full-load files are the runbook's; the load tasks leave them alone.
            files.retain(|file| !file.contains("/LOAD"));
            Ok((files, self.databend.count(&backlog).await?))
        };
        let is_quiet = |(files, rows): &(Vec<String>, u64)| files.is_empty() && *rows == 0;
        wait::until("every file is loaded and merged", QUIET_WITHIN, left, is_quiet).await.must();
    }

    /// Every load task that is started runs, with what runs after it, and has run when this returns.
    pub(crate) async fn run_loads(&self) -> Result<(), Error> {
        let loads = format!("{}_load", self.chain);
        let query = format!(
            "SELECT name FROM system.tasks WHERE left(name, length('{loads}')) = '{loads}' AND state = 'Started'"
        );
        let names = self.databend.rows(&query).await?;
        for name in names.into_iter().flatten().flatten() {
            self.run_task(&name).await?;
        }
        Ok(())
    }

    /// A task runs, started or not, and has run when this returns.
    pub(crate) async fn run_task(&self, name: &str) -> Result<(), Error> {
        self.admin.post("databend/tasks/run", &json!({ "task": name })).await.map(drop)
    }

    /// Waits until it is quiet; then every ODS table equals its source, row by row, and no key stands twice.
    pub async fn assert_ods_equals_source(&self) {
        self.quiet().await;
        for pair in self.tables.iter().map(|table| self.pair(&table.name)) {
            let found = self.compared(&pair).await;
            assert!(found.is_equal(), "{}: {found}", pair.table);
        }
    }

    /// Without waiting, for a table that is cut over or not.
    pub async fn compared(&self, pair: &Pair) -> Comparison {
        compare(&self.mysql, &self.databend, pair).await.must()
    }

    /// The chain's tasks and their states, ordered by name, without the chain's name.
    pub async fn tasks(&self) -> Vec<String> {
        self.namespace
            .tasks()
            .await
            .must()
            .into_iter()
            .map(|(name, state)| format!("{} {state}", name.replace(&format!("{}_", self.name), "")))
            .collect()
    }

    /// Leaves everything in Databend where it is when the test ends.
    pub(crate) fn keep(&mut self) {
        self.namespace.keep = true;
    }

    /// `runbook --json VERB`, which must end with `code`.
    pub async fn json(&self, code: i32, arguments: &[&str]) -> Value {
        self.runbook.json(code, arguments).await.must()
    }

    /// `runbook cutover`, which must succeed.
    pub async fn cutover(&self) {
        self.runbook.expect(0, &["cutover"]).await.must();
    }
}

/// A running DMS task would take time from the other tests, also after a failure.
impl Drop for World {
    fn drop(&mut self) {
        let dms = self.dms.clone();
        let stop = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            drop(runtime.block_on(dms.stop()));
        };
        drop(std::thread::spawn(stop).join());
    }
}
