//! How `runbook verify --repair` carries a value from MySQL into raw: as text.
//!
//! The text is the one that raw's column takes, so it is not always that of [`crate::canonical`], which is made to be compared:
//! long values are whole, and numbers and times are written as MySQL prints them. What cannot arrive as it is
//! (docs/reference/types.md, "Values that arrive as others") is carried as what arrives.

use crate::canonical;
use crate::column::Column;
use crate::data_type::DatabendType;
use crate::mysql_type::MysqlType;
use crate::table::Table;

/// Returns the expression for the text of a value in MySQL, NULL for NULL. `column` is the quoted column.
pub fn mysql_text(ty: &MysqlType, column: &str) -> String {
    let utf8 = |expression: &str| format!("CONVERT({expression} USING utf8mb4)");
    match ty {
        // The cast keeps the sign of zero, and all digits of a FLOAT.
        MysqlType::Float | MysqlType::Double => canonical::mysql_digits(column),
        MysqlType::Time | MysqlType::LongText => utf8(column),
        MysqlType::LongBinary => utf8(&format!("LOWER(HEX({column}))")),
        MysqlType::Integer(_)
        | MysqlType::Year
        | MysqlType::Decimal { .. }
        | MysqlType::Bit(_)
        | MysqlType::Date
        | MysqlType::DateTime
        | MysqlType::Text
        | MysqlType::Json
        | MysqlType::Binary => canonical::mysql_text(ty, column),
    }
}

/// Returns the expression that turns a text of [`mysql_text`] into the value of the raw column.
pub(crate) fn raw_value(column: &Column, text: &str) -> String {
    match column.raw_type() {
        DatabendType::Varchar => text.to_owned(),
        DatabendType::Boolean => format!("{text} = '1'"),
        DatabendType::Binary => format!("FROM_HEX({text})"),
        other => format!("CAST({text} AS {other})"),
    }
}

/// Why rows of a table cannot be carried, if so.
pub fn cannot_carry(table: &Table) -> Option<&'static str> {
    let has_time = table.key_columns().iter().any(|column| column.ty == MysqlType::Time);
    has_time
        .then_some("its key has a TIME, which is a text in ODS: MySQL may print it otherwise than DMS did")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::orders;

    #[test]
    fn each_type_has_a_text_and_a_way_into_raw() {
        for (ty, at_source, in_raw) in [
            ("bigint unsigned", "CONVERT(c + 0 USING utf8mb4)", "CAST(v AS BIGINT UNSIGNED)"),
            ("decimal(12,2)", "CONVERT(c + 0 USING utf8mb4)", "CAST(v AS DECIMAL(76, 30))"),
            (
                "float",
                "IF(c IS NULL OR c = 0 OR ABS(c) BETWEEN 1e-3 AND 1e15, CONVERT(CAST(c AS DOUBLE) USING utf8mb4), \
                 REPLACE(REPLACE(JSON_ARRAY(CAST(c AS DOUBLE)), '[', ''), ']', ''))",
                "CAST(v AS DOUBLE)",
            ),
            ("bit(1)", "CONVERT(c + 0 USING utf8mb4)", "v = '1'"),
            ("bit(9)", "CONVERT(LOWER(LPAD(HEX(c + 0), 4, '0')) USING utf8mb4)", "FROM_HEX(v)"),
            ("time(3)", "CONVERT(c USING utf8mb4)", "v"),
            ("longtext", "CONVERT(c USING utf8mb4)", "v"),
            ("json", "CONVERT(c USING utf8mb4)", "v"),
            ("varbinary(9)", "CONVERT(LOWER(HEX(c)) USING utf8mb4)", "FROM_HEX(v)"),
            ("point", "CONVERT(LOWER(HEX(c)) USING utf8mb4)", "FROM_HEX(v)"),
        ] {
            let column = Column { name: "c".into(), ty: ty.parse().unwrap() };
            assert_eq!(mysql_text(&column.ty, "c"), at_source, "{ty}");
            assert_eq!(raw_value(&column, "v"), in_raw, "{ty}");
        }
        let column = Column { name: "c".into(), ty: "timestamp".parse().unwrap() };
        assert_eq!(raw_value(&column, "v"), "CAST(v AS TIMESTAMP)");
        assert!(mysql_text(&column.ty, "c").starts_with("CASE WHEN "));
    }

    #[test]
    fn a_time_in_the_key_is_refused() {
        let mut table = orders();
        assert_eq!(cannot_carry(&table), None);
        table.columns[0].ty = "time".parse().unwrap();
        assert!(cannot_carry(&table).is_some());
    }
}
