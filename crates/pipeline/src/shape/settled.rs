//! Which changes of a table's shape the configuration accounts for, and what ends the others.

use super::conversion::{keeps_values, typed};
use super::{Difference, Shape, ShapeColumn};
use crate::column::Column;
use crate::evolution::widens;
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
    /// `columns` of the `databend_cdc_table` has to follow: what to write there. Rows may differ, too, until they are compared.
    Configure(String),
    /// Rows of ODS may differ from the source. A comparison tells, and a later load ends it.
    Compare,
    /// No apply, comparison or load ends it: a person settles it.
    Know,
}

impl Shape {
    /// What has changed since an earlier look, but for what the configuration accounts for.
    pub fn unsettled_since(&self, earlier: &Self, table: &Table) -> Vec<Unsettled> {
        self.since(earlier)
            .into_iter()
            .filter_map(|difference| Some(Unsettled { cure: cure(&difference, table)?, difference }))
            .collect()
    }

    /// What is known to be in ODS after a comparison or a load of the columns that the configuration lists. What only the
    /// configuration or a person ends stays as it was, to be told on.
    #[must_use]
    pub fn compared(mut self, earlier: Option<&Self>, table: &Table) -> Self {
        let Some(earlier) = earlier else { return self };
        for Unsettled { difference, cure } in self.unsettled_since(earlier, table) {
            match (difference, cure) {
                (_, Cure::Compare) => {}
                (Difference::Added(column), _) => self.forget(&column.name),
                (Difference::Removed(column), _) => self.keep(earlier, &column),
                (Difference::Converted { from, .. }, _) => self.keep(earlier, &from),
                (Difference::Renamed { from, to }, _) => {
                    self.forget(&to.name);
                    self.keep(earlier, &from);
                }
                _ => {}
            }
        }
        self
    }

    fn forget(&mut self, name: &str) {
        self.columns.retain(|column| !same_column(&column.name, name));
    }

    /// Has a column as it was, at the place where it was.
    fn keep(&mut self, earlier: &Self, column: &ShapeColumn) {
        self.forget(&column.name);
        let place = earlier.columns.iter().position(|was| was.name == column.name).unwrap_or_default();
        self.columns.insert(place.min(self.columns.len()), column.clone());
    }
}

fn cure(difference: &Difference, table: &Table) -> Option<Cure> {
    let listed = |name: &str| table.columns.iter().find(|column| same_column(&column.name, name));
    match difference {
        // What the rows that were there have in it is not known: the default of today may not be that of then.
        Difference::Renamed { from, to }
            if listed(&to.name).is_none()
                && !table.primary_key.iter().any(|key| same_column(key, &from.name)) =>
        {
            Some(Cure::Configure(format!(
                "write {} in place of \"{}\" in columns",
                described(to, Some(&from.name)),
                from.name
            )))
        }
        Difference::Added(column) | Difference::Renamed { to: column, .. } => match listed(&column.name) {
            None => Some(Cure::Configure(format!("add {} to columns", described(column, None)))),
            Some(of) if holds(of, column) => Some(Cure::Compare),
            Some(_) => Some(Cure::Configure(format!("write {} in columns", described(column, None)))),
        },
        Difference::Converted { from, to } => {
            let of = listed(&to.name)?;
            match (keeps_values(from, to), holds(of, to)) {
                (false, _) => Some(Cure::Compare),
                (true, true) => None,
                (true, false) => Some(Cure::Configure(format!(
                    "write type = \"{}\" for \"{}\" in columns",
                    to.ty, of.name
                ))),
            }
        }
        Difference::Removed(column) => listed(&column.name).map(|_| Cure::Know),
        Difference::Collated { column, .. } => listed(column).map(|_| Cure::Compare),
        Difference::Reordered
        | Difference::Keyed { .. }
        | Difference::PartitionsRemoved(_)
        | Difference::StorageReplaced { .. }
        | Difference::Recreated => Some(Cure::Compare),
    }
}

/// Whether the column as it is listed has a place for every value of the one that was found.
fn holds(listed: &Column, found: &ShapeColumn) -> bool {
    typed(found).is_some_and(|found| widens(&found, listed))
}

