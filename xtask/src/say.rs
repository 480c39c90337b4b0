//! What the user reads. Everything goes to stderr; stdout is for data (`sandbox up` prints its variables there).

use std::fmt::Display;

use rustix::termios::isatty;

/// A step that begins.
pub(crate) fn step(text: impl Display) {
    line("36;1", "==>", &text);
}

/// Something worth knowing that stops nothing.
pub(crate) fn note(text: impl Display) {
    line("2", "   ", &text);
}

/// The reason why we stop.
pub(crate) fn error(text: &str) {
    line("31;1", "error:", &text);
}

fn line(colour: &str, head: &str, text: &dyn Display) {
    if isatty(rustix::stdio::stderr()) && std::env::var_os("NO_COLOR").is_none() {
        eprintln!("\x1b[{colour}m{head}\x1b[0m {text}");
    } else {
        eprintln!("{head} {text}");
    }
}
