//! One text per value, the same on both engines: what `runbook verify` compares.
//!
//! Equal values have the same bytes as text in MySQL and in Databend, and different values have different ones. Neither engine
//! prints a value of every type like the other (docs/facts/databend.md, "Types"), so each type has an expression per engine:
//!
//! | type | text |
//! |---|---|
//! | integers, YEAR, DECIMAL | the digits, without the zeros of ZEROFILL |
//! | FLOAT, DOUBLE | the 16 hexadecimal digits of its bytes, the lowest first, so with the zero's sign |
//! | BIT(1) | `0` or `1`; longer ones and all bytes are lower-case hexadecimal digits |
//! | DATE | `2026-12-31` |
//! | DATETIME, TIMESTAMP | microseconds since 1970, in UTC |
//! | TIME | without zeros at the end of the fraction |
//! | texts, ENUM, SET | the text in UTF-8; case and trailing spaces count |
//! | types that DMS treats as LOBs | its hash, since a result longer than `max_allowed_packet` is NULL in MySQL |
//! | JSON | the text as it is. No text of the two engines is the same, so the runbook compares them itself |
//!
//! A key is told to people, and sought, so its text is another one where the bytes or a number say nothing to them: a FLOAT or DOUBLE
//! as Databend prints a column (the shortest digits that identify the double, `1.5e12` and `1.5e-7` outside of \[1e-5, 1e10)), a
//! DATETIME or TIMESTAMP with six digits of the second.
//!
//! Some values cannot arrive as they are (docs/reference/types.md, "Values that arrive as others"). The text of such a DATE,
//! DATETIME or TIMESTAMP in MySQL is that of what arrives, and [`mysql_loses`] counts them, to keep them apart from
//! differences.

use crate::mysql_type::MysqlType;

/// Databend's last TIMESTAMP (docs/reference/types.md).
const LAST_TIMESTAMP: &str = "9999-12-30 22:00:00";

/// The same in microseconds since 1970.
const LAST_MICROSECONDS: &str = "253402207200000000";

/// What stands for NULL in a row's text. No number has this text, and every text begins with its length.
const NULL: &str = "'N'";

/// How many digits a hash has.
pub const HASH_DIGITS: usize = 64;

/// Returns the expression for a text's hash, in lower-case hexadecimal digits, on both engines. MySQL has had no MD5 of its own
/// since 9.6 (docs/facts/mysql.md, "Functions").
pub fn hash(text: &str) -> String {
    format!("SHA2({text}, 256)")
}

/// Returns the expression for a value's text in MySQL, NULL for NULL, as it is told of a key. `column` is the quoted column.
pub fn mysql_text(ty: &MysqlType, column: &str) -> String {
    let utf8 = |expression: &str| format!("CONVERT({expression} USING utf8mb4)");
    match ty {
        // The sum drops the zeros of ZEROFILL.
        MysqlType::Integer(_) | MysqlType::Year | MysqlType::Decimal { .. } | MysqlType::Bit(1) => {
            utf8(&format!("{column} + 0"))
        }
        // The cast keeps the sign of zero, which a sum drops, and drops the digits that the column's type says.
        MysqlType::Float | MysqlType::Double => mysql_double(column),
        MysqlType::Bit(bits) => {
            utf8(&format!("LOWER(LPAD(HEX({column} + 0), {}, '0'))", bits.div_ceil(8) * 2))
        }
        MysqlType::Date => format!("IF({}, NULL, {})", no_day(column), utf8(column)),
        MysqlType::DateTime => format!(
            "CASE WHEN {} THEN NULL WHEN {} THEN '{LAST_TIMESTAMP}.000000' ELSE {} END",
            no_day(column),
            too_late(column),
            utf8(&format!("DATE_FORMAT({column}, '%Y-%m-%d %H:%i:%s.%f')"))
        ),
        MysqlType::Time => format!(
            "TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM {}))",
            utf8(&format!("CAST({column} AS TIME(6))"))
        ),
        MysqlType::Text | MysqlType::Json => utf8(column),
        MysqlType::LongText => hash(&utf8(column)),
        MysqlType::Binary => utf8(&format!("LOWER(HEX({column}))")),
        MysqlType::LongBinary => hash(&format!("LOWER(HEX({column}))")),
    }
}

