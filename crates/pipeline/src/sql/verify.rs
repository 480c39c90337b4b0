//! What `runbook verify` asks ODS. Rows that are marked as deleted count as absent.
//!
//! The source is asked the same by the crate `source`, in the same texts ([`crate::canonical`]).

use super::{ident, literal};
use crate::canonical::{databend_digest, databend_text, is_compared_as_json};
use crate::column::Column;
use crate::key_condition::KeyCondition;
use crate::mysql_type::MysqlType;
use crate::part::{self, Part};
use crate::table::{DELETED_COLUMN, SEQ_COLUMN, Table};

/// Counts the rows of a part and adds up what identifies them: `n`, `sum_0`, `sum_1`. The sums do not depend on the order of
/// rows. Each is of 32 bits of a row's hash: CRC32 is the only function of both engines that makes a number of a text.
pub fn checksum(table: &Table, scope: &[KeyCondition], part: &Part) -> String {
    let digest = databend_digest(table.columns.iter().map(|column| (&column.ty, ident(&column.name))));
    format!(
        "SELECT count(*) AS n, COALESCE(sum(crc32(left(d, 16))), 0) AS sum_0, COALESCE(sum(crc32(right(d, 16))), 0) AS sum_1 \
         FROM (SELECT {digest} AS d FROM {} WHERE {}) AS r",
        table.ods,
        within(table, scope, &is_in(table, part))
    )
}

/// How Databend prints the doubles of a key: one row, `printed`, which is [`PRINTED_DOUBLES`] where it prints them as
/// MySQL is asked to ([`crate::canonical`]). Not of constants: the planner prints those otherwise.
pub fn doubles() -> String {
    "SELECT LISTAGG(TO_STRING(x), ' ') WITHIN GROUP (ORDER BY number) AS printed FROM (SELECT number, CASE WHEN number = 0 THEN 1e-6 \
     WHEN number = 1 THEN 1e-5 WHEN number = 2 THEN 9999999999.5 WHEN number = 3 THEN 12345678901.5 ELSE -1e300 END::DOUBLE AS x \
     FROM numbers(5)) AS doubles"
        .to_owned()
}

/// See [`doubles`].
pub const PRINTED_DOUBLES: &str = "1e-6 0.00001 9999999999.5 1.23456789015e10 -1e300";

/// What is read of rows.
#[derive(Debug, Clone, Copy)]
pub struct Reading<'a> {
    /// Groups of columns: each has a hash of its own.
    pub groups: &'a [Vec<&'a Column>],
    /// Whether the texts of JSON columns are read.
    pub with_json: bool,
    /// Whether rows that are marked as deleted are read, too.
    pub with_deleted: bool,
    /// Conditions that all rows fulfill.
    pub scope: &'a [KeyCondition],
}

/// The rows of a part, each with its key `key_0`, …, `digest_0`, … per group of columns, the texts `json_0`, … of the JSON
/// columns, the order key `seq` of the change that wrote it, and whether it is `deleted`: 1 or 0.
pub fn rows(table: &Table, reading: Reading<'_>, part: &Part) -> String {
    let Reading { groups, with_json, with_deleted, scope } = reading;
    let mut select = key_texts(table);
    select.push(format!("{} AS seq", ident(SEQ_COLUMN)));
    select.push(format!("IF({}, 1, 0) AS deleted", ident(DELETED_COLUMN)));
    for (place, group) in groups.iter().enumerate() {
        let digest = databend_digest(group.iter().map(|column| (&column.ty, ident(&column.name))));
        select.push(format!("{digest} AS \"digest_{place}\""));
    }
    if with_json {
        let json = table.columns.iter().filter(|column| is_compared_as_json(&column.ty));
        for (place, column) in json.enumerate() {
            let text = databend_text(&column.ty, &ident(&column.name));
            select.push(format!("{text} AS \"json_{place}\""));
        }
    }
    let is_in = if with_deleted { is_in_at_all(table, part) } else { is_in(table, part) };
    format!("SELECT {} FROM {} WHERE {}", select.join(", "), table.ods, within(table, scope, &is_in))
}