/// The column as an element of `columns`.
fn described(column: &ShapeColumn, old: Option<&str>) -> String {
    let text = |value: &str| {
        let escaped = value.replace('\\', "\\\\").replace('"', "\\\"");
        escaped.replace("${", "$${").replace("%{", "%%{")
    };
    let more = match (old, &column.default) {
        (Some(old), _) => format!(", renamed_from = \"{}\"", text(old)),
        (None, Some(default)) => format!(", default = \"{}\"", text(default)),
        (None, None) => String::new(),
    };
    format!("{{ name = \"{}\", type = \"{}\"{more} }}", text(&column.name), text(&column.ty))
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

    fn cures(table: &Table, change: impl FnOnce(&mut Shape)) -> Vec<Cure> {
        let (earlier, mut now) = (shape(), shape());
        change(&mut now);
        now.unsettled_since(&earlier, table).into_iter().map(|one| one.cure).collect()
    }

    /// The cures after a comparison has found nothing.
    fn after_comparison(table: &Table, change: impl FnOnce(&mut Shape)) -> Vec<Cure> {
        let (earlier, mut now) = (shape(), shape());
        change(&mut now);
        let compared = now.clone().compared(Some(&earlier), table);
        now.unsettled_since(&compared, table).into_iter().map(|one| one.cure).collect()
    }

    fn configure(text: &str) -> Vec<Cure> {
        vec![Cure::Configure(text.to_owned())]
    }

    #[test]
    fn a_new_column_is_listed_and_then_compared() {
        let with = |default: Option<&str>| {
            let default = default.map(str::to_owned);
            move |now: &mut Shape| now.columns.push(ShapeColumn { default, ..column("n", "int(11)") })
        };
        let add = configure("add { name = \"n\", type = \"int(11)\" } to columns");
        assert_eq!(cures(&orders(), with(None)), add);
        // Whatever a comparison of the other columns finds, it stays to be told.
        assert_eq!(after_comparison(&orders(), with(None)), add);
        let default = "add { name = \"n\", type = \"int(11)\", default = \"5\" } to columns";
        assert_eq!(cures(&orders(), with(Some("5"))), configure(default));
        let mut listed = orders();
        listed.columns.push(Column { name: "n".into(), ty: "bigint".parse().unwrap() });
        assert_eq!(cures(&listed, with(None)), [Cure::Compare]);
        assert_eq!(after_comparison(&listed, with(None)), []);
        let generated = |now: &mut Shape| {
            let extra = "STORED GENERATED".to_owned();
            now.columns.push(ShapeColumn { extra, ..column("n", "int(11)") });
        };
        assert_eq!(cures(&orders(), generated), []);
    }

    #[test]
    fn a_rename_is_told_until_the_new_name_is_listed_and_compared() {
        let rename = |now: &mut Shape| now.columns[2].name = "remark".to_owned();
        let write = configure(
            "write { name = \"remark\", type = \"varchar(50)\", renamed_from = \"note\" } in place of \"note\" in columns",
        );
        assert_eq!(cures(&orders(), rename), write);
        assert_eq!(after_comparison(&orders(), rename), write);
        let mut listed = orders();
        listed.columns[2].name = "remark".into();
        listed.renamed.insert("remark".into(), "note".into());
        assert_eq!(cures(&listed, rename), [Cure::Compare]);
        assert_eq!(after_comparison(&listed, rename), []);
        // The key keeps its columns.
        let key = configure("add { name = \"id\", type = \"bigint(20)\" } to columns");
        assert_eq!(cures(&orders(), |now: &mut Shape| now.columns[0].name = "id".to_owned()), key);
    }

    #[test]
    fn a_column_that_comes_back_is_compared() {
        let mut without = shape();
        without.columns.remove(2);
        let back = shape().unsettled_since(&without, &orders());
        assert_eq!(back.into_iter().map(|one| one.cure).collect::<Vec<_>>(), [Cure::Compare]);
    }

    #[test]
    fn a_wider_type_is_settled_by_apply_and_a_converted_value_is_not() {
        let wider = |now: &mut Shape| now.columns[1].ty = "decimal(14,2)".to_owned();
        assert_eq!(
            cures(&orders(), wider),
            configure("write type = \"decimal(14,2)\" for \"amount\" in columns")
        );
        let mut listed = orders();
        listed.columns[1].ty = "decimal(14,2)".parse().unwrap();
        assert_eq!(cures(&listed, wider), []);
        assert_eq!(cures(&orders(), |now| now.columns[1].ty = "decimal(12,1)".to_owned()), [Cure::Compare]);
        assert_eq!(cures(&orders(), |now| now.columns[2].ty = "varchar(99)".to_owned()), []);
    }

    #[test]
    fn rows_that_may_be_others_are_compared() {
        assert_eq!(cures(&orders(), |now| now.created = Some("later".to_owned())), [Cure::Compare]);
        assert_eq!(cures(&orders(), |now| drop(now.columns.remove(2))), [Cure::Know]);
        assert_eq!(after_comparison(&orders(), |now| drop(now.columns.remove(2))), [Cure::Know]);
        assert_eq!(after_comparison(&orders(), |now| now.primary_key.clear()), []);
        assert_eq!(cures(&orders(), |now| now.primary_key.clear()), [Cure::Compare]);
    }
}
