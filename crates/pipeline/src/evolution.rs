//! How a table's description may change while its data stays: what loses nothing is done in place, all else is refused
//! with the way out.

use crate::column::{Column, DatabendColumn};
use crate::data_type::DatabendType;
use crate::mysql_type::{Integer, MysqlType};
use crate::name::same_column;
use crate::sql::UNFILLED_SEQ_COLUMN;
use crate::table::{Attribute, Table, TableError};

/// Everything about the change from `prior` to `next` that would lose data; empty if it can be done in place.
pub fn refusals(prior: &Table, next: &Table) -> Vec<TableError> {
    let mut out = column_refusals(&prior.columns, next, |from, to| {
        if widens(from, to) {
            return None;
        }
        Some(format!(
            "\"{}\" cannot change from {} to {} in place: MySQL converts the rows that exist without writing them to its log, so ODS would keep other values than the source, or lose some. The table has to be loaded again: declare a second databend_cdc_table with other raw and ods tables, let DMS load it, and move readers to it. Until then, keep the old type",
            from.name, from.ty, to.ty
        ))
    });
    let mut say =
        |attribute, message: String| out.push(TableError { attribute: Attribute::Top(attribute), message });
    if prior.change_seq_column.is_some() && next.change_seq_column.is_none() {
        say(
            "change_seq_column",
            "ODS already orders changes by the change sequence; ordered by time, new changes would count as older and be passed over. Keep the column in the DMS task".into(),
        );
    }
    if prior.before_image_prefix.is_some() && next.before_image_prefix.is_none() {
        say(
            "before_image_prefix",
            "a changed key whose before image DMS has written, or still writes, would leave its old row behind. Keep the prefix: where DMS writes no before images, their columns stay empty and do no harm".into(),
        );
    }
    out
}

/// What `next` would lose of an ODS table that has these columns, each with the MySQL type that its own type is shown as:
/// ODS was created by hand, and its columns stay as they are.
pub fn adoption_refusals(ods: &[Column], next: &Table) -> Vec<TableError> {
    column_refusals(ods, next, |from, to| {
        if from.ods_type() == to.ods_type() || widens(from, to) {
            return None;
        }
        Some(format!(
            "ODS has \"{}\" as {}, and {} would be {}: its values would change. Write type = \"{}\", or a type that {} widens to",
            from.name,
            from.ods_type(),
            to.ty,
            to.ods_type(),
            from.ty,
            from.ty
        ))
    })
}

/// Columns of `prior` that `next` no longer lists, spells differently, or gives a type that `refuse` has an objection to.
fn column_refusals(
    prior: &[Column],
    next: &Table,
    refuse: impl Fn(&Column, &Column) -> Option<String>,
) -> Vec<TableError> {
    let mut out = Vec::new();
    for column in prior {
        let is_it = |c: &Column| same_column(&c.name, &column.name);
        let becomes = |c: &Column| next.renamed.get(&c.name).is_some_and(|old| *old == column.name);
        let place = next.columns.iter().position(is_it).or_else(|| next.columns.iter().position(becomes));
        let error = match place {
            None => TableError {
                attribute: Attribute::Top("columns"),
                message: format!(
                    "column \"{0}\" is no longer listed, but ODS has its values. Keep it in columns: when the source no longer has it, new rows get NULL there. If the source has renamed it, write the new name with renamed_from = \"{0}\"",
                    column.name
                ),
            },
            Some(i) if is_it(&next.columns[i]) && next.columns[i].name != column.name => {
                other_case(i, &next.columns[i].name, &column.name)
            }
            Some(i) => match refuse(column, &next.columns[i]) {
                None => continue,
                Some(message) => TableError { attribute: Attribute::ColumnType(i), message },
            },
        };
        out.push(error);
    }
    out
}

/// Columns that ODS has in another case: a second column, or a new name, would break the statements of its readers.
pub fn other_cases(ods: &[DatabendColumn], table: &Table) -> Vec<TableError> {
    let misspelled = |(i, column): (usize, &Column)| {
        let found = misspelled(ods, &column.name)?;
        Some(other_case(i, &column.name, &found.name))
    };
    table.columns.iter().enumerate().filter_map(misspelled).collect()
}