/// The newest order key of ODS: `newest`, empty where it has none. Every change before it is merged.
pub fn progress(table: &Table) -> String {
    format!("SELECT COALESCE(max({}), '') AS newest FROM {}", ident(SEQ_COLUMN), table.ods)
}

/// Which keys of ODS a page has.
#[derive(Debug, Clone, Copy, Default)]
pub struct Page<'a> {
    /// The place of the last key of the page before.
    pub after: Option<&'a str>,
    /// How many keys after it are left out.
    pub skip: u64,
    /// How many it has.
    pub limit: u64,
}

/// A page of the keys of ODS, in the order of their texts: `key_0`, …, and `place`, which the next page begins after.
pub fn keys(table: &Table, scope: &[KeyCondition], page: Page<'_>) -> String {
    let Page { after, skip, limit } = page;
    let texts: Vec<_> = table.key_columns().into_iter().map(key_text).collect();
    // No text of a key has this character in it, or the pages would still hold every key.
    let place = format!("CONCAT_WS('\\x01', {})", texts.join(", "));
    let after = after.map(|after| format!(" AND {place} > {}", literal(after))).unwrap_or_default();
    let skip = if skip > 0 { format!(" OFFSET {skip}") } else { String::new() };
    format!(
        "SELECT {}, {place} AS place FROM {} WHERE {} ORDER BY place LIMIT {limit}{skip}",
        key_texts(table).join(", "),
        table.ods,
        within(table, scope, &format!("NOT {}{after}", ident(DELETED_COLUMN)))
    )
}

/// Keys of which ODS has more than one row, whether deleted or not: `key_0`, ….
pub fn doubled_keys(table: &Table, scope: &[KeyCondition], limit: usize) -> String {
    let groups: Vec<_> = table.primary_key.iter().map(|key| ident(key)).collect();
    format!(
        "SELECT {} FROM {} WHERE {} GROUP BY {} HAVING count(*) > 1 LIMIT {limit}",
        key_texts(table).join(", "),
        table.ods,
        within(table, scope, "TRUE"),
        groups.join(", ")
    )
}

/// How long a value of a LOB column is, in rows that have one of these keys: `key_0`, …, `characters` and `bytes`.
pub fn lob_lengths(table: &Table, column: &Column, part: &Part) -> String {
    let name = ident(&column.name);
    // LENGTH counts the characters of a text and the bytes of a BINARY, which OCTET_LENGTH does not take.
    let characters = format!("LENGTH({name})");
    let bytes = match column.ty {
        MysqlType::LongText => format!("OCTET_LENGTH({name})"),
        _ => characters.clone(),
    };
    format!(
        "SELECT {}, {characters} AS characters, {bytes} AS bytes FROM {} WHERE {} AND {name} IS NOT NULL",
        key_texts(table).join(", "),
        table.ods,
        is_in(table, part)
    )
}

fn key_texts(table: &Table) -> Vec<String> {
    let texts = table.key_columns().into_iter().map(key_text).enumerate();
    texts.map(|(place, text)| format!("{text} AS \"key_{place}\"")).collect()
}

fn key_text(column: &Column) -> String {
    databend_text(&column.ty, &ident(&column.name))
}

/// A condition, and that a row's key fulfills others.
fn within(table: &Table, scope: &[KeyCondition], condition: &str) -> String {
    let columns = table.key_columns();
    let conditions = scope.iter().filter_map(|of| {
        let column = columns.iter().find(|column| column.name == of.column)?;
        Some(format!("{} {} {}", comparable(column), of.comparison.as_str(), value_of(column, &of.value)))
    });
    std::iter::once(condition.to_owned()).chain(conditions).collect::<Vec<_>>().join(" AND ")
}

/// The condition that a row is alive and in a part.
fn is_in(table: &Table, part: &Part) -> String {
    format!("NOT {} AND {}", ident(DELETED_COLUMN), is_in_at_all(table, part))
}

