//! How a table's description may change while its data stays: what loses nothing is done in place, all else is refused
//! with the way out.

use crate::column::{Column, DatabendColumn};
use crate::data_type::DatabendType;
use crate::mysql_type::{Integer, MysqlType};
use crate::table::{Attribute, Table, TableError};

/// Everything about the change from `prior` to `next` that would lose data; empty if it can be done in place.
pub fn refusals(prior: &Table, next: &Table) -> Vec<TableError> {
    let mut out = Vec::new();
    let mut say = |attribute, message: String| out.push(TableError { attribute, message });
    for column in &prior.columns {
        match next.columns.iter().position(|c| c.name == column.name) {
            None => say(
                Attribute::Top("columns"),
                format!(
                    "column \"{0}\" is no longer listed, but ODS has its values. Keep it in columns: when the source no longer has it, new rows get NULL there",
                    column.name
                ),
            ),
            Some(i) if !widens(column, &next.columns[i]) => say(
                Attribute::ColumnType(i),
                format!(
                    "\"{}\" cannot change from {} to {} in place: values could be lost. Keep the old type, or declare a second databend_cdc_table with other raw and ods tables and move readers to it",
                    column.name, column.ty, next.columns[i].ty
                ),
            ),
            Some(_) => {}
        }
    }
    if prior.change_seq_column.is_some() && next.change_seq_column.is_none() {
        say(
            Attribute::Top("change_seq_column"),
            "ODS already orders changes by the change sequence; ordered by time, new changes would count as older and be passed over. Keep the column in the DMS task".into(),
        );
    }
    out
}

/// Whether every value of `from` can be kept in `to`, and both live in the same raw column.
fn widens(from: &Column, to: &Column) -> bool {
    if from.raw_type() != to.raw_type() {
        return false;
    }
    match (&from.ty, &to.ty) {
        (a, b) if a == b => true,
        (MysqlType::Integer(a), MysqlType::Integer(b)) => integer_widens(*a, *b),
        (MysqlType::Year, MysqlType::Integer(b)) => integer_widens(Integer { bytes: 2, unsigned: false }, *b),
        (MysqlType::Decimal { precision: p, scale: s }, MysqlType::Decimal { precision: q, scale: t }) => {
            s <= t && p - s <= q - t
        }
        (MysqlType::Float, MysqlType::Double) => true,
        _ => from.ods_type() == to.ods_type(),
    }
}

fn integer_widens(from: Integer, to: Integer) -> bool {
    if from.unsigned == to.unsigned { from.bytes <= to.bytes } else { from.unsigned && from.bytes < to.bytes }
}

/// Whether a raw column of type `from`, which schema evolution or someone made, can become the family's type `to` without
/// losing a value.
pub fn raw_widens(from: &DatabendType, to: &DatabendType) -> bool {
    match (from, to) {
        (a, b) if a == b => true,
        (
            DatabendType::Integer { bytes: a, unsigned: from },
            DatabendType::Integer { bytes: b, unsigned: to },
        ) => {
            if from == to {
                a <= b
            } else {
                *from && a < b
            }
        }
        (
            DatabendType::Decimal { precision: p, scale: s },
            DatabendType::Decimal { precision: q, scale: t },
        ) => s <= t && p - s <= q - t,
        (DatabendType::Float, DatabendType::Double) => true,
        _ => false,
    }
}

/// What a table in Databend lacks to be as described.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lack {
    /// Columns that are not there.
    pub add: Vec<DatabendColumn>,
    /// Columns of another type or nullability, or without their default.
    pub modify: Vec<DatabendColumn>,
}

