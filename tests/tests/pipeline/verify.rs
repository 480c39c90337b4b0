//! `runbook verify`: every kind of key, rows in flight, and what it refuses. Every type of value is in tests/tests/types.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::time::Duration;

use e2e::{Must, Mysql, Sandbox, Table, World, wait};
use serde_json::Value as Json;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr};

const SETTINGS: &str = "poll_seconds = 1\ndelivery_seconds = 3\nverify_settle_seconds = 30\n";

/// A table's name, the columns of its key, the expression that gives the key of a row's number, and the number of rows.
type Keyed = (&'static str, &'static [(&'static str, &'static str)], &'static str, u32);

/// Tables with more rows than one statement names or one part has.
const KEYS: [Keyed; 6] = [
    ("ints", &[("a", "int")], "CAST(seq AS SIGNED) * 3 - 8000", 12_000),
    (
        "pairs",
        &[("a", "int"), ("b", "varbinary(8)")],
        "seq DIV 7, UNHEX(LPAD(HEX(seq * 40503 % 65536), 4, '0'))",
        6_000,
    ),
    (
        "times",
        &[("a", "datetime(6)"), ("b", "decimal(12,2)")],
        "'2024-01-01' + INTERVAL (seq DIV 10) MICROSECOND, (CAST(seq AS SIGNED) - 600) / 4",
        6_000,
    ),
    // Letter case and trailing spaces are not ordered as bytes, and names in both cases lie side by side.
    (
        "names",
        &[("a", "varchar(30)")],
        "CONCAT(ELT(1 + seq % 4, 'Anna', 'anna\\\\', 'É''e', '\"_%'), seq, IF(seq % 3 = 0, '', ' x'))",
        1_300,
    ),
    ("members", &[("a", "enum('z','a','M')"), ("b", "int")], "1 + seq % 3, seq", 1_300),
    (
        "clocks",
        &[("a", "time(3)"), ("b", "varchar(9)")],
        "SEC_TO_TIME(CAST(seq AS SIGNED) - 700.5), IF(seq % 2, 'a', '')",
        1_300,
    ),
];

#[tokio::test]
async fn verify_goes_through_every_kind_of_key() {
    let tables: Vec<_> = KEYS
        .iter()
        .map(|(name, key, ..)| {
            let columns: Vec<_> =
                [("n", "int"), ("v", "varchar(20)")].into_iter().chain(key.iter().copied()).collect();
            Table::new(name, &columns, &key.iter().map(|(name, _)| *name).collect::<Vec<_>>())
        })
        .collect();
    let before: Vec<_> = KEYS
        .iter()
        .map(|(name, _, key, rows)| {
            format!(
                "INSERT INTO NAME.{name} SELECT seq, CONCAT('row ', seq), {key} FROM NAME.seq_1_to_{rows}"
            )
        })
        .collect();
    let before: Vec<_> = before.iter().map(String::as_str).collect();
    // Nothing changes after the load, and tasks that run often would keep the engine from everything else.
    let world = World::scheduled(Sandbox::from_env().must(), &tables, &before, "1 minute").await;
    world.terraform.write("runbook.toml", SETTINGS).must();
    world.cutover().await;
    let green = world.json(0, &["verify"]).await;
    for (name, _, _, rows) in KEYS {
        let verdict = verdict(&world, &green, name);
        assert_eq!(verdict["rows"], rows, "{verdict}");
        assert!(verdict["parts"].as_u64().unwrap() > 1, "{verdict}");
    }

    // Of a sample, less is compared, and it does not count as a comparison of the table.
    let sample = world.json(0, &["verify", "--sample", "10", "--max-load", "1000"]).await;
    let status = world.json(0, &["status"]).await;
    for (name, _, _, rows) in KEYS {
        let verdict = verdict(&world, &sample, name);
        let compared = verdict["rows"].as_u64().unwrap();
        assert!(compared > 0 && compared < u64::from(rows), "{verdict}");
        assert_eq!(verdict["sample_percent"], 10);
        let source = world.named(&format!("NAME.{name}"));
        let tables = status["chains"][0]["tables"].as_array().unwrap();
        let table = tables.iter().find(|table| table["source"] == source).unwrap();
        assert_eq!(table["verified"]["rows"], rows, "{table:#}");
    }

    // On both sides of each boundary between parts, in the order of the source, and at both ends of the table.
    let mut all = Vec::new();
    for (name, key, _, rows) in KEYS {
        let order: Vec<_> = key.iter().map(|(name, _)| *name).collect();
        let places = [1, 499, 500, 501, 502, 1_000, 1_001, 4_999, 5_000, 5_001, 5_002, rows];
        let mut numbers = Vec::new();
        for place in places.into_iter().filter(|place| *place <= rows) {
            let order = order.join(", ");
            let at = format!("SELECT n FROM NAME.{name} ORDER BY {order} LIMIT 1 OFFSET {}", place - 1);
            numbers.push(world.mysql.count(&world.named(&at)).await.must());
        }
        let ods = world.named(&format!("\"NAME_ods\".\"{name}\""));
        let kinds = ["values", "missing", "extra"];
        let planted: BTreeSet<_> =
            numbers.into_iter().enumerate().map(|(i, n)| (n, kinds[i % kinds.len()])).collect();
        let of = |kind: &str| {
            let of_it = planted.iter().filter(|(_, planted)| *planted == kind);
            of_it.map(|(n, _)| n.to_string()).collect::<Vec<_>>().join(", ")
        };
        let changed = format!("UPDATE {ods} SET v = CONCAT(v, ' ') WHERE n IN ({})", of("values"));
        world.databend.exec(&changed).await.must();
        let removed = format!("DELETE FROM {ods} WHERE n IN ({})", of("missing"));
        world.databend.exec(&removed).await.must();
        let delete = world.named(&format!("DELETE FROM NAME.{name} WHERE n IN ({})", of("extra")));
        world.mysql.session(&["SET sql_log_bin = 0", &delete, "SET sql_log_bin = 1"]).await.must();
        all.push((name, planted));
    }
    let csv = world.terraform.path().join("keys.csv");
    let red = world.json(2, &["verify", "--csv", &csv.to_string_lossy()]).await;
    let lines = std::fs::read_to_string(&csv).unwrap().lines().count();
    let keys: usize = all.iter().map(|(_, planted)| planted.len()).sum();
    assert_eq!(lines, keys + 1, "a header, and a line per key");
    for (name, planted) in &all {
        let verdict = verdict(&world, &red, name);
        assert_eq!(verdict["different"], planted.len(), "{verdict:#}");
        let mut kinds: Vec<_> = planted.iter().map(|(_, kind)| *kind).collect();
        let mut found: Vec<_> =
            differences(verdict).iter().map(|one| one["kind"].as_str().unwrap().to_owned()).collect();
        kinds.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, kinds, "{verdict:#}");
        let columns = differences(verdict).iter().filter(|one| one["kind"] == "values");
        assert!(columns.into_iter().all(|one| one["columns"] == serde_json::json!(["v"])), "{verdict:#}");
    }

    let planted_in = |name: &str| &all.iter().find(|(table, _)| *table == name).unwrap().1;
    compares_a_part(&world, planted_in("ints")).await;
    goes_on_where_it_was_killed(&world, planted_in("ints").len()).await;
    // Found by an equal text alone, with whatever is in it.
    let (n, _) = planted_in("names").iter().find(|(_, kind)| *kind == "values").unwrap();
    let of_it = world.named(&format!("SELECT a FROM \"NAME_ods\".\"names\" WHERE n = {n}"));
    let key = world.databend.value(&of_it).await.must();
    let (condition, table) = (format!("a='{key}'"), world.named("NAME.names"));
    let red = world.json(2, &["verify", "--where-key", &condition, "--table", &table]).await;
    assert_eq!(verdict(&world, &red, "names")["different"], 1, "{key}");
}

