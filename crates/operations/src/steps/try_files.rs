//! It is known which files of a table Databend refuses.

use std::collections::BTreeMap;

use async_trait::async_trait;
use pipeline::column::DatabendColumn;
use pipeline::data_type::DatabendType;
use pipeline::sql::drop_table;
use pipeline::sql::trial::{Trial, existing_trials};
use pipeline::{Boundary, Pipeline, TableName, set_aside};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::waiting_files;
use crate::engine::{
    Answers, Effect, FilesToTry, Look, RefusedFile, Step, StepError, TableSite, Told, Tried, World,
};
use crate::journal::{Journal, Operation, StepKey, StepName};
use crate::progress::Progress;

/// COPY of files into two tables beside raw. `SET_ASIDE`: of those that were set aside, and not of those that wait.
pub struct TryFiles<const SET_ASIDE: bool>;

/// What came of the files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdicts {
    /// The paths of those that raw takes.
    pub loadable: Vec<String>,
    /// Those that Databend refuses.
    pub refused: Vec<RefusedFile>,
    /// Those that raw takes only once it is as declared.
    pub unfit: Vec<RefusedFile>,
    /// Why files were set aside, by their paths before that: those that are aside now, and those that are refused.
    notes: BTreeMap<String, String>,
}

/// What a row of the journal says about it.
#[derive(Debug, Serialize, Deserialize)]
struct Row {
    notes: BTreeMap<String, String>,
}

/// The files to try.
#[derive(Debug, Clone)]
pub struct Untried {
    trial: Trial,
    files: Vec<String>,
    /// Columns that raw has now.
    raw: Vec<DatabendColumn>,
    /// What trials of killed runs have left.
    leftovers: Vec<TableName>,
    /// Why files were set aside.
    notes: BTreeMap<String, String>,
}

impl Told for Verdicts {
    fn summary(&self) -> String {
        let Self { loadable, refused, unfit, .. } = self;
        match (loadable.len(), refused.len(), unfit.len()) {
            (0, 0, 0) => "no file waits".to_owned(),
            (good, 0, 0) => format!("none of {good} files is refused"),
            (good, bad, 0) => format!("{bad} files are refused, {good} are not"),
            (good, bad, unfit) => {
                format!("{bad} files are refused, {good} are not, and {unfit} do not fit raw as it is")
            }
        }
    }

    fn detail(&self) -> Value {
        json!({
            "loadable": self.loadable.len(),
            "refused": self.refused.len(),
            "unfit": self.unfit.len(),
            "notes": self.notes,
            "note": in_short(self.refused.iter().chain(&self.unfit)),
        })
    }
}

/// Files and what Databend said of them.
pub(super) fn in_short<'a>(files: impl Iterator<Item = &'a RefusedFile>) -> String {
    files.map(|refused| format!("{}: {}", refused.file, refused.reason)).collect::<Vec<_>>().join("; ")
}

#[async_trait]
impl<const SET_ASIDE: bool> Step for TryFiles<SET_ASIDE> {
    const NAME: StepName = StepName::TryFiles;
    type Site = TableSite;
    type Input = ();
    type Need = Untried;
    type Output = Verdicts;

    async fn look(site: &TableSite, (): &(), world: &World) -> Result<Look<Untried, Verdicts>, StepError> {
        let (pipeline, warehouse) = (site.pipeline(), &world.warehouse);
        let aside = waiting_files::set_aside(warehouse, pipeline).await?;
        let mut notes = notes(&world.journal, &site.chain, &pipeline.source());
        notes.retain(|path, _| aside.contains(&set_aside::path(path)));
        let files = if SET_ASIDE { aside } else { waiting_files::changes(warehouse, pipeline).await? };
        let rows = warehouse.query(&existing_trials(pipeline)).await?;
        let names = rows.iter().map(|row| row.get::<String>("name")).collect::<Result<Vec<_>, _>>()?;
        let leftovers: Vec<_> =
            names.into_iter().map(|name| TableName::new(&pipeline.raw.database, name)).collect();
        if files.is_empty() && leftovers.is_empty() {
            return Ok(Look::Done(Verdicts { notes, ..Verdicts::default() }));
        }
        let trial =
            Trial::new(pipeline, &folder::<SET_ASIDE>(pipeline), Boundary::after(warehouse.now().await?));
        let columns =
            world.snapshot.table(&pipeline.raw).map(|raw| raw.columns.as_slice()).unwrap_or_default();
        let raw = columns
            .iter()
            .map(|column| DatabendColumn::nullable(&column.name, DatabendType::parse(&column.data_type)))
            .collect();
        Ok(Look::Needed(Untried { trial, files, raw, leftovers, notes }))
    }

    fn usual(site: &TableSite) -> Untried {
        let pipeline = site.pipeline();
        Untried {
            trial: Trial::new(pipeline, &folder::<SET_ASIDE>(pipeline), Boundary::LATER),
            files: vec!["<file>".to_owned()],
            raw: pipeline.raw_columns(),
            leftovers: Vec::new(),
            notes: BTreeMap::new(),
        }
    }

    fn effects(site: &TableSite, need: &Untried) -> Vec<Effect> {
        let drop_all = |tables: &[&TableName]| -> Vec<_> {
            tables.iter().map(|table| Effect::Statement(drop_table(table))).collect()
        };
        let mut effects = drop_all(&need.leftovers.iter().collect::<Vec<_>>());
        if need.files.is_empty() {
            return effects;
        }
        let pipeline = site.pipeline();
        effects.extend(need.trial.create(pipeline, &need.raw).map(Effect::Create));
        effects.push(Effect::TryFiles(Box::new(FilesToTry {
            pipeline: pipeline.clone(),
            trial: need.trial.clone(),
            files: need.files.clone(),
        })));
        effects.extend(drop_all(&[need.trial.as_it_is(), need.trial.as_declared()]));
        effects
    }

    fn amount(need: &Untried) -> Option<String> {
        Some(format!("{} files", need.files.len()))
    }

    async fn conclude(
        _: &TableSite,
        (): &(),
        need: &Untried,
        answers: &Answers,
        _: &World,
        _: &dyn Progress,
    ) -> Result<Verdicts, StepError> {
        let Tried { refused, unfit } = answers.of_trial().clone();
        let is_good = |path: &&String| !refused.iter().chain(&unfit).any(|other| other.file == **path);
        let loadable = need.files.iter().filter(is_good).cloned().collect();
        let mut notes = need.notes.clone();
        for RefusedFile { file, reason } in &refused {
            let before = set_aside::path_before(file).unwrap_or(file);
            notes.insert(before.to_owned(), reason.clone());
        }
        Ok(Verdicts { loadable, refused, unfit, notes })
    }
}

fn folder<const SET_ASIDE: bool>(pipeline: &Pipeline) -> String {
    if SET_ASIDE { set_aside::folder(pipeline) } else { pipeline.path.clone() }
}

/// Why files of a table were set aside, by their paths before that: as the last trial has it, which keeps what earlier ones said.
pub(crate) fn notes(journal: &Journal, chain: &str, source: &str) -> BTreeMap<String, String> {
    let of = |operation| {
        let key = StepKey {
            operation,
            pipeline: chain.to_owned(),
            table: source.to_owned(),
            step: StepName::TryFiles,
        };
        let event = journal.last_done(&key)?;
        Some((event.at, Row::deserialize(&event.detail).ok()?.notes))
    };
    let mut all: Vec<_> = [Operation::Unblock, Operation::PutBack].into_iter().filter_map(of).collect();
    all.sort_by_key(|(at, _)| *at);
    all.into_iter().flat_map(|(_, notes)| notes).collect()
}
