//! The configuration follows the columns of the source.

use super::{Code, Finding, Limits};
use crate::facts::{ChainFacts, DdlChange, Ends, TableFacts};

pub(super) fn check(_: &ChainFacts, table: &TableFacts, _: &Limits) -> Option<Finding> {
    let ddl = table.ddl.as_ref()?;
    let changes = ddl.changes.iter().filter(|change| change.ends != Ends::Compare);
    let changes: Vec<&DdlChange> = changes.collect();
    if changes.is_empty() {
        return None;
    }
    let texts: Vec<_> = changes.iter().map(|change| change.text.as_str()).collect();
    let applied: Vec<_> = changes
        .iter()
        .filter_map(|change| match &change.ends {
            Ends::Apply(how) => Some(how.as_str()),
            Ends::Compare | Ends::Settle => None,
        })
        .collect();
    let mut help = Vec::new();
    if !applied.is_empty() {
        help.push(format!(
            "{} of its databend_cdc_table, run `terraform apply`, and then `runbook verify --table {}`: old rows may have other \
             values",
            applied.join(", "),
            table.source
        ));
    }
    let settle =
        format!("run `runbook settle --table {} --reason TEXT`, which says that this is known", table.source);
    if applied.len() < changes.len() {
        help.push(format!(
            "ODS keeps what it had in a column that the source no longer has, and new rows have NULL there: {settle}"
        ));
    } else {
        help.push(format!("If ODS needs none of it, {settle}"));
    }
    Some(Finding::warning(
        Code::SourceColumns,
        &table.source,
        format!("the columns of {} have changed at the source: {}", table.source, texts.join("; ")),
        help.join(". "),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{found, good, with_table};

    fn change(text: &str, ends: Ends) -> DdlChange {
        DdlChange { text: text.to_owned(), ends }
    }

    #[test]
    fn what_to_write_is_told() {
        let mut chain = good();
        let ddl = chain.tables[0].ddl.as_mut().unwrap();
        ddl.changes = vec![
            change("column \"n\" int was added", Ends::Apply("add it".to_owned())),
            change("column \"note\" was dropped", Ends::Settle),
        ];
        let found = found(&chain);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].message.ends_with("column \"n\" int was added; column \"note\" was dropped"));
        assert!(found[0].help.starts_with("add it of its databend_cdc_table, run `terraform apply`"));
    }

    #[test]
    fn nothing_has_changed() {
        assert_eq!(with_table(|table| table.ddl = None), Vec::<String>::new());
    }
}
