//! Histories by chance. Numbers at the front of each choice are its weight; what comes first is what a failing history
//! shrinks to.

use proptest::collection::vec;
use proptest::prelude::*;

use super::kind::Kind;
use super::model::{
    CutoverPlan, DmsSwitch, DmsTrouble, Event, Fault, Faulty, Gap, History, Kill, ReloadPlan, RepairPlan,
    SlowStatement, Statement, TableShape, Transaction,
};
use super::names;
use super::statements::KEYS;

/// Wide tables have this many further columns at most.
const WIDEST: u8 = 200;

/// Any history: most with few rows, which is quick; some with many.
pub fn history() -> impl Strategy<Value = History> {
    prop_oneof![20 => small(), 4 => churned(1..5), 1 => churned(100..130)]
}

/// Few rows, of everything, and tables that are loaded again.
pub fn reloaded() -> impl Strategy<Value = History> {
    // What happens between two loads, and after the last.
    let part = || (after(5), reload());
    let switches = proptest::sample::subsequence(&DmsSwitch::ALL[..], 0..=DmsSwitch::ALL.len());
    let parts = prop_oneof![5 => vec(part(), 1), 1 => vec(part(), 2)];
    // Most have one table, since a table costs as much as a reload.
    let tables = prop_oneof![4 => vec(table(), 1), 1 => vec(table(), 2..4)];
    (few_rows(tables), parts, after(5), switches).prop_map(|(history, parts, last, dms)| {
        let parts =
            parts.into_iter().flat_map(|(events, plan)| events.into_iter().chain([Event::Reload(plan)]));
        let after = parts.chain(last).map(in_its_time).collect();
        History { after, dms, cutover: CutoverPlan::default(), ..history }
    })
}

/// Few rows, of everything, and rows that are repaired.
pub fn repaired() -> impl Strategy<Value = History> {
    let part = || (after(5), repair());
    let switches = proptest::sample::subsequence(&DmsSwitch::ALL[..], 0..=DmsSwitch::ALL.len());
    let parts = prop_oneof![3 => vec(part(), 1), 1 => vec(part(), 2)];
    let tables = prop_oneof![2 => vec(table(), 1), 1 => vec(table(), 2..4)];
    (few_rows(tables), parts, after(5), switches).prop_map(|(history, parts, last, dms)| {
        let parts =
            parts.into_iter().flat_map(|(events, plan)| events.into_iter().chain([Event::Repair(plan)]));
        let after = parts.chain(last).map(in_its_time).collect();
        History { after, dms, cutover: CutoverPlan::default(), ..history }
    })
}

fn repair() -> impl Strategy<Value = RepairPlan> {
    let faulty = &[Faulty::Commit, Faulty::Journal];
    let kill = prop_oneof![1 => fault(faulty).prop_map(Kill::At), 1 => (0..9000_u16).prop_map(Kill::After)];
    let now = |transaction| Transaction { days_ago: 0, rolled_back: false, ..transaction };
    let kills = prop_oneof![2 => Just(Vec::new()), 1 => vec(kill, 1..3)];
    (transaction().prop_map(now), vec(transaction().prop_map(now), 0..3), kills)
        .prop_map(|(missed, during, kills)| RepairPlan { missed, during, kills })
}

/// An event during which the source's clock is not set back: where a table is loaded again, that is a documented limit.
fn in_its_time(event: Event) -> Event {
    match event {
        Event::Commit(transaction) => Event::Commit(Transaction { days_ago: 0, ..transaction }),
        event => event,
    }
}

fn reload() -> impl Strategy<Value = ReloadPlan> {
    let faulty =
        &[Faulty::Copy, Faulty::Merge, Faulty::Insert, Faulty::Commit, Faulty::Journal, Faulty::Resume];
    let kill = prop_oneof![2 => fault(faulty).prop_map(Kill::At), 1 => (0..9000_u16).prop_map(Kill::After)];
    let gap = prop_oneof![
        2 => Just(Gap::Unseen),
        1 => Just(Gap::ByHand),
        2 => Just(Gap::Replaced),
        2 => (0..3_u8).prop_map(Gap::OneTable),
        1 => (0..3_u8).prop_map(Gap::Truncated),
    ];
    let none = (Just(Vec::new()), Just(Vec::new()));
    let trouble = prop_oneof![
        4 => none,
        2 => (vec(kill, 1..3), Just(Vec::new())),
        2 => (Just(Vec::new()), vec(fault(faulty), 1..3)),
    ];
    let dms = prop_oneof![
        6 => Just(None),
        1 => Just(Some(DmsTrouble::ShortLoad)),
        1 => (0..9000_u16).prop_map(|after| Some(DmsTrouble::Killed(after))),
    ];
    let now = |transaction| Transaction { days_ago: 0, ..transaction };
    let open = prop_oneof![2 => Just(None), 1 => open().prop_map(Some)];
    let slow = prop_oneof![3 => Just(None), 1 => slow().prop_map(Some)];
    let during = vec(transaction().prop_map(now), 0..3);
    (gap, transaction().prop_map(now), open, slow, during, dms, trouble).prop_map(
        |(gap, missed, open, slow, during, dms, (kills, faults))| ReloadPlan {
            gap,
            missed,
            open,
            slow,
            during,
            dms,
            kills,
            faults,
        },
    )
}