/// Returns the expression for the text of a value of ODS in Databend, NULL for NULL, as it is told of a key. `column` is the quoted
/// column.
pub fn databend_text(ty: &MysqlType, column: &str) -> String {
    match ty {
        MysqlType::Integer(_)
        | MysqlType::Year
        | MysqlType::Decimal { .. }
        | MysqlType::Date
        | MysqlType::DateTime => format!("TO_STRING({column})"),
        MysqlType::Float | MysqlType::Double => format!("TO_STRING(TO_FLOAT64({column}))"),
        MysqlType::Bit(1) => format!("IF({column}, '1', IF({column} IS NULL, NULL, '0'))"),
        MysqlType::Time => {
            format!("IF(POSITION('.' IN {column}) > 0, RTRIM(RTRIM({column}, '0'), '.'), {column})")
        }
        MysqlType::Text => column.to_owned(),
        MysqlType::LongText => hash(column),
        MysqlType::Bit(_) | MysqlType::Binary => format!("LOWER(TO_HEX({column}))"),
        MysqlType::LongBinary => hash(&format!("LOWER(TO_HEX({column}))")),
        // In a list, since the text of a JSON string alone is without its quotes, and that of null is NULL.
        MysqlType::Json => format!("IF({column} IS NULL, NULL, TO_STRING(JSON_ARRAY({column})))"),
    }
}

/// Returns the condition that a value in MySQL cannot arrive as it is; `None` for a type of which every value can, or of which
/// only the size tells.
pub fn mysql_loses(ty: &MysqlType, column: &str) -> Option<String> {
    match ty {
        MysqlType::Date => Some(no_day(column)),
        MysqlType::DateTime => Some(format!("({} OR {})", no_day(column), too_late(column))),
        _ => None,
    }
}

/// Whether the runbook compares the values itself.
pub fn is_compared_as_json(ty: &MysqlType) -> bool {
    matches!(ty, MysqlType::Json)
}

/// Whether DMS treats values as LOBs, and cuts them at `LobMaxSize`.
pub fn is_lob(ty: &MysqlType) -> bool {
    matches!(ty, MysqlType::LongText | MysqlType::LongBinary | MysqlType::Json)
}

/// Whether MySQL and Databend order values of this type alike. Texts have collations in MySQL, members of ENUM and SET their
/// number, and a TIME is a text in Databend.
pub fn is_ordered_alike(ty: &MysqlType) -> bool {
    !matches!(ty, MysqlType::Text | MysqlType::LongText | MysqlType::Time | MysqlType::Json)
}

/// Returns the expression for the hash of several columns of a row in MySQL. Of a JSON column it only has whether it is NULL.
pub fn mysql_digest<'a>(columns: impl IntoIterator<Item = (&'a MysqlType, String)>) -> String {
    // A value that is there may have no text, as a date that does not exist.
    digest(columns, mysql_compared, "CHAR_LENGTH", |_, text| format!("COALESCE({text}, {NULL})"))
}

/// Returns the same of a row of ODS in Databend.
pub fn databend_digest<'a>(columns: impl IntoIterator<Item = (&'a MysqlType, String)>) -> String {
    // Databend computes the first argument of COALESCE twice.
    digest(columns, databend_compared, "LENGTH", |column, text| {
        format!("IF({column} IS NULL, {NULL}, {text})")
    })
}

/// The text that is compared. Digits of a double and parts of a date cost MySQL or Databend several times as much as its bytes and the
/// number of its microseconds.
fn mysql_compared(ty: &MysqlType, column: &str) -> String {
    match ty {
        // A point is stored as four bytes of its reference system, five of its kind, and its coordinates.
        MysqlType::Float | MysqlType::Double => {
            format!("LOWER(CONVERT(SUBSTRING(HEX(POINT({column}, 0)), 19, 16) USING utf8mb4))")
        }
        MysqlType::DateTime => format!(
            "CASE WHEN {} THEN NULL WHEN {} THEN '{LAST_MICROSECONDS}' \
             ELSE CONVERT(TIMESTAMPDIFF(MICROSECOND, TIMESTAMP '1970-01-01 00:00:00', {column}) USING utf8mb4) END",
            no_day(column),
            too_late(column),
        ),
        _ => mysql_text(ty, column),
    }
}

/// The same of a value of ODS that is not NULL.
fn databend_compared(ty: &MysqlType, column: &str) -> String {
    match ty {
        // Five bytes of its kind, and its coordinates. ST_MAKEPOINT takes degrees alone.
        MysqlType::Float | MysqlType::Double => {
            format!("SUBSTR(TO_HEX(CAST(ST_MAKEGEOMPOINT(TO_FLOAT64({column}), 0) AS BINARY)), 11, 16)")
        }
        // COPY keeps what is later than the last TIMESTAMP, and only its text is the last one. LEAST takes six times as long as IF.
        MysqlType::DateTime => format!(
            "TO_STRING(IF(TO_INT64({column}) > {LAST_MICROSECONDS}, {LAST_MICROSECONDS}, TO_INT64({column})))"
        ),
        MysqlType::Bit(1) => format!("IF({column}, '1', '0')"),
        _ => databend_text(ty, column),
    }
}

