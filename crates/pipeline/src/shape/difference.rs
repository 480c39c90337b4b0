//! What has changed between two looks at a table of the source.

use std::fmt;

use super::{Shape, ShapeColumn};
use crate::name::same_column;

/// One change of a table's shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// A column is new. DMS delivers no row for the values that old rows have in it.
    Added(ShapeColumn),
    /// A column is gone.
    Removed(ShapeColumn),
    /// A column is gone, and where it was there is another one of the same type: most likely renamed.
    Renamed {
        /// The column as it was.
        from: ShapeColumn,
        /// The column as it is.
        to: ShapeColumn,
    },
    /// A column has another type, or takes no NULL any more: MySQL has converted the values of the rows that were there.
    Converted {
        /// The column as it was.
        from: ShapeColumn,
        /// The column as it is.
        to: ShapeColumn,
    },
    /// A column's text has another character set.
    Collated {
        /// The column's name.
        column: String,
        /// The collation that it had.
        from: String,
        /// The collation that it has.
        to: String,
    },
    /// The columns have another order: two of them may have changed names.
    Reordered,
    /// The primary key has other columns.
    Keyed {
        /// The columns that it had.
        from: Vec<String>,
        /// The columns that it has.
        to: Vec<String>,
    },
    /// Partitions are gone, with their rows.
    PartitionsRemoved(Vec<String>),
    /// `InnoDB` stores the table, or parts of it, under other ids: it was truncated, took the place of another one, exchanged a
    /// partition, or was rebuilt with the same rows.
    StorageReplaced {
        /// What the names of the parts end with in `InnoDB`; an empty one is the table itself.
        parts: Vec<String>,
    },
    /// The table has another `CREATE_TIME`, and the ids of its storage are not known.
    Recreated,
}

impl Shape {
    /// What has changed since an earlier look, of what DMS delivers. What neither changes rows nor what later changes look like is left
    /// out: the default of a column that was there, another key than the primary one, a new partition, a collation of the same
    /// character set or one of utf8mb4, in which every text can be written.
    pub fn since(&self, earlier: &Self) -> Vec<Difference> {
        let delivered = |shape: &Self| -> Vec<ShapeColumn> {
            shape.columns.iter().filter(|column| column.is_delivered()).cloned().collect()
        };
        let mut found = columns(&delivered(earlier), &delivered(self));
        let alike = earlier.primary_key.len() == self.primary_key.len()
            && earlier.primary_key.iter().zip(&self.primary_key).all(|(a, b)| same_column(a, b));
        if !alike {
            found.push(Difference::Keyed { from: earlier.primary_key.clone(), to: self.primary_key.clone() });
        }
        let gone: Vec<_> =
            earlier.partitions.iter().filter(|name| !self.partitions.contains(name)).cloned().collect();
        let repartitioned = earlier.partitions.is_empty() != self.partitions.is_empty();
        if !gone.is_empty() && !repartitioned {
            found.push(Difference::PartitionsRemoved(gone));
        }
        found.extend(stored(earlier, self));
        found
    }
}

fn columns(earlier: &[ShapeColumn], now: &[ShapeColumn]) -> Vec<Difference> {
    let named = |columns: &[ShapeColumn], name: &str| {
        columns.iter().find(|column| same_column(&column.name, name)).cloned()
    };
    let mut removed: Vec<(usize, &ShapeColumn)> =
        earlier.iter().enumerate().filter(|(_, column)| named(now, &column.name).is_none()).collect();
    let mut found = Vec::new();
    let mut kept = Vec::new();
    for (at, column) in now.iter().enumerate() {
        let Some(was) = named(earlier, &column.name) else {
            // A rename keeps the column's place, unless others before it have come or gone.
            let place = removed.iter().position(|(was_at, was)| *was_at == at && was.ty == column.ty);
            found.push(match place {
                Some(place) => {
                    Difference::Renamed { from: removed.remove(place).1.clone(), to: column.clone() }
                }
                None => Difference::Added(column.clone()),
            });
            continue;
        };
        kept.push(earlier.iter().position(|column| same_column(&column.name, &was.name)));
        if !was.ty.eq_ignore_ascii_case(&column.ty) || was.nullable && !column.nullable {
            found.push(Difference::Converted { from: was, to: column.clone() });
        } else if let (Some(from), Some(to)) = (&was.collation, &column.collation)
            && charset(from) != charset(to)
            && charset(to) != "utf8mb4"
        {
            found.push(Difference::Collated {
                column: column.name.clone(),
                from: from.clone(),
                to: to.clone(),
            });
        }
    }
    if !kept.is_sorted() {
        found.push(Difference::Reordered);
    }
    found.extend(removed.into_iter().map(|(_, column)| Difference::Removed(column.clone())));
    found
}

