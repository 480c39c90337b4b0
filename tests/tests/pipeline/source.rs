//! The source as the product sees it, against the sandbox's MariaDB, or its MySQL (`cargo xtask test --mysql`).

use std::collections::BTreeSet;
use std::time::Duration;

use e2e::{Must, Mysql, Sandbox, names};
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use source::{
    Activity, ColumnDefault, Dsn, Flavor, Open, Options, Position, Role, Source, SourceError, TableRef,
};

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

#[tokio::test]
async fn keys_columns_and_counts_of_any_name() {
    let lab = Lab::new().await;
    let odd = r#"o`dd 'name' "with" 100%_ \ ü"#;
    let quoted = format!("NAME.`{}`", odd.replace('`', "``"));
    lab.exec(&[
        "CREATE TABLE NAME.orders (line INT UNSIGNED, note VARCHAR(20) DEFAULT 'it''s', order_id BIGINT, \
         made DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6), twice INT AS (line * 2) STORED, \
         PRIMARY KEY (order_id, line), UNIQUE KEY (line, order_id))",
        "INSERT INTO NAME.orders (line, order_id) VALUES (1, 1), (2, 1), (1, 2)",
        // Another table, where names are compared exactly.
        "CREATE TABLE NAME.Orders (upper_case INT PRIMARY KEY)",
        // Not what a pattern would find.
        "CREATE TABLE NAME.order_ (a INT)",
        &format!("CREATE TABLE {quoted} (`a``b` INT, `c\\d` INT, PRIMARY KEY (`c\\d`, `a``b`))"),
        &format!("INSERT INTO {quoted} VALUES (1, 1)"),
    ])
    .await;
    let source = lab.administrator().await;

    let asked = ["orders", "Orders", "order_", odd].map(|name| lab.table(name));
    let tables = source.tables(&asked).await.must();
    let [orders, upper, keyless, odd] = asked.each_ref().map(|table| tables.get(table).must());
    assert_eq!(orders.primary_key, ["order_id", "line"]);
    let names: Vec<_> = orders.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["line", "note", "order_id", "made", "twice"]);
    let [line, note, _, made, twice] = orders.columns.as_slice() else { panic!("{orders:?}") };
    // MySQL has no display widths any more, and prints the current time as it was written.
    let (unsigned, now) = if lab.mysql.is_mariadb {
        ("int(10) unsigned", "current_timestamp(6)")
    } else {
        ("int unsigned", "CURRENT_TIMESTAMP(6)")
    };
    assert_eq!((line.column_type.as_str(), line.nullable), (unsigned, false));
    assert_eq!((&note.default, note.nullable), (&ColumnDefault::Value("it's".into()), true));
    assert_eq!(made.default, ColumnDefault::Expression(now.into()));
    assert!(twice.is_generated() && !line.is_generated());
    assert_eq!(upper.primary_key, ["upper_case"]);
    assert!(keyless.primary_key.is_empty());
    assert_eq!(odd.primary_key, [r"c\d", "a`b"]);

    for (table, count) in asked.iter().zip([3, 0, 0, 1]) {
        assert_eq!(source.count(table).await.must(), count, "{table}");
    }

    let writes = source.last_writes(&asked).await.must();
    let written = writes.get(&asked[0]).unwrap();
    let apart = (source.clock().await.must().utc - written).num_seconds();
    assert!((0..60).contains(&apart), "{written} is {apart} s ago");
    assert_eq!(writes.get(&asked[2]), None, "nothing was ever written to it");
    lab.end().await;
}

