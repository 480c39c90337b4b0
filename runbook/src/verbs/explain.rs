//! `explain`: what the codes of findings mean. Needs no pipeline.

use miette::Diagnostic;
use operations::finding::Code;
use schemars::JsonSchema;
use serde::Serialize;

use crate::output::document::Ending;
use crate::output::{Exit, Output};

/// What `explain` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Explain {
    /// The codes that were asked for.
    findings: Vec<Meaning>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Meaning {
    /// The code.
    code: Code,
    /// What it means.
    meaning: &'static str,
}

impl Ending for Explain {
    const NAME: &'static str = "explain";
}

/// A code that no finding has.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("no finding has the code {code}")]
#[diagnostic(help("`runbook explain` lists all codes"))]
pub struct UnknownCode {
    code: String,
}

/// Prints what a code means, or all of them.
pub fn explain(output: Output, code: Option<&str>) -> Result<Exit, UnknownCode> {
    let is_asked = |known: &&Code| code.is_none_or(|code| known.as_str().eq_ignore_ascii_case(code));
    let findings: Vec<_> =
        Code::ALL.iter().filter(is_asked).map(|&code| Meaning { code, meaning: code.meaning() }).collect();
    if let (Some(code), true) = (code, findings.is_empty()) {
        return Err(UnknownCode { code: code.to_owned() });
    }
    let mut table = output.table(&["code", "meaning"]);
    for finding in &findings {
        table.add_row([finding.code.as_str(), finding.meaning]);
    }
    output.print(&table);
    output.json(Explain { findings });
    Ok(Exit::Done)
}
