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

/// Of what Terraform prints, the resources that are ready or gone, and those that take long.
pub(crate) fn terraform(line: &str) {
    let ready = line.contains(": Creation complete after") || line.contains(": Destruction complete after");
    let slow = line.contains(": Still ") && line.contains("0s elapsed]");
    if ready || slow {
        let (what, _id) = line.split_once(" [id=").unwrap_or((line, ""));
        eprintln!("      {what}");
    }
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