/// The character set of a collation.
fn charset(collation: &str) -> &str {
    match collation.split('_').next().unwrap_or_default() {
        "utf8" => "utf8mb3",
        charset => charset,
    }
}

/// Whether it is stored in something else. A part that came or went is no such change: a new partition has no rows yet, and one
/// that is gone is told as such.
fn stored(earlier: &Shape, now: &Shape) -> Option<Difference> {
    let (Some(parts_before), Some(parts_now)) = (&earlier.storage, &now.storage) else {
        // ALTER TABLE changes `CREATE_TIME`, too.
        let is_altered = earlier.columns != now.columns
            || earlier.primary_key != now.primary_key
            || earlier.partitions != now.partitions;
        return (!is_altered && earlier.created != now.created).then_some(Difference::Recreated);
    };
    let is_other = |part: &str, id: u64| parts_before.get(part).is_some_and(|was| *was != id);
    let parts: Vec<_> =
        parts_now.iter().filter(|(part, id)| is_other(part, **id)).map(|(part, _)| part.clone()).collect();
    // Where no part has kept its name, the table was partitioned, or is no longer.
    let none_is_left =
        !parts_before.is_empty() && !parts_now.keys().any(|part| parts_before.contains_key(part));
    (!parts.is_empty() || none_is_left).then_some(Difference::StorageReplaced { parts })
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Added(column) => {
                write!(f, "column \"{}\" {} was added", column.name, column.ty)?;
                match &column.default {
                    Some(default) => write!(f, " with the default {default}"),
                    None if !column.nullable => f.write_str(", NOT NULL"),
                    None => Ok(()),
                }
            }
            Self::Removed(column) => write!(f, "column \"{}\" was dropped", column.name),
            Self::Renamed { from, to } => {
                write!(
                    f,
                    "column \"{}\" is gone, and \"{}\" has its place: most likely renamed",
                    from.name, to.name
                )
            }
            Self::Converted { from, to } if from.ty == to.ty => {
                write!(f, "column \"{}\" takes no NULL any more", to.name)
            }
            Self::Converted { from, to } => {
                write!(f, "column \"{}\" was {} and is {}", to.name, from.ty, to.ty)
            }
            Self::Collated { column, from, to } => {
                write!(f, "the collation of column \"{column}\" was {from} and is {to}")
            }
            Self::Reordered => f.write_str("the columns have another order, so two may have changed names"),
            Self::Keyed { from, to } => {
                write!(f, "the primary key was ({}) and is ({})", from.join(", "), to.join(", "))
            }
            Self::PartitionsRemoved(names) => write!(f, "partitions are gone: {}", names.join(", ")),
            Self::StorageReplaced { parts } => {
                let partitions: Vec<_> = parts.iter().filter_map(|part| partition(part)).collect();
                if partitions.is_empty() {
                    f.write_str("the table was truncated, replaced by another one, or rebuilt")
                } else {
                    write!(f, "partitions were truncated, exchanged, or rebuilt: {}", partitions.join(", "))
                }
            }
            Self::Recreated => {
                f.write_str("the table was created again, truncated, replaced by another one, or altered")
            }
        }
    }
}

