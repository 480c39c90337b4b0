//! Every type as a primary key: inserted, changed, deleted, and changed itself.

use e2e::{Must, Table, World};

use crate::reading::Reading;
use crate::spec::Key;
use crate::values::lenient;

const CI: &str = "The source takes `a`, `A` and `a ` for one key, Databend for three. DMS tells of the change from one to the other like of any \
 changed key, so the old spelling is deleted and the new one is there.";
const ZERO: &str = "A zero date arrives as NULL, and a row without its key cannot be merged: it stays in raw, and `runbook status` counts it.";

/// One letter case at the source, two in Databend; spaces at the end too.
const CASES: &[&str] = &[
    "UPDATE T SET k = 'ANNA' WHERE k = 'anna'",
    "UPDATE T SET v = 50 WHERE k = 'anna'",
    "INSERT INTO T VALUES ('case', 60); UPDATE T SET k = 'CASE', v = 61 WHERE k = 'case'; UPDATE T SET k = 'Case' WHERE k = 'case'",
    "INSERT INTO T VALUES ('again', 70)",
    "DELETE FROM T WHERE k = 'AGAIN'; INSERT INTO T VALUES ('AGAIN', 71)",
];

pub(crate) const KEYS: &[Key] = &[
    Key::new("tinyint", &["-128", "127", "0", "1", "-1"]),
    Key::new("smallint unsigned", &["0", "65535", "1", "32768", "2"]),
    Key::new("mediumint", &["-8388608", "8388607", "0", "1", "-1"]),
    Key::new("int unsigned", &["0", "4294967295", "1", "2147483648", "2"]),
    Key::new("bigint", &["-9223372036854775808", "9223372036854775807", "0", "1", "-1"]),
    Key::new(
        "bigint unsigned",
        &["0", "18446744073709551615", "1", "9223372036854775808", "18446744073709551614"],
    ),
    Key::new("year(4)", &["'0000'", "1901", "2155", "2000", "1999"]),
    Key::new("decimal(12,2)", &["0", "9999999999.99", "-9999999999.99", "0.01", "0.02"]),
    Key::new(
        "decimal(65,30)",
        &[
            "0",
            "99999999999999999999999999999999999.999999999999999999999999999999",
            "-99999999999999999999999999999999999.999999999999999999999999999999",
            "0.000000000000000000000000000001",
            "0.000000000000000000000000000002",
        ],
    ),
    Key {
        more: &[
            "UPDATE T SET v = 10 WHERE k = 0; DELETE FROM T WHERE k = 1",
            "UPDATE T SET k = 1 WHERE k = 0",
        ],
        ..Key::new("bit(1)", &["0", "1"])
    },
    Key::new("bit(64)", &["0", "18446744073709551615", "10", "39", "1"]),
    Key {
        note: ZERO,
        loaded: &["'0000-00-00'", "'2000-01-01'"],
        more: &[
            "UPDATE T SET v = 99 WHERE k = '0000-00-00'",
            "UPDATE T SET k = '2000-01-02' WHERE k = '0000-00-00'",
            "UPDATE T SET k = '0000-00-00' WHERE k = '2000-01-01'",
            "UPDATE T SET k = '2000-01-03' WHERE k = '0000-00-00'",
            "INSERT INTO T VALUES ('0000-00-00', 98)",
        ],
        ..Key::new("date", &["'1000-01-01'", "'9999-12-31'", "'1969-12-31'", "'2024-02-29'", "'2024-02-28'"])
    },
    Key::new(
        "datetime(6)",
        &[
            "'1000-01-01 00:00:00'",
            "'9999-12-30 21:59:59.999999'",
            "'1969-12-31 23:59:59.999999'",
            "'2024-02-29 00:00:00.000001'",
            "'2024-02-29 00:00:00.000002'",
        ],
    ),
    Key::new(
        "timestamp(3)",
        &[
            "'1970-01-01 00:00:01'",
            "'2038-01-19 03:14:07.999'",
            "'2024-03-31 02:30:00'",
            "'2024-03-31 02:30:00.001'",
            "'2024-03-31 02:30:00.002'",
        ],
    ),
    Key::new(
        "time(6)",
        &["'00:00:00'", "'838:59:58.999999'", "'-838:59:58.999999'", "'12:00:00.5'", "'-00:00:00.5'"],
    ),
    Key {
        more: CASES, note: CI, ..Key::new("char(10)", &["'anna'", "''", "'é'", "'😀'", "'it''s \\\\'"])
    },
    Key {
        more: CASES,
        note: CI,
        ..Key::new("varchar(50)", &["'anna'", "''", "'é'", "'😀'", "'it''s \\\\'"])
    },
    Key {
        ddl: "CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
        more: &[
            "INSERT INTO T VALUES ('ANNA', 50)",
            "UPDATE T SET v = 51 WHERE k = 'anna'",
            "UPDATE T SET k = 'b ' WHERE k = 'ANNA'; UPDATE T SET k = 'b' WHERE k = 'b'",
        ],
        note: "Letter case counts at the source too; a space at the end does not.",
        ..Key::new("varchar(50)", &["'anna'", "''", "'a\\nb'", "'😀'", "'it''s \\\\'"])
    },
    Key {
        ddl: "CHARACTER SET latin1 COLLATE latin1_swedish_ci",
        more: CASES,
        note: CI,
        ..Key::new("varchar(50)", &["'anna'", "''", "'é'", "'€'", "'ÿ'"])
    },
    Key {
        ddl: "CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin",
        more: &["INSERT INTO T VALUES ('anna ', 50)", "UPDATE T SET k = 'anna  ' WHERE k = 'anna '"],
        note: "Letter case and spaces at the end count at the source too.",
        ..Key::new("varchar(50)", &["'anna'", "''", "' '", "'😀'", "'it''s \\\\'"])
    },
    Key::new("enum('a','B','','it''s','é')", &["'a'", "'B'", "''", "'it''s'", "'é'"]),
    Key::new("set('a','B','it''s')", &["''", "'a'", "'a,B'", "'it''s'", "'a,it''s'"]),
    Key {
        note: "MySQL fills the value up with zero bytes, and so it arrives.",
        ..Key::new(
            "binary(4)",
            &["''", "UNHEX('61')", "UNHEX('FFFFFFFF')", "UNHEX('6200')", "UNHEX('000061')"],
        )
    },
    Key::new("varbinary(16)", &["''", "UNHEX('61')", "UNHEX('6100')", "UNHEX('FF00FF')", "UNHEX('270A5C')"]),
    Key {
        part: Some(("varchar(50)", "(20)")),
        note: "The whole text is the key in Databend, not the part that the source's index has.",
        more: &["UPDATE T SET k = CONCAT(k, REPEAT('x', 100)) WHERE v = 1"],
        ..Key::new("text", &["'anna'", "''", "'é'", "'😀'", "'b'"])
    },
    Key {
        part: Some(("varbinary(50)", "(20)")),
        note: "As for text.",
        more: &["UPDATE T SET k = CONCAT(k, REPEAT('x', 100)) WHERE v = 1"],
        ..Key::new("blob", &["'anna'", "''", "UNHEX('FF')", "UNHEX('00')", "'b'"])
    },
];

