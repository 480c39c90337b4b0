//! The files of a table that Databend refuses are out of the way.

use async_trait::async_trait;
use pipeline::set_aside;
use serde_json::{Value, json};

use super::try_files::{Verdicts, in_short};
use super::waiting_files;
use crate::engine::{Answers, Effect, Look, Move, RefusedFile, Step, StepError, TableSite, Told, World};
use crate::files::Storage;
use crate::finding::Code;
use crate::journal::StepName;
use crate::progress::Progress;

/// Moves files that Databend refuses to where no COPY takes them.
pub struct SetAside;

/// The files that were moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aside {
    files: Vec<RefusedFile>,
}

impl Aside {
    /// Everything that Databend has refused.
    fn of(verdicts: &Verdicts) -> Self {
        Self { files: verdicts.refused.clone() }
    }
}

impl Told for Aside {
    fn summary(&self) -> String {
        match self.files.len() {
            0 => "no file has to be set aside".to_owned(),
            n => format!(
                "{n} files are set aside: {}; `runbook unblock --put-back` brings them back once they can be loaded",
                in_short(self.files.iter())
            ),
        }
    }

    fn detail(&self) -> Value {
        json!({ "set_aside": self.files.len(), "files": self.files, "note": in_short(self.files.iter()) })
    }
}

#[async_trait]
impl Step for SetAside {
    const NAME: StepName = StepName::SetAside;
    type Site = TableSite;
    type Input = Verdicts;
    type Need = Vec<Move>;
    type Output = Aside;

    async fn look(
        site: &TableSite,
        verdicts: &Verdicts,
        world: &World,
    ) -> Result<Look<Vec<Move>, Aside>, StepError> {
        let pipeline = site.pipeline();
        let files = if verdicts.refused.is_empty() {
            Vec::new()
        } else {
            let waiting = waiting_files::changes(&world.warehouse, pipeline).await?;
            verdicts.refused.iter().filter(|refused| waiting.contains(&refused.file)).cloned().collect()
        };
        if files.is_empty() {
            // Those that were refused a moment ago and are gone were moved by an attempt whose answer was lost.
            let unfit = raw_unfit(site, verdicts, world);
            return unfit.map_or_else(|| Ok(Look::Done(Aside::of(verdicts))), Err);
        }
        let storage = Storage::of(&world.snapshot, &pipeline.stage)?;
        let moves = files.iter().map(|refused: &RefusedFile| Move {
            storage: storage.clone(),
            from: refused.file.clone(),
            to: set_aside::path(&refused.file),
            why: refused.reason.clone(),
        });
        Ok(Look::Needed(moves.collect()))
    }

    fn usual(site: &TableSite) -> Vec<Move> {
        let file = format!("{}<file>", site.pipeline().path);
        vec![later(&file, &set_aside::path(&file), "<what Databend says>")]
    }

    fn note(_: &Vec<Move>) -> String {
        "each file that Databend refuses".to_owned()
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
        world: &World,
        progress: &dyn Progress,
    ) -> Result<Aside, StepError> {
        let aside = Aside::of(verdicts);
        match raw_unfit(site, verdicts, world) {
            None => Ok(aside),
            Some(unfit) => {
                progress.keep(&format!("{}: {}", Self::NAME, aside.summary()));
                Err(unfit)
            }
        }
    }
}

/// A move that a preview shows.
pub(super) fn later(from: &str, to: &str, why: &str) -> Move {
    let storage =
        Storage { bucket: "<bucket>".to_owned(), root: String::new(), region: None, endpoint: None };
    Move { storage, from: from.to_owned(), to: to.to_owned(), why: why.to_owned() }
}

/// Why raw has to be changed before the files can be loaded, if so.
fn raw_unfit(site: &TableSite, verdicts: &Verdicts, world: &World) -> Option<StepError> {
    if verdicts.unfit.is_empty() {
        return None;
    }
    let pipeline = site.pipeline();
    let (source, raw) = (pipeline.source(), pipeline.raw.plain());
    let declared = pipeline.raw_columns();
    let columns = world.snapshot.table(&pipeline.raw).map(|raw| raw.columns.as_slice()).unwrap_or_default();
    let mut others = columns.iter().filter(|column| !declared.iter().any(|known| known.name == column.name));
    let help = match others.next() {
        Some(column) => format!(
            "run `terraform apply`, which widens what raw has of the declared columns. Columns that are not declared, such as \
             \"{}\", have the type of the first file: add them to `columns` of {source} before, with the types that the source \
             has. Then run this again",
            column.name
        ),
        None => "run `terraform apply`, which gives raw the declared types, then run this again".to_owned(),
    };
    Some(StepError::finding(
        Code::RawUnfit,
        &source,
        format!(
            "{} files of {source} do not fit {raw} as it is, and would fit it as declared, so they are not set aside: {}",
            verdicts.unfit.len(),
            in_short(verdicts.unfit.iter())
        ),
        help,
    ))
}
