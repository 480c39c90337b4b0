//! A part of a table's rows: what one pair of statements of `runbook verify` compares.

/// Which rows. Keys are texts, one per key column, as [`crate::canonical`] has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Those whose key is after one key, and not after another.
    Range {
        /// The key before the first row; `None` for the beginning of the table.
        after: Option<Vec<String>>,
        /// The key of the last row; `None` for the end of the table.
        up_to: Option<Vec<String>>,
    },
    /// Those that have one of these keys.
    Keys(Vec<Vec<String>>),
}

/// Returns the condition that a key comes after another. `columns` and `values` are SQL, one per key column.
///
/// A comparison of rows, `(a, b) > (1, 2)`, would read a whole index in MySQL.
pub fn after(columns: &[String], values: &[String]) -> String {
    compared(columns, values, ">", ">")
}

/// Returns the condition that a key does not come after another.
pub fn up_to(columns: &[String], values: &[String]) -> String {
    compared(columns, values, "<", "<=")
}

fn compared(columns: &[String], values: &[String], strict: &str, last: &str) -> String {
    let mut pairs = columns.iter().zip(values).rev();
    let Some((column, value)) = pairs.next() else { return "TRUE".to_owned() };
    let mut condition = format!("{column} {last} {value}");
    for (column, value) in pairs {
        // The first half is for the index alone.
        condition = format!("({column} {strict}= {value} AND ({column} {strict} {value} OR {condition}))");
    }
    condition
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|&text| text.to_owned()).collect()
    }

    #[test]
    fn a_key_of_one_column_is_compared_as_it_is() {
        assert_eq!(after(&texts(&["a"]), &texts(&["1"])), "a > 1");
        assert_eq!(up_to(&texts(&["a"]), &texts(&["1"])), "a <= 1");
    }

    #[test]
    fn a_later_column_counts_where_the_earlier_ones_are_equal() {
        assert_eq!(
            after(&texts(&["a", "b", "c"]), &texts(&["1", "2", "3"])),
            "(a >= 1 AND (a > 1 OR (b >= 2 AND (b > 2 OR c > 3))))"
        );
        assert_eq!(up_to(&texts(&["a", "b"]), &texts(&["1", "2"])), "(a <= 1 AND (a < 1 OR b <= 2))");
    }
}
