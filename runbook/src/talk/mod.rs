//! Talking to people, on stderr: progress bars on a terminal, plain lines elsewhere. Results go to stdout, not here.

mod ask;
mod bar;

use std::io::IsTerminal;
use std::sync::Arc;

use indicatif::MultiProgress;
use operations::progress::{Progress, Reporter};

pub use ask::{Unanswered, can_answer, confirm, confirm_meanwhile};
pub use bar::Bar;

/// Where the talk goes.
#[derive(Clone)]
pub struct Talk {
    bars: Option<MultiProgress>,
}

impl Talk {
    /// Bars if stderr is a terminal, else lines.
    pub fn to_stderr() -> Self {
        Self { bars: std::io::stderr().is_terminal().then(MultiProgress::new) }
    }

    /// Lines in any case.
    pub fn plain() -> Self {
        Self { bars: None }
    }

    /// Says something.
    pub fn line(&self, text: &str) {
        match &self.bars {
            // A terminal that is gone is no reason to stop.
            Some(bars) => drop(bars.println(text)),
            None => eprintln!("{text}"),
        }
    }

    /// Begins to talk about one thing.
    pub fn bar(&self, about: &str) -> Bar {
        Bar::new(self.clone(), self.bars.as_ref(), about)
    }
}

impl Reporter for Talk {
    fn line(&self, text: &str) {
        Self::line(self, text);
    }

    fn about(&self, name: &str) -> Arc<dyn Progress> {
        Arc::new(self.bar(name))
    }
}

/// Whether colours are wanted on this stream: not elsewhere than on a terminal, and not with `NO_COLOR`
/// (<https://no-color.org>).
pub fn colour(stream_is_terminal: bool) -> bool {
    stream_is_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
