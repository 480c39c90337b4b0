//! Databend's own SQL parser as a co-process of the sandbox: one JSON request a line on stdin, one JSON answer a
//! line on stdout, until stdin closes.
//!
//! # Layout
//!
//! - [`request`]: what can be asked, and the answer's envelope
//! - [`statement`]: what kind of statement a text is, with its fields
//! - [`task`]: the fields of task statements; definitions are re-printed from the tree
//! - [`account`]: the fields of statements about users and roles
//! - [`access`]: which privileges a statement asks for
//! - [`sites`]: where a statement names tables and functions, so that the sandbox can put something else there
//! - [`hints`]: settings that a statement brings for itself
//! - [`stage`]: the secrets that stages and connections are created with
//! - [`schedule`]: when a cron expression is due
//! - [`variant`]: JSONB to JSON text
//!
//! Nothing here knows what a stream contains or which tasks exist: that is the server's side (`sandbox/databend`).

mod access;
mod account;
mod hints;
mod request;
mod schedule;
mod sites;
mod stage;
mod statement;
mod task;
mod variant;

use std::io::{BufRead, Write};

fn main() -> std::io::Result<()> {
    // A statement that makes the parser panic is answered as an error; the trace would only look like a crash.
    std::panic::set_hook(Box::new(|_| {}));
    let stdin = std::io::stdin().lock();
    let mut stdout = std::io::stdout().lock();
    for line in stdin.lines() {
        let answer = request::answer(&line?);
        stdout.write_all(answer.as_bytes())?;
        stdout.write_all(b"\n")?;
        stdout.flush()?;
    }
    Ok(())
}
