//! No files are set aside whose changes ODS lacks.

use super::{Code, Finding, Limits};
use crate::facts::{ChainFacts, FileSetAside, TableFacts};

/// How many files are named.
const NAMED: usize = 3;

pub(super) fn check(_: &ChainFacts, table: &TableFacts, _: &Limits) -> Option<Finding> {
    // What a later load or a comparison of all rows has found equal lacks nothing that was set aside before.
    let settled =
        table.cut_over_at.into_iter().chain(table.verified.as_ref().map(|verified| verified.at)).max();
    let is_open = |file: &&FileSetAside| file.since.is_none_or(|since| settled.is_none_or(|at| since > at));
    let open: Vec<_> = table.set_aside.iter().filter(is_open).collect();
    let told = |file: &&FileSetAside| match &file.reason {
        Some(reason) => format!("{}: {reason}", file.file),
        None => file.file.clone(),
    };
    let mut named: Vec<_> = open.iter().take(NAMED).map(told).collect();
    if open.len() > NAMED {
        named.push("…".to_owned());
    }
    (!open.is_empty()).then(|| {
        Finding::warning(
            Code::FileSetAside,
            &table.source,
            format!(
                "{} files are set aside, since Databend refuses to load them, and ODS lacks their changes: {}",
                open.len(),
                named.join("; ")
            ),
            ways_out(&table.source),
        )
    })
}

/// What to do about files that are set aside.
pub(crate) fn ways_out(table: &str) -> String {
    format!(
        "if the declared type is the cause, correct it and run `terraform apply`; if the file is, put it right where it is. Then run \
         `runbook unblock --put-back --table {table}`. What cannot be put right is made up for by `runbook verify --repair --table \
         {table}` or `runbook reload --table {table}`"
    )
}

#[cfg(test)]
mod tests {
    use chrono::{TimeDelta, Utc};

    use super::*;
    use crate::checks::testing::with_table;
    use crate::facts::Verified;

    fn file(name: &str, reason: Option<&str>) -> FileSetAside {
        FileSetAside {
            file: format!("shop/orders/{name}"),
            path: format!("_set_aside/shop/orders/{name}.set-aside"),
            size: 4,
            since: Some(Utc::now() + TimeDelta::hours(1)),
            reason: reason.map(str::to_owned),
        }
    }

    #[test]
    fn files_are_told_with_the_reason() {
        let found = with_table(|table| {
            table.set_aside =
                vec![file("1.parquet", Some("Corrupt footer (code 1046)")), file("2.parquet", None)];
        });
        assert_eq!(
            found,
            [
                "FILE-SET-ASIDE shop.orders: 2 files are set aside, since Databend refuses to load them, and ODS lacks their \
                 changes: shop/orders/1.parquet: Corrupt footer (code 1046); shop/orders/2.parquet"
            ]
        );
        let found = with_table(|table| table.set_aside = vec![file("1.parquet", None); 4]);
        assert!(found[0].contains("4 files") && found[0].ends_with("; …"), "{found:?}");
    }

    #[test]
    fn a_later_load_or_comparison_makes_up_for_them() {
        let later = Utc::now() + TimeDelta::hours(2);
        let found = with_table(|table| {
            table.set_aside = vec![file("1.parquet", None)];
            table.verified = Some(Verified { at: later, rows: 2 });
        });
        assert_eq!(found, Vec::<String>::new());
        let found = with_table(|table| {
            table.set_aside = vec![file("1.parquet", None)];
            table.verified = Some(Verified { at: later - TimeDelta::hours(2), rows: 2 });
        });
        assert_eq!(found.len(), 1);
    }
}