#[tokio::test]
async fn the_clock_and_the_settings_are_the_servers() {
    let lab = Lab::new().await;
    let source = lab.administrator().await;
    let before = chrono::Utc::now();
    let clock = source.clock().await.must();
    let apart = (clock.utc - before).abs();
    assert!(apart < chrono::TimeDelta::seconds(2), "{clock:?} is {apart} from {before}");
    assert!(clock.round_trip < Duration::from_secs(2));
    assert_eq!((clock.time_zone.as_str(), clock.utc_offset), ("+00:00", Some(0)));

    let settings = source.settings().await.must();
    assert_eq!((settings.log_bin, settings.read_only), (Some(true), Some(false)));
    assert_eq!(settings.binlog_format.as_deref(), Some("ROW"));
    assert_eq!(settings.binlog_row_image.as_deref(), Some("FULL"));
    assert_eq!(settings.server_id, Some(1));
    let server = source.server();
    if lab.mysql.is_mariadb {
        assert_eq!((server.flavor, settings.server_uuid), (Flavor::Mariadb, None));
        assert!(server.version >= (10, 6, 0));
    } else {
        assert_eq!(server.flavor, Flavor::Mysql);
        assert!(settings.server_uuid.is_some() && server.version >= (8, 0, 0));
    }
    lab.end().await;
}

#[tokio::test]
async fn an_unknown_table_is_named_and_stops_no_other() {
    let lab = Lab::new().await;
    lab.exec(&["CREATE TABLE NAME.orders (id INT PRIMARY KEY)"]).await;
    let source = lab.administrator().await;
    let (known, unknown) = (lab.table("orders"), lab.table("order"));
    let elsewhere = TableRef::new(format!("{}_x", lab.schema), "orders");
    let tables = source.tables(&[known.clone(), unknown.clone(), elsewhere.clone()]).await.must();
    assert_eq!(tables.get(&known).must().primary_key, ["id"]);
    for table in [unknown, elsewhere] {
        for error in [tables.get(&table).unwrap_err(), source.count(&table).await.unwrap_err()] {
            assert!(error.is_unknown_table(), "{error}");
            assert!(
                error.to_string().contains(&format!("has no table {table}. Correct its schema")),
                "{error}"
            );
        }
    }
    // The session still works.
    assert_eq!(source.count(&known).await.must(), 0);
    lab.end().await;
}

#[tokio::test]
async fn a_missing_privilege_comes_with_its_grant() {
    let lab = Lab::new().await;
    lab.exec(&[
        "CREATE TABLE NAME.orders (id INT PRIMARY KEY)",
        "CREATE TABLE NAME.`pri``vate` (id INT PRIMARY KEY)",
    ])
    .await;
    let source = lab.account(&["GRANT SELECT ON NAME.orders TO 'NAME'@'%'"]).await.must();
    let (open, closed) = (lab.table("orders"), lab.table("pri`vate"));
    let tables = source.tables(&[open.clone(), closed.clone()]).await.must();
    assert_eq!(tables.get(&open).must().primary_key, ["id"]);
    let grant = format!("GRANT SELECT ON {closed} TO '{}'@'%'", lab.schema);
    for error in [tables.get(&closed).unwrap_err(), source.count(&closed).await.unwrap_err()] {
        assert!(matches!(error, SourceError::MissingPrivilege { .. }), "{error}");
        assert!(error.to_string().contains(&grant), "{error}");
    }
    lab.mysql.exec(&grant).await.must();
    assert_eq!(source.count(&closed).await.must(), 0);
    lab.end().await;
}

