//! Which changes of a table's shape the configuration accounts for, and what ends the others.

use super::conversion::{keeps_values, typed};
use super::{Difference, Shape, ShapeColumn};
use crate::column::Column;
use crate::name::same_column;
use crate::table::Table;

/// A change of the source's table that nothing has settled, and what ends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsettled {
    /// The change.
    pub difference: Difference,
    /// What ends it.
    pub cure: Cure,
}

/// What ends a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cure {
    /// `columns` of the `databend_cdc_table` has to follow: what to write there.
    Configure(String),
    /// Rows of ODS may differ from the source. A comparison tells, and a later load ends it.
    Compare,
    /// Nothing can be done about it: somebody has to know.
    Know,
}

impl Shape {
    /// What has changed since an earlier look, but for what the configuration accounts for. `has_default`: whether a column of ODS
    /// has a default, which its old rows were given (`columns[].default`).
    pub fn unsettled_since(
        &self,
        earlier: &Self,
        table: &Table,
        has_default: impl Fn(&str) -> bool,
    ) -> Vec<Unsettled> {
        let cure = |difference: &Difference| cure(difference, table, &has_default);
        self.since(earlier)
            .into_iter()
            .filter_map(|difference| Some(Unsettled { cure: cure(&difference)?, difference }))
            .collect()
    }
}

fn cure(difference: &Difference, table: &Table, has_default: impl Fn(&str) -> bool) -> Option<Cure> {
    let listed = |name: &str| table.columns.iter().find(|column| same_column(&column.name, name));
    match difference {
        Difference::Added(column) if !column.is_delivered() => None,
        Difference::Added(column) => match listed(&column.name) {
            None => Some(Cure::Configure(format!("add {} to columns", described(column)))),
            Some(of) if has_type(of, column) => {
                let given = difference.may_change_rows() && !has_default(&of.name);
                given.then(|| Cure::Configure(format!("write {} in columns", described(column))))
            }
            Some(_) => Some(Cure::Configure(format!("write {} in columns", described(column)))),
        },
        Difference::Converted { from, to } if !to.is_delivered() || !from.is_delivered() => {
            Some(Cure::Compare)
        }
        Difference::Converted { from, to } => {
            let of = listed(&to.name)?;
            let is_followed = has_type(of, to);
            match keeps_values(from, to) {
                false => Some(Cure::Compare),
                true if is_followed => None,
                true => Some(Cure::Configure(format!(
                    "write type = \"{}\" for \"{}\" in columns",
                    to.ty, of.name
                ))),
            }
        }
        Difference::Removed(column) => listed(&column.name).map(|_| Cure::Know),
        Difference::Renamed { .. }
        | Difference::Collated { .. }
        | Difference::Keyed { .. }
        | Difference::PartitionsRemoved(_)
        | Difference::StoredAnew { .. }
        | Difference::CreatedAnew => difference.may_change_rows().then_some(Cure::Compare),
    }
}

fn has_type(listed: &Column, found: &ShapeColumn) -> bool {
    typed(found).is_some_and(|found| found.ty == listed.ty)
}

/// The column as an element of `columns`.
fn described(column: &ShapeColumn) -> String {
    let default = match column.default.as_deref() {
        Some(default) if !default.eq_ignore_ascii_case("null") => {
            // MariaDB prints a text in quotes.
            let text = default.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
            format!(", default = \"{}\"", text.unwrap_or(default))
        }
        _ if !column.nullable => ", default = what MySQL gave the rows that were there".to_owned(),
        _ => String::new(),
    };
    format!("{{ name = \"{}\", type = \"{}\"{default} }}", column.name, column.ty)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::orders;

    fn column(name: &str, ty: &str) -> ShapeColumn {
        ShapeColumn {
            name: name.to_owned(),
            ty: ty.to_owned(),
            nullable: true,
            default: None,
            extra: String::new(),
            collation: None,
        }
    }

    fn shape() -> Shape {
        let columns = [("order_id", "bigint(20)"), ("amount", "decimal(12,2)"), ("note", "varchar(50)")];
        Shape {
            columns: columns.map(|(name, ty)| column(name, ty)).into(),
            primary_key: vec!["order_id".to_owned()],
            partitions: Vec::new(),
            created: None,
            storage: None,
        }
    }

    fn cures(table: &Table, has_default: bool, change: impl FnOnce(&mut Shape)) -> Vec<Cure> {
        let (earlier, mut now) = (shape(), shape());
        change(&mut now);
        now.unsettled_since(&earlier, table, |_| has_default).into_iter().map(|one| one.cure).collect()
    }

    fn configure(text: &str) -> Vec<Cure> {
        vec![Cure::Configure(text.to_owned())]
    }

    #[test]
    fn a_new_column_is_settled_by_apply() {
        let with = |default: Option<&str>| {
            let default = default.map(str::to_owned);
            move |now: &mut Shape| now.columns.push(ShapeColumn { default, ..column("n", "int(11)") })
        };
        assert_eq!(
            cures(&orders(), false, with(None)),
            configure("add { name = \"n\", type = \"int(11)\" } to columns")
        );
        let mut listed = orders();
        listed.columns.push(Column { name: "n".into(), ty: "int".parse().unwrap() });
        assert_eq!(cures(&listed, false, with(None)), []);
        let default = "write { name = \"n\", type = \"int(11)\", default = \"5\" } in columns";
        assert_eq!(cures(&listed, false, with(Some("5"))), configure(default));
        assert_eq!(cures(&listed, true, with(Some("5"))), []);
        let generated = |now: &mut Shape| {
            let extra = "STORED GENERATED".to_owned();
            now.columns.push(ShapeColumn { extra, ..column("n", "int(11)") });
        };
        assert_eq!(cures(&orders(), false, generated), []);
    }

    #[test]
    fn a_wider_type_is_settled_by_apply_and_a_converted_value_is_not() {
        let wider = |now: &mut Shape| now.columns[1].ty = "decimal(14,2)".to_owned();
        assert_eq!(
            cures(&orders(), false, wider),
            configure("write type = \"decimal(14,2)\" for \"amount\" in columns")
        );
        let mut listed = orders();
        listed.columns[1].ty = "decimal(14,2)".parse().unwrap();
        assert_eq!(cures(&listed, false, wider), []);
        assert_eq!(
            cures(&orders(), false, |now| now.columns[1].ty = "decimal(12,1)".to_owned()),
            [Cure::Compare]
        );
        assert_eq!(cures(&orders(), false, |now| now.columns[2].ty = "varchar(99)".to_owned()), []);
    }

    #[test]
    fn rows_that_may_be_others_are_compared() {
        assert_eq!(cures(&orders(), false, |now| now.created = Some("later".to_owned())), [Cure::Compare]);
        assert_eq!(cures(&orders(), false, |now| drop(now.columns.remove(2))), [Cure::Know]);
        assert_eq!(cures(&orders(), false, |now| now.primary_key.clear()), [Cure::Compare]);
    }
}