/// The key of the table `ints` of a row's number.
fn int_key(n: u64) -> String {
    (i64::try_from(n).unwrap() * 3 - 8_000).to_string()
}

async fn compares_a_part(world: &World, planted: &BTreeSet<(u64, &str)>) {
    let table = world.named("NAME.ints");
    let later = planted.iter().filter(|(n, _)| *n >= 1_000).count();
    let conditions = [format!("A >= {}", int_key(1_000)), format!("a<={}", int_key(12_000))];
    let [from, to] = &conditions;
    let arguments = ["verify", "--where-key", from, "--where-key", to, "--table", &table];
    let red = world.json(2, &arguments).await;
    let verdict = verdict(world, &red, "ints");
    assert_eq!(verdict["different"], later, "{verdict:#}");
    assert_eq!(verdict["where_key"], serde_json::json!(["a >= -5000", "a <= 28000"]));
    let shown = world.runbook.expect(2, &arguments).await.must();
    let told = "only a part was compared: rows with a >= -5000 and a <= 28000";
    assert!(shown.stdout.contains(told), "{}", shown.stdout);

    for (arguments, told) in [
        (&["--where-key", "a>5"][..], "--where-key is about the key of one table"),
        (&["--where-key", "n>5", "--table", &table], "n is not a column of the key, which is a"),
        (&["--where-key", "a>five", "--table", &table], "a cannot be compared with \"five\""),
        (&["--csv", "/missing/keys.csv"], "/missing/keys.csv cannot be written"),
        (&["--resume", "/missing/verify.json"], "/missing/verify.json cannot be written"),
    ] {
        let error = world.json(1, &[&["verify"][..], arguments].concat()).await;
        assert!(error["error"]["message"].as_str().unwrap().contains(told), "{error:#}");
    }
}

