//! What is wrong.

use warehouse::catalog::TaskState;

use super::model::{ChainStatus, Counts, Finding, TableStatus, Unfit};
use crate::config::Config;
use crate::dms::TableProgress;

/// Everything that somebody should look at.
pub(super) fn findings(chains: &[ChainStatus], config: &Config) -> Vec<Finding> {
    let mut all = Vec::new();
    for chain in chains {
        chain_findings(chain, &mut all);
        for table in &chain.tables {
            table_findings(table, config, &mut all);
        }
    }
    all
}

fn add(all: &mut Vec<Finding>, about: &str, message: String, help: &str) {
    all.push(Finding { about: about.to_owned(), message, help: help.to_owned() });
}

fn chain_findings(chain: &ChainStatus, all: &mut Vec<Finding>) {
    let about = &chain.chain;
    if let Some(error) = &chain.dms_error {
        add(
            all,
            about,
            format!("DMS could not be asked: {error}"),
            "check AWS credentials, region and network",
        );
    }
    if let Some(task) = chain.dms.as_ref().filter(|task| task.status != "running") {
        let why = task.last_failure.as_deref().or(task.stop_reason.as_deref());
        let why = why.map(|why| format!(": {why}")).unwrap_or_default();
        add(all, about, format!("the DMS task is {}{why}", task.status), "`runbook cutover` starts it");
    }
    let cut_over = chain.tables.iter().any(|table| table.cut_over_at.is_some());
    for task in &chain.tasks {
        match &task.state {
            None => {
                add(all, about, format!("task {} is not in Databend", task.task), "run `terraform apply`");
            }
            Some(TaskState::Started) => {}
            Some(state) if cut_over => {
                add(
                    all,
                    about,
                    format!("task {} is {state}", task.task),
                    "mend its last error, then `runbook resume`",
                );
            }
            Some(_) => {}
        }
        if let Some(error) = &task.last_error {
            add(
                all,
                about,
                format!("the last run of task {} failed: {error}", task.task),
                "mend what it says; the task goes on by itself unless Databend has suspended it",
            );
        }
    }
}

fn table_findings(table: &TableStatus, config: &Config, all: &mut Vec<Finding>) {
    let about = &table.source;
    for problem in &table.problems {
        add(all, about, problem.clone(), "run `terraform apply`");
    }
    if let Some(message) = &table.awaits_load {
        let help = format!(
            "`runbook suspend --table {about}`, drop {} and {}, `terraform apply`, reload the table in DMS, `runbook cutover --table {about}`",
            table.raw, table.ods
        );
        add(all, about, message.clone(), &help);
    } else if table.cut_over_at.is_none() {
        add(
            all,
            about,
            "is not cut over".to_owned(),
            "`runbook plan` shows what is to do, `runbook cutover` does it",
        );
    }
    if let Some(dms) = table.dms.as_ref().filter(|dms| dms.progress() == TableProgress::Broken) {
        add(
            all,
            about,
            format!("DMS has given it up: \"{}\"", dms.state),
            "look into the DMS task's CloudWatch log, mend the cause, and reload the table in DMS",
        );
    }
    if let Some(counts) = &table.counts {
        count_findings(table, counts, config, all);
    }
}

fn count_findings(table: &TableStatus, counts: &Counts, config: &Config, all: &mut Vec<Finding>) {
    let about = &table.source;
    let stale_after = i64::try_from(config.stale_after_seconds).unwrap_or(i64::MAX);
    if counts.doubled > 0 {
        add(
            all,
            about,
            format!("{} rows of {} stand beside another of the same key", counts.doubled, table.ods),
            "`runbook suspend`; check with `terraform plan` that the tasks run with enable_join_runtime_filter = 0",
        );
    }
    if counts.raw_rows.unmergeable > 0 {
        add(
            all,
            about,
            format!("{} rows of {} have no key and are not merged", counts.raw_rows.unmergeable, table.raw),
            "compare `primary_key` with the source, and the column names in the files with `columns`",
        );
    }
    if counts.unfit.values > 0 {
        let Unfit { values, columns } = &counts.unfit;
        add(
            all,
            about,
            format!(
                "{values} values of {} do not fit their column of {} and are NULL there: {columns}",
                table.raw, table.ods
            ),
            "declare these columns with the types that the source has, and run `terraform apply`",
        );
    }
    if let Some(age) = counts.backlog_seconds.filter(|age| table.cut_over_at.is_some() && *age > stale_after)
    {
        add(
            all,
            about,
            format!(
                "is stale: {} changes wait for the merge, the oldest for {}",
                counts.backlog_rows,
                duration(age)
            ),
            "look at the merge task's last error",
        );
    }
    if let Some(age) =
        counts.files_wait_seconds.filter(|age| table.cut_over_at.is_some() && *age > stale_after)
    {
        add(
            all,
            about,
            format!(
                "is stale: {} files wait to be loaded, the oldest for {}",
                counts.files_waiting,
                duration(age)
            ),
            "look at the load task's last error: one file that cannot be loaded holds up all behind it",
        );
    }
    if let Some(age) = counts.backlog_seconds.filter(|age| *age > counts.retention_seconds / 2) {
        add(
            all,
            about,
            format!(
                "its stream was not read for {}; after {} Databend forgets what it has to show",
                duration(age),
                duration(counts.retention_seconds)
            ),
            "have the merge task run, or raise raw.retention_days",
        );
    }
}