/// The condition that a row, deleted or not, is in a part.
pub(super) fn is_in_at_all(table: &Table, part: &Part) -> String {
    let columns = table.key_columns();
    let sides: Vec<_> = columns.iter().map(|column| comparable(column)).collect();
    let values = |key: &[String]| -> Vec<_> {
        columns.iter().zip(key).map(|(column, value)| value_of(column, value)).collect()
    };
    match part {
        Part::Range { after, up_to } => {
            let after = after.as_ref().map(|key| part::after(&sides, &values(key)));
            let up_to = up_to.as_ref().map(|key| part::up_to(&sides, &values(key)));
            let conditions: Vec<_> = after.into_iter().chain(up_to).collect();
            if conditions.is_empty() { "TRUE".to_owned() } else { conditions.join(" AND ") }
        }
        Part::Keys(keys) => {
            let list = |values: Vec<String>| values.join(", ");
            match sides.as_slice() {
                [side] => {
                    let values = list(keys.iter().flat_map(|key| values(key)).collect());
                    format!("{side} IN ({values})")
                }
                // The first condition can leave out blocks, the second is exact.
                sides => format!(
                    "{} IN ({}) AND ({}) IN ({})",
                    sides[0],
                    list(keys.iter().filter_map(|key| values(key).into_iter().next()).collect()),
                    sides.join(", "),
                    list(keys.iter().map(|key| format!("({})", values(key).join(", "))).collect())
                ),
            }
        }
    }
}

/// What of a key column is compared with a key's text: the column itself where Databend can, so that it reads fewer blocks.
fn comparable(column: &Column) -> String {
    let name = ident(&column.name);
    if has_own_literal(&column.ty) { name } else { databend_text(&column.ty, &name) }
}

fn value_of(column: &Column, text: &str) -> String {
    match &column.ty {
        MysqlType::Integer(_) | MysqlType::Year | MysqlType::Decimal { .. } if is_number(text) => {
            text.to_owned()
        }
        ty if has_own_literal(ty) => format!("CAST({} AS {})", literal(text), column.ods_type()),
        _ => literal(text),
    }
}

fn has_own_literal(ty: &MysqlType) -> bool {
    matches!(
        ty,
        MysqlType::Integer(_)
            | MysqlType::Year
            | MysqlType::Decimal { .. }
            | MysqlType::Double
            | MysqlType::Date
            | MysqlType::DateTime
            | MysqlType::Text
    )
}

