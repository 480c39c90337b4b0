//! Every statement of the crate that holds a name or a value, and how the names in its tree are exchanged.

use std::sync::LazyLock;

use pipeline::chain::{Chain, LoadTasks};
use pipeline::column::{Column, DatabendColumn};
use pipeline::schedule::Schedule;
use pipeline::sql::intents::IntentRow;
use pipeline::sql::journal::JournalRow;
use pipeline::sql::lease::Held;
use pipeline::sql::repair::Place;
use pipeline::sql::{self, checks, task_control};
use pipeline::stage::{Auth, Stage};
use pipeline::stamp::{SQL_FORMAT, Stamp};
use pipeline::task::Task;
use pipeline::{Boundary, Part, Pipeline, Table, TableName};

use crate::tree::{printed, tree};

/// Everything in a pipeline that somebody else names.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    schema: String,
    table: String,
    key: String,
    value: String,
    raw_database: String,
    raw_table: String,
    ods_database: String,
    ods_table: String,
    time: String,
    seq: String,
    position: String,
    prefix: String,
    warehouse: String,
    integration: String,
    comment: String,
    secret: String,
    detail: String,
}

impl Names {
    /// How many there are.
    pub(crate) const COUNT: usize = 17;

    /// The harmless ones. None is part of another, or of the SQL around them.
    pub(crate) fn harmless() -> Self {
        let mut number = 0;
        let mut name = || {
            number += 1;
            format!("harmless{}x", char::from(b'a' + number))
        };
        Self::from_fn(&mut name)
    }

    pub(crate) fn from_fn(name: &mut impl FnMut() -> String) -> Self {
        Self {
            schema: name(),
            table: name(),
            key: name(),
            value: name(),
            raw_database: name(),
            raw_table: name(),
            ods_database: name(),
            ods_table: name(),
            time: name(),
            seq: name(),
            position: name(),
            prefix: name(),
            warehouse: name(),
            integration: name(),
            comment: name(),
            secret: name(),
            detail: name(),
        }
    }

    pub(crate) fn all(&self) -> [&str; Self::COUNT] {
        [
            &self.schema,
            &self.table,
            &self.key,
            &self.value,
            &self.raw_database,
            &self.raw_table,
            &self.ods_database,
            &self.ods_table,
            &self.time,
            &self.seq,
            &self.position,
            &self.prefix,
            &self.warehouse,
            &self.integration,
            &self.comment,
            &self.secret,
            &self.detail,
        ]
    }

    pub(crate) fn described(&self) -> Table {
        let column = |name: &str, ty: &str| Column { name: name.to_owned(), ty: ty.parse().unwrap() };
        Table {
            stage: "dms".into(),
            path: format!("{}/{}/", self.schema, self.table),
            source_schema: self.schema.clone(),
            source_table: self.table.clone(),
            columns: vec![
                column(&self.key, "varchar(64)"),
                column(&self.value, "varchar(64)"),
                // Cast on the way to ODS.
                column(&format!("{}2", self.value), "decimal(12,2)"),
            ],
            defaults: [(self.value.clone(), self.comment.clone())].into(),
            renamed: [(format!("{}2", self.value), format!("{}3", self.value))].into(),
            primary_key: vec![self.key.clone()],
            raw: TableName::new(&self.raw_database, &self.raw_table),
            retention_days: 15,
            ods: TableName::new(&self.ods_database, &self.ods_table),
            cluster_by: vec![self.key.clone()],
            row_per_block: 100_000,
            timestamp_column: self.time.clone(),
            change_seq_column: Some(self.seq.clone()),
            position_column: Some(self.position.clone()),
            before_image_prefix: Some(self.prefix.clone()),
        }
    }

