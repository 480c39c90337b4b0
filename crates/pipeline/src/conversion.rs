//! Type changes at the source that MySQL makes without writing the rows that exist to its log, so that DMS does not see
//! what became of them (docs/facts/dms.md, "DDL").
//!
//! The character set is not part of a column's type, so a change of it does not show here.

use crate::mysql_type::split;

/// Why rows that existed before a type change may have other values at the source afterwards, where ODS holds both types in the
/// same way; `None` if they keep their values. The types are as `information_schema.columns.column_type` prints them.
pub fn changes_old_rows(from: &str, to: &str) -> Option<&'static str> {
    let (from, to) = (Spelled::read(from)?, Spelled::read(to)?);
    let names = (from.name.as_str(), to.name.as_str());
    if matches!(names, ("datetime", "timestamp") | ("timestamp", "datetime")) {
        return Some("MySQL converts the times of existing rows between the session's time zone and UTC");
    }
    if from.is_temporal() && to.is_temporal() && to.number(0, 0) < from.number(0, 0) {
        return Some("MySQL rounds the times of existing rows");
    }
    if from.is_float() && to.is_float() && loses_digits(&from, &to) {
        return Some("MySQL rounds the numbers of existing rows");
    }
    match names {
        ("bit", "bit") if from.number(0, 1) != to.number(0, 1) => {
            Some("DMS writes the bits of new rows with another number of bytes")
        }
        ("enum" | "set", "enum" | "set") => (names.0 != names.1 || !to.args.starts_with(&from.args))
            .then_some("MySQL replaces values of existing rows that are not listed"),
        (_, "enum" | "set") => Some("MySQL replaces values of existing rows that are not listed"),
        (_, "binary") if names.0 != "binary" || from.number(0, 1) != to.number(0, 1) => {
            Some("MySQL pads the values of existing rows with zero bytes")
        }
        (_, "char") if from.length().is_some() && names.0 != "char" => {
            Some("MySQL removes trailing spaces of existing rows")
        }
        _ if from.length() > to.length() && to.length().is_some() => {
            Some("MySQL may cut off long values of existing rows, if its SQL mode is not strict")
        }
        _ => None,
    }
}

/// A type in its words.
struct Spelled {
    name: String,
    args: Vec<String>,
}

impl Spelled {
    fn read(text: &str) -> Option<Self> {
        let (name, args, _) = split(text)?;
        let name = match name.as_str() {
            "character" | "nchar" => "char".to_owned(),
            "character varying" | "nvarchar" => "varchar".to_owned(),
            "real" | "double precision" => "double".to_owned(),
            _ => name,
        };
        Some(Self { name, args })
    }

    /// An argument that is a number.
    fn number(&self, at: usize, default: u64) -> u64 {
        self.args.get(at).and_then(|text| text.parse().ok()).unwrap_or(default)
    }

    fn is_temporal(&self) -> bool {
        matches!(self.name.as_str(), "datetime" | "timestamp" | "time")
    }

    fn is_float(&self) -> bool {
        matches!(self.name.as_str(), "float" | "double")
    }

    /// The longest value of a text or binary type.
    fn length(&self) -> Option<u64> {
        Some(match self.name.as_str() {
            "char" | "binary" => self.number(0, 1),
            "varchar" | "varbinary" => self.number(0, u64::MAX),
            "tinytext" | "tinyblob" => 255,
            "text" | "blob" => 65_535,
            "mediumtext" | "mediumblob" => 16_777_215,
            "longtext" | "longblob" => u64::from(u32::MAX),
            _ => return None,
        })
    }
}

/// Whether `float(m,d)` keeps fewer digits after the point than before.
fn loses_digits(from: &Spelled, to: &Spelled) -> bool {
    to.args.len() == 2 && (from.args.len() != 2 || from.number(1, 0) > to.number(1, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversions_that_keep_the_values_are_silent() {
        for (from, to) in [
            ("varchar(10)", "varchar(20)"),
            ("varchar(10)", "text"),
            ("char(10)", "varchar(10)"),
            ("tinytext", "longtext"),
            ("enum('a','b')", "enum('a','b','c')"),
            ("enum('a')", "varchar(10)"),
            ("datetime", "datetime(6)"),
            ("timestamp(3)", "timestamp(6)"),
            ("int", "bigint"),
            ("int(11)", "int"),
            ("decimal(10,2)", "decimal(12,2)"),
            ("varbinary(10)", "varbinary(20)"),
            ("bit(8)", "bit(8)"),
            ("float", "double"),
            ("json", "json"),
        ] {
            assert_eq!(changes_old_rows(from, to), None, "{from} to {to}");
        }
    }

    #[test]
    fn conversions_that_may_change_values_say_how() {
        for (from, to, how) in [
            ("datetime", "timestamp", "time zone"),
            ("timestamp(6)", "datetime(6)", "time zone"),
            ("datetime(6)", "datetime", "rounds the times"),
            ("time(6)", "time(3)", "rounds the times"),
            ("varchar(20)", "varchar(10)", "cut off"),
            ("text", "varchar(10)", "cut off"),
            ("mediumblob", "blob", "cut off"),
            ("varchar(10)", "char(10)", "trailing spaces"),
            ("varchar(10)", "enum('a')", "not listed"),
            ("enum('a','b')", "enum('a','c')", "not listed"),
            ("enum('a')", "set('a')", "not listed"),
            ("binary(8)", "binary(16)", "zero bytes"),
            ("varbinary(8)", "binary(8)", "zero bytes"),
            ("bit(8)", "bit(16)", "number of bytes"),
            ("float(7,3)", "float(7,2)", "rounds the numbers"),
        ] {
            let said = changes_old_rows(from, to).unwrap_or_else(|| panic!("{from} to {to}"));
            assert!(said.contains(how), "{from} to {to}: {said}");
        }
    }
}
