//! Results, on stdout: tables for people, JSON for programs ([`document`]).

pub mod document;

use std::io::{IsTerminal, Write};

use comfy_table::{ContentArrangement, Table, presets};

use crate::talk::colour;
use document::{Document, Ending};

/// How wide a table is at most where there is no terminal to ask.
const WIDTH: u16 = 160;

/// How a verb ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done, or nothing to do.
    Done,
    /// Some of it could not be done; what went wrong has been said.
    Failed,
    /// Findings, or work pending.
    Findings,
}

impl Exit {
    /// The process's exit code.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Findings => 2,
        }
    }
}

/// Where results go.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    json: bool,
}

impl Output {
    /// Tables, or JSON.
    pub fn new(json: bool) -> Self {
        Self { json }
    }

    /// An empty table.
    pub fn table(self, header: &[&str]) -> Table {
        let mut table = Table::new();
        table.load_preset(presets::UTF8_FULL_CONDENSED).set_header(header);
        table.set_content_arrangement(ContentArrangement::Dynamic);
        let terminal = std::io::stdout().is_terminal();
        if !terminal {
            table.set_width(WIDTH);
        }
        if !colour(terminal) {
            table.force_no_tty();
        }
        table
    }

    /// Prints a table, unless JSON was asked for.
    pub fn print(self, table: &Table) {
        if !self.json {
            write_stdout(&table.to_string());
        }
    }

    /// Prints text, unless JSON was asked for.
    pub fn text(self, text: &str) {
        if !self.json {
            write_stdout(text);
        }
    }

    /// Prints what a verb ends with, if JSON was asked for.
    pub fn json<T: Ending>(self, ending: T) {
        if self.json {
            self.document(&Document::of(ending).to_json());
        }
    }

    /// Prints a JSON document of another format.
    pub fn document(self, value: &serde_json::Value) {
        write_stdout(&format!("{value:#}"));
    }
}

/// A reader that has gone away (`| head`) is no error.
fn write_stdout(text: &str) {
    let mut stdout = std::io::stdout().lock();
    drop(writeln!(stdout, "{text}").and_then(|()| stdout.flush()));
}
