//! What histories hold, by kind: the figures of docs/verification.md.

use std::collections::BTreeMap;

use super::model::{DmsTrouble, Event, Gap, History, Kill, ReloadPlan};

/// How often each kind of event was played.
pub type Census = BTreeMap<&'static str, usize>;

/// What a history holds.
pub fn census(history: &History) -> Census {
    let mut all = Census::new();
    let mut count = |kind, times| {
        if times > 0 {
            *all.entry(kind).or_default() += times;
        }
    };
    for switch in &history.dms {
        count(switch.name(), 1);
    }
    count("transaction before the cutover", history.before.len());
    count("transaction beside the cutover", history.during.len());
    count("cutover: SIGKILL", history.cutover.kills.len());
    count("cutover: lost answer", history.cutover.faults.len());
    count("cutover: two at the same time", usize::from(history.cutover.rival));
    for event in &history.after {
        count(kind(event), 1);
        if let Event::Reload(plan) = event {
            for (kind, times) in of_reload(plan) {
                count(kind, times);
            }
        }
        if let Event::Repair(plan) = event {
            count("repair: SIGKILL", plan.kills.len());
            count("repair: transaction beside it", plan.during.len());
        }
    }
    all
}

fn kind(event: &Event) -> &'static str {
    match event {
        Event::Commit(_) => "transaction",
        Event::Flush => "DMS writes what it has",
        Event::Run => "the tasks run",
        Event::Hold => "file held back",
        Event::Release => "held files arrive",
        Event::Repeat => "file arrives twice",
        Event::Restart => "DMS stopped and resumed",
        Event::Fail(_) => "statement of a task fails",
        Event::CleanUp => "clean-up",
        Event::Cutover => "another cutover",
        Event::Pause => "suspend and resume",
        Event::NewStream { .. } => "lost stream, merge of all of raw",
        Event::Repair(_) => "repair: changes in no binlog",
        Event::Reload(ReloadPlan { gap, .. }) => match gap {
            Gap::Unseen => "reload: changes in no binlog",
            Gap::ByHand => "reload: after a load in the console",
            Gap::Replaced => "reload: replaced DMS task",
            Gap::OneTable(_) => "reload: one table",
            Gap::Truncated(_) => "reload: after TRUNCATE",
        },
    }
}

fn of_reload(plan: &ReloadPlan) -> [(&'static str, usize); 8] {
    let at = plan.kills.iter().filter(|kill| matches!(kill, Kill::At(_))).count();
    let is = |trouble| usize::from(plan.dms == Some(trouble));
    let killed = usize::from(matches!(plan.dms, Some(DmsTrouble::Killed(_))));
    [
        ("reload: SIGKILL at a statement", at),
        ("reload: SIGKILL at any moment", plan.kills.len() - at),
        ("reload: lost answer", plan.faults.len()),
        ("reload: transaction open across it", usize::from(plan.open.is_some())),
        ("reload: statement that runs across it", usize::from(plan.slow.is_some())),
        ("reload: transaction beside it", plan.during.len()),
        ("reload: load that ends short", is(DmsTrouble::ShortLoad)),
        ("reload: DMS killed", killed),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::model::Transaction;
    use super::super::{Case, Sort, search};
    use super::*;

    #[test]
    fn events_are_counted_by_kind() {
        let plan = ReloadPlan {
            gap: Gap::OneTable(1),
            missed: Transaction::default(),
            open: Some(Transaction::default()),
            slow: None,
            during: vec![Transaction::default(); 2],
            dms: Some(DmsTrouble::Killed(100)),
            kills: vec![Kill::After(5)],
            faults: Vec::new(),
        };
        let after = vec![Event::Flush, Event::Flush, Event::Reload(plan)];
        let Case::History(one) = search::case(Sort::Any, 1, 0) else { panic!("it is no history") };
        let history = History { after, ..one };
        let found = census(&history);
        for (kind, times) in [
            ("DMS writes what it has", 2),
            ("reload: one table", 1),
            ("reload: SIGKILL at any moment", 1),
            ("reload: transaction open across it", 1),
            ("reload: transaction beside it", 2),
            ("reload: DMS killed", 1),
        ] {
            assert_eq!(found.get(kind), Some(&times), "{kind}");
        }
        assert_eq!(found.get("reload: load that ends short"), None);
    }
}
