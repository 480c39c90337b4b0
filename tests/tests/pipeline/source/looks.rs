//! Tables, settings, logins, and what fails.

use std::time::Duration;

use e2e::{Must, Mysql};
use source::{ColumnDefault, Dsn, Flavor, Options, Position, Source, SourceError, TableRef};

use super::Lab;

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
