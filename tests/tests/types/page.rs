//! docs/reference/types.md, written from the tables of this test.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::keys::KEYS;
use crate::spec::Arrives;
use crate::values::FAMILIES;

/// Set to rewrite the page.
const REWRITE: &str = "DATABEND_CDC_WRITE_DOCS";

#[test]
fn the_page_is_as_the_tables_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/types.md");
    let wanted = page();
    if std::env::var_os(REWRITE).is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &wanted).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap();
    assert!(committed == wanted, "docs/reference/types.md is old: set {REWRITE}=1 and run this test again");
}

fn page() -> String {
    let mut out = format!(
        "<!-- Written by tests/tests/types (the test the_page_is_as_the_tables_say) with {REWRITE}=1. Change the tables there. -->\n\n\
         # Types\n\n\
         What becomes of each MySQL type on its way through DMS (as the sandbox imitates it) into Databend. Every value named here went\n\
         through the whole pipeline: by the full load, an insert, an update and back to NULL. NULL arrives as NULL.\n\n\
         | MySQL | raw | ODS | values that arrive as they are |\n|---|---|---|---|\n"
    );
    let mut others = String::new();
    for column in FAMILIES.iter().flat_map(|(_, columns)| *columns) {
        let parsed = pipeline::column::Column { name: "c".into(), ty: column.mysql.parse().unwrap() };
        let name = cell(format!("{} {}", column.mysql, column.ddl).trim());
        let same: Vec<_> = column
            .values
            .iter()
            .filter(|value| value.arrives == Arrives::Same)
            .map(|value| cell(value.sql))
            .collect();
        writeln!(out, "| {name} | {} | {} | {} |", parsed.raw_type(), parsed.ods_type(), same.join(", "))
            .unwrap();
        for value in column.values {
            if let Arrives::As { ods, why } = value.arrives {
                let ods = ods.map_or("NULL".into(), |text| cell(text.trim_start_matches('=')));
                writeln!(others, "| {name} | {} | {ods} | {why} |", cell(value.sql)).unwrap();
            }
        }
    }
    write!(
        out,
        "\n## Values that arrive as others\n\n| MySQL | value | in ODS | why |\n|---|---|---|---|\n{others}"
    )
    .unwrap();
    out.push_str(
        "\n## Keys\n\nTypes that were tried as a primary key: inserted, changed, deleted, and the key itself changed. FLOAT, JSON, MEDIUMTEXT,\n\
         LONGTEXT, MEDIUMBLOB, LONGBLOB and the spatial types are refused as keys at plan time.\n\n| key | note |\n|---|---|\n",
    );
    for key in KEYS {
        writeln!(out, "| {} | {} |", cell(format!("{} {}", key.mysql, key.ddl).trim()), key.note).unwrap();
    }
    out.push_str(MYSQL);
    out
}

/// What `cargo xtask test --mysql` has shown.
const MYSQL: &str = "\n## MySQL and MariaDB\n\n\
    The values above were sent by MariaDB in every run of the tests, and by MySQL 9.7 with `cargo xtask test --mysql`. What differs is what the\n\
    server makes of them before DMS reads them:\n\n\
    - MySQL rounds the digits of a second that a column has no place for, unless `sql_mode` has TIME_TRUNCATE_FRACTIONAL. MariaDB drops them.\n\
    - MySQL's last TIME is `838:59:59`, MariaDB's `838:59:59.999999`.\n\
    - MySQL stores JSON in a form of its own: members in another order, and no member twice. The value is the same.\n";

/// As code in a cell of a table; long ones are cut.
fn cell(text: &str) -> String {
    let mut short: String = text.chars().take(80).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    format!("`` {} ``", short.replace('|', "\\|").replace('\n', " "))
}