fn other_case(i: usize, written: &str, found: &str) -> TableError {
    TableError {
        attribute: Attribute::ColumnName(i),
        message: format!(
            "ODS has the column as \"{found}\", which differs from \"{written}\" only in case, and MySQL and COPY ignore case. Write name = \"{found}\", or rename the column in Databend"
        ),
    }
}

/// Whether every value of `from` can be kept in `to`, and MySQL keeps it when it converts the rows that exist.
pub(crate) fn widens(from: &Column, to: &Column) -> bool {
    match (&from.ty, &to.ty) {
        (a, b) if a == b => true,
        (MysqlType::Integer(a), MysqlType::Integer(b)) => integer_widens(*a, *b),
        (MysqlType::Year, MysqlType::Integer(b)) => integer_widens(Integer { bytes: 2, unsigned: false }, *b),
        (_, MysqlType::Year) => false,
        (MysqlType::Decimal { precision: p, scale: s }, MysqlType::Decimal { precision: q, scale: t }) => {
            s <= t && p - s <= q - t
        }
        (MysqlType::Float, MysqlType::Double) => true,
        _ => from.ods_type() == to.ods_type() && from.raw_type() == to.raw_type(),
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
            // MODIFY refuses a negative value as an unsigned one (1006), and changes nothing then.
            if from == to { a <= b } else { *from && a < b || *to && a <= b }
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
pub struct Differences {
    /// Columns that are not there.
    pub add: Vec<DatabendColumn>,
    /// Columns that are there with another case.
    pub rename: Vec<Rename>,
    /// Columns of another type or nullability, or without their default.
    pub modify: Vec<DatabendColumn>,
}

/// A column whose name differs only in case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rename {
    /// The name that it has.
    pub from: String,
    /// The name that it must have.
    pub to: String,
}

/// Compares columns as they are with columns as they should be. Further columns are no difference.
pub fn differences(actual: &[DatabendColumn], wanted: &[DatabendColumn]) -> Differences {
    let mut differences = Differences::default();
    for column in wanted {
        let exact = actual.iter().find(|c| c.name == column.name);
        let misspelled = misspelled(actual, &column.name);
        match exact.or(misspelled) {
            None => differences.add.push(column.clone()),
            Some(found) => {
                if exact.is_none() {
                    differences.rename.push(Rename { from: found.name.clone(), to: column.name.clone() });
                }
                if found.data_type != column.data_type
                    || !found.has_nullability_of(column)
                    || !found.has_default_of(column)
                {
                    differences.modify.push(column.clone());
                }
            }
        }
    }
    differences
}

/// The column that has this name in another case, where none has it exactly.
fn misspelled<'a>(actual: &'a [DatabendColumn], name: &str) -> Option<&'a DatabendColumn> {
    let is_exact = actual.iter().any(|column| column.name == name);
    actual.iter().find(|column| !is_exact && same_column(&column.name, name))
}

/// Pairs of columns whose names differ only in case: COPY cannot load a table that has such a pair
/// (docs/facts/databend.md, "Names and schema").
pub fn twins(actual: &[DatabendColumn]) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    for (i, column) in actual.iter().enumerate() {
        let twin = actual[..i].iter().find(|other| same_column(&other.name, &column.name));
        found.extend(twin.map(|other| (other.name.as_str(), column.name.as_str())));
    }
    found
}