    fn of_defaults_and_horizons(&self, table: &Table, column: &DatabendColumn) -> Vec<String> {
        let fills = [sql::fill_raw(table, column, Some(&self.detail)), sql::fill_ods(table, column, None)];
        let mut all: Vec<String> = fills.into_iter().flatten().collect();
        all.extend([
            sql::first_in_raw(table, &column.name),
            sql::first_in_ods(table, &column.name),
            sql::record_created(std::slice::from_ref(&table.raw)),
            sql::record_emptied(&table.raw, 7),
            sql::record_incomplete(&table.raw),
        ]);
        all
    }

    /// Statements of a repair.
    fn of_repairs(&self, table: &Table) -> Vec<String> {
        let boundary = Boundary::after(chrono::DateTime::UNIX_EPOCH);
        let place = Place { boundary, position: &self.comment };
        let row = vec![Some(self.detail.clone()), Some(self.secret.clone())];
        let keys = Part::Keys(vec![vec![self.detail.clone()]]);
        let mut all = vec![
            sql::repair::rows(table, place, &[row]),
            sql::repair::deletes(table, place, &keys),
            sql::repair::unmerged(table, boundary),
        ];
        all.extend(sql::repair::once(table, boundary, &keys));
        all
    }

    /// Every statement that holds a name or a value; nothing if the crate refuses the description.
    pub(crate) fn statements(&self) -> Option<Vec<String>> {
        let table = self.described();
        if !table.problems().is_empty() {
            return None;
        }
        let column = table.ods_columns().remove(1);
        let mut all = vec![
            sql::create_database(&table.raw.database),
            sql::catalog::database(&table.raw.database),
            sql::create_raw(&table),
            sql::create_ods(&table),
            sql::create_stream(&table),
            sql::drop_stream(&table.stream()),
            sql::drop_table(&table.ods),
            sql::add_column(&table.ods, &column),
            sql::modify_columns(&table.ods, std::slice::from_ref(&column)),
            sql::set_options(&table.raw, &sql::raw_options(&table)),
            sql::cluster_by(&table.ods, &table.cluster_by),
            sql::load(&table),
            sql::load_full(&table),
            sql::initial_insert(&table),
            sql::merge(&table),
            sql::merge_all(&table),
            sql::lossy(&table),
            sql::record_emptied(&table.raw, 7),
            sql::set_options(&table.ods, &sql::ods_options(&table)),
            checks::raw_counts(&table),
            checks::ods_counts(&table),
            checks::backlog(&table),
            checks::missing_keys(&table),
            checks::doubled_keys(&table, 5),
            sql::catalog::list_files(&table.stage, &table.path),
            sql::set_stage_comment("dms", &self.comment),
            sql::catalog::task_history(&self.detail, 10),
            sql::journal::row_exists(&self.detail, 7),
            sql::journal::select(&[&self.detail, &self.comment], &[&self.secret]),
            sql::journal::prune(&[(&self.detail, 7)]),
            sql::lease::seed(&[&self.detail, &self.comment]),
            sql::lease::acquire(&[&self.detail], &[&self.comment], &self.secret, &self.detail),
            sql::lease::heartbeat(&self.detail),
            sql::lease::reclaim(&self.detail),
            sql::lease::fence(&[&self.detail, &self.comment], &self.secret),
            sql::lease::holders(&[&self.detail, &self.comment]),
            sql::lease::release(&self.detail),
            sql::lease::forget_heartbeats(&self.detail),
            sql::lease::give_up(&[&self.detail], &[&self.secret]),
            sql::lease::select(&[&self.detail, &self.comment]),
            sql::intents::forget(&[&self.detail, &self.secret]),
        ];
        all.extend(sql::cleanup(&table));
        all.extend(self.of_repairs(&table));
        all.extend(self.of_defaults_and_horizons(&table, &column));
        for auth in [
            Auth::Connection(self.comment.clone()),
            Auth::AccessKey { id: self.detail.clone().into(), secret: self.secret.clone().into() },
            Auth::Role { arn: self.detail.clone(), external_id: Some(self.secret.clone()) },
        ] {
            let stage = Stage {
                name: "dms".into(),
                url: "s3://lake/dms/".into(),
                region: Some(self.comment.clone()),
                endpoint_url: None,
                auth,
                comment: None,
            };
            all.extend([sql::create_stage(&stage), sql::replace_stage(&stage)]);
        }
        let chain = Chain {
            name: "shop".into(),
            warehouse: self.warehouse.clone(),
            schedule: Schedule::Every(60),
            cleanup_schedule: Schedule::Every(3600),
            load_tasks: LoadTasks::PerTable,
            suspend_after_failures: 3,
            error_integration: Some(self.integration.clone()),
            tables: vec![Pipeline::new(table)],
        };
        // The names of tasks are made from that of the ODS table, and the stamp from everything; what a task runs is what
        // matters here.
        let stamp = Stamp { format: SQL_FORMAT, tables: "0".into(), text: "0".into() };
        all.extend(chain.tasks().into_iter().enumerate().map(|(number, task)| {
            let after = task.after.as_ref().map(|_| "shop_0".to_owned());
            sql::create_task(&Task { name: format!("shop_{number}"), after, stamp: stamp.clone(), ..task })
        }));
        all.extend(self.rows());
        all.extend([
            sql::set_task_warehouse("shop_load", &self.warehouse),
            sql::set_task_error_integration("shop_load", &self.integration),
            task_control::resume("shop_load"),
        ]);
        Some(all)
    }

