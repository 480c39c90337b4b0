//! Which files Databend refuses.

use std::collections::VecDeque;

use pipeline::sql::trial::Trial;
use pipeline::{Pipeline, TableName};
use warehouse::WarehouseError;

use super::{FilesToTry, RefusedFile, StepError, Tried, World};
use crate::lease::LeaseError;
use crate::progress::Progress;

/// How many files are copied at first in one statement.
const AT_A_TIME: usize = 1_000;
/// How much of what Databend says is kept.
const LONGEST_REASON: usize = 300;

/// Copies files into the tables of a trial. One file that Databend refuses makes it refuse all of a statement
/// (docs/facts/databend.md, "COPY"), so what is refused is halved until single files are left. `permission` is asked before each
/// statement but the first, which has it.
pub(super) async fn try_files<P>(
    world: &World,
    files: &FilesToTry,
    permission: impl Fn() -> P,
    progress: &dyn Progress,
) -> Result<Tried, StepError>
where
    P: Future<Output = Result<(), LeaseError>>,
{
    let FilesToTry { pipeline, trial, files } = files;
    let mut waiting: VecDeque<&[String]> = files.chunks(AT_A_TIME).collect();
    let mut refused_as_it_is = Vec::new();
    let mut is_first = true;
    let mut done = 0;
    while let Some(some) = waiting.pop_front() {
        if !std::mem::take(&mut is_first) {
            world.go_on()?;
            permission().await?;
        }
        match (copy(world, pipeline, trial, trial.as_it_is(), some).await?, some) {
            (Copied::Refused(reason), [file]) => {
                refused_as_it_is.push(RefusedFile { file: file.clone(), reason });
                done += 1;
            }
            (Copied::Refused(_) | Copied::Gone, [_, _, ..]) => {
                let (first, second) = some.split_at(some.len() / 2);
                waiting.push_front(second);
                waiting.push_front(first);
            }
            _ => done += some.len(),
        }
        progress.progress(&format!("trying files: {done} of {}", files.len()));
    }
    let mut tried = Tried::default();
    for refused in refused_as_it_is {
        world.go_on()?;
        permission().await?;
        let one = std::slice::from_ref(&refused.file);
        match copy(world, pipeline, trial, trial.as_declared(), one).await? {
            Copied::Refused(reason) => tried.refused.push(RefusedFile { reason, ..refused }),
            Copied::All => tried.unfit.push(refused),
            Copied::Gone => {}
        }
    }
    Ok(tried)
}

/// What came of a COPY.
enum Copied {
    All,
    /// Databend refused one of the files.
    Refused(String),
    /// One of them is not there any more: a load task has taken it.
    Gone,
}

async fn copy(
    world: &World,
    pipeline: &Pipeline,
    trial: &Trial,
    into: &TableName,
    files: &[String],
) -> Result<Copied, WarehouseError> {
    let names = files.iter().map(|file| trial.name_of(file));
    let sql = trial.copy(pipeline, into, names);
    match world.warehouse.execute_long(&sql, &|_| ()).await {
        Ok(_) => Ok(Copied::All),
        Err(error) if error.is_missing_file() => Ok(Copied::Gone),
        Err(error) if error.may_be_of_a_file() => Ok(Copied::Refused(reason(&error))),
        Err(error) => Err(error),
    }
}

/// What Databend said, in one line.
fn reason(error: &WarehouseError) -> String {
    let WarehouseError::Sql { code, message, .. } = error else { return error.to_string() };
    let line = message.lines().next().unwrap_or_default().trim();
    let kept: String = line.chars().take(LONGEST_REASON).collect();
    format!("{kept} (code {code})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_line() {
        let error = WarehouseError::Sql {
            code: 1046,
            message: format!("Invalid Parquet file {}\n   0: <unknown>@e0ac329", "x".repeat(500)),
            statement: "COPY INTO raw.t".into(),
        };
        let told = reason(&error);
        assert!(told.starts_with("Invalid Parquet file xxx") && told.ends_with("x (code 1046)"), "{told}");
        assert_eq!(told.chars().count(), LONGEST_REASON + " (code 1046)".len());
    }
}