#[tokio::test]
async fn a_login_that_fails_says_why() {
    let lab = Lab::new().await;
    let login = lab.sandbox.mysql_parts().unwrap();
    let error = lab.connect(&format!("{}:not-the-password", login.user), "").await.unwrap_err();
    assert!(matches!(error, SourceError::Refused { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains(&format!("does not accept user \"{}\"", login.user)), "{text}");
    assert!(!text.contains("not-the-password"), "{text}");

    // MariaDB has no certificate in the sandbox; MySQL makes one that nobody has signed.
    let login = format!("{}:{}", login.user, login.password);
    let refused = ["required", "verify-ca", "verify-identity"];
    for mode in &refused[usize::from(!lab.mysql.is_mariadb)..] {
        let error = lab.connect(&login, &format!("?ssl-mode={mode}")).await.unwrap_err();
        assert!(matches!(error, SourceError::Tls { .. }), "{error}");
        let why = if lab.mysql.is_mariadb { "the server offers no TLS." } else { "" };
        assert!(error.to_string().contains(&format!("ssl-mode={mode}: {why}")), "{error}");
    }
    lab.connect(&login, "?ssl-mode=preferred").await.must();
    lab.end().await;
}

#[tokio::test]
async fn a_session_that_the_server_ended_is_replaced() {
    let lab = Lab::new().await;
    lab.exec(&["CREATE TABLE NAME.orders (id INT PRIMARY KEY)"]).await;
    let source = lab.account(&["GRANT SELECT ON NAME.* TO 'NAME'@'%'"]).await.must();
    let sessions = format!("SELECT id FROM information_schema.processlist WHERE user = '{}'", lab.schema);
    let id = lab.mysql.value(&sessions).await.must();
    lab.mysql.exec(&format!("KILL {id}")).await.must();
    assert_eq!(source.count(&lab.table("orders")).await.must(), 0);
    assert_ne!(lab.mysql.value(&sessions).await.must(), id);
    lab.end().await;
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_stopped_by_the_server() {
    let lab = Lab::new().await;
    lab.exec(&["CREATE TABLE NAME.orders (id INT PRIMARY KEY)"]).await;
    let options = Options { statement_timeout: Duration::from_secs(1), ..Options::default() };
    let source = Source::connect(Dsn::parse(&lab.sandbox.mysql_dsn).must(), options).await.must();
    // COUNT(*) waits for the lock.
    let sandbox = lab.sandbox.clone();
    let lock = format!("LOCK TABLES {} WRITE", lab.table("orders"));
    let holder = tokio::spawn(async move {
        let mysql = Mysql::connect(&sandbox).await.must();
        mysql.session(&[lock.as_str(), "DO SLEEP(3)", "UNLOCK TABLES"]).await.must();
    });
    let waiting = "SELECT count(*) FROM information_schema.processlist WHERE info = 'DO SLEEP(3)'";
    let limit = Duration::from_secs(5);
    let look = async || lab.mysql.count(waiting).await;
    e2e::wait::until("the table is locked", limit, look, |holders| *holders > 0).await.must();
    let error = source.count(&lab.table("orders")).await.unwrap_err();
    assert!(matches!(error, SourceError::Timeout { .. }), "{error}");
    assert!(error.to_string().contains("within 1 s."), "{error}");
    holder.await.unwrap();
    assert_eq!(source.count(&lab.table("orders")).await.must(), 0);
    lab.end().await;
}

#[tokio::test]
async fn a_statement_is_open_until_its_connection_is_idle() {
    let lab = Lab::new().await;
    let source = lab.application().await;
    let (mut holder, waiter, sleeper) = (lab.client().await, lab.client().await, lab.client().await);
    let (transaction, waiting, asleep) = (holder.id, waiter.id, sleeper.id);
    holder.run(&["BEGIN", &format!("UPDATE {} SET note = 1 WHERE id = 1", lab.table("orders"))]).await;
    // It waits for the lock on the row, so it has a transaction.
    let waiter = waiter.start(format!("UPDATE {} SET note = 2 WHERE id = 1", lab.table("orders")));
    let sleeper = sleeper.start("SELECT SLEEP(3)".to_owned());
    let expected = [
        format!("statement {asleep}"),
        format!("statement {waiting}"),
        format!("transaction {waiting}"),
        format!("transaction {transaction}"),
    ];
    let before = source.clock().await.must().utc;
    let mut open = lab.listing(&source, expected.each_ref().map(String::as_str)).await;
    assert!(
        open.as_of() > before - chrono::TimeDelta::seconds(3)
            && open.as_of() < source.clock().await.must().utc
    );
    let printed: Vec<String> = open.open().iter().map(ToString::to_string).collect();
    let client = format!("'{}'@'127.0.0.1', connection {waiting}", lab.schema);
    for entry in
        [format!("a statement of {client}, running for "), format!("a transaction of {client}, open for ")]
    {
        assert!(printed.iter().any(|line| line.starts_with(&entry) && line.ends_with(" s")), "{printed:?}");
    }

    sleeper.await.unwrap();
    open.retain_open(&source.activity().await.must());
    assert_eq!(lab.open_in(&open), expected[1..].iter().cloned().collect::<BTreeSet<_>>());
    holder.run(&["COMMIT"]).await;
    waiter.await.unwrap();
    lab.ended(&source, open).await;
    lab.end().await;
}

#[tokio::test]
async fn a_statement_that_waits_for_a_metadata_lock_is_followed_through_its_triggers() {
    let lab = Lab::new().await;
    let source = lab.application().await;
    lab.exec(&["CREATE TRIGGER NAME.slow AFTER UPDATE ON NAME.orders FOR EACH ROW BEGIN DO SLEEP(0.7); \
                INSERT INTO NAME.log (note) VALUES (NEW.id); END"])
        .await;
    let (mut holder, waiter) = (lab.client().await, lab.client().await);
    let waiting = format!("statement {}", waiter.id);
    holder.run(&[&format!("LOCK TABLES {} WRITE, {} WRITE", lab.table("orders"), lab.table("log"))]).await;
    let waiter = waiter.start(format!("UPDATE {} SET note = 1", lab.table("orders")));
    // It is in the process list alone.
    let mut open = lab.listing(&source, [waiting.as_str()]).await;
    holder.run(&["UNLOCK TABLES"]).await;

    // In the trigger the server prints another number of the statement, and counts its time from the start.
    let mut listings = 0;
    while lab.open_in(&open).contains(&waiting) {
        assert!(listings < 40, "the statement does not end");
        tokio::time::sleep(PAUSE / 2).await;
        open.retain_open(&source.activity().await.must());
        listings += 1;
    }
    let done = format!("SELECT count(*) FROM {} WHERE note = 1", lab.table("orders"));
    assert_eq!(lab.mysql.count(&done).await.must(), 3, "it was taken for ended after {listings} listings");
    assert!(listings > 3, "{listings}");
    waiter.await.unwrap();
    lab.end().await;
}

#[tokio::test]
async fn a_busy_connection_is_not_waited_for() {
    let lab = Lab::new().await;
    let source = lab.application().await;
    let mut busy = lab.client().await;
    let running = format!("statement {}", busy.id);
    let (stop, mut stopped) = tokio::sync::oneshot::channel::<()>();
    let statements = [
        format!("UPDATE {} SET note = note + 1 WHERE id = 2", lab.table("orders")),
        format!("SELECT count(*) FROM {}", lab.table("orders")),
    ];
    let busy = tokio::spawn(async move {
        while stopped.try_recv().is_err() {
            busy.run(&[&statements[0], &statements[1]]).await;
        }
    });
    let mut found = source.activity().await.must();
    while !lab.open_in(&found).contains(&running) {
        tokio::time::sleep(PAUSE / 4).await;
        found = source.activity().await.must();
    }
    lab.ended(&source, found).await;
    assert!(!busy.is_finished());
    stop.send(()).unwrap();
    busy.await.unwrap();
    lab.end().await;
}

#[tokio::test]
async fn a_transaction_that_starts_to_write_is_the_same() {
    let lab = Lab::new().await;
    let source = lab.application().await;
    let mut client = lab.client().await;
    let transaction = format!("transaction {}", client.id);
    let orders = lab.table("orders");
    client.run(&["BEGIN", &format!("SELECT * FROM {orders}")]).await;
    let mut open = lab.listing(&source, [transaction.as_str()]).await;
    client.run(&[&format!("UPDATE {orders} SET note = 3 WHERE id = 3")]).await;
    tokio::time::sleep(PAUSE).await;
    open.retain_open(&source.activity().await.must());
    assert_eq!(lab.open_in(&open), BTreeSet::from([transaction.clone()]));

    // The next transaction of the connection is another.
    tokio::time::sleep(Duration::from_secs(1)).await;
    client.run(&["COMMIT", "BEGIN", &format!("SELECT * FROM {orders} FOR UPDATE")]).await;
    lab.ended(&source, open).await;
    lab.listing(&source, [transaction.as_str()]).await;
    client.run(&["ROLLBACK"]).await;
    lab.end().await;
}

#[tokio::test]
async fn a_prepared_transaction_is_open_without_its_session() {
    let lab = Lab::new().await;
    let source = lab.application().await;
    let mut client = lab.client().await;
    let transaction = format!("transaction {}", client.id);
    let update = format!("UPDATE {} SET note = 4 WHERE id = 1", lab.table("orders"));
    client
        .run(&[
            &format!("XA START '{}', 'it''s', 7", lab.schema),
            &update,
            &format!("XA END '{}', 'it''s', 7", lab.schema),
        ])
        .await;
    let mut before = lab.listing(&source, [transaction.as_str()]).await;
    client.run(&[&format!("XA PREPARE '{}', 'it''s', 7", lab.schema)]).await;
    client.connection.disconnect().await.unwrap();
    tokio::time::sleep(PAUSE).await;
    let prepared = lab.listing(&source, []).await;
    let hex: String = lab.schema.bytes().map(|byte| format!("{byte:02x}")).collect();
    let xid = format!("X'{hex}',X'69742773',7");
    let is_it = |open: &Open| matches!(open, Open::PreparedXa(xa) if xa.xid.eq_ignore_ascii_case(&xid));
    assert!(prepared.open().iter().any(is_it), "{xid}: {prepared:?}");
    // The listing from before it was prepared knows a transaction of a session.
    before.retain_open(&prepared);
    assert_eq!(lab.open_in(&before), BTreeSet::from([transaction]));

    lab.exec(&[&format!("XA COMMIT {xid}")]).await;
    lab.ended(&source, before).await;
    let mut prepared = prepared;
    prepared.retain_open(&source.activity().await.must());
    assert!(!prepared.open().iter().any(is_it), "{prepared:?}");
    lab.end().await;
}

#[tokio::test]
async fn open_work_is_not_listed_without_its_privileges() {
    let lab = Lab::new().await;
    let source = lab.account(&[]).await.must();
    let grants = if lab.mysql.is_mariadb {
        ["PROCESS", "BINLOG MONITOR", "SLAVE MONITOR"]
    } else {
        ["PROCESS", "REPLICATION CLIENT", "REPLICATION CLIENT"]
    };
    let errors = [
        source.activity().await.unwrap_err(),
        source.position().await.unwrap_err(),
        source.role().await.unwrap_err(),
    ];
    for (error, privilege) in errors.iter().zip(grants) {
        assert!(matches!(error, SourceError::MissingPrivilege { .. }), "{error}");
        let grant = format!("GRANT {privilege} ON *.* TO '{}'@'%'", lab.schema);
        assert!(error.to_string().contains(&grant), "{error}");
        lab.mysql.exec(&grant).await.must();
    }
    if !lab.mysql.is_mariadb {
        let source = lab.connect(&format!("{}:p%40ss%2Fw%23rd%3F", lab.schema), "").await.must();
        let error = source.activity().await.unwrap_err().to_string();
        assert!(error.contains("GRANT XA_RECOVER_ADMIN ON *.*"), "{error}");
        lab.mysql.exec(&format!("GRANT XA_RECOVER_ADMIN ON *.* TO '{}'@'%'", lab.schema)).await.must();
    }
    // Sessions that are open keep their privileges.
    let source = lab.connect(&format!("{}:p%40ss%2Fw%23rd%3F", lab.schema), "").await.must();
    source.activity().await.must();
    source.position().await.must();
    assert_eq!(source.role().await.must(), Role::Primary);
    lab.end().await;
}

#[tokio::test]
async fn the_position_moves_with_each_write() {
    let lab = Lab::new().await;
    lab.exec(&["CREATE TABLE NAME.orders (id INT PRIMARY KEY)"]).await;
    let source = lab.administrator().await;
    let before = source.position().await.must();
    lab.exec(&["INSERT INTO NAME.orders VALUES (1)"]).await;
    let after = source.position().await.must();
    assert!(before < after, "{before} {after}");
    let server = after.server().as_str();
    if lab.mysql.is_mariadb {
        assert!(server.starts_with("server_id=1 gtid_domain_id=0"), "{server}");
    } else {
        assert_eq!(server, lab.mysql.value("SELECT @@server_uuid").await.must());
    }
    assert_eq!(Position::parse(before.server().clone(), &before.to_string()), Some(before));
    lab.end().await;
}
