//! What changes at the source arrives.

use chrono::{DateTime, Utc};

use super::{Code, Finding, Limits, duration};
use crate::facts::{ChainFacts, TableFacts};

pub(super) fn check(_: &ChainFacts, table: &TableFacts, limits: &Limits) -> Option<Finding> {
    let (missing, counts) = (table.undelivered.as_ref()?, table.counts.as_ref()?);
    let newest = counts.newest_change.map_or_else(
        || "raw has no change".to_owned(),
        |at| format!("the newest change in raw is of {}", time(at)),
    );
    let what = match (missing.counted, missing.written_at) {
        (Some(counted), _) => format!(
            "DMS has counted {counted} changes since its load, raw has {}",
            counts.changes.map_or_else(|| "fewer".to_owned(), |changes| changes.to_string())
        ),
        (None, Some(at)) => format!("the source was last written to at {}", time(at)),
        (None, None) => return None,
    };
    let seconds = i64::try_from(missing.seconds).unwrap_or(i64::MAX);
    Some(Finding::error(
        Code::DmsSilent,
        &table.source,
        format!("its changes do not arrive: {what}, {newest}, and nothing came within {}", duration(seconds)),
        format!(
            "look into the DMS task's CloudWatch log for this table, and whether something else loads or removes the files in its \
             folder. If DMS may keep changes back for longer than {} s (CdcMaxBatchInterval), raise delivery_seconds in \
             runbook.toml",
            limits.delivery.as_secs()
        ),
    ))
}

fn time(at: DateTime<Utc>) -> String {
    format!("{} UTC", at.format("%Y-%m-%d %H:%M:%S"))
}

#[cfg(test)]
mod tests {
    use crate::checks::testing::with_table;
    use crate::facts::Undelivered;

    #[test]
    fn what_dms_has_counted_is_told() {
        let found = with_table(|table| {
            table.undelivered = Some(Undelivered { counted: Some(9), written_at: None, seconds: 90 });
            table.counts.as_mut().unwrap().changes = Some(0);
        });
        assert_eq!(
            found,
            [
                "DMS-SILENT shop.orders: its changes do not arrive: DMS has counted 9 changes since its load, raw has 0, raw has no change, and nothing came within 90 s"
            ]
        );
    }

    #[test]
    fn so_is_what_the_source_remembers() {
        let at = "2026-01-02T03:04:05Z".parse().unwrap();
        let found = with_table(|table| {
            table.undelivered = Some(Undelivered { counted: None, written_at: Some(at), seconds: 7200 });
        });
        assert_eq!(
            found,
            [
                "DMS-SILENT shop.orders: its changes do not arrive: the source was last written to at 2026-01-02 03:04:05 UTC, raw has no change, and nothing came within 2 h"
            ]
        );
    }
}
