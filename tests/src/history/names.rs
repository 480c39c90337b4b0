//! Names as people give them, and as nobody should.

/// Names of tables. None is the same as another after all but letters and digits became `_`, in any case: such two cannot be
/// in one chain, which the provider says at plan.
pub const TABLES: [&str; 12] = [
    "orders",
    "OrderItems",
    "select",
    "we\"ird",
    "ba`ck",
    "per%cent",
    "a b",
    "smile☺x",
    "x;y--z",
    "Ünïcode",
    "under_score",
    "long_long_long_long_long_long_long_long_long_long_long_long_64ch",
];

/// Names of columns; a table takes them in order, key columns first, from a place that its own name decides.
const COLUMNS: [&str; 16] = [
    "id",
    "Part",
    "status",
    "group",
    "qu\"ote",
    "ti`ck",
    "ap'os",
    "Amount",
    "two words",
    "☃",
    "select",
    "c;--",
    "öffnen",
    "back\\slash",
    "t",
    "s",
];

/// The name of a table.
pub fn table(number: u8) -> &'static str {
    TABLES[usize::from(number) % TABLES.len()]
}

/// The name of the `place`th column of a table.
pub fn column(table: u8, place: usize) -> String {
    match COLUMNS.get(place) {
        Some(_) => COLUMNS[(place + 5 * usize::from(table)) % COLUMNS.len()].to_owned(),
        None => format!("c{place}"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[test]
    fn names_of_tables_stay_different_as_parts_of_task_names() {
        let plain = |name: &str| -> String {
            name.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
        };
        let names: BTreeSet<_> = super::TABLES.iter().map(|name| plain(name)).collect();
        assert_eq!(names.len(), super::TABLES.len());
        assert!(super::TABLES.iter().all(|name| name.chars().count() <= 64));
    }

    #[test]
    fn the_columns_of_a_table_have_different_names() {
        for table in 0..12 {
            let names: BTreeSet<_> =
                (0..40).map(|place| super::column(table, place).to_lowercase()).collect();
            assert_eq!(names.len(), 40);
        }
    }
}
