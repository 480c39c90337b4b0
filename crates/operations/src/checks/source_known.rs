//! What could not be compared with the source.

use chrono::TimeDelta;

use super::{Code, Finding, Limits, duration};
use crate::facts::{ChainFacts, TableFacts, quiet_for};
use crate::finding::Severity;

pub(super) fn check(chain: &ChainFacts, limits: &Limits) -> Vec<Finding> {
    let mut unknown = Vec::new();
    let keys: Vec<_> = names(chain, |table| table.has_before_images && table.at_source.is_none());
    if !keys.is_empty() {
        unknown.push(format!("whether primary_key is the primary key at the source ({})", keys.join(", ")));
    }
    let stale = i64::try_from(limits.stale_after.as_secs()).unwrap_or(i64::MAX);
    let is_silent = |table: &TableFacts| {
        let idle = table.at_source.as_ref().is_some_and(|source| source.last_write.is_some());
        !idle && table.undelivered.is_none() && quiet_for(table).is_some_and(|quiet| quiet > stale)
    };
    // A DMS task that does not run is a finding of its own.
    let runs = chain.dms.as_ref().is_some_and(|task| task.status == "running");
    let quiet: Vec<_> = if runs { names(chain, is_silent) } else { Vec::new() };
    if !quiet.is_empty() {
        unknown.push(format!(
            "whether the source was idle where no change came for more than {} ({})",
            duration(stale),
            quiet.join(", ")
        ));
    }
    let ahead = names(chain, is_ahead);
    if !ahead.is_empty() {
        unknown.push(format!(
            "how late changes arrive: the newest in raw are of a time to come, so DMS does not write times in UTC ({})",
            ahead.join(", ")
        ));
    }
    if unknown.is_empty() {
        return Vec::new();
    }
    let (severity, why, help) = match (&chain.source_error, chain.has_source) {
        (Some(error), _) => {
            (Severity::Warning, format!("the source cannot be asked: {error}"), "fix what it says")
        }
        (None, true) => (
            Severity::Info,
            "the source does not tell everything".to_owned(),
            "a restart of the source makes it forget when tables were written to, until the next write. A table that it does not \
             show at all may be misspelt in `source`, or the DSN's user has no SELECT on it",
        ),
        (None, false) => (
            Severity::Info,
            "the source was not asked, since MYSQL_DSN is not set".to_owned(),
            "set MYSQL_DSN to a user with SELECT on these tables, or mysql_dsn_file in runbook.toml",
        ),
    };
    let message = format!("{why}. So it is not known {}", unknown.join(", nor "));
    vec![Finding { severity, ..Finding::info(Code::SourceUnknown, &chain.chain, message, help) }]
}

/// Whether the newest change in raw is later than now, by more than clocks differ.
fn is_ahead(table: &TableFacts) -> bool {
    let newest = table
        .counts
        .as_ref()
        .and_then(|counts| counts.newest_change.map(|newest| newest - counts.counted_at));
    newest.is_some_and(|ahead| ahead > TimeDelta::minutes(5))
}

fn names(chain: &ChainFacts, which: impl Fn(&TableFacts) -> bool) -> Vec<&str> {
    // That a table is gone is a finding of its own.
    let is_gone = |table: &TableFacts| table.ddl.as_ref().is_some_and(|ddl| ddl.is_gone);
    let tables = chain.tables.iter().filter(|table| which(table) && !is_gone(table));
    tables.map(|table| table.source.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{found, good};
    use crate::facts::SourceFacts;

    /// A table without a change for two hours.
    fn quiet() -> ChainFacts {
        let mut chain = good();
        let table = &mut chain.tables[0];
        table.cut_over_at = Some(table.counts.as_ref().unwrap().counted_at - TimeDelta::hours(2));
        chain
    }

    fn told(chain: &ChainFacts) -> Vec<(Severity, String)> {
        found(chain).into_iter().map(|finding| (finding.severity, finding.message)).collect()
    }

    #[test]
    fn without_a_dsn_it_is_said_what_was_not_compared() {
        let mut chain = quiet();
        (chain.has_source, chain.tables[0].at_source) = (false, None);
        assert_eq!(
            told(&chain),
            [(
                Severity::Info,
                "the source was not asked, since MYSQL_DSN is not set. So it is not known whether primary_key is the primary key \
                 at the source (shop.orders), nor whether the source was idle where no change came for more than 15 min \
                 (shop.orders)"
                    .to_owned()
            )]
        );
    }

    #[test]
    fn a_source_that_forgot_its_last_write_does_not_tell_a_lag() {
        let mut chain = quiet();
        chain.tables[0].at_source.as_mut().unwrap().last_write = None;
        let told = told(&chain);
        assert_eq!(told.len(), 1);
        assert!(told[0].1.starts_with(
            "the source does not tell everything. So it is not known whether the source was idle"
        ));
    }

    #[test]
    fn a_source_that_cannot_be_asked_is_a_warning() {
        let mut chain = good();
        (chain.source_error, chain.tables[0].at_source) = (Some("no route".into()), None::<SourceFacts>);
        assert_eq!(told(&chain)[0].0, Severity::Warning);
    }

    #[test]
    fn changes_of_a_time_to_come_do_not_tell_a_lag() {
        let mut chain = good();
        let counts = chain.tables[0].counts.as_mut().unwrap();
        counts.newest_change = Some(counts.counted_at + TimeDelta::hours(9));
        let told = told(&chain);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].1.contains("not known how late changes arrive"), "{told:?}");
    }

    #[test]
    fn an_idle_source_that_says_so_is_no_finding() {
        assert_eq!(told(&quiet()), []);
    }
}