/// Columns of an ODS table that no change fills and that must not be NULL: the first new row would fail the merge.
/// Returned as they must be.
pub fn unfilled(ods: &[DatabendColumn], table: &Table) -> Vec<DatabendColumn> {
    let wanted = table.ods_columns();
    let is_filled =
        |column: &DatabendColumn| wanted.iter().any(|wanted| same_column(&wanted.name, &column.name));
    ods.iter()
        .filter(|column| {
            !column.nullable
                && column.default.is_none()
                && column.name != UNFILLED_SEQ_COLUMN
                && !is_filled(column)
        })
        .map(|column| DatabendColumn { nullable: true, ..column.clone() })
        .collect()
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
            ("int unsigned", "bigint unsigned"),
            ("decimal(40,2)", "decimal(65,2)"),
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
            ("varchar(10)", "int"),
            ("int", "varchar(10)"),
            ("smallint", "year"),
            ("int", "bigint unsigned"),
        ] {
            let refused = refusals(&with_type("c", from), &with_type("c", to));
            assert_eq!(refused.len(), 1, "{from} to {to}");
            assert_eq!(refused[0].attribute, Attribute::ColumnType(3));
            for part in ["has to be loaded again", "declare a second databend_cdc_table"] {
                assert!(refused[0].message.contains(part), "{}", refused[0].message);
            }
        }
    }

    #[test]
    fn a_key_may_widen() {
        let mut wider = orders();
        wider.columns[0].ty = "bigint unsigned".parse().unwrap();
        let mut narrow = wider.clone();
        narrow.columns[0].ty = "int unsigned".parse().unwrap();
        assert_eq!(refusals(&narrow, &wider), []);
        let found = differences(&narrow.ods_columns(), &wider.ods_columns());
        assert_eq!(found.modify, wider.ods_columns()[..1]);
    }

    #[test]
    fn the_before_images_may_come_but_not_go() {
        let mut without = orders();
        without.before_image_prefix = None;
        assert_eq!(refusals(&without, &orders()), []);
        assert_eq!(refusals(&orders(), &without)[0].attribute, Attribute::Top("before_image_prefix"));
    }

    #[test]
    fn another_case_is_the_same_column() {
        let mut shouted = orders();
        shouted.columns[2].name = "NOTE".into();
        let refused = refusals(&orders(), &shouted);
        assert_eq!(refused.len(), 1);
        assert_eq!(refused[0].attribute, Attribute::ColumnName(2));
        assert!(refused[0].message.contains(r#"Write name = "note""#), "{}", refused[0].message);
        assert_eq!(other_cases(&orders().ods_columns(), &shouted), refused);
        assert_eq!(other_cases(&orders().ods_columns(), &orders()), []);
        let found = differences(&orders().raw_columns(), &shouted.raw_columns());
        assert_eq!(found.add, []);
        assert_eq!(found.rename, [Rename { from: "note".into(), to: "NOTE".into() }]);
    }

    #[test]
    fn a_pair_that_copy_cannot_tell_apart_is_found() {
        let mut actual = orders().raw_columns();
        assert_eq!(twins(&actual), []);
        actual.push(DatabendColumn::nullable("op", DatabendType::Varchar));
        assert_eq!(twins(&actual), [("Op", "op")]);
        // The exact name counts, so nothing is renamed into the other one.
        assert_eq!(differences(&actual, &orders().raw_columns()).rename, []);
    }

    #[test]
    fn a_table_by_hand_keeps_its_columns() {
        let column = |name: &str, ty: &str| Column { name: name.into(), ty: ty.parse().unwrap() };
        let ods = [column("order_id", "bigint"), column("amount", "decimal(12,2)"), column("note", "text")];
        assert_eq!(adoption_refusals(&ods, &orders()), []);
        let mut medium = orders();
        medium.columns.push(column("n", "mediumint"));
        assert_eq!(adoption_refusals(&[column("n", "int")], &medium), []);
        let refused = adoption_refusals(&[column("note", "bit(1)"), column("gone", "int")], &orders());
        assert_eq!(refused.len(), 2);
        assert!(refused[0].message.contains(r#"Write type = "bit(1)""#), "{}", refused[0].message);
        assert!(refused[1].message.contains(r#""gone" is no longer listed"#));
    }

    #[test]
    fn columns_that_no_change_fills_take_null() {
        let mut actual = orders().ods_columns();
        actual.push(DatabendColumn::not_null("region", DatabendType::Varchar));
        actual.push(DatabendColumn::not_null("at", DatabendType::Timestamp).with_default("now()"));
        assert_eq!(unfilled(&actual, &orders()), [DatabendColumn::nullable("region", DatabendType::Varchar)]);
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
            ("BIGINT", "BIGINT UNSIGNED"),
        ] {
            assert!(widens(from, to), "{from} {to}");
        }
        for (from, to) in [
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
        assert_eq!(differences(&actual, &wanted), Differences::default());
        actual[1].data_type = DatabendType::parse("DECIMAL(10, 2)");
        actual.remove(0);
        let found = differences(&actual, &wanted);
        assert_eq!(found.add, wanted[..1]);
        assert_eq!(found.modify, wanted[1..2]);
    }
}