/// No two rows have the same text before it is hashed: a free text follows its length, and all other texts have no comma.
fn digest<'a>(
    columns: impl IntoIterator<Item = (&'a MysqlType, String)>,
    text: fn(&MysqlType, &str) -> String,
    length: &str,
    or_null: fn(&str, &str) -> String,
) -> String {
    let fields = columns.into_iter().map(|(ty, column)| match ty {
        MysqlType::Json => format!("IF({column} IS NULL, {NULL}, 'J')"),
        MysqlType::Text => {
            or_null(&column, &format!("CONCAT({length}({column}), ':', {})", text(ty, &column)))
        }
        _ => or_null(&column, &text(ty, &column)),
    });
    hash(&format!("CONCAT_WS(',', {})", fields.collect::<Vec<_>>().join(", ")))
}

/// A date that DMS writes as NULL: with a part that is zero, or with a day that its month does not have. Most days need few looks.
fn no_day(column: &str) -> String {
    format!(
        "(YEAR({column}) = 0 OR MONTH({column}) = 0 OR (DAY({column}) NOT BETWEEN 1 AND 28 AND (DAY({column}) = 0 OR \
         DAY({column}) > DAY(LAST_DAY(DATE_FORMAT({column}, '%Y-%m-01'))))))"
    )
}

fn too_late(column: &str) -> String {
    format!("{column} > '{LAST_TIMESTAMP}'")
}

/// Returns the expression for the shortest digits that identify a FLOAT or DOUBLE in MySQL, NULL for NULL. MySQL cuts the text of a
/// double at 22 characters, but not within JSON (docs/facts/mysql.md, "Functions").
pub(crate) fn mysql_digits(column: &str) -> String {
    let double = format!("CAST({column} AS DOUBLE)");
    format!(
        "IF({column} IS NULL OR {column} = 0 OR ABS({column}) BETWEEN 1e-3 AND 1e15, CONVERT({double} USING utf8mb4), \
         REPLACE(REPLACE(JSON_ARRAY({double}), '[', ''), ']', ''))"
    )
}

