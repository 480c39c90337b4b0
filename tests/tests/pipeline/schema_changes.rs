//! DDL at the source: what is told of it, what ends it, and that ODS then equals the source. docs/guides/schema-changes.md has a row for
//! each.

use std::collections::{BTreeMap, BTreeSet};

use e2e::{Must, Table, World};
use serde_json::{Value, json};

/// The codes of what status says of each table that it says something about.
fn told(world: &World, status: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let mut told = BTreeMap::<_, BTreeSet<_>>::new();
    for finding in status["findings"].as_array().unwrap() {
        let subject = finding["subject"].as_str().unwrap();
        let table = subject.strip_prefix(&format!("{}.", world.name)).unwrap_or(subject);
        told.entry(table.to_owned()).or_default().insert(finding["code"].as_str().unwrap().to_owned());
    }
    told
}

fn help<'a>(world: &World, status: &'a Value, table: &str) -> &'a str {
    let subject = format!("{}.{table}", world.name);
    let findings = status["findings"].as_array().unwrap();
    findings.iter().find(|one| one["subject"] == json!(subject)).unwrap()["help"].as_str().unwrap()
}

/// The tables, what is done to each, and the codes of what is told.
const CHANGES: [(&str, &[&str], &[&str]); 19] = [
    ("added", &["ALTER TABLE NAME.added ADD COLUMN n INT NULL"], &["SOURCE-COLUMNS"]),
    ("filled", &["ALTER TABLE NAME.filled ADD COLUMN n INT NOT NULL DEFAULT 5"], &["SOURCE-COLUMNS"]),
    // It is rebuilt.
    ("wider", &["ALTER TABLE NAME.wider MODIFY v BIGINT"], &["SOURCE-COLUMNS", "SOURCE-ROWS"]),
    ("dropped", &["ALTER TABLE NAME.dropped DROP COLUMN v"], &["SOURCE-COLUMNS"]),
    ("renamed", &["ALTER TABLE NAME.renamed rename column v TO w"], &["SOURCE-COLUMNS"]),
    ("copied", &["ALTER TABLE NAME.copied CHANGE v w INT"], &["SOURCE-COLUMNS"]),
    ("crossed", &["ALTER TABLE NAME.crossed CHANGE v d BIGINT, CHANGE d v BIGINT"], &["SOURCE-ROWS"]),
    // It is rebuilt.
    (
        "recoded",
        &[
            "ALTER TABLE NAME.recoded CONVERT TO CHARACTER SET latin1",
            "INSERT INTO NAME.recoded (id, v) VALUES (8, 'é')",
        ],
        &["SOURCE-ROWS"],
    ),
    ("converted", &["ALTER TABLE NAME.converted MODIFY d DATETIME"], &["SOURCE-ROWS"]),
    ("emptied", &["TRUNCATE TABLE NAME.emptied"], &["SOURCE-ROWS"]),
    (
        "swapped",
        &[
            "CREATE TABLE NAME.swapped_new LIKE NAME.swapped",
            "INSERT INTO NAME.swapped_new SELECT id, v + 1, d FROM NAME.swapped WHERE id < 3",
            "rename table NAME.swapped TO NAME.swapped_old, NAME.swapped_new TO NAME.swapped",
        ],
        &["SOURCE-ROWS"],
    ),
    ("parted", &["ALTER TABLE NAME.parted DROP PARTITION p0"], &["SOURCE-ROWS"]),
    ("cut", &["ALTER TABLE NAME.cut TRUNCATE PARTITION p0"], &["SOURCE-ROWS"]),
    (
        "exchanged",
        &[
            "CREATE TABLE NAME.exchanged_p0 LIKE NAME.exchanged",
            "ALTER TABLE NAME.exchanged_p0 REMOVE PARTITIONING",
            "INSERT INTO NAME.exchanged_p0 SELECT id, v + 1, d FROM NAME.exchanged WHERE id < 2",
            "ALTER TABLE NAME.exchanged EXCHANGE PARTITION p0 WITH TABLE NAME.exchanged_p0",
        ],
        &["SOURCE-ROWS"],
    ),
    (
        "recreated",
        &[
            "DROP TABLE NAME.recreated",
            "CREATE TABLE NAME.recreated (id INT NOT NULL PRIMARY KEY, v INT NULL, d DATETIME(3) NULL)",
            "INSERT INTO NAME.recreated VALUES (1, 11, NULL), (9, 90, NULL)",
        ],
        &["SOURCE-ROWS"],
    ),
    ("rebuilt", &["ALTER TABLE NAME.rebuilt ENGINE = InnoDB, FORCE"], &["SOURCE-ROWS"]),
    ("defaulted", &["ALTER TABLE NAME.defaulted ALTER COLUMN v SET DEFAULT 7"], &[]),
    ("indexed", &["ALTER TABLE NAME.indexed ADD INDEX (v), ALGORITHM = INPLACE"], &[]),
    // The last one, since resources have the numbers of tables.
    ("removed", &["DROP TABLE NAME.removed"], &["SOURCE-TABLE-GONE"]),
];

