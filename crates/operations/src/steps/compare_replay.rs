//! How ODS differs from what raw says.

use async_trait::async_trait;
use pipeline::sql::checks;
use pipeline::sql::replay::compare;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::open_replay::Replay;
use super::rebuild::Rebuilt;
use super::replayable::newer_in_ods;
use crate::counts::OdsCounts;
use crate::engine::{Answers, Effect, Look, Step, StepError, TableSite, Told, World};
use crate::journal::StepName;
use crate::progress::Progress;

/// Compares ODS with the rebuilt rows.
pub struct CompareReplay;

/// How ODS differs from what raw says. Keys whose changes wait for the merge are left out, but for rows of the same key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Comparison {
    /// What raw says.
    pub raw: OdsCounts,
    /// What ODS holds.
    pub ods: OdsCounts,
    /// Keys that raw has and ODS lacks.
    pub missing: u64,
    /// Keys that ODS has and raw lacks.
    pub unknown: u64,
    /// Keys that both have, with rows that differ.
    pub differing: u64,
    /// Keys that ODS shows, and that raw says are deleted, or lacks. Each counts as unknown or differing, too.
    pub shown: u64,
    /// Keys that raw shows, and that ODS has marked as deleted, or lacks. Each counts as missing or differing, too.
    pub hidden: u64,
    /// Rows of ODS beside another one of the same key.
    pub doubled: u64,
    /// Keys that were not compared, since changes of them wait for the merge.
    pub waiting: u64,
}

impl Comparison {
    /// Whether nothing differs.
    pub fn is_equal(&self) -> bool {
        self.missing + self.unknown + self.differing + self.doubled == 0
    }

    /// In a few words.
    pub fn in_short(&self) -> String {
        let waiting = match self.waiting {
            0 => String::new(),
            n => format!("; {n} keys with changes that wait for the merge were not compared"),
        };
        if self.is_equal() {
            return format!("ODS has what raw says, {} rows{waiting}", self.ods.total);
        }
        let Self { missing, unknown, differing, shown, hidden, doubled, .. } = self;
        format!(
            "{missing} keys are missing in ODS, {unknown} are in ODS alone, {differing} have rows that differ, and {doubled} rows \
             are there beside another one of their key; {shown} of these keys should not show, and {hidden} should{waiting}"
        )
    }
}

impl Told for Comparison {
    fn summary(&self) -> String {
        self.in_short()
    }

    fn detail(&self) -> Value {
        json!(self)
    }
}

#[async_trait]
impl Step for CompareReplay {
    const NAME: StepName = StepName::CompareReplay;
    type Site = TableSite;
    type Input = (Replay, Rebuilt);
    type Need = Replay;
    type Output = Comparison;

    async fn look(
        _: &TableSite,
        (replay, _): &Self::Input,
        _: &World,
    ) -> Result<Look<Replay, Comparison>, StepError> {
        Ok(Look::Needed(replay.clone()))
    }

    fn usual(site: &TableSite) -> Replay {
        Replay::later(site.pipeline())
    }

    fn effects(site: &TableSite, replay: &Replay) -> Vec<Effect> {
        let pipeline = site.pipeline();
        let rebuilt = replay.table(pipeline);
        let questions = [
            compare::newer_in_ods(pipeline, &rebuilt),
            checks::ods_counts(pipeline),
            compare::missing(pipeline, &rebuilt),
            compare::unknown(pipeline, &rebuilt),
            compare::differing(pipeline, &rebuilt),
            compare::shown(pipeline, &rebuilt),
            compare::hidden(pipeline, &rebuilt),
            compare::waiting_keys(pipeline),
        ];
        questions.map(Effect::Query).into()
    }

    async fn conclude(
        site: &TableSite,
        (_, rebuilt): &Self::Input,
        _: &Replay,
        answers: &Answers,
        _: &World,
        _: &dyn Progress,
    ) -> Result<Comparison, StepError> {
        let n = |place| -> Result<u64, StepError> { Ok(answers.row(place)?.get("n")?) };
        let newer = n(0)?;
        if newer > 0 {
            return Err(newer_in_ods(site.pipeline(), newer));
        }
        let ods = OdsCounts::read(answers.row(1)?)?;
        let missing = n(2)?;
        Ok(Comparison {
            raw: rebuilt.rows,
            ods,
            missing,
            unknown: n(3)?,
            differing: n(4)?.saturating_sub(missing),
            shown: n(5)?,
            hidden: n(6)?,
            doubled: ods.doubled(),
            waiting: n(7)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn equal() -> Comparison {
        let counts = OdsCounts { total: 5, deleted: 1, keys: 5 };
        Comparison {
            raw: counts,
            ods: counts,
            missing: 0,
            unknown: 0,
            differing: 0,
            shown: 0,
            hidden: 0,
            doubled: 0,
            waiting: 0,
        }
    }

    #[test]
    fn any_difference_counts() {
        assert!(equal().is_equal());
        for differs in [
            Comparison { missing: 1, hidden: 1, ..equal() },
            Comparison { unknown: 1, ..equal() },
            Comparison { differing: 1, ..equal() },
            Comparison { doubled: 1, ..equal() },
        ] {
            assert!(!differs.is_equal(), "{differs:?}");
        }
    }

    #[test]
    fn it_says_what_was_not_compared() {
        assert_eq!(equal().in_short(), "ODS has what raw says, 5 rows");
        let waiting = Comparison { waiting: 2, ..equal() };
        assert!(
            waiting.is_equal()
                && waiting
                    .in_short()
                    .ends_with("2 keys with changes that wait for the merge were not compared")
        );
        let differs = Comparison { missing: 3, hidden: 2, ..equal() };
        assert!(differs.in_short().starts_with("3 keys are missing in ODS"), "{}", differs.in_short());
    }
}