/// The partition whose part in `InnoDB` has a name with this end: `#P#p0`, or `#p#p0#sp#s0`.
fn partition(part: &str) -> Option<String> {
    let names: Vec<_> = part.split('#').skip(2).step_by(2).collect();
    (!names.is_empty()).then(|| names.join("/"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

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
        Shape {
            columns: vec![column("id", "int(11)"), column("note", "varchar(20)"), column("n", "int(11)")],
            primary_key: vec!["id".to_owned()],
            partitions: Vec::new(),
            created: Some("2026-01-01 00:00:00".to_owned()),
            storage: Some(BTreeMap::from([(String::new(), 18)])),
        }
    }

    fn told(change: impl FnOnce(&mut Shape)) -> Vec<String> {
        changed(&shape(), change)
    }

    fn changed(earlier: &Shape, change: impl FnOnce(&mut Shape)) -> Vec<String> {
        let mut now = earlier.clone();
        change(&mut now);
        now.since(earlier).iter().map(ToString::to_string).collect()
    }

    fn one(text: &str) -> Vec<String> {
        vec![text.to_owned()]
    }

    #[test]
    fn columns_that_come_and_go() {
        assert_eq!(told(|_| {}), Vec::<String>::new());
        assert_eq!(
            told(|now| now.columns.push(column("x", "int(11)"))),
            one("column \"x\" int(11) was added")
        );
        let default = Some("5".to_owned());
        assert_eq!(
            told(|now| now.columns.insert(0, ShapeColumn { default, ..column("x", "int(11)") })),
            one("column \"x\" int(11) was added with the default 5")
        );
        assert_eq!(
            told(|now| now.columns.push(ShapeColumn { nullable: false, ..column("x", "date") })),
            one("column \"x\" date was added, NOT NULL")
        );
        let extra = || "INVISIBLE".to_owned();
        let hidden =
            |now: &mut Shape| now.columns.push(ShapeColumn { extra: extra(), ..column("x", "date") });
        assert_eq!(told(hidden), Vec::<String>::new());
        assert_eq!(told(|now| now.columns[1].extra = extra()), one("column \"note\" was dropped"));
        assert_eq!(told(|now| drop(now.columns.remove(1))), one("column \"note\" was dropped"));
    }

    #[test]
    fn a_rename_keeps_place_and_type() {
        assert_eq!(
            told(|now| now.columns[1].name = "remark".to_owned()),
            one("column \"note\" is gone, and \"remark\" has its place: most likely renamed")
        );
        let other = told(|now| now.columns[1] = column("remark", "text"));
        assert_eq!(other, ["column \"remark\" text was added", "column \"note\" was dropped"]);
        assert_eq!(told(|now| now.columns[1].name = "NOTE".to_owned()), Vec::<String>::new());
        assert_eq!(
            told(|now| now.columns.swap(1, 2)),
            one("the columns have another order, so two may have changed names")
        );
    }

    #[test]
    fn values_that_were_converted() {
        assert_eq!(
            told(|now| now.columns[2].ty = "smallint(6)".to_owned()),
            one("column \"n\" was int(11) and is smallint(6)")
        );
        assert_eq!(told(|now| now.columns[2].nullable = false), one("column \"n\" takes no NULL any more"));
        let mut earlier = shape();
        earlier.columns[1].collation = Some("latin1_swedish_ci".to_owned());
        assert_eq!(
            changed(&earlier, |now| now.columns[1].collation = Some("ascii_bin".to_owned())),
            one("the collation of column \"note\" was latin1_swedish_ci and is ascii_bin")
        );
        let wide = Some("utf8mb4_bin".to_owned());
        assert_eq!(changed(&earlier, |now| now.columns[1].collation = wide), Vec::<String>::new());
        let sorted = Some("latin1_bin".to_owned());
        assert_eq!(changed(&earlier, |now| now.columns[1].collation = sorted), Vec::<String>::new());
        assert_eq!(
            told(|now| now.primary_key.push("n".to_owned())),
            one("the primary key was (id) and is (id, n)")
        );
    }

    #[test]
    fn rows_that_no_event_has_taken_away() {
        assert_eq!(
            told(|now| now.storage = Some(BTreeMap::from([(String::new(), 22)]))),
            one("the table was truncated, replaced by another one, or rebuilt")
        );
        let mut partitioned = shape();
        partitioned.partitions = ["p0", "p1"].map(str::to_owned).into();
        let parts = [("#P#p0", 19), ("#P#p1", 20)].map(|(part, id)| (part.to_owned(), id));
        partitioned.storage = Some(BTreeMap::from(parts));
        assert_eq!(
            changed(&partitioned, |now| now.storage.as_mut().unwrap().extend([("#P#p1".to_owned(), 23)])),
            one("partitions were truncated, exchanged, or rebuilt: p1")
        );
        assert_eq!(
            changed(&partitioned, |now| {
                now.partitions.remove(0);
                now.storage.as_mut().unwrap().remove("#P#p0");
            }),
            one("partitions are gone: p0")
        );
        let added = changed(&partitioned, |now| {
            now.partitions.push("p2".to_owned());
            now.storage.as_mut().unwrap().insert("#P#p2".to_owned(), 24);
        });
        assert_eq!(added, Vec::<String>::new());
        let no_longer = changed(&partitioned, |now| {
            now.partitions.clear();
            now.storage = Some(BTreeMap::from([(String::new(), 30)]));
        });
        assert_eq!(no_longer, one("the table was truncated, replaced by another one, or rebuilt"));
    }

    #[test]
    fn without_ids_the_time_of_creation_tells() {
        let later = Some("2026-02-01 00:00:00".to_owned());
        assert_eq!(told(|now| now.created.clone_from(&later)), Vec::<String>::new());
        assert_eq!(
            told(|now| (now.created, now.storage) = (later, None)),
            one("the table was created again, truncated, replaced by another one, or altered")
        );
    }
}