/// A transaction that the source takes whatever its rows are.
fn open() -> impl Strategy<Value = Transaction> {
    let (table, key, value) = (0..3_u8, 0..KEYS, 0..400_u16);
    let at = (table.clone(), key.clone(), value);
    let statement = prop_oneof![
        2 => at.clone().prop_map(|(table, key, value)| Statement::Update { table, key, value }),
        2 => at.clone().prop_map(|(table, key, value)| Statement::Upsert { table, key, value }),
        1 => at.prop_map(|(table, key, value)| Statement::Replace { table, key, value }),
        2 => (table, key).prop_map(|(table, key)| Statement::Delete { table, key }),
    ];
    vec(statement, 1..4).prop_map(|statements| Transaction { statements, ..Transaction::default() })
}

fn slow() -> impl Strategy<Value = SlowStatement> {
    let (table, key, value) = (0..3_u8, 0..KEYS, 0..400_u16);
    let statement = prop_oneof![
        2 => (table.clone(), key.clone(), value)
            .prop_map(|(table, key, value)| Statement::Update { table, key, value }),
        1 => (table, key).prop_map(|(table, key)| Statement::Delete { table, key }),
    ];
    (statement, 1..7_u8).prop_map(|(statement, seconds)| SlowStatement { statement, seconds })
}

/// Few rows, of everything.
fn small() -> impl Strategy<Value = History> {
    few_rows(vec(table(), 1..4))
}

fn few_rows(tables: impl Strategy<Value = Vec<TableShape>>) -> impl Strategy<Value = History> {
    let tables = tables.prop_map(|mut tables: Vec<TableShape>| {
        // No two tables have one name.
        let mut names = std::collections::BTreeSet::new();
        tables.retain(|table| names.insert(table.name));
        tables
    });
    (tables, vec(transaction(), 0..5), vec(transaction(), 0..4), cutover(), after(14)).prop_map(
        |(tables, before, during, cutover, after)| History {
            tables,
            before,
            during,
            cutover,
            after,
            dms: Vec::new(),
        },
    )
}

/// A table of some thousand rows, a few of which change again and again: where Databend's MERGE is known to go wrong
/// (docs/engine-defects.md). Either the full load has the rows, or the changes do.
fn churned(thousands: std::ops::Range<u8>) -> impl Strategy<Value = History> {
    let key = prop_oneof![3 => Just(Kind::BigInt), 1 => Just(Kind::Int)];
    let shape = (key, vec(proptest::sample::select(&Kind::ALL[..]), 1..5), any::<bool>());
    let churn = (select(&[1_u16, 20, 200]), select(&[1_u8, 5, 20, 100])).prop_map(|(rows, times)| {
        let statements = vec![Statement::Churn { table: 0, rows, times }];
        vec![Event::Commit(Transaction { statements, ..Transaction::default() }), Event::Flush, Event::Run]
    });
    let after = vec(prop_oneof![2 => churn, 1 => event().prop_map(|event| vec![event])], 1..8);
    (shape, thousands, any::<bool>(), after).prop_map(
        |((key, values, no_before_image), thousands, early, after)| {
            let statements = vec![Statement::Seed { table: 0, thousands }];
            let seed = Transaction { statements, ..Transaction::default() };
            let (before, late) =
                if early { (vec![seed], None) } else { (Vec::new(), Some(Event::Commit(seed))) };
            History {
                tables: vec![TableShape { name: 0, key: vec![key], values, width: 0, no_before_image }],
                before,
                during: Vec::new(),
                cutover: CutoverPlan::default(),
                after: late.into_iter().chain(after.concat()).collect(),
                dms: Vec::new(),
            }
        },
    )
}

fn select<T: Clone + std::fmt::Debug + 'static>(of: &'static [T]) -> impl Strategy<Value = T> {
    proptest::sample::select(of)
}