fn name(i: usize) -> String {
    format!("key{i}")
}

/// As Terraform and the source declare it.
pub(crate) fn table(i: usize, key: &Key) -> Table {
    let mysql = key.part.map_or(key.mysql, |(whole, _)| whole);
    Table::new(&name(i), &[("k", mysql), ("v", "int")], &["k"])
}

/// Statements for the source before anything else knows it: its own DDL, and the rows of the full load.
pub(crate) fn before(i: usize, key: &Key) -> Vec<String> {
    let name = name(i);
    let mut out = Vec::new();
    if let Some((_, part)) = key.part {
        out.push(format!(
            "ALTER TABLE NAME.{name} DROP PRIMARY KEY, MODIFY k {} NOT NULL, ADD PRIMARY KEY (k{part})",
            key.mysql
        ));
    } else if !key.ddl.is_empty() {
        out.push(format!("ALTER TABLE NAME.{name} MODIFY k {} {} NOT NULL", key.mysql, key.ddl));
    }
    for (v, k) in key.values.iter().enumerate().filter(|(v, _)| [0, 1, 3].contains(v)) {
        out.push(lenient(&format!("INSERT INTO NAME.{name} VALUES ({k}, {})", v + 1), "INSERT"));
    }
    for k in key.loaded {
        out.push(lenient(&format!("INSERT INTO NAME.{name} VALUES ({k}, 0)"), "INSERT"));
    }
    out
}

