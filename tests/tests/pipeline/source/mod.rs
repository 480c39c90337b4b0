//! The source as the product sees it, against the sandbox's MariaDB, or its MySQL (`cargo xtask test --mysql`).
//!
//! - [`looks`]: tables, settings, logins, and what fails
//! - [`open_work`]: statements and transactions that have not ended

mod looks;
mod open_work;

use std::collections::BTreeSet;
use std::time::Duration;

use e2e::{Must, Mysql, Sandbox, names};
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use source::{Activity, Dsn, Open, Options, Source, SourceError, TableRef};

/// A schema of the test's own, and the sandbox's administrator. The schema is dropped by [`Lab::end`].
struct Lab {
    sandbox: Sandbox,
    mysql: Mysql,
    schema: String,
}

impl Lab {
    async fn new() -> Self {
        let sandbox = Sandbox::from_env().unwrap();
        let mysql = Mysql::connect(&sandbox).await.must();
        let schema = names::unique("source");
        mysql.exec(&format!("CREATE DATABASE {schema}")).await.must();
        Self { sandbox, mysql, schema }
    }

    fn table(&self, table: &str) -> TableRef {
        TableRef::new(&self.schema, table)
    }

    async fn exec(&self, statements: &[&str]) {
        for statement in statements {
            self.mysql.exec(&statement.replace("NAME", &self.schema)).await.must();
        }
    }

    /// Creates an account that is named like the schema.
    async fn account(&self, grants: &[&str]) -> Result<Source, SourceError> {
        self.exec(&["CREATE USER 'NAME'@'%' IDENTIFIED BY 'p@ss/w#rd?'"]).await;
        self.exec(grants).await;
        self.connect(&format!("{}:p%40ss%2Fw%23rd%3F", self.schema), "").await
    }

    async fn connect(&self, login: &str, parameters: &str) -> Result<Source, SourceError> {
        let (_, address) = self.sandbox.mysql_dsn.rsplit_once('@').unwrap();
        let dsn = Dsn::parse(&format!("mysql://{login}@{address}{parameters}"))?;
        Source::connect(dsn, Options::default()).await
    }

    /// Opens a connection of its own for the account that [`Self::application`] created.
    async fn client(&self) -> Client {
        let (_, address) = self.sandbox.mysql_dsn.rsplit_once('@').unwrap();
        let url = format!("mysql://{}:p%40ss%2Fw%23rd%3F@{address}?prefer_socket=false", self.schema);
        let connection = Conn::from_url(url).await.unwrap();
        Client { id: u64::from(connection.id()), connection }
    }

    /// Creates tables with three rows each, and an account that may do everything with them. Returns a source that sees
    /// what the account does.
    async fn application(&self) -> Source {
        self.exec(&[
            "CREATE TABLE NAME.orders (id INT PRIMARY KEY, note INT NOT NULL)",
            "INSERT INTO NAME.orders VALUES (1, 0), (2, 0), (3, 0)",
            "CREATE TABLE NAME.log (id INT AUTO_INCREMENT PRIMARY KEY, note INT)",
            "CREATE USER 'NAME'@'%' IDENTIFIED BY 'p@ss/w#rd?'",
            "GRANT ALL ON NAME.* TO 'NAME'@'%'",
        ])
        .await;
        self.administrator().await
    }

    /// Returns what the account has open: other tests use the server, too.
    fn open_in(&self, activity: &Activity) -> BTreeSet<String> {
        let mut open = BTreeSet::new();
        for entry in activity.open() {
            let Some(client) = entry.client() else { continue };
            if client.account.as_ref().is_none_or(|account| account.user != self.schema) {
                continue;
            }
            let kind = if matches!(entry, Open::Statement(_)) { "statement" } else { "transaction" };
            open.insert(format!("{kind} {}", client.connection));
        }
        open
    }

    /// Lists until the account has exactly these open.
    async fn listing<const N: usize>(&self, source: &Source, expected: [&str; N]) -> Activity {
        let expected = BTreeSet::from(expected);
        let mut last = None;
        let look = async || {
            tokio::time::sleep(PAUSE).await;
            let activity = source.activity().await.must();
            let open = self.open_in(&activity);
            last = Some(activity);
            Ok(open)
        };
        let limit = Duration::from_secs(10);
        e2e::wait::until("the listing is as expected", limit, look, |open| {
            open.iter().map(String::as_str).eq(expected.iter().copied())
        })
        .await
        .must();
        last.unwrap()
    }

    /// Compares a listing with later ones until nothing of the account is left.
    async fn ended(&self, source: &Source, mut activity: Activity) {
        let look = async || {
            tokio::time::sleep(PAUSE).await;
            activity.retain_open(&source.activity().await.must());
            Ok(self.open_in(&activity))
        };
        e2e::wait::until("all has ended", Duration::from_secs(30), look, BTreeSet::is_empty).await.must();
    }

    async fn administrator(&self) -> Source {
        Source::connect(Dsn::parse(&self.sandbox.mysql_dsn).must(), Options::default()).await.must()
    }

    async fn end(self) {
        self.exec(&["DROP DATABASE NAME", "DROP USER IF EXISTS 'NAME'@'%'"]).await;
    }
}

/// The time between two listings.
const PAUSE: Duration = Duration::from_millis(400);

/// A connection of an application.
struct Client {
    connection: Conn,
    id: u64,
}

impl Client {
    async fn run(&mut self, statements: &[&str]) {
        for statement in statements {
            self.connection.query_drop(*statement).await.unwrap();
        }
    }

    /// Runs a statement in the background, and returns the client after it.
    fn start(mut self, statement: String) -> tokio::task::JoinHandle<Self> {
        tokio::spawn(async move {
            self.connection.query_drop(statement).await.unwrap();
            self
        })
    }
}
