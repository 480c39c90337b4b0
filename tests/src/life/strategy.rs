//! Lives by chance. Numbers at the front of each choice are its weight; what comes first is what a failing life shrinks to.

use proptest::collection::vec;
use proptest::prelude::*;

use super::model::{Born, ByHand, Change, Ddl, Event, Filled, Life, Type, Verb};
use super::source::KEYS;

/// How many columns a table has.
const COLUMNS: u8 = 4;
/// How many tables are counted.
const TABLES: u8 = 3;

/// Any life.
pub fn life() -> impl Strategy<Value = Life> {
    let born = prop_oneof![2 => vec(born(), 1), 2 => vec(born(), 2), 1 => vec(born(), 3)];
    // DDL comes with changes before and after it, and the configuration follows it early or late.
    let altered = (changes(), ddl(), changes(), any::<bool>()).prop_map(|(before, ddl, after, follows)| {
        let events = [Event::Commit(before), ddl, Event::Commit(after)];
        events.into_iter().chain(follows.then_some(Event::Follow)).collect::<Vec<_>>()
    });
    let one = event().prop_map(|event| vec![event]);
    let events = vec(prop_oneof![2 => one, 1 => altered], 3..9);
    (born, events).prop_map(|(born, events)| Life { born, events: events.concat() })
}

fn ty() -> impl Strategy<Value = Type> {
    prop_oneof![
        Just(Type::Int),
        Just(Type::BigInt),
        (6..40_u8).prop_map(Type::Varchar),
        (1..5_u8).prop_map(|scale| Type::Decimal(12, scale)),
        prop_oneof![Just(0_u8), Just(3), Just(6)].prop_map(Type::DateTime),
    ]
}

fn born() -> impl Strategy<Value = Born> {
    (vec(ty(), 1..usize::from(COLUMNS)), prop::bool::weighted(0.2), 0..KEYS)
        .prop_map(|(columns, wide_key, rows)| Born { columns, wide_key, rows })
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let (table, key, value) = (0..TABLES, 0..KEYS, 0..400_u16);
    let (insert, update) =
        ((table.clone(), key.clone(), value.clone()), (table.clone(), key.clone(), 0..COLUMNS, value));
    let change = prop_oneof![
        3 => insert.prop_map(|(table, key, value)| Change::Insert { table, key, value }),
        3 => update.prop_map(|(table, key, column, value)| Change::Update { table, key, column, value }),
        2 => (table.clone(), key.clone()).prop_map(|(table, key)| Change::Delete { table, key }),
        1 => (table, key.clone(), key).prop_map(|(table, from, to)| Change::Rekey { table, from, to }),
    ];
    vec(change, 1..6)
}

fn ddl() -> impl Strategy<Value = Event> {
    let column = || 0..COLUMNS;
    let filled = prop_oneof![Just(Filled::Null), Just(Filled::Default), Just(Filled::NotNull)];
    let ddl = prop_oneof![
        4 => (ty(), filled, prop::bool::weighted(0.2)).prop_map(|(ty, filled, first)| Ddl::Add { ty, filled, first }),
        2 => column().prop_map(|column| Ddl::Drop { column }),
        4 => column().prop_map(|column| Ddl::Rename { column }),
        2 => column().prop_map(|column| Ddl::Cross { column }),
        3 => column().prop_map(|column| Ddl::Widen { column }),
        2 => column().prop_map(|column| Ddl::Narrow { column }),
        1 => column().prop_map(|column| Ddl::Reorder { column }),
        1 => column().prop_map(|column| Ddl::SetDefault { column }),
        1 => column().prop_map(|column| Ddl::Index { column }),
        2 => Just(Ddl::Truncate),
        1 => Just(Ddl::Recreate),
        2 => Just(Ddl::Swap),
        1 => Just(Ddl::Rebuild),
        1 => Just(Ddl::DropPartition),
        1 => Just(Ddl::Gone),
    ];
    (0..TABLES, ddl).prop_map(|(table, ddl)| Event::Ddl { table, ddl })
}

fn verb() -> impl Strategy<Value = Verb> {
    let table = || 0..TABLES;
    prop_oneof![
        1 => Just(Verb::Cutover),
        3 => table().prop_map(|table| Verb::Reload { table }),
        1 => Just(Verb::ReloadAll),
        3 => table().prop_map(|table| Verb::Replay { table }),
        2 => Just(Verb::Repair),
        1 => Just(Verb::Unblock),
        2 => Just(Verb::Suspend),
        1 => Just(Verb::Resume),
    ]
}

fn by_hand() -> impl Strategy<Value = ByHand> {
    let table = || 0..TABLES;
    prop_oneof![
        1 => table().prop_map(|table| ByHand::SuspendLoad { table }),
        1 => table().prop_map(|table| ByHand::SuspendMerge { table }),
        1 => table().prop_map(|table| ByHand::DropMerge { table }),
        1 => table().prop_map(|table| ByHand::DropStream { table }),
        1 => table().prop_map(|table| ByHand::DropOds { table }),
        2 => table().prop_map(|table| ByHand::Damage { table }),
        2 => Just(ByHand::CleanUp),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => changes().prop_map(Event::Commit),
        2 => changes().prop_map(Event::Unseen),
        3 => Just(Event::Deliver),
        2 => Just(Event::Status),
        1 => Just(Event::Follow),
        1 => Just(Event::Restart),
        1 => changes().prop_map(Event::ReplaceDms),
        2 => any::<bool>().prop_map(|can_be_put_right| Event::Corrupt { can_be_put_right }),
        5 => verb().prop_map(Event::Verb),
        3 => by_hand().prop_map(Event::ByHand),
        1 => born().prop_map(Event::AddTable),
        1 => (0..TABLES).prop_map(|table| Event::RemoveTable { table }),
        1 => Just(Event::RenameChain),
    ]
}
