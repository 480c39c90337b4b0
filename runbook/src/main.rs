//! runbook

fn main() {}