/// Returns the expression for the text of a FLOAT or DOUBLE in MySQL that Databend prints of it, NULL for NULL. MySQL prints most
/// values alike; computing the text of any other one costs it ten times as much.
fn mysql_double(column: &str) -> String {
    let text = mysql_digits(column);
    let unsigned = format!("SUBSTRING_INDEX(TRIM(LEADING '-' FROM {text}), 'e', 1)");
    let all = format!("REPLACE({unsigned}, '.', '')");
    let led = format!("TRIM(LEADING '0' FROM {all})");
    let digits = format!("TRIM(TRAILING '0' FROM {led})");
    // Of the first digit.
    let exponent = format!(
        "(IF(LOCATE('e', {text}) > 0, SUBSTRING_INDEX({text}, 'e', -1), 0) + CHAR_LENGTH(SUBSTRING_INDEX({unsigned}, '.', 1)) \
         - CHAR_LENGTH({all}) + CHAR_LENGTH({led}) - 1)"
    );
    format!(
        "CASE WHEN {column} IS NULL OR {column} = 0 OR (ABS({column}) >= 1e-3 AND ABS({column}) < 1e10) \
         THEN CONVERT(CAST({column} AS DOUBLE) USING utf8mb4) \
         WHEN ABS({column}) >= 1e-5 AND ABS({column}) < 1e-3 \
         THEN CONCAT(IF({column} < 0, '-', ''), '0.', REPEAT('0', -1 - {exponent}), {digits}) \
         ELSE CONCAT(IF({column} < 0, '-', ''), LEFT({digits}, 1), IF(CHAR_LENGTH({digits}) > 1, '.', ''), \
         SUBSTRING({digits}, 2), 'e', {exponent}) END"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ty(text: &str) -> MysqlType {
        text.parse().unwrap()
    }

    #[test]
    fn each_type_has_a_text_on_both_sides() {
        for (mysql, at_source, in_ods) in [
            ("int(10) unsigned zerofill", "CONVERT(c + 0 USING utf8mb4)", "TO_STRING(c)"),
            ("decimal(12,2)", "CONVERT(c + 0 USING utf8mb4)", "TO_STRING(c)"),
            ("bit(1)", "CONVERT(c + 0 USING utf8mb4)", "IF(c, '1', IF(c IS NULL, NULL, '0'))"),
            ("bit(9)", "CONVERT(LOWER(LPAD(HEX(c + 0), 4, '0')) USING utf8mb4)", "LOWER(TO_HEX(c))"),
            ("varchar(9)", "CONVERT(c USING utf8mb4)", "c"),
            ("longtext", "SHA2(CONVERT(c USING utf8mb4), 256)", "SHA2(c, 256)"),
            ("blob", "CONVERT(LOWER(HEX(c)) USING utf8mb4)", "LOWER(TO_HEX(c))"),
            ("point", "SHA2(LOWER(HEX(c)), 256)", "SHA2(LOWER(TO_HEX(c)), 256)"),
            (
                "time(3)",
                "TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM CONVERT(CAST(c AS TIME(6)) USING utf8mb4)))",
                "IF(POSITION('.' IN c) > 0, RTRIM(RTRIM(c, '0'), '.'), c)",
            ),
            ("json", "CONVERT(c USING utf8mb4)", "IF(c IS NULL, NULL, TO_STRING(JSON_ARRAY(c)))"),
        ] {
            assert_eq!(mysql_text(&ty(mysql), "c"), at_source, "{mysql}");
            assert_eq!(databend_text(&ty(mysql), "c"), in_ods, "{mysql}");
        }
    }

    #[test]
    fn what_cannot_arrive_is_as_it_arrives_and_is_counted() {
        let no_day = "(YEAR(c) = 0 OR MONTH(c) = 0 OR (DAY(c) NOT BETWEEN 1 AND 28 AND (DAY(c) = 0 OR DAY(c) > \
                      DAY(LAST_DAY(DATE_FORMAT(c, '%Y-%m-01'))))))";
        assert_eq!(mysql_text(&ty("date"), "c"), format!("IF({no_day}, NULL, CONVERT(c USING utf8mb4))"));
        assert_eq!(
            mysql_text(&ty("timestamp"), "c"),
            format!(
                "CASE WHEN {no_day} THEN NULL WHEN c > '9999-12-30 22:00:00' THEN '9999-12-30 22:00:00.000000' \
                 ELSE CONVERT(DATE_FORMAT(c, '%Y-%m-%d %H:%i:%s.%f') USING utf8mb4) END"
            )
        );
        assert_eq!(mysql_loses(&ty("date"), "c").unwrap(), no_day);
        assert_eq!(
            mysql_loses(&ty("datetime"), "c").unwrap(),
            format!("({no_day} OR c > '9999-12-30 22:00:00')")
        );
        assert_eq!(mysql_loses(&ty("int"), "c"), None);
    }

    #[test]
    fn a_free_text_follows_its_length() {
        let (text, int, json) = (ty("varchar(9)"), ty("int"), ty("json"));
        let columns = || [(&int, "a".to_owned()), (&text, "b".to_owned()), (&json, "j".to_owned())];
        assert_eq!(
            mysql_digest(columns()),
            "SHA2(CONCAT_WS(',', COALESCE(CONVERT(a + 0 USING utf8mb4), 'N'), COALESCE(CONCAT(CHAR_LENGTH(b), ':', \
             CONVERT(b USING utf8mb4)), 'N'), IF(j IS NULL, 'N', 'J')), 256)"
        );
        assert_eq!(
            databend_digest(columns()),
            "SHA2(CONCAT_WS(',', IF(a IS NULL, 'N', TO_STRING(a)), IF(b IS NULL, 'N', CONCAT(LENGTH(b), ':', b)), \
             IF(j IS NULL, 'N', 'J')), 256)"
        );
    }

    #[test]
    fn doubles_are_compared_by_their_bytes_and_times_by_their_microseconds() {
        let columns =
            [("double", "d"), ("datetime(3)", "t")].map(|(name, column)| (ty(name), column.to_owned()));
        let columns = || columns.iter().map(|(ty, column)| (ty, column.clone()));
        let at_source = mysql_digest(columns());
        for part in [
            "COALESCE(LOWER(CONVERT(SUBSTRING(HEX(POINT(d, 0)), 19, 16) USING utf8mb4)), 'N')",
            "WHEN t > '9999-12-30 22:00:00' THEN '253402207200000000' ELSE CONVERT(TIMESTAMPDIFF(MICROSECOND, TIMESTAMP \
             '1970-01-01 00:00:00', t) USING utf8mb4) END",
        ] {
            assert!(at_source.contains(part), "{at_source}");
        }
        assert_eq!(
            databend_digest(columns()),
            "SHA2(CONCAT_WS(',', IF(d IS NULL, 'N', SUBSTR(TO_HEX(CAST(ST_MAKEGEOMPOINT(TO_FLOAT64(d), 0) AS BINARY)), 11, 16)), \
             IF(t IS NULL, 'N', TO_STRING(IF(TO_INT64(t) > 253402207200000000, 253402207200000000, TO_INT64(t))))), 256)"
        );
    }

    #[test]
    fn keys_of_texts_have_no_common_order() {
        for (mysql, alike) in [
            ("bigint", true),
            ("decimal(12,2)", true),
            ("datetime(6)", true),
            ("varbinary(16)", true),
            ("bit(64)", true),
            ("varchar(9)", false),
            ("enum('a')", false),
            ("time", false),
        ] {
            assert_eq!(is_ordered_alike(&ty(mysql)), alike, "{mysql}");
        }
    }
}
