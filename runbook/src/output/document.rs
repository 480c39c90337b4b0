//! What `--json` prints: one object per run, with a version. docs/reference/output has its JSON Schemas, which
//! `cargo xtask docs` writes from these types.

use std::collections::BTreeMap;

use miette::Diagnostic;
use operations::StepError;
use operations::finding::{Code, Finding};
use operations::progress::Progress;
use schemars::{JsonSchema, schema_for};
use serde::Serialize;
use serde_json::Value;

use crate::verbs::{CutoverError, endings};

/// The version of what `--json` prints. It counts up when a field changes its meaning or goes away.
const FORMAT: u32 = 1;

/// What a verb ends with.
pub trait Ending: Serialize + JsonSchema {
    /// The verb; `error` for what any verb may end with.
    const NAME: &'static str;
}

/// What `--json` prints. More fields may come with later versions of the same format.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Document<T> {
    /// The version of this object: 1. It counts up when a field changes its meaning or goes away.
    format: u32,
    /// The verb, or `error`.
    kind: &'static str,
    /// What it ended with.
    #[serde(flatten)]
    ending: T,
}

impl<T: Ending> Document<T> {
    /// The document of an ending.
    pub fn of(ending: T) -> Self {
        Self { format: FORMAT, kind: T::NAME, ending }
    }

    /// As JSON.
    pub fn to_json(&self) -> Value {
        // Structs of texts, numbers and lists always serialize.
        serde_json::to_value(self).unwrap_or_default()
    }

    /// The JSON Schema of such a document.
    fn schema() -> Value {
        let mut schema = schema_for!(Self).to_value();
        schema["title"] = format!("runbook {} --json", T::NAME).into();
        schema["properties"]["format"] = serde_json::json!({ "const": FORMAT, "description": schema["properties"]["format"]["description"] });
        schema["properties"]["kind"] = serde_json::json!({ "const": T::NAME, "description": schema["properties"]["kind"]["description"] });
        schema
    }
}

/// An error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Problem {
    /// The code, if it is a finding (docs/reference/findings.md).
    pub code: Option<Code>,
    /// The chain, or the table as at the source, that a finding is about.
    pub subject: Option<String>,
    /// What went wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Problem {
    /// A step's error.
    pub fn of_step(error: &StepError) -> Self {
        Self::new(error, error.as_finding())
    }

    /// What a verb ended with.
    pub fn of_report(report: &miette::Report) -> Self {
        let step = report.downcast_ref::<StepError>();
        let step = step.or_else(|| match report.downcast_ref::<CutoverError>() {
            Some(CutoverError::Step(step)) => Some(step),
            _ => None,
        });
        Self::new(report.as_ref(), step.and_then(StepError::as_finding))
    }

    /// A wrong command line.
    pub fn of_command_line(message: String) -> Self {
        Self { code: None, subject: None, message, help: None }
    }

    /// Says it about one table or chain.
    pub fn say(&self, progress: &dyn Progress) {
        let code = self.code.map(|code| format!(" [{code}]")).unwrap_or_default();
        progress.keep(&format!("error: {}{code}", self.message));
        if let Some(help) = &self.help {
            progress.keep(&format!("help: {help}"));
        }
    }

    fn new(error: &dyn Diagnostic, finding: Option<&Finding>) -> Self {
        Self {
            code: finding.map(|finding| finding.code),
            subject: finding.map(|finding| finding.subject.clone()),
            message: error.to_string(),
            help: error.help().map(|help| help.to_string()),
        }
    }
}

/// What any verb ends with that could not do its work.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Failed {
    /// What went wrong.
    pub error: Problem,
}

impl Ending for Failed {
    const NAME: &'static str = "error";
}

/// The JSON Schemas of all documents, by verb.
pub fn schemas() -> BTreeMap<&'static str, Value> {
    fn of<T: Ending>() -> (&'static str, Value) {
        (T::NAME, Document::<T>::schema())
    }
    BTreeMap::from([
        of::<Failed>(),
        of::<endings::Plan>(),
        of::<endings::Cutover>(),
        of::<endings::Reload>(),
        of::<endings::Replay>(),
        of::<endings::Status>(),
        of::<endings::Verify>(),
        of::<endings::Canary>(),
        of::<endings::Suspend>(),
        of::<endings::Resume>(),
        of::<endings::Unblock>(),
        of::<endings::PutBack>(),
        of::<endings::Log>(),
        of::<endings::Prune>(),
        of::<endings::Unlock>(),
        of::<endings::Settle>(),
        of::<endings::Explain>(),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_schema_names_its_format_and_kind() {
        for (name, schema) in schemas() {
            assert_eq!(schema["properties"]["format"]["const"], FORMAT, "{name}");
            assert_eq!(schema["properties"]["kind"]["const"], name);
            assert!(schema["required"].as_array().unwrap().contains(&"kind".into()), "{name}");
        }
    }

    #[test]
    fn a_finding_keeps_its_code_and_subject_on_the_way_out() {
        let step = StepError::finding(Code::Missing, "shop.orders", "it is not there", "make it");
        let told = Document::of(Failed { error: Problem::of_report(&step.clone().into()) }).to_json();
        assert_eq!(
            told,
            serde_json::json!({
                "format": 1,
                "kind": "error",
                "error": {
                    "code": "MISSING", "subject": "shop.orders", "message": "it is not there", "help": "make it"
                }
            })
        );
        let wrapped = CutoverError::Step(step);
        assert_eq!(Problem::of_report(&wrapped.into()).code, Some(Code::Missing));
    }
}
