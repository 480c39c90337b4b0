//! The boundary of rows that are read from the source, by a later full load or by a repair: which second of the source's clock, and
//! when it is safe.

use std::ops::Deref;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use pipeline::sql::generation::{newest_change, newest_order_keys};
use pipeline::{Boundary, Pipeline};
use source::{Activity, Role, Source};
use tokio::time::Instant;

use crate::engine::{StepError, TableSite, World};
use crate::finding::Code;
use crate::journal::StepName;
use crate::progress::Progress;

/// How far the newest change sequence may be ahead of the source's clock: two clocks that are read one after the other.
const AHEAD: TimeDelta = TimeDelta::minutes(2);
/// How old the newest change may be that shows that sequences are of the source's clock.
const RECENT: TimeDelta = TimeDelta::minutes(10);
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);
/// How many open statements and transactions a message names.
const NAMED: usize = 5;

/// The source. Without it no boundary is safe.
pub(super) fn source<'a>(site: &TableSite, world: &'a World) -> Result<&'a Source, StepError> {
    world.source.as_ref().ok_or_else(|| {
        StepError::finding(
            Code::SourceNeeded,
            site.pipeline().source(),
            format!(
                "the source's DSN is not known, and only its clock and what is open there tell which changes the rows of {} \
                 contain that are read from it",
                site.pipeline().source()
            ),
            "set MYSQL_DSN, or mysql_dsn_file in runbook.toml, to the server that the DMS task reads",
        )
    })
}

/// Refuses a source whose clock and process list say nothing about the changes that DMS reads.
pub(super) async fn refuse_source(site: &TableSite, source: &Source) -> Result<(), StepError> {
    let Role::Replica(reason) = source.role().await? else { return Ok(()) };
    Err(StepError::finding(
        Code::SourceIsReplica,
        site.pipeline().source(),
        format!(
            "the source is a replica ({reason}): its changes carry the primary's times, and what is open there is not seen"
        ),
        "set MYSQL_DSN to the primary that the DMS task should read; behind a replica no table can be loaded again or repaired",
    ))
}

/// Chooses the boundary: a second that has not begun, later than every order key that raw and ODS hold.
pub(super) async fn choose(
    site: &TableSite,
    source: &Source,
    fed: &[Pipeline],
    world: &World,
) -> Result<Boundary, StepError> {
    let pipeline = site.pipeline();
    let has_sequence = pipeline.change_seq_column.is_some();
    let alike = fed.iter().filter(|table| table.change_seq_column.is_some() == has_sequence);
    let change = world.warehouse.query_one(&newest_change(alike.map(Deref::deref))).await?;
    let change: Option<String> = change.get_or_default("newest")?;
    let row = world.warehouse.query_one(&newest_order_keys(pipeline)).await?;
    let held: [Option<String>; 3] =
        [row.get_or_default("raw")?, row.get_or_default("ods")?, row.get_or_default("floor")?];
    let newest = held.into_iter().flatten().max().filter(|key| !key.is_empty());
    let clock = source.clock().await?.utc;
    let boundary = Boundary::after(clock);
    refuse_other_clock(site, change.as_deref().and_then(time_of), clock, world)?;
    match newest {
        Some(newest) if newest >= boundary.order_key(pipeline) => {
            Err(not_of_this_clock(site, &newest, clock))
        }
        _ => Ok(boundary),
    }
}

/// The second of an order key: a change sequence, or a time.
fn time_of(order_key: &str) -> Option<DateTime<Utc>> {
    let digits: String = order_key.chars().filter(char::is_ascii_digit).take(14).collect();
    chrono::NaiveDateTime::parse_from_str(&digits, "%Y%m%d%H%M%S").ok().map(|time| time.and_utc())
}

/// Refuses unless the newest change shows that changes carry times of the source's clock, or `sequences_are_utc` vouches for it.
/// Sequences that are behind it would let changes after the load count as contained in it.
fn refuse_other_clock(
    site: &TableSite,
    newest: Option<DateTime<Utc>>,
    clock: DateTime<Utc>,
    world: &World,
) -> Result<(), StepError> {
    if let Some(newest) = newest
        && newest - clock > AHEAD
    {
        return Err(not_of_this_clock(site, &newest.to_rfc3339(), clock));
    }
    if world.settings.sequences_are_utc || newest.is_some_and(|newest| clock - newest <= RECENT) {
        return Ok(());
    }
    let newest = newest.map_or("none".to_owned(), |at| format!("of {} UTC", at.format("%Y-%m-%d %H:%M:%S")));
    Err(StepError::finding(
        Code::SequenceZone,
        site.pipeline().source(),
        format!(
            "whether change sequences are in UTC cannot be told: the newest change in raw of the tables that this DMS task feeds \
             is {newest}, and the source's clock shows {} UTC",
            clock.format("%Y-%m-%d %H:%M:%S"),
        ),
        "change a row of one of these tables at the source and run this again when the change is in raw; or, if the times in the \
         change sequences are known to be UTC, set sequences_are_utc = true in runbook.toml",
    ))
}

fn not_of_this_clock(site: &TableSite, newest: &str, clock: DateTime<Utc>) -> StepError {
    let source = site.pipeline().source();
    StepError::finding(
        Code::SequenceZone,
        &source,
        format!(
            "raw or ODS of {source} holds a change of {newest}, which is later than the source's clock ({} UTC): changes carry \
             times of another clock or zone",
            clock.format("%Y-%m-%d %H:%M:%S"),
        ),
        "check that MYSQL_DSN is the server that the DMS task reads, and ServerTimezone of the DMS source endpoint",
    )
}

/// Waits until the boundary's second has passed, and then until everything has ended that was open.
pub(super) async fn wait_for_open_work(
    site: &TableSite,
    step: StepName,
    source: &Source,
    boundary: Boundary,
    world: &World,
    progress: &dyn Progress,
) -> Result<(), StepError> {
    let mut listed = source.activity().await?;
    while listed.as_of() <= boundary.second() {
        world.pause(BETWEEN_LOOKS).await?;
        listed = source.activity().await?;
    }
    let began = Instant::now();
    let timeout = world.settings.open_work_timeout;
    while !listed.is_empty() {
        if began.elapsed() > timeout {
            return Err(still_open(site, boundary, &names(&listed), timeout));
        }
        progress.progress(&format!("{step}: waiting for what is open at the source: {}", names(&listed)));
        world.pause(BETWEEN_LOOKS).await?;
        listed.retain_open(&source.activity().await?);
    }
    Ok(())
}

/// What is open, for a message.
fn names(activity: &Activity) -> String {
    let mut names: Vec<String> = activity.open().iter().take(NAMED).map(ToString::to_string).collect();
    if let Some(more) = activity.open().len().checked_sub(NAMED + 1) {
        names.push(format!("and {} more", more + 1));
    }
    names.join("; ")
}

fn still_open(site: &TableSite, boundary: Boundary, open: &str, timeout: Duration) -> StepError {
    StepError::finding(
        Code::SourceBusy,
        site.pipeline().source(),
        format!(
            "what was open at the source at {boundary} has not ended after {} s: {open}",
            timeout.as_secs(),
        ),
        "end it or wait until it has ended, then run this again; or raise open_work_timeout_seconds in runbook.toml",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_keys_of_both_forms_have_a_second() {
        let second = Some("2026-03-01T12:00:01Z".parse().unwrap());
        assert_eq!(time_of("20260301120001990000000000000000042"), second);
        assert_eq!(time_of("2026-03-01 12:00:01.000000"), second);
        assert_eq!(time_of("00000000000000000000000000000000007"), None);
    }
}