async fn goes_on_where_it_was_killed(world: &World, planted: usize) {
    let file = world.terraform.path().join("verify.json");
    let (path, table) = (file.to_string_lossy(), world.named("NAME.ints"));
    let arguments = ["verify", "--resume", &path, "--table", &table];
    let mut first = world.runbook.command().args(arguments).spawn().unwrap();
    let compared = async || Ok(std::fs::read_to_string(&file).unwrap_or_default().contains("\"end\""));
    wait::until("all rows are compared once", Duration::from_secs(60), compared, |compared| *compared)
        .await
        .must();
    first.kill().await.unwrap();
    let kept = std::fs::read_to_string(&file).unwrap();
    let second = world.json(2, &arguments).await;
    let verdict = verdict(world, &second, "ints");
    assert_eq!(verdict["different"], planted, "{verdict:#}");
    assert!(verdict["resumed"].is_string(), "{verdict:#}");
    assert!(!file.exists());

    // As if it had been killed after 6,000 rows, and nothing had differed there.
    let mut kept: Json = serde_json::from_str(&kept).unwrap();
    let checkpoint = &mut kept["tables"][&table];
    checkpoint["place"] = serde_json::json!({ "source": [int_key(6_000)] });
    checkpoint["suspects"] = serde_json::json!([]);
    checkpoint["totals"]["rows"] = 6_000.into();
    std::fs::write(&file, kept.to_string()).unwrap();
    let third = world.json(2, &arguments).await;
    let verdict = self::verdict(world, &third, "ints");
    assert_eq!(verdict["different"], 1, "only the last row: {verdict:#}");
    assert!(verdict["rows"].as_u64().unwrap() > 11_990, "{verdict:#}");
}

#[tokio::test]
async fn verify_finds_a_key_that_ods_has_twice_and_shows_it() {
    let world = World::orders(5).await;
    world.terraform.write("runbook.toml", SETTINGS).must();
    world.cutover().await;
    let twice = world.named(
        "INSERT INTO \"NAME_ods\".\"orders\" SELECT * FROM \"NAME_ods\".\"orders\" WHERE order_id = 3",
    );
    world.databend.exec(&twice).await.must();
    let red = world.json(2, &["verify"]).await;
    let verdict = verdict(&world, &red, "orders");
    let twice = serde_json::json!({ "key": ["3"], "kind": "twice", "columns": [], "is_held": false });
    assert_eq!(differences(verdict), [twice]);
    waits_for_a_quiet_source(&world).await;

    let shown = world.runbook.expect(2, &["verify"]).await.must();
    assert!(shown.stdout.contains("more than once in ODS"), "{}", shown.stdout);
    assert!(shown.stdout.contains("[VERIFY-DIFFERS]"), "{}", shown.stdout);
    assert!(shown.stdout.contains("run `runbook verify --repair --table"), "{}", shown.stdout);
}

