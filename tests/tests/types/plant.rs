//! The smallest difference of a value of each type, as SQL of either side.

use crate::spec::Column;

/// The kind of a type: its first word.
fn word(column: &Column) -> &'static str {
    column.mysql.split(['(', ' ']).next().unwrap_or_default()
}

/// A value of ODS as text, since Databend compares no bytes.
pub(crate) fn as_text(mysql: &str, name: &str) -> String {
    let is_bits = mysql.starts_with("bit") && mysql != "bit(1)";
    if is_bits || mysql.contains("binary") || mysql.contains("blob") {
        format!("TO_HEX({name})")
    } else {
        format!("CAST({name} AS VARCHAR)")
    }
}

/// What follows the word, in parentheses.
fn arguments(column: &Column) -> Vec<u32> {
    let inside = column.mysql.split(['(', ')']).nth(1).unwrap_or_default();
    inside.split(',').filter_map(|number| number.parse().ok()).collect()
}

/// The smallest step of a DECIMAL.
fn step(column: &Column) -> String {
    match arguments(column).get(1) {
        None | Some(0) => "1".into(),
        Some(scale) => format!("0.{:01$}", 1, *scale as usize),
    }
}

/// The row whose difference is planted instead of that of row `n`, where a zero has no sign.
pub(crate) fn unsigned(column: &Column, n: usize) -> usize {
    match word(column) {
        "float" | "double" if n == 6 || n == 7 => 0,
        _ => n,
    }
}

/// Another value than that of row `n` of a column, as an expression of the source.
pub(crate) fn at_source(column: &Column, name: &str, n: usize) -> String {
    let seconds = || {
        let digits = arguments(column).first().copied().unwrap_or(0);
        if digits == 0 { "1".to_owned() } else { format!("0.{:01$}", 1, digits as usize) }
    };
    match word(column) {
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" => {
            format!("IF({name} > 0, {name} - 1, {name} + 1)")
        }
        "year" => format!("IF({name} = 2000, 2001, 2000)"),
        "decimal" => format!("IF({name} > 0, {name} - {0}, {name} + {0})", step(column)),
        // The sign of a zero, and the last bit of 0.1.
        "double" if n == 4 => "0.10000000000000002".into(),
        "float" | "double" if n == 6 => "0".into(),
        "float" | "double" if n == 7 => "-0e0".into(),
        "float" | "double" => format!("IF(ABS({name}) < 1, {name} + 1, {name} / 2)"),
        "bit" => format!("{name} ^ 1"),
        "date" => format!("IF({name} > '2000-01-01', {name} - INTERVAL 1 DAY, {name} + INTERVAL 1 DAY)"),
        "datetime" | "timestamp" => {
            let step = format!("INTERVAL {} SECOND_MICROSECOND", seconds_as_interval(&seconds()));
            format!("IF({name} > '2000-01-01', {name} - {step}, {name} + {step})")
        }
        "time" => {
            format!("IF({name} > 0, SUBTIME({name}, '0:0:{0}'), ADDTIME({name}, '0:0:{0}'))", seconds())
        }
        "enum" if column.mysql == "enum('only')" => format!("IF({name} + 0 = 1, '', 1)"),
        "enum" => format!("IF({name} + 0 = 2, 3, 2)"),
        "set" => format!("IF({name} + 0 = 2, 4, 2)"),
        "json" => format!("CONCAT('[', {name}, ']')"),
        "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" => match n % 2 {
            0 => format!("CONCAT('Q', SUBSTRING({name}, 2))"),
            _ => format!(
                "CONCAT(LEFT({name}, CHAR_LENGTH({name}) DIV 2), 'Q', SUBSTRING({name}, CHAR_LENGTH({name}) DIV 2 + 2))"
            ),
        },
        "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => {
            format!(
                "CONCAT(UNHEX('01'), IF({name} LIKE CONCAT(UNHEX('01'), '%'), UNHEX('02'), ''), SUBSTRING({name}, 2))"
            )
        }
        "geometry" | "point" => "POINT(7, 7)".into(),
        "linestring" => "ST_GeomFromText('LINESTRING(0 0, 1 2)')".into(),
        "polygon" => "ST_GeomFromText('POLYGON((0 0, 0 2, 1 1, 0 0))')".into(),
        "multipoint" => "ST_GeomFromText('MULTIPOINT(0 0, 1 2)')".into(),
        "geometrycollection" => "ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 2))')".into(),
        other => panic!("no difference of {other} is known"),
    }
}