    /// Rows of our own tables.
    fn rows(&self) -> [String; 4] {
        let row = JournalRow {
            run_id: &self.detail,
            seq: "7",
            pipeline: &self.comment,
            table: &self.secret,
            step: "load",
            event: "done",
            detail: "{}",
            actor: &self.detail,
            operation: &self.comment,
        };
        let held = Held { tables: &[self.detail.clone(), self.comment.clone()], token: &self.secret };
        [
            sql::journal::insert_while_held(std::slice::from_ref(&row), held),
            sql::journal::insert_while_held(&[row.clone(), row.clone()], held),
            sql::journal::insert(&[row]),
            sql::intents::insert(&[IntentRow {
                subject: self.detail.clone(),
                token: self.secret.clone(),
                event: sql::intents::BEGIN,
                operation: "update",
                description: self.comment.clone(),
                detail: self.detail.clone(),
                writer: self.secret.clone(),
            }]),
        ]
    }
}

/// The statements of the harmless names, and their trees.
pub(crate) static HARMLESS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let statements = Names::harmless().statements().unwrap();
    statements.iter().map(|text| tree(text).unwrap_or_else(|error| panic!("{text}: {error}"))).collect()
});

/// The harmless tree with the names exchanged, all at once: a hostile name may hold a harmless one.
pub(crate) fn exchanged(tree: &str, hostile: &Names) -> String {
    let harmless = Names::harmless();
    let mut out = String::with_capacity(tree.len());
    let mut rest = tree;
    while let Some(at) = rest.find("harmless") {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        match harmless.all().iter().zip(hostile.all()).find(|(name, _)| rest.starts_with(**name)) {
            Some((name, hostile)) => {
                out.push_str(&printed(hostile));
                rest = &rest[name.len()..];
            }
            None => panic!("an unknown name in {rest}"),
        }
    }
    out + rest
}

/// Whether every statement with these names means what it means with harmless ones. `None` if the crate refuses them;
/// else how many statements were read.
pub(crate) fn mean_the_same(names: &Names) -> Option<Result<u32, String>> {
    let statements = names.statements()?;
    let mut read = 0;
    for (text, harmless) in statements.iter().zip(HARMLESS.iter()) {
        let tree = match tree(text) {
            Ok(tree) => tree,
            Err(error) => return Some(Err(format!("{text}\n{error}"))),
        };
        let expected = exchanged(harmless, names);
        if tree != expected {
            return Some(Err(format!("{text}\nis read as\n{tree}\nand not as\n{expected}")));
        }
        read += 1;
    }
    assert_eq!(statements.len(), HARMLESS.len());
    Some(Ok(read))
}
