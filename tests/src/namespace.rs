//! The part of the sandbox's Databend that belongs to one test.

use crate::compare::Pair;
use crate::{Databend, Error, Proxy, Sandbox, names};

/// Everything in Databend whose name starts with the test's own name. It is dropped at the end, since each refresh of the
/// provider reads the whole catalog: leftovers would slow down every other test. A failed test leaves its objects for
/// inspection, except its tasks, which would take time from the other tests.
#[derive(Debug)]
pub struct Namespace {
    /// The sandbox, as this test's programs see it.
    pub sandbox: Sandbox,
    /// A name that no other test uses. In the texts that methods take, `NAME` stands for it.
    pub name: String,
    /// A session.
    pub databend: Databend,
    /// Records and disturbs what a program under test asks through [`Self::dsn`].
    pub proxy: Proxy,
    /// Leads to Databend through the proxy.
    pub dsn: String,
    /// Whether the end of the test leaves everything in place.
    pub keep: bool,
}

impl Namespace {
    /// A name that starts with `prefix`, and nothing in Databend yet.
    pub async fn new(sandbox: Sandbox, prefix: &str) -> Result<Self, Error> {
        let databend = Databend::connect(&sandbox).await?;
        let (proxy, dsn) = Proxy::to_databend(&sandbox).await?;
        Ok(Self { sandbox, name: names::unique(prefix), databend, proxy, dsn, keep: false })
    }

    /// `text` with the name for `NAME`.
    pub fn named(&self, text: &str) -> String {
        text.replace("NAME", &self.name)
    }

    /// The copy of a source table, whose schema has the test's name.
    pub fn pair(&self, table: &str) -> Pair {
        Pair {
            schema: self.name.clone(),
            table: table.to_owned(),
            ods_database: self.named("NAME_ods"),
            ods_table: table.to_owned(),
        }
    }

    /// The chain's tasks and their states, ordered by name, without the chain's name.
    pub async fn tasks(&self) -> Result<Vec<(String, String)>, Error> {
        let query =
            "SELECT name, state FROM system.tasks WHERE left(name, length('NAME_')) = 'NAME_' ORDER BY name";
        let rows = self.databend.rows(&self.named(query)).await?;
        let prefix = self.named("NAME_");
        Ok(rows
            .into_iter()
            .filter_map(|row| <[_; 2]>::try_from(row).ok())
            .map(|row| row.map(Option::unwrap_or_default))
            .map(|[name, state]| (name.replacen(&prefix, "", 1), state))
            .collect())
    }

    /// Drops everything now, without blocking the thread as the end of the test does.
    pub async fn end(mut self) -> Result<(), Error> {
        self.keep = true;
        clean(&self.name, true).await
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        if self.keep {
            return;
        }
        let all = !std::thread::panicking();
        let name = self.name.clone();
        let cleaned = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let failed = |error| Error::Start { program: "the clean-up".into(), source: error };
            runtime.map_err(failed)?.block_on(clean(&name, all))
        });
        match cleaned.join() {
            Ok(Err(error)) if all => panic!("the clean-up after the test: {error}"),
            // The test has failed already.
            _ => {}
        }
    }
}

/// Drops what carries the name: the tasks, or everything.
async fn clean(name: &str, all: bool) -> Result<(), Error> {
    // The test's own user may not be allowed to.
    let databend = Databend::connect(&Sandbox::from_env()?).await?;
    let own = |column: &str, table: &str| {
        format!("SELECT {column} FROM system.{table} WHERE left({column}, length('{name}')) = '{name}'")
    };
    let found = async |query: String| -> Result<Vec<String>, Error> {
        Ok(databend.rows(&query).await?.into_iter().flatten().flatten().collect())
    };
    for task in found(own("name", "tasks")).await? {
        databend.exec(&format!("DROP TASK {task}")).await?;
    }
    if !all {
        return Ok(());
    }
    // The streams go with their database.
    for database in found(own("name", "databases")).await? {
        databend.exec(&format!("DROP DATABASE {database}")).await?;
    }
    databend.exec(&format!("DROP STAGE IF EXISTS {name}")).await
}