/// With `--max-load`, the source is asked when it runs few enough statements.
async fn waits_for_a_quiet_source(world: &World) {
    const BUSY: u64 = 12;
    let take = world.named("SELECT GET_LOCK('NAME', 600)");
    let mysql = &world.mysql;
    let holder = mysql.open(std::slice::from_ref(&take)).await.must();
    let mut sessions = Vec::new();
    for _ in 0..BUSY {
        let (session, take) = (mysql.open(&[]).await.must(), take.clone());
        sessions.push(tokio::spawn(async move { session.end(&take).await }));
    }
    let sql = format!(
        "SELECT count(*) FROM information_schema.processlist WHERE info = '{}'",
        take.replace('\'', "''")
    );
    let running = async || mysql.count(&sql).await;
    wait::until("the statements wait", Duration::from_secs(60), running, |running| *running == BUSY)
        .await
        .must();

    let arguments = ["verify", "--max-load", &BUSY.to_string()];
    let said = format!("waiting until the source runs at most {BUSY}");
    let (mut runbook, _lines) = heard(world, &arguments, &said).await;
    assert_eq!(running().await.must(), BUSY);
    holder.end("DO RELEASE_ALL_LOCKS()").await.must();
    assert_eq!(runbook.wait().await.unwrap().code(), Some(2));
    for session in sessions {
        session.await.unwrap().must();
    }
}

#[tokio::test]
async fn verify_repairs_what_differs_through_raw() {
    let world = World::orders(8).await;
    // Nothing has changed yet that would tell the zone of sequences.
    world.terraform.write("runbook.toml", &format!("{SETTINGS}sequences_are_utc = true\n")).must();
    world.cutover().await;
    // A key twice, a row that is gone, one that is marked as deleted, one with another value, and one too many.
    for sql in [
        "UPDATE \"NAME_ods\".\"orders\" SET is_deleted = TRUE WHERE order_id = 7",
        "INSERT INTO \"NAME_ods\".\"orders\" SELECT * FROM \"NAME_ods\".\"orders\" WHERE order_id IN (3, 4, 7)",
        "UPDATE \"NAME_ods\".\"orders\" SET amount = amount + 1 WHERE order_id = 4",
        "DELETE FROM \"NAME_ods\".\"orders\" WHERE order_id = 1",
        "UPDATE \"NAME_ods\".\"orders\" SET is_deleted = TRUE WHERE order_id = 2",
        "UPDATE \"NAME_ods\".\"orders\" SET note = CONCAT(note, ' ') WHERE order_id = 5",
    ] {
        world.databend.exec(&world.named(sql)).await.must();
    }
    let unseen =
        ["SET sql_log_bin = 0", "DELETE FROM NAME.orders WHERE order_id IN (6, 7)", "SET sql_log_bin = 1"];
    world.mysql.session(&unseen.map(|sql| world.named(sql))).await.must();

    let done = world.json(0, &["verify", "--repair"]).await;
    let verdict = verdict(&world, &done, "orders");
    assert_eq!(verdict["repair"], serde_json::json!({ "written": 7, "equal": 7 }), "{verdict:#}");
    world.assert_ods_equals_source().await;
    world.json(0, &["verify"]).await;

    // What was written is in raw, with every column that DMS fills.
    let rows = world.named(
        "SELECT count(*) FROM \"NAME_raw\".\"orders\" WHERE \"_dms_change_seq\" LIKE '%000000000000000000000' \
         AND \"_dms_position\" <> '' AND \"_dms_ingestion_timestamp\" <> ''",
    );
    assert_eq!(world.databend.count(&rows).await.must(), 8);
    // A key that is gone stays known as deleted: an older insert may still arrive.
    let gone = "SELECT count(*) FROM \"NAME_ods\".\"orders\" WHERE order_id = 7 AND is_deleted";
    assert_eq!(world.databend.count(&world.named(gone)).await.must(), 1);
    let kept = world.named(
        "SELECT count(*) FROM databend_cdc.journal WHERE pipeline = 'NAME' AND detail LIKE '%order 5%'",
    );
    assert_eq!(world.databend.count(&kept).await.must(), 0, "the journal has values of rows");
    let log = world.runbook.expect(0, &["log"]).await.must();
    for step in ["open-repair", "write-rows", "await-merge"] {
        assert!(log.stdout.contains(step), "{}", log.stdout);
    }

    world.runbook.expect(0, &["suspend"]).await.must();
    world.databend.exec(&world.named("DELETE FROM \"NAME_ods\".\"orders\" WHERE order_id = 1")).await.must();
    let refused = world.json(1, &["verify", "--repair"]).await;
    assert_eq!(refused["not_repaired"][0]["error"]["code"], "TASK-SUSPENDED", "{refused:#}");
    assert_eq!(refused["tables"][0]["different"], 1, "{refused:#}");
}

