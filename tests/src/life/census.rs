//! What lives hold, by kind: the figures of docs/verification.md.

use super::model::{ByHand, Ddl, Event, Life, Verb};
use crate::history::Census;

/// What a life holds.
pub(crate) fn census(life: &Life) -> Census {
    let mut all = Census::new();
    for event in &life.events {
        *all.entry(kind(event)).or_default() += 1;
    }
    all
}

fn kind(event: &Event) -> &'static str {
    match event {
        Event::Commit(_) => "transaction",
        Event::Unseen(_) => "changes in no binlog",
        Event::Ddl { ddl, .. } => of_ddl(*ddl),
        Event::Deliver => "everything arrives",
        Event::Status => "status, and what it names",
        Event::Follow => "the configuration follows",
        Event::Restart => "DMS stopped and resumed",
        Event::ReplaceDms(_) => "DMS task replaced, with changes in the gap",
        Event::Corrupt { .. } => "file cut off",
        Event::Verb(verb) => of_verb(*verb),
        Event::ByHand(by_hand) => of_hand(*by_hand),
        Event::AddTable(_) => "table added",
        Event::RemoveTable { .. } => "table removed",
        Event::RenameChain => "chain renamed",
    }
}

fn of_ddl(ddl: Ddl) -> &'static str {
    match ddl {
        Ddl::Add { .. } => "DDL: column added",
        Ddl::Drop { .. } => "DDL: column dropped",
        Ddl::Rename { .. } => "DDL: column renamed",
        Ddl::Cross { .. } => "DDL: columns exchange names",
        Ddl::Widen { .. } => "DDL: type that holds more",
        Ddl::Narrow { .. } => "DDL: type that holds less",
        Ddl::Retype { .. } => "DDL: type of another kind",
        Ddl::Reorder { .. } => "DDL: other order of columns",
        Ddl::SetDefault { .. } => "DDL: other default",
        Ddl::Index { .. } => "DDL: index",
        Ddl::Truncate => "DDL: TRUNCATE",
        Ddl::Recreate => "DDL: table made again",
        Ddl::Swap => "DDL: table swapped",
        Ddl::Rebuild => "DDL: table rebuilt",
        Ddl::DropPartition => "DDL: partition dropped",
        Ddl::Gone => "DDL: table dropped",
    }
}

fn of_verb(verb: Verb) -> &'static str {
    match verb {
        Verb::Cutover => "cutover again",
        Verb::Reload { .. } => "reload of a table",
        Verb::ReloadAll => "reload of all tables",
        Verb::Replay { .. } => "replay",
        Verb::Repair => "verify --repair",
        Verb::Unblock => "unblock",
        Verb::Suspend => "suspend",
        Verb::Resume => "resume",
    }
}

fn of_hand(by_hand: ByHand) -> &'static str {
    match by_hand {
        ByHand::SuspendLoad { .. } => "by hand: load suspended",
        ByHand::SuspendMerge { .. } => "by hand: merge suspended",
        ByHand::DropMerge { .. } => "by hand: merge dropped",
        ByHand::DropStream { .. } => "by hand: stream dropped",
        ByHand::DropOds { .. } => "by hand: ODS dropped",
        ByHand::Damage { .. } => "by hand: rows of ODS changed",
        ByHand::CleanUp => "clean-up",
    }
}
