//! What is said about one table or chain.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use operations::progress::Progress;

use super::Talk;

/// Elsewhere than on a terminal, progress within a step is said this often at most.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// A progress bar, or lines with a name in front.
pub struct Bar {
    talk: Talk,
    about: String,
    drawn: Option<ProgressBar>,
    said: Mutex<Option<(String, Instant)>>,
}

impl Bar {
    pub(super) fn new(talk: Talk, bars: Option<&MultiProgress>, about: &str) -> Self {
        let bar = bars.map(|bars| {
            let bar = bars.add(ProgressBar::new_spinner());
            if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix}: {msg} ({elapsed})") {
                bar.set_style(style);
            }
            bar.set_prefix(about.to_owned());
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Self { talk, about: about.to_owned(), drawn: bar, said: Mutex::default() }
    }

    fn line_unless_said(&self, text: &str) {
        let mut said = self.said();
        if said.as_ref().is_none_or(|(last, _)| last != text) {
            *said = Some((text.to_owned(), Instant::now()));
            self.talk.line(&format!("{}: {text}", self.about));
        }
    }

    fn said(&self) -> std::sync::MutexGuard<'_, Option<(String, Instant)>> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress for Bar {
    fn say(&self, text: &str) {
        match &self.drawn {
            Some(bar) => bar.set_message(text.to_owned()),
            None => self.line_unless_said(text),
        }
    }

    fn progress(&self, text: &str) {
        if let Some(bar) = &self.drawn {
            bar.set_message(text.to_owned());
            return;
        }
        let recently = self.said().as_ref().is_some_and(|(_, at)| at.elapsed() < LINE_EVERY);
        if !recently {
            self.line_unless_said(text);
        }
    }

    fn keep(&self, text: &str) {
        self.talk.line(&format!("{}: {text}", self.about));
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Some(bar) = &self.drawn {
            bar.finish_and_clear();
        }
    }
}
