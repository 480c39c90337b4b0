//! What the user reads: a numbered step as it begins, and what came of it.

use std::fmt::Display;
use std::time::Instant;

use comfy_table::{CellAlignment, Table, presets};
use e2e::compare::Comparison;

const STEPS: u32 = 7;

/// A step that has begun.
pub(crate) struct Step {
    begin: Instant,
}

/// Says that a step begins.
pub(crate) fn step(number: u32, what: &str) -> Step {
    eprintln!("[{number}/{STEPS}] {what}");
    Step { begin: Instant::now() }
}

impl Step {
    /// Says what came of it.
    pub(crate) fn done(self, what: impl Display) {
        eprintln!("      {what} ({:.1} s)", self.begin.elapsed().as_secs_f32());
    }
}

/// Of what Terraform prints, the resources that are ready or gone, and every half minute those that take long.
pub(crate) fn terraform(line: &str) {
    if let Some(progress) = progress(line) {
        eprintln!("      {progress}");
    }
}

fn progress(line: &str) -> Option<String> {
    if line.contains(": Creation complete after") || line.contains(": Destruction complete after") {
        return Some(line.split_once(" [id=").map_or(line, |(what, _id)| what).to_owned());
    }
    let (what, details) = line.split_once("... [")?;
    let elapsed = details.rsplit(", ").next()?.strip_suffix(" elapsed]")?;
    let half_minute = elapsed.ends_with("m0s") || elapsed.ends_with("30s");
    half_minute.then(|| format!("{what}... {elapsed}"))
}

/// An empty table whose first column is text and whose others are numbers.
pub(crate) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED).set_header(header);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// The last line.
pub(crate) fn verdict(found: &Comparison) -> String {
    if found.is_equal() {
        format!("ods.orders equals shop.orders: {} rows, every value of every row.", found.source_rows)
    } else {
        format!("ods.orders DIFFERS from shop.orders: {found}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_terraform_s_lines_only_those_that_tell_something_new() {
        let told = [
            (
                "aws_vpc.dms[0]: Creation complete after 10s [id=vpc-1]",
                Some("aws_vpc.dms[0]: Creation complete after 10s"),
            ),
            (
                "aws_vpc.dms[0]: Still creating... [30s elapsed]",
                Some("aws_vpc.dms[0]: Still creating... 30s"),
            ),
            ("a.b: Still destroying... [id=demo, 1m0s elapsed]", Some("a.b: Still destroying... 1m0s")),
            ("a.b: Still destroying... [id=demo, 1m10s elapsed]", None),
            ("aws_vpc.dms[0]: Creating...", None),
            ("  + name = \"x\"", None),
        ];
        for (line, expected) in told {
            assert_eq!(progress(line).as_deref(), expected, "{line}");
        }
    }
}
