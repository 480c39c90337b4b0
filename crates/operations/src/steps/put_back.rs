//! Files that were set aside and can be loaded now are in the table's folder again.

use async_trait::async_trait;
use pipeline::set_aside;
use serde_json::{Value, json};

use super::set_aside::later;
use super::try_files::{Verdicts, in_short};
use super::waiting_files;
use crate::checks::set_aside_ways_out as ways_out;
use crate::engine::{Answers, Effect, Look, Move, Step, StepError, TableSite, Told, World};
use crate::files::Storage;
use crate::finding::Code;
use crate::journal::StepName;
use crate::progress::Progress;

/// Moves files that were set aside back to where the load task takes them.
pub struct PutBack;

/// The files that were moved, by their paths after that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Back {
    files: Vec<String>,
}

impl Back {
    /// Everything that can be loaded.
    fn of(verdicts: &Verdicts) -> Self {
        let paths = verdicts.loadable.iter().filter_map(|path| set_aside::path_before(path));
        Self { files: paths.map(str::to_owned).collect() }
    }
}

impl Told for Back {
    fn summary(&self) -> String {
        match self.files.len() {
            0 => "no file has to be put back".to_owned(),
            n => format!("{n} files are put back"),
        }
    }

    fn detail(&self) -> Value {
        json!({ "put_back": self.files.len(), "note": self.files.join("; ") })
    }
}

#[async_trait]
impl Step for PutBack {
    const NAME: StepName = StepName::PutBack;
    type Site = TableSite;
    type Input = Verdicts;
    type Need = Vec<Move>;
    type Output = Back;

    async fn look(
        site: &TableSite,
        verdicts: &Verdicts,
        world: &World,
    ) -> Result<Look<Vec<Move>, Back>, StepError> {
        let pipeline = site.pipeline();
        let mut aside = Vec::new();
        if !verdicts.loadable.is_empty() {
            aside = waiting_files::set_aside(&world.warehouse, pipeline).await?;
            aside.retain(|path| verdicts.loadable.contains(path));
        }
        if aside.is_empty() {
            // What was aside a moment ago was moved by an attempt whose answer was lost.
            return still_refused(site, verdicts).map_or_else(|| Ok(Look::Done(Back::of(verdicts))), Err);
        }
        let storage = Storage::of(&world.snapshot, &pipeline.stage)?;
        let back = |path: &String| {
            let to = set_aside::path_before(path)?.to_owned();
            let why = "it can be loaded now".to_owned();
            Some(Move { storage: storage.clone(), from: path.clone(), to, why })
        };
        Ok(Look::Needed(aside.iter().filter_map(back).collect()))
    }

    fn usual(site: &TableSite) -> Vec<Move> {
        let file = format!("{}<file>", site.pipeline().path);
        vec![later(&set_aside::path(&file), &file, "if it can be loaded now")]
    }

    fn effects(_: &TableSite, moves: &Vec<Move>) -> Vec<Effect> {
        moves.iter().cloned().map(|moved| Effect::MoveFile(Box::new(moved))).collect()
    }

    fn amount(moves: &Vec<Move>) -> Option<String> {
        Some(format!("{} files", moves.len()))
    }

    async fn conclude(
        site: &TableSite,
        verdicts: &Verdicts,
        _: &Vec<Move>,
        _: &Answers,
        _: &World,
        progress: &dyn Progress,
    ) -> Result<Back, StepError> {
        let back = Back::of(verdicts);
        match still_refused(site, verdicts) {
            None => Ok(back),
            Some(refused) => {
                progress.keep(&format!("{}: {}", Self::NAME, back.summary()));
                Err(refused)
            }
        }
    }
}

/// The files that stay aside, if there are any.
fn still_refused(site: &TableSite, verdicts: &Verdicts) -> Option<StepError> {
    let files: Vec<_> = verdicts.refused.iter().chain(&verdicts.unfit).collect();
    let source = site.pipeline().source();
    (!files.is_empty()).then(|| {
        StepError::finding(
            Code::FileSetAside,
            &source,
            format!(
                "{} files of {source} stay set aside, since they still cannot be loaded: {}",
                files.len(),
                in_short(files.iter().copied())
            ),
            ways_out(&source),
        )
    })
}
