//! Whether MySQL keeps the values of a column when its type changes.
//!
//! The types of Databend do not tell: a VARCHAR of any length is the same there, and so is a DATETIME of any precision.

use super::ShapeColumn;
use crate::column::Column;
use crate::evolution::widens;
use crate::mysql_type::MysqlType;

/// A column as the pipeline describes one; `None` for a type that it does not know.
pub(super) fn typed(column: &ShapeColumn) -> Option<Column> {
    Some(Column { name: column.name.clone(), ty: column.ty.parse().ok()? })
}

/// Whether every value stays as it is: nothing is cut, rounded, padded, or read as something else.
pub(super) fn keeps_values(from: &ShapeColumn, to: &ShapeColumn) -> bool {
    if from.nullable && !to.nullable {
        return false;
    }
    let (Some(before), Some(after)) = (typed(from), typed(to)) else { return false };
    if !widens(&before, &after) {
        return false;
    }
    let by_name = |ty: &MysqlType| {
        !matches!(
            ty,
            MysqlType::Integer(_)
                | MysqlType::Decimal { .. }
                | MysqlType::Year
                | MysqlType::Date
                | MysqlType::Json
        )
    };
    !by_name(&after.ty) || holds(&Spelled::of(&from.ty), &Spelled::of(&to.ty))
}

/// A type as `information_schema` prints it: `varchar`, and what is in its parentheses.
struct Spelled {
    name: String,
    inner: String,
}

impl Spelled {
    fn of(text: &str) -> Self {
        let (name, rest) = text.split_once('(').unwrap_or((text, ""));
        let inner = rest.rsplit_once(')').map_or("", |(inner, _)| inner);
        Self { name: name.trim().to_lowercase(), inner: inner.to_owned() }
    }

    /// The number in its parentheses: characters, bytes, bits, or digits of a second.
    fn number(&self) -> u64 {
        self.inner.trim().parse().unwrap_or(0)
    }

    /// How many bytes a value has at most, for types that only their size tells apart.
    fn bytes(&self) -> Option<u64> {
        Some(match self.name.as_str() {
            "char" | "varchar" => self.number().saturating_mul(4).min(0xffff),
            "varbinary" => self.number(),
            "tinytext" | "tinyblob" => 0xff,
            "text" | "blob" => 0xffff,
            "mediumtext" | "mediumblob" => 0xff_ffff,
            "longtext" | "longblob" => 0xffff_ffff,
            _ => return None,
        })
    }
}

fn holds(from: &Spelled, to: &Spelled) -> bool {
    let same = from.name == to.name;
    match to.name.as_str() {
        // A new member at the end changes no value.
        "enum" | "set" => same && format!("{},", to.inner).starts_with(&format!("{},", from.inner)),
        // Without a number of digits nothing is rounded.
        "float" | "double" => to.inner.is_empty() || same && from.inner == to.inner,
        // Shorter values are padded with zeros.
        "binary" => same && from.number() == to.number(),
        // A CHAR loses spaces at the end; a text counts bytes, and a VARCHAR characters.
        "char" => same && from.number() <= to.number(),
        "varchar" => matches!(from.name.as_str(), "char" | "varchar") && from.number() <= to.number(),
        _ if same && to.bytes().is_none() => from.number() <= to.number(),
        _ => matches!((from.bytes(), to.bytes()), (Some(from), Some(to)) if from <= to),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(ty: &str, nullable: bool) -> ShapeColumn {
        ShapeColumn {
            name: "c".to_owned(),
            ty: ty.to_owned(),
            nullable,
            default: None,
            extra: String::new(),
            collation: None,
        }
    }

    #[test]
    fn values_that_stay() {
        for (from, to) in [
            ("int(11)", "bigint(20)"),
            ("int(11)", "int(5)"),
            ("decimal(12,2)", "decimal(14,2)"),
            ("varchar(20)", "varchar(40)"),
            ("char(20)", "varchar(20)"),
            ("varchar(20)", "text"),
            ("text", "mediumtext"),
            ("datetime", "datetime(6)"),
            ("time(3)", "time(6)"),
            ("enum('a','b')", "enum('a','b','c')"),
            ("varbinary(20)", "blob"),
            ("bit(4)", "bit(8)"),
            ("float", "double"),
            ("float(7,4)", "float"),
        ] {
            assert!(keeps_values(&column(from, true), &column(to, true)), "{from} to {to}");
        }
        assert!(keeps_values(&column("int(11)", false), &column("int(11)", true)));
    }

    #[test]
    fn values_that_may_become_others() {
        for (from, to) in [
            ("bigint(20)", "int(11)"),
            ("decimal(12,2)", "decimal(12,1)"),
            ("varchar(40)", "varchar(20)"),
            ("varchar(100)", "tinytext"),
            ("text", "varchar(10)"),
            ("datetime(6)", "datetime"),
            ("datetime", "timestamp"),
            ("enum('a','b')", "enum('b','a')"),
            ("set('a','b')", "set('a')"),
            ("enum('a')", "varchar(9)"),
            ("binary(4)", "binary(8)"),
            ("varbinary(4)", "binary(4)"),
            ("bit(8)", "bit(4)"),
            ("varchar(20)", "char(20)"),
            ("tinytext", "varchar(64)"),
            ("float(7,4)", "float(7,2)"),
            ("enum('a')", "enum('a''b')"),
            ("int(11)", "varchar(20)"),
        ] {
            assert!(!keeps_values(&column(from, true), &column(to, true)), "{from} to {to}");
        }
        assert!(!keeps_values(&column("int(11)", true), &column("int(11)", false)));
    }
}