/// Whether a text is a number that SQL reads exactly.
pub(crate) fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    digits.bytes().any(|byte| byte.is_ascii_digit())
        && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::testing::assert_parses;
    use crate::table::orders;

    fn table(columns: &[(&str, &str)], key: &[&str]) -> Table {
        let column = |(name, ty): &(&str, &str)| Column { name: (*name).into(), ty: ty.parse().unwrap() };
        Table {
            columns: columns.iter().map(column).collect(),
            primary_key: key.iter().map(|&key| key.to_owned()).collect(),
            ..orders()
        }
    }

    fn keys_of(keys: &[&[&str]]) -> Part {
        Part::Keys(keys.iter().map(|key| key.iter().map(|&value| value.to_owned()).collect()).collect())
    }

    fn of<'a>(groups: &'a [Vec<&'a Column>], with_json: bool) -> Reading<'a> {
        Reading { groups, with_json, with_deleted: false, scope: &[] }
    }

    fn checked(sql: String) -> String {
        assert_parses(&sql);
        sql
    }

    #[test]
    fn a_range_is_counted_and_summed() {
        let table = table(&[("id", "bigint"), ("note", "text")], &["id"]);
        let part = Part::Range { after: Some(vec!["5".into()]), up_to: Some(vec!["9".into()]) };
        assert_eq!(
            checked(checksum(&table, &[], &part)),
            concat!(
                "SELECT count(*) AS n, COALESCE(sum(crc32(left(d, 16))), 0) AS sum_0, ",
                "COALESCE(sum(crc32(right(d, 16))), 0) AS sum_1 FROM (SELECT SHA2(CONCAT_WS(',', ",
                r#"IF("id" IS NULL, 'N', TO_STRING("id")), IF("note" IS NULL, 'N', CONCAT(LENGTH("note"), ':', "note"))), 256) AS d "#,
                r#"FROM "ods"."orders" WHERE NOT "is_deleted" AND "id" > 5 AND "id" <= 9) AS r"#
            )
        );
    }

    #[test]
    fn what_is_compared_may_be_a_part_of_the_table() {
        let table = table(&[("a", "int"), ("b", "varchar(9)"), ("c", "varbinary(4)")], &["a", "b", "c"]);
        let scope = ["a>=5", "b=it's", "c<00ff"].map(|condition| condition.parse().unwrap());
        let conditions = r#""a" >= 5 AND "b" = CAST('it''s' AS VARCHAR) AND LOWER(TO_HEX("c")) < '00ff'"#;
        let range = Part::Range { after: None, up_to: None };
        let reading = Reading { groups: &[], with_json: false, with_deleted: false, scope: &scope };
        for sql in [
            checksum(&table, &scope, &range),
            rows(&table, reading, &range),
            keys(&table, &scope, Page { after: Some("x"), skip: 0, limit: 10 }),
            doubled_keys(&table, &scope, 10),
        ] {
            assert!(checked(sql.clone()).contains(&format!(" AND {conditions}")), "{sql}");
        }
    }

    #[test]
    fn keys_are_written_by_their_type() {
        for (ty, key, condition) in [
            ("int", "5", r#""k" IN (5)"#),
            ("int", "5) OR (1", r#""k" IN (CAST('5) OR (1' AS INT))"#),
            ("varchar(9)", "it's", r#""k" IN (CAST('it''s' AS VARCHAR))"#),
            (
                "datetime",
                "2024-02-29 01:02:03.000000",
                r#""k" IN (CAST('2024-02-29 01:02:03.000000' AS TIMESTAMP))"#,
            ),
            ("double", "-0.015e1", r#""k" IN (CAST('-0.015e1' AS DOUBLE))"#),
            ("varbinary(4)", "00ff", r#"LOWER(TO_HEX("k")) IN ('00ff')"#),
            ("bit(1)", "1", r#"IF("k", '1', IF("k" IS NULL, NULL, '0')) IN ('1')"#),
        ] {
            let table = table(&[("k", ty)], &["k"]);
            let sql = checked(rows(&table, of(&[], false), &keys_of(&[&[key]])));
            let wanted = format!(r#"FROM "ods"."orders" WHERE NOT "is_deleted" AND {condition}"#);
            assert!(sql.ends_with(&wanted), "{sql}");
        }
    }

    #[test]
    fn keys_of_several_columns_are_looked_for_together() {
        let table = table(&[("a", "int"), ("b", "varchar(9)"), ("j", "json")], &["a", "b"]);
        let groups = [table.columns.iter().collect::<Vec<_>>()];
        let sql = checked(rows(&table, of(&groups, true), &keys_of(&[&["1", "x"], &["2", "y"]])));
        let wanted = concat!(
            r#"AS "digest_0", IF("j" IS NULL, NULL, TO_STRING(JSON_ARRAY("j"))) AS "json_0" FROM "ods"."orders" "#,
            r#"WHERE NOT "is_deleted" AND "a" IN (1, 2) AND ("a", "b") IN "#,
            "((1, CAST('x' AS VARCHAR)), (2, CAST('y' AS VARCHAR)))"
        );
        assert!(sql.ends_with(wanted), "{sql}");
    }

    #[test]
    fn pages_and_doubled_keys_parse() {
        let table = table(&[("a", "int"), ("b", "varchar(9)"), ("t", "longtext")], &["a", "b"]);
        checked(keys(&table, &[], Page { after: None, skip: 5, limit: 10 }));
        checked(progress(&table));
        let reading = Reading { groups: &[], with_json: false, with_deleted: true, scope: &[] };
        let deleted = checked(rows(&table, reading, &Part::Range { after: None, up_to: None }));
        assert!(
            deleted.ends_with(
                r#""_cdc_seq" AS seq, IF("is_deleted", 1, 0) AS deleted FROM "ods"."orders" WHERE TRUE"#
            ),
            "{deleted}"
        );
        checked(lob_lengths(&table, &table.columns[2], &keys_of(&[&["1", "x"]])));
        assert!(
            checked(keys(&table, &[], Page { after: Some("1\u{1}x"), skip: 0, limit: 10 }))
                .contains(r#"CONCAT_WS('\x01', TO_STRING("a"), "b") > "#)
        );
        assert!(
            checked(doubled_keys(&table, &[], 5))
                .ends_with(r#"WHERE TRUE GROUP BY "a", "b" HAVING count(*) > 1 LIMIT 5"#)
        );
    }
}