/// Seconds for people.
pub(super) fn duration(seconds: i64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use chrono::Utc;

    use super::*;
    use crate::steps::{OdsCounts, RawCounts};
    use crate::verbs::status::model::TaskStatus;

    fn good() -> ChainStatus {
        ChainStatus {
            chain: "shop".into(),
            dms: None,
            dms_error: None,
            tasks: vec![TaskStatus {
                task: "shop_load".into(),
                state: Some(TaskState::Started),
                last_success: None,
                last_error: None,
            }],
            tables: vec![TableStatus {
                source: "shop.orders".into(),
                raw: "raw.orders".into(),
                ods: "ods.orders".into(),
                cut_over_at: Some(Utc::now()),
                awaits_load: None,
                problems: vec![],
                dms: None,
                counts: Some(Counts {
                    files_waiting: 0,
                    files_wait_seconds: None,
                    raw_rows: RawCounts {
                        total: 2,
                        full_load: 2,
                        full_load_keys: 2,
                        unmergeable: 0,
                        newest: None,
                    },
                    ods_rows: OdsCounts { total: 2, deleted: 0, keys: 2 },
                    unfit: Unfit::default(),
                    doubled: 0,
                    backlog_rows: 0,
                    backlog_seconds: None,
                    retention_seconds: 15 * 86_400,
                    newest_change: None,
                }),
            }],
        }
    }

    fn messages(chain: ChainStatus) -> Vec<String> {
        findings(&[chain], &Config::default())
            .into_iter()
            .map(|f| format!("{}: {}", f.about, f.message))
            .collect()
    }

    fn with_counts(change: impl FnOnce(&mut Counts)) -> Vec<String> {
        let mut chain = good();
        change(chain.tables[0].counts.as_mut().unwrap());
        messages(chain)
    }

    #[test]
    fn a_good_pipeline_has_no_findings() {
        assert_eq!(messages(good()), Vec::<String>::new());
    }

    #[test]
    fn each_trouble_is_one_finding() {
        assert_eq!(
            with_counts(|c| c.doubled = 3),
            ["shop.orders: 3 rows of ods.orders stand beside another of the same key"]
        );
        assert_eq!(
            with_counts(|c| c.raw_rows.unmergeable = 1),
            ["shop.orders: 1 rows of raw.orders have no key and are not merged"]
        );
        assert_eq!(
            with_counts(|c| c.unfit = Unfit { values: 4, columns: "amount".into() }),
            [
                "shop.orders: 4 values of raw.orders do not fit their column of ods.orders and are NULL there: amount"
            ]
        );
        assert_eq!(
            with_counts(|c| (c.backlog_rows, c.backlog_seconds) = (7, Some(3600))),
            ["shop.orders: is stale: 7 changes wait for the merge, the oldest for 60 min"]
        );
        assert_eq!(
            with_counts(|c| (c.files_waiting, c.files_wait_seconds) = (2, Some(7200))),
            ["shop.orders: is stale: 2 files wait to be loaded, the oldest for 2 h"]
        );
        assert_eq!(with_counts(|c| c.backlog_seconds = Some(8 * 86_400)).len(), 2);
    }

    #[test]
    fn a_table_that_waits_to_be_loaded_again_is_one_finding() {
        let mut chain = good();
        chain.tables[0].cut_over_at = None;
        chain.tables[0].awaits_load = Some("ods.orders was created empty".into());
        assert_eq!(messages(chain), ["shop.orders: ods.orders was created empty"]);
    }

    #[test]
    fn a_suspended_task_matters_only_after_the_cutover() {
        let mut chain = good();
        chain.tasks[0].state = Some(TaskState::Suspended);
        assert_eq!(messages(chain.clone()), ["shop: task shop_load is suspended"]);
        chain.tables[0].cut_over_at = None;
        assert_eq!(messages(chain), ["shop.orders: is not cut over"]);
    }
}
