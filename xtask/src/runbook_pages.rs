//! Reference pages of the runbook, from what it says of itself.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::reference::Page;

const INTRODUCTION: &str = "<!-- Made by `cargo xtask docs` from crates/operations/src/finding/code.rs. -->

# Findings of the runbook

What `runbook status` finds, and what stops a step of `runbook cutover`, has a code. The code is stable. It stands beside the message, in the
field `code` of `--json`, and `runbook explain CODE` tells what it means.

Each finding has a severity: `error` (ODS does not equal the source, or will not), `warning` (it does, later or less well than it should, or
something is left to do) or `info` (something could not be told). Errors and warnings make `runbook status` end with exit code 2.

| code | meaning |
|---|---|
";

/// The page of all codes, from `runbook explain --json`.
pub(crate) fn findings(explained: &Value) -> Page {
    let mut text = INTRODUCTION.to_owned();
    for finding in explained["findings"].as_array().into_iter().flatten() {
        let said = |field: &str| finding[field].as_str().unwrap_or_default();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "| `{}` | {} |", said("code"), said("meaning"));
    }
    Page { path: "reference/findings.md".into(), text }
}

/// A file for each schema, from `runbook output-schema`.
pub(crate) fn schemas(schemas: &Value) -> Vec<Page> {
    let page = |(kind, schema): (&String, &Value)| Page {
        path: format!("reference/output/{kind}.schema.json"),
        text: format!("{schema:#}\n"),
    };
    schemas.as_object().into_iter().flat_map(Map::iter).map(page).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_code_is_a_row() {
        let explained = json!({ "findings": [{ "code": "DMS-STOPPED", "meaning": "It does not run." }] });
        let page = findings(&explained);
        assert!(page.text.ends_with("|---|---|\n| `DMS-STOPPED` | It does not run. |\n"), "{}", page.text);
    }

    #[test]
    fn each_schema_is_a_file() {
        let mut pages = schemas(&json!({ "plan": { "type": "object" }, "error": {} }));
        pages.sort_by(|a, b| a.path.cmp(&b.path));
        let paths: Vec<_> = pages.iter().map(|page| page.path.as_str()).collect();
        assert_eq!(paths, ["reference/output/error.schema.json", "reference/output/plan.schema.json"]);
        assert_eq!(pages[1].text, "{\n  \"type\": \"object\"\n}\n");
    }
}
