//! sandbox-parser

fn main() {}
