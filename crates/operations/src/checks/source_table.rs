//! The source has the table, and it is known since when ODS follows from it.

use super::{Code, Finding, Limits};
use crate::facts::{ChainFacts, TableFacts};
use crate::finding::load_again;

pub(super) fn check(_: &ChainFacts, table: &TableFacts, _: &Limits) -> Option<Finding> {
    let ddl = table.ddl.as_ref()?;
    let source = &table.source;
    if ddl.is_gone {
        return Some(Finding::error(
            Code::SourceTableGone,
            source,
            format!(
                "the source no longer shows {source}, and ODS keeps its rows: DMS delivers nothing where a table is removed"
            ),
            format!(
                "if it is renamed or removed on purpose, take it out of `tables` of the chain. If it is to come back, {}. If it is \
                 there, the user of MYSQL_DSN needs SELECT on it",
                load_again(source)
            ),
        ));
    }
    let witness = table.witness.as_ref()?;
    let what = match (ddl.since, &witness.shape.storage) {
        (None, _) => "whether DDL has changed it at the source since it was cut over",
        (Some(_), None) => {
            "whether it was truncated, as far as neither its definition nor DMS shows it: the user of MYSQL_DSN needs PROCESS, \
             InnoDB has to store the table, and in MySQL its name has no letters beyond ASCII"
        }
        _ => return None,
    };
    Some(Finding::info(
        Code::SourceUnknown,
        source,
        format!("it is not known of {source} {what}"),
        format!(
            "run `runbook verify --table {source}`: it compares the table, and what is known begins there"
        ),
    ))
}

#[cfg(test)]
mod tests {
    use crate::checks::testing::with_table;

    #[test]
    fn a_table_that_is_gone_is_told() {
        let found = with_table(|table| table.ddl.as_mut().unwrap().is_gone = true);
        assert!(
            found[0].starts_with("SOURCE-TABLE-GONE shop.orders: the source no longer shows"),
            "{found:?}"
        );
    }
}