#[tokio::test]
async fn every_ddl_is_told_and_what_ends_it_ends_it() {
    let tables = CHANGES.map(|(name, ..)| {
        let (v, d) = match name {
            "crossed" => ("bigint", "bigint"),
            "recoded" => ("varchar(20)", "datetime(3)"),
            _ => ("int", "datetime(3)"),
        };
        Table::new(name, &[("id", "int"), ("v", v), ("d", d)], &["id"])
    });
    let mut before: Vec<String> = ["parted", "cut", "exchanged"]
        .iter()
        .map(|name| {
            format!(
                "ALTER TABLE NAME.{name} PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (3), PARTITION p1 VALUES LESS \
                 THAN MAXVALUE)"
            )
        })
        .collect();
    before.extend(CHANGES.iter().map(|(name, ..)| {
        let d = match *name {
            "crossed" => "-seq",
            _ => "'2026-01-01' + INTERVAL seq * 1500000 MICROSECOND",
        };
        format!("INSERT INTO NAME.{name} SELECT seq, seq * 10, {d} FROM NAME.seq_1_to_5")
    }));
    let before: Vec<_> = before.iter().map(String::as_str).collect();
    let mut world = World::new(&tables, &before).await;
    // Nothing has changed yet that would tell the zone of sequences.
    let settings =
        "poll_seconds = 1\nsequences_are_utc = true\ndelivery_seconds = 3\nverify_settle_seconds = 60\n";
    world.terraform.write("runbook.toml", settings).must();
    world.cutover().await;
    assert_eq!(told(&world, &world.json(0, &["status"]).await), BTreeMap::new());

    for (_, statements, _) in CHANGES {
        for statement in statements {
            world.mysql.exec(&world.named(statement)).await.must();
        }
    }
    // With values that the new column tells from the rows that were there.
    for table in ["added", "filled"] {
        world.transaction(&[&format!("INSERT INTO NAME.{table} (id, v, n) VALUES (8, 1, 8)")]).await;
    }
    world.transaction(&["UPDATE NAME.renamed SET w = NULL WHERE id = 1"]).await;
    world.transaction(&["UPDATE NAME.renamed SET w = 21 WHERE id = 2"]).await;
    world.quiet().await;
    let status = world.json(2, &["status"]).await;
    let expected: BTreeMap<_, _> = CHANGES
        .iter()
        .filter(|(.., codes)| !codes.is_empty())
        .map(|(table, _, codes)| ((*table).to_owned(), codes.iter().map(|code| (*code).to_owned()).collect()))
        .collect();
    assert_eq!(told(&world, &status), expected, "{:#}", status["findings"]);
    assert!(help(&world, &status, "filled").contains("default = \"5\""), "{:#}", status["findings"]);
    assert!(help(&world, &status, "renamed").contains("renamed_from = \"v\""), "{:#}", status["findings"]);

    // Terraform tells it, too.
    let plan = world.terraform.run(&["plan", "-input=false", "-no-color"]).await.must();
    for (table, changed) in [("swapped", true), ("indexed", false)] {
        let warning = format!("{}.{table} has changed at the source", world.name);
        assert_eq!(plan.stdout.contains(&warning), changed, "{plan}");
    }

    // Each as its help says.
    let gone = world.named("NAME.removed");
    let not_settled = world.json(2, &["settle", "--table", &gone, "--reason=it is gone"]).await;
    assert_eq!(not_settled["gone"], serde_json::json!([gone]), "{not_settled:#}");
    assert_eq!(not_settled["settled"], serde_json::json!([]), "{not_settled:#}");
    world.tables.retain(|table| table.name != "removed");
    world
        .redeclare(&[
            ("added", |table| table.declare_column("n", "int", None)),
            ("filled", |table| table.declare_column("n", "int", Some("5"))),
            ("wider", |table| table.declare_type("v", "bigint")),
            ("renamed", |table| table.declare_rename("v", "w")),
            ("copied", |table| table.declare_column("w", "int", None)),
        ])
        .await;
    let on = |verb: &'static str, tables: &[&str]| {
        let tables = tables.iter().map(|table| format!("--table={}.{table}", world.name));
        std::iter::once(verb.to_owned()).chain(tables).collect::<Vec<_>>()
    };
    let run = async |code, line: Vec<String>| {
        let line: Vec<_> = line.iter().map(String::as_str).collect();
        world.json(code, &line).await
    };
    run(0, on("verify", &["rebuilt", "recoded", "wider", "added", "filled", "renamed"])).await;
    let reloaded =
        ["copied", "crossed", "converted", "emptied", "swapped", "parted", "cut", "exchanged", "recreated"];
    let differing = run(2, on("verify", &reloaded)).await;
    for verdict in differing["tables"].as_array().unwrap() {
        assert_ne!(verdict["different"], 0, "{verdict:#}");
    }
    // DMS reads definitions when it starts.
    world.dms.stop().await.must();
    world.dms.start("resume-processing").await.must();
    run(0, on("reload", &reloaded)).await;
    let known = ["dropped", "copied"];
    run(0, [on("settle", &known), vec!["--reason=nobody reads it".to_owned()]].concat()).await;
    let status = world.json(0, &["status"]).await;
    assert_eq!(told(&world, &status), BTreeMap::new(), "{:#}", status["findings"]);
    world.json(0, &["verify"]).await;
    let plan = world.terraform.run(&["plan", "-input=false", "-no-color"]).await.must();
    assert!(!plan.stdout.contains("has changed at the source"), "{plan}");
    let log = world.runbook.expect(0, &["log", "--table", &world.named("NAME.dropped")]).await.must();
    assert!(log.stdout.contains("settle"), "{log}");
}