fn table() -> impl Strategy<Value = TableShape> {
    let key = prop_oneof![
        3 => Just(vec![Kind::Int]),
        3 => proptest::sample::select(&Kind::KEYS[..]).prop_map(|kind| vec![kind]),
        3 => vec(proptest::sample::select(&Kind::KEYS[..]), 2..4),
    ];
    let values = vec(proptest::sample::select(&Kind::ALL[..]), 0..5);
    let width = prop_oneof![20 => Just(0_u8), 1 => Just(WIDEST)];
    let name = 0..u8::try_from(names::TABLES.len()).unwrap_or(u8::MAX);
    (name, key, values, width, prop::bool::weighted(0.25)).prop_map(
        |(name, key, values, width, no_before_image)| TableShape {
            name,
            key,
            values,
            width,
            no_before_image,
        },
    )
}

fn transaction() -> impl Strategy<Value = Transaction> {
    (vec(statement(), 1..6), prop::bool::weighted(0.1), prop_oneof![15 => Just(0_u8), 1 => Just(3_u8)])
        .prop_map(|(statements, rolled_back, days_ago)| Transaction { statements, rolled_back, days_ago })
}

fn statement() -> impl Strategy<Value = Statement> {
    let (table, key, value) = (0..3_u8, 0..KEYS, 0..400_u16);
    let at = (table.clone(), key.clone(), value.clone());
    let two = (table.clone(), key.clone(), key.clone());
    prop_oneof![
        6 => at.clone().prop_map(|(table, key, value)| Statement::Insert { table, key, value }),
        6 => at.clone().prop_map(|(table, key, value)| Statement::Update { table, key, value }),
        5 => (table.clone(), key.clone()).prop_map(|(table, key)| Statement::Delete { table, key }),
        5 => two.clone().prop_map(|(table, from, to)| Statement::Rekey { table, from, to }),
        4 => (table.clone(), value.clone()).prop_map(|(table, value)| Statement::Fill { table, value }),
        3 => at.clone().prop_map(|(table, key, value)| Statement::Upsert { table, key, value }),
        3 => at.prop_map(|(table, key, value)| Statement::Replace { table, key, value }),
        3 => two.clone().prop_map(|(table, one, other)| Statement::Swap { table, one, other }),
        2 => two.prop_map(|(table, from, to)| Statement::RekeyPart { table, from, to }),
        2 => (table.clone(), key, 2..30_u8).prop_map(|(table, key, times)| Statement::Burst { table, key, times }),
        1 => (table.clone(), value).prop_map(|(table, value)| Statement::UpdateAll { table, value }),
        1 => table.prop_map(|table| Statement::DeleteAll { table }),
    ]
}

/// Events, among them such in a row as chance alone would seldom bring together.
fn after(fewer_than: usize) -> impl Strategy<Value = Vec<Event>> {
    let some = prop_oneof![10 => event().prop_map(|event| vec![event]), 1 => late()];
    vec(some, 0..fewer_than).prop_map(|events| events.concat())
}

/// A file that arrives after newer changes of the same keys were merged, once or for a second time.
fn late() -> impl Strategy<Value = Vec<Event>> {
    (transaction(), any::<bool>(), transaction()).prop_map(|(older, again, newer)| {
        let mut events = vec![Event::Commit(older), Event::Flush];
        events.extend(again.then_some(Event::Repeat));
        events.extend([
            Event::Hold,
            Event::Run,
            Event::Commit(newer),
            Event::Flush,
            Event::Run,
            Event::Release,
        ]);
        events
    })
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        20 => transaction().prop_map(Event::Commit),
        8 => Just(Event::Flush),
        8 => Just(Event::Run),
        4 => Just(Event::Hold),
        3 => Just(Event::Release),
        4 => Just(Event::Repeat),
        2 => Just(Event::Restart),
        3 => fault(&[Faulty::Copy, Faulty::Merge]).prop_map(Event::Fail),
        2 => Just(Event::CleanUp),
        1 => Just(Event::Cutover),
        1 => Just(Event::Pause),
        2 => (0..3_u8).prop_map(|table| Event::NewStream { table }),
    ]
}

fn cutover() -> impl Strategy<Value = CutoverPlan> {
    let faulty = &[Faulty::Copy, Faulty::Insert, Faulty::Commit, Faulty::Journal, Faulty::Resume];
    let faults = fault(faulty);
    let kill = prop_oneof![1 => fault(faulty).prop_map(Kill::At), 1 => (0..5000_u16).prop_map(Kill::After)];
    prop_oneof![
        6 => Just(CutoverPlan::default()),
        2 => vec(kill, 1..3).prop_map(|kills| CutoverPlan { kills, ..CutoverPlan::default() }),
        2 => vec(faults, 1..3).prop_map(|faults| CutoverPlan { faults, ..CutoverPlan::default() }),
        1 => Just(CutoverPlan { rival: true, ..CutoverPlan::default() }),
    ]
}

fn fault(of: &'static [Faulty]) -> impl Strategy<Value = Fault> {
    (proptest::sample::select(of), any::<bool>()).prop_map(|(of, done)| Fault { of, done })
}