/// Compares columns as they are with columns as they should be. Further columns are no lack.
pub fn lack(actual: &[DatabendColumn], wanted: &[DatabendColumn]) -> Lack {
    let mut lack = Lack::default();
    for column in wanted {
        match actual.iter().find(|c| c.name == column.name) {
            None => lack.add.push(column.clone()),
            Some(found)
                if found.data_type != column.data_type
                    || found.nullable != column.nullable
                    || !found.has_default_of(column) =>
            {
                lack.modify.push(column.clone());
            }
            Some(_) => {}
        }
    }
    lack
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::orders;

    fn with_type(name: &str, ty: &str) -> Table {
        let mut table = orders();
        table.columns.push(Column { name: name.into(), ty: ty.parse().unwrap() });
        table
    }

    #[test]
    fn widenings_are_done_in_place() {
        for (from, to) in [
            ("int", "bigint"),
            ("int unsigned", "bigint"),
            ("tinyint", "tinyint(1)"),
            ("year", "int"),
            ("decimal(12,2)", "decimal(14,4)"),
            ("decimal(12,2)", "decimal(12,2)"),
            ("float", "double"),
            ("varchar(10)", "text"),
            ("varchar(10)", "enum('a')"),
            ("datetime", "timestamp(6)"),
        ] {
            assert_eq!(refusals(&with_type("c", from), &with_type("c", to)), [], "{from} to {to}");
        }
    }

    #[test]
    fn narrowings_are_refused_with_the_way_out() {
        for (from, to) in [
            ("bigint", "int"),
            ("int", "int unsigned"),
            ("int unsigned", "int"),
            ("bigint", "bigint unsigned"),
            ("decimal(12,2)", "decimal(12,4)"),
            ("double", "float"),
            ("text", "int"),
            ("text", "json"),
            ("datetime", "date"),
        ] {
            let refused = refusals(&with_type("c", from), &with_type("c", to));
            assert_eq!(refused.len(), 1, "{from} to {to}");
            assert_eq!(refused[0].attribute, Attribute::ColumnType(3));
            assert!(refused[0].message.contains("declare a second databend_cdc_table"));
        }
    }

    #[test]
    fn a_column_may_come_but_not_go() {
        assert_eq!(refusals(&orders(), &with_type("c", "int")), []);
        let refused = refusals(&with_type("c", "int"), &orders());
        assert_eq!(refused.len(), 1);
        assert!(refused[0].message.contains("\"c\" is no longer listed"), "{}", refused[0].message);
    }

    #[test]
    fn the_change_sequence_may_come_but_not_go() {
        let mut without = orders();
        without.change_seq_column = None;
        assert_eq!(refusals(&without, &orders()), []);
        assert_eq!(refusals(&orders(), &without)[0].attribute, Attribute::Top("change_seq_column"));
    }

    #[test]
    fn a_raw_column_widens_within_its_family() {
        let widens = |from, to| raw_widens(&DatabendType::parse(from), &DatabendType::parse(to));
        for (from, to) in [
            ("INT", "BIGINT"),
            ("INT UNSIGNED", "BIGINT"),
            ("INT UNSIGNED", "BIGINT UNSIGNED"),
            ("DECIMAL(12, 2)", "DECIMAL(76, 30)"),
            ("FLOAT", "DOUBLE"),
        ] {
            assert!(widens(from, to), "{from} {to}");
        }
        for (from, to) in [
            ("BIGINT", "BIGINT UNSIGNED"),
            ("BIGINT UNSIGNED", "BIGINT"),
            ("DECIMAL(65, 2)", "DECIMAL(76, 30)"),
            ("VARCHAR", "BIGINT"),
            ("TIMESTAMP", "VARCHAR"),
        ] {
            assert!(!widens(from, to), "{from} {to}");
        }
    }

    #[test]
    fn a_lack_is_what_is_missing_or_different() {
        let wanted = orders().ods_columns();
        let mut actual = wanted.clone();
        actual.push(DatabendColumn::nullable("extra", DatabendType::parse("INT")));
        assert_eq!(lack(&actual, &wanted), Lack::default());
        actual[1].data_type = DatabendType::parse("DECIMAL(10, 2)");
        actual.remove(0);
        let found = lack(&actual, &wanted);
        assert_eq!(found.add, wanted[..1]);
        assert_eq!(found.modify, wanted[1..2]);
    }
}
