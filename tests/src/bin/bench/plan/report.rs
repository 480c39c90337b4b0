//! The result as JSON and as a page.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;

use super::configuration::Size;
use super::ddl::{BareDdl, CONCURRENCY};
use super::measure::Measured;

/// An empty plan may take this many seconds more than one of as many `terraform_data`.
const PLAN_GOAL: f64 = 6.0;
/// An apply may take this many times as long as its CREATE statements alone.
const APPLY_GOAL: f64 = 1.3;

/// The document.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    format: u32,
    size: Size,
    /// `debug` or `release`.
    provider_build: String,
    max_concurrency: usize,
    terraform_data: TerraformData,
    databend: Databend,
    bare_ddl: BareDdl,
    goals: Goals,
}

/// As many `terraform_data`.
#[derive(Debug, Serialize)]
pub(crate) struct TerraformData {
    pub(crate) apply_seconds: f64,
    pub(crate) plan_seconds: f64,
    pub(crate) state_bytes: u64,
}

/// This provider.
#[derive(Debug, Serialize)]
pub(crate) struct Databend {
    apply: Run,
    empty_plan: Run,
    state_bytes: u64,
}

#[derive(Debug, Serialize)]
struct Run {
    seconds: f64,
    statements: usize,
    statements_by_kind: BTreeMap<String, usize>,
    provider_peak_bytes: u64,
}

#[derive(Debug, Serialize)]
struct Goals {
    /// Seconds, at most [`PLAN_GOAL`].
    plan_over_terraform_data: f64,
    /// A ratio, at most [`APPLY_GOAL`].
    apply_over_bare_ddl: f64,
    met: bool,
}

impl Databend {
    pub(crate) fn new(apply: &Measured, plan: &Measured) -> Self {
        Self { apply: Run::new(apply), empty_plan: Run::new(plan), state_bytes: apply.state_bytes }
    }
}

impl Run {
    fn new(measured: &Measured) -> Self {
        let mut statements_by_kind = BTreeMap::new();
        for statement in &measured.statements {
            *statements_by_kind.entry(kind(statement)).or_default() += 1;
        }
        Self {
            seconds: measured.seconds,
            statements: measured.statements.len(),
            statements_by_kind,
            provider_peak_bytes: measured.provider_bytes,
        }
    }
}

/// `CREATE TABLE`, or `SELECT` and the system table that it reads.
fn kind(statement: &str) -> String {
    let words: Vec<&str> = statement.split_whitespace().collect();
    let source = words.iter().skip_while(|word| **word != "FROM").nth(1);
    match (words.first(), source) {
        (Some(&"SELECT"), Some(source)) => format!("SELECT FROM {}", source.trim_matches(['(', ')', '"'])),
        _ => words.iter().take(2).copied().collect::<Vec<_>>().join(" "),
    }
}

impl Report {
    pub(crate) fn new(
        size: Size,
        provider_build: String,
        terraform_data: TerraformData,
        databend: Databend,
        bare_ddl: BareDdl,
    ) -> Self {
        let plan_over_terraform_data = databend.empty_plan.seconds - terraform_data.plan_seconds;
        let apply_over_bare_ddl = databend.apply.seconds / bare_ddl.seconds;
        let met = plan_over_terraform_data <= PLAN_GOAL && apply_over_bare_ddl <= APPLY_GOAL;
        Self {
            format: 1,
            size,
            provider_build,
            max_concurrency: CONCURRENCY,
            terraform_data,
            databend,
            bare_ddl,
            goals: Goals { plan_over_terraform_data, apply_over_bare_ddl, met },
        }
    }

    pub(crate) fn json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_else(|error| error.to_string())
    }

    /// The results as a Markdown table.
    pub(crate) fn table(&self) -> String {
        let Self { terraform_data, databend, bare_ddl, .. } = self;
        let mut text = "| | apply | empty plan | state |\n|---|---|---|---|\n".to_owned();
        let resources = self.size.tables + self.size.chains + 1;
        let mut row = |name: &str, apply: String, plan: String, state: String| {
            let _ = writeln!(text, "| {name} | {apply} | {plan} | {state} |");
        };
        row(
            &format!("{resources} `terraform_data`"),
            format!("{:.1} s", terraform_data.apply_seconds),
            format!("{:.1} s", terraform_data.plan_seconds),
            kilobytes(terraform_data.state_bytes),
        );
        row(
            "this provider",
            format!("{:.1} s", databend.apply.seconds),
            format!("{:.1} s", databend.empty_plan.seconds),
            kilobytes(databend.state_bytes),
        );
        row(
            "its statements",
            databend.apply.statements.to_string(),
            databend.empty_plan.statements.to_string(),
            String::new(),
        );
        row(
            "its memory, at most",
            megabytes(databend.apply.provider_peak_bytes),
            megabytes(databend.empty_plan.provider_peak_bytes),
            String::new(),
        );
        row(
            &format!("{} CREATE statements by the driver alone", bare_ddl.statements),
            format!("{:.1} s", bare_ddl.seconds),
            String::new(),
            String::new(),
        );
        text
    }

    /// docs/benchmarks.md.
    pub(crate) fn page(&self) -> String {
        let Size { tables, columns, chains } = self.size;
        let statements = |run: &Run| {
            let line = |(kind, n): (&String, &usize)| format!("| `{kind}` | {n} |");
            run.statements_by_kind.iter().map(line).collect::<Vec<_>>().join("\n")
        };
        format!(
            "# Benchmarks\n\n\
             <!-- Generated by `cargo xtask bench plan -- --write`. -->\n\n\
             {tables} tables of {columns} columns in {chains} task chains, in the sandbox: real Terraform, the Databend engine \
             behind the sandbox's HTTP server, everything on one machine. The provider is a {build} build, and sends at most \
             {CONCURRENCY} statements at a time. The same numbers are in [benchmarks.json](benchmarks.json).\n\n\
             {table}\n\
             - An empty plan takes {plan:.1} s more than one of as many `terraform_data`. The goal is at most {PLAN_GOAL:.0} s.\n\
             - An apply takes {apply:.2} times as long as its CREATE statements alone at the same parallelism. The goal is at most \
             {APPLY_GOAL}.\n\n\
             ## Statements of the apply\n\n| statement | count |\n|---|---|\n{applied}\n\n\
             ## Statements of the empty plan\n\n| statement | count |\n|---|---|\n{planned}\n",
            build = self.provider_build,
            table = self.table(),
            plan = self.goals.plan_over_terraform_data,
            apply = self.goals.apply_over_bare_ddl,
            applied = statements(&self.databend.apply),
            planned = statements(&self.databend.empty_plan),
        )
    }
}

fn kilobytes(bytes: u64) -> String {
    format!("{} KB", bytes.div_ceil(1000))
}

fn megabytes(bytes: u64) -> String {
    format!("{} MB", bytes.div_ceil(1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_counted_by_what_they_do() {
        assert_eq!(kind("CREATE TABLE \"a\".\"b\" (c INT)"), "CREATE TABLE");
        assert_eq!(kind("SELECT database, name FROM system.tables WHERE x = 1"), "SELECT FROM system.tables");
        assert_eq!(kind("SELECT 1"), "SELECT 1");
    }
}