/// `0.001` as `0.001000`, since MySQL takes the digits after the point for microseconds.
fn seconds_as_interval(seconds: &str) -> String {
    let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
    format!("'{whole}.{fraction:0<6}'")
}

/// Another value than that of row `n` of a column, as an expression of Databend.
pub(crate) fn in_ods(column: &Column, name: &str, n: usize) -> String {
    match word(column) {
        // Databend takes a difference of unsigned numbers for a BIGINT.
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "year" => {
            format!("CAST({name} AS DECIMAL(38, 0)) + IF({name} > 0, -1, 1)")
        }
        "decimal" => format!("IF({name} > 0, {name} - {0}, {name} + {0})", step(column)),
        "double" if n == 4 => "CAST('0.10000000000000002' AS DOUBLE)".into(),
        "float" if n == 4 => "CAST('0.10000001' AS FLOAT)".into(),
        "float" | "double" if n == 6 => "CAST('0' AS DOUBLE)".into(),
        "float" | "double" if n == 7 => "CAST('-0' AS DOUBLE)".into(),
        "float" | "double" => format!("IF(ABS({name}) < 1, {name} + 1, {name} / 2)"),
        "bit" if column.mysql == "bit(1)" => format!("NOT {name}"),
        "date" => format!("IF({name} > '2000-01-01', {name} - 1, {name} + 1)"),
        "datetime" | "timestamp" => {
            format!("IF({name} > '2000-01-01', {name} - TO_MICROSECONDS(1), {name} + TO_MICROSECONDS(1))")
        }
        "time" => format!("CONCAT({name}, IF(POSITION('.' IN {name}) > 0, '1', '.000001'))"),
        "json" => format!("PARSE_JSON(TO_STRING(JSON_ARRAY(JSON_ARRAY({name}))))"),
        "enum" | "set" | "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" => {
            match n % 3 {
                0 => format!("CONCAT({name}, ' ')"),
                1 => format!("IF({name} = LOWER({name}), CONCAT('A', {name}), LOWER({name}))"),
                _ => format!("CONCAT(LEFT({name}, 3), 'Q', SUBSTR({name}, 5))"),
            }
        }
        _ => format!(
            "IF({name} IS NULL OR TO_HEX({name}) = '', FROM_HEX('00'), FROM_HEX(CONCAT(IF(LEFT(TO_HEX({name}), 2) = '01', \
             '02', '01'), SUBSTR(TO_HEX({name}), 3))))"
        ),
    }
}

/// A value instead of NULL, as an expression of Databend: the one that is most easily taken for it.
pub(crate) fn instead_of_null(column: &Column) -> &'static str {
    match word(column) {
        "bit" if column.mysql == "bit(1)" => "FALSE",
        "date" => "CAST('1970-01-01' AS DATE)",
        "datetime" | "timestamp" => "CAST('1970-01-01 00:00:00' AS TIMESTAMP)",
        "time" | "enum" | "set" | "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" => {
            "''"
        }
        "json" => "PARSE_JSON('null')",
        "bit" | "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" | "geometry"
        | "point" | "linestring" | "polygon" | "multipoint" | "geometrycollection" => "FROM_HEX('')",
        _ => "0",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_those_of_the_last_digit() {
        assert_eq!(step(&Column::new("decimal(12,2)", &[])), "0.01");
        assert_eq!(step(&Column::new("decimal(65,0)", &[])), "1");
        assert_eq!(seconds_as_interval("0.001"), "'0.001000'");
    }
}