/// Transactions while DMS writes changes.
pub(crate) fn changes(i: usize, key: &Key) -> Vec<Vec<String>> {
    let table = format!("NAME.{}", name(i));
    let mut out = Vec::new();
    if let [changed, deleted, inserted, old, new] = key.values {
        out.push(vec![
            format!("UPDATE {table} SET v = 10 WHERE k = {changed}"),
            format!("DELETE FROM {table} WHERE k = {deleted}"),
        ]);
        out.push(vec![
            format!("INSERT INTO {table} VALUES ({inserted}, 30)"),
            format!("UPDATE {table} SET v = 31 WHERE k = {inserted}"),
        ]);
        out.push(vec![format!("UPDATE {table} SET k = {new}, v = 41 WHERE k = {old}")]);
    }
    for transaction in key.more {
        out.push(transaction.split("; ").map(|sql| sql.replace(" T ", &format!(" {table} "))).collect());
    }
    let lenient_one = |sql: String| match sql.split(' ').next() {
        Some(verb @ ("INSERT" | "UPDATE")) => lenient(&sql, verb),
        _ => sql,
    };
    out.into_iter().map(|transaction| transaction.into_iter().map(lenient_one).collect()).collect()
}

/// Compares all rows; what is not as expected comes back as text.
pub(crate) async fn check(world: &World, i: usize, key: &Key) -> Vec<String> {
    let (name, reading) = (name(i), Reading::of(key.mysql));
    let normal = |row: &Vec<Option<String>>| (row[0].as_deref().map(|k| reading.normal(k)), row[1].clone());
    let query = format!(
        "SET STATEMENT time_zone = '+00:00' FOR SELECT {}, v FROM NAME.{name}",
        reading.in_mysql("k")
    );
    let source = world.mysql.rows(&world.named(&query)).await.must();
    let query = format!(
        "SELECT {}, TO_STRING(v), TO_STRING(is_deleted) FROM \"NAME_ods\".\"{name}\"",
        reading.in_databend("k")
    );
    let ods = world.databend.rows(&world.named(&query)).await.must();

    // A zero date cannot be a key of ODS.
    let mut expected: Vec<_> = source
        .iter()
        .map(normal)
        .filter(|(k, _)| !k.as_deref().is_some_and(|k| k.starts_with("0000-00")))
        .collect();
    let mut live: Vec<_> = ods.iter().filter(|row| row[2].as_deref() == Some("false")).map(normal).collect();
    let mut all: Vec<_> = ods.iter().map(|row| normal(row).0).collect();
    expected.sort();
    live.sort();
    all.sort();
    let rows = all.len();
    all.dedup();
    let mut wrong = Vec::new();
    if live != expected {
        wrong.push(format!("key {} {}: {live:?} in ODS, {expected:?} in the source", key.mysql, key.ddl));
    }
    if all.len() != rows {
        wrong.push(format!("key {} {}: a key stands twice in ODS: {ods:?}", key.mysql, key.ddl));
    }
    wrong
}