#[tokio::test]
async fn verify_waits_for_what_is_on_its_way_and_finds_what_is_not() {
    let world = World::orders(200).await;
    world.terraform.write("runbook.toml", SETTINGS).must();
    world.cutover().await;
    let (sandbox, name) = (world.sandbox.clone(), world.name.clone());
    let (stop, mut stopped) = tokio::sync::oneshot::channel::<()>();
    let writer = tokio::spawn(async move {
        let mysql = Mysql::connect(&sandbox).await.must();
        let mut n = 1_000;
        while stopped.try_recv().is_err() {
            n += 1;
            let of = n % 100 + 1;
            let statements = [
                format!("INSERT INTO {name}.orders VALUES ({n}, 'new', {n} / 4, 'x')"),
                format!("UPDATE {name}.orders SET amount = amount + 1, note = '{n}' WHERE order_id = {of}"),
                format!("DELETE FROM {name}.orders WHERE order_id = {}", n - 50),
            ];
            mysql.transaction(&statements.each_ref().map(String::as_str)).await.must();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        n
    });
    let no_alarm = world.runbook.run(&["--json", "verify"]).await.must();
    let document: Json = serde_json::from_str(&no_alarm.stdout).unwrap();
    let calm = verdict(&world, &document, "orders");
    assert_eq!(calm["different"], 0, "{calm:#}");

    // A row that nobody changes, and one that is changed every few seconds.
    let plant = "UPDATE \"NAME_ods\".\"orders\" SET note = 'planted' WHERE order_id = 150";
    world.databend.exec(&world.named(plant)).await.must();
    let red = world.json(2, &["verify"]).await;
    let found = verdict(&world, &red, "orders");
    let planted =
        serde_json::json!({ "key": ["150"], "kind": "values", "columns": ["note"], "is_held": false });
    assert_eq!(differences(found), [planted], "{found:#}");
    // Repaired beside the writer.
    let repaired = world.runbook.run(&["--json", "verify", "--repair"]).await.must();
    let document: Json = serde_json::from_str(&repaired.stdout).unwrap();
    let repaired = verdict(&world, &document, "orders");
    assert_eq!(
        (&repaired["different"], &repaired["repair"]["written"]),
        (&0.into(), &1.into()),
        "{repaired:#}"
    );
    stop.send(()).unwrap();
    let changes = writer.await.unwrap() - 1_000;
    assert!(changes > 50, "only {changes} transactions");

    world.quiet().await;
    world.json(0, &["verify"]).await;
    world.assert_ods_equals_source().await;
    let rows = world.mysql.count(&world.named("SELECT count(*) FROM NAME.orders")).await.must();
    let status = world.json(0, &["status"]).await;
    assert_eq!(status["chains"][0]["tables"][0]["verified"]["rows"], rows);
}

#[tokio::test]
async fn verify_flies_a_canary() {
    let columns = [("id", "int"), ("note", "varchar(20)")];
    let tables = [Table::new("canary", &columns, &["id"]), Table::orders()];
    let world = World::new(&tables, &["INSERT INTO NAME.canary VALUES (2147483647, 'mine')"]).await;
    world.terraform.write("runbook.toml", SETTINGS).must();
    let table = world.named("NAME.canary");
    let flies = ["verify", "--canary", "--table", &table];
    let asleep = world.json(1, &flies).await;
    assert_eq!(asleep["error"]["code"], "TASK-SUSPENDED", "{asleep:#}");
    world.cutover().await;

    // It touches no row of others, and no table where it cannot be alone.
    let taken = world.json(1, &flies).await;
    assert_eq!(taken["error"]["code"], "CANARY-UNFIT", "{taken:#}");
    let still = "SELECT count(*) FROM NAME.canary WHERE note = 'mine'";
    assert_eq!(world.mysql.count(&world.named(still)).await.must(), 1);
    let several = world.json(1, &["verify", "--canary"]).await;
    assert!(several["error"]["message"].as_str().unwrap().contains("one table"), "{several:#}");
    world.transaction(&["DELETE FROM NAME.canary"]).await;

    let flown = world.json(0, &flies).await;
    let passages = flown["passages"].as_array().unwrap();
    let changes: Vec<_> = passages.iter().map(|passage| passage["change"].as_str().unwrap()).collect();
    assert_eq!(changes, ["insert", "update", "change of the key", "delete"], "{flown:#}");
    assert!(passages.iter().all(|passage| passage["ods"].is_f64() && passage["raw"].is_f64()), "{flown:#}");
    assert_eq!(flown["schedule"], "INTERVAL 2 SECOND", "{flown:#}");

    // Killed while it flies with its second key: the next one removes its row first.
    let of_it = world.named("SELECT count(*) FROM NAME.canary");
    killed_after(&world, &flies, "change of the key: on its way").await;
    assert_eq!(world.mysql.count(&of_it).await.must(), 1);
    world.runbook.expect(0, &["unlock", "--table", &table]).await.must();
    // One that nobody takes to ODS is told.
    world.json(0, &flies).await;
    assert_eq!(world.mysql.count(&of_it).await.must(), 0);
    world.dms.stop().await.must();
    world.terraform.write("runbook.toml", &SETTINGS.replace("= 30", "= 3")).must();
    let lost = world.json(2, &flies).await;
    assert_eq!(lost["lost"]["code"], "CANARY-LOST", "{lost:#}");
    assert!(lost["lost"]["message"].as_str().unwrap().contains("no file came to S3"), "{lost:#}");
    assert_eq!(world.mysql.count(&of_it).await.must(), 0);
    world.dms.start("resume-processing").await.must();
    world.assert_ods_equals_source().await;
}

/// Starts the runbook, and kills it as soon as it has said this.
async fn killed_after(world: &World, arguments: &[&str], said: &str) {
    heard(world, arguments, said).await.0.kill().await.unwrap();
}

/// Starts the runbook, and returns as soon as it has said this. What it says later comes in the lines.
async fn heard(world: &World, arguments: &[&str], said: &str) -> (Child, Lines<BufReader<ChildStderr>>) {
    let mut runbook = world.runbook.command();
    let mut runbook = runbook.args(arguments).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(runbook.stderr.take().unwrap()).lines();
    let mut heard = String::new();
    while !heard.contains(said) {
        heard = lines.next_line().await.unwrap().unwrap_or_else(|| panic!("it never said {said}: {heard}"));
    }
    (runbook, lines)
}

#[tokio::test]
async fn verify_needs_the_source() {
    let mut world = World::orders(1).await;
    world.cutover().await;
    world.runbook.set("MYSQL_DSN", "");
    let error = world.json(1, &["verify"]).await;
    assert_eq!(error["error"]["code"], "SOURCE-NEEDED", "{error}");
    assert!(error["error"]["help"].as_str().unwrap().starts_with("set MYSQL_DSN"), "{error}");
}

fn verdict<'a>(world: &World, document: &'a Json, table: &str) -> &'a Json {
    let name = world.named(&format!("NAME.{table}"));
    let tables = document["tables"].as_array().unwrap_or_else(|| panic!("{document:#}"));
    tables.iter().find(|verdict| verdict["source"] == name).unwrap_or_else(|| panic!("{name}: {document:#}"))
}

fn differences(verdict: &Json) -> &[Json] {
    verdict["differences"].as_array().unwrap()
}
