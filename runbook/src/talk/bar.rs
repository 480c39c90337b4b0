//! What is said about one table or chain.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use operations::progress::Progress;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::Talk;

/// Elsewhere than on a terminal, a line comes this often while something takes long, and progress within a step is not said
/// more often.
const LINE_EVERY: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// A progress bar, or lines with a name in front.
pub struct Bar {
    talk: Talk,
    about: String,
    shown: Shown,
}

enum Shown {
    Drawn(ProgressBar),
    Lines { lines: Arc<Lines>, _repeats_until_dropped: DropGuard },
}

impl Bar {
    pub(super) fn new(talk: Talk, bars: Option<&MultiProgress>, about: &str) -> Self {
        let shown = if let Some(bars) = bars {
            Shown::Drawn(drawn(bars, about))
        } else {
            let (talk, about) = (talk.clone(), about.to_owned());
            let lines = Arc::new(Lines::new(move |text| talk.line(&format!("{about}: {text}"))));
            let stop = CancellationToken::new();
            tokio::spawn(stop.clone().run_until_cancelled_owned(lines.clone().repeat()));
            Shown::Lines { lines, _repeats_until_dropped: stop.drop_guard() }
        };
        Self { talk, about: about.to_owned(), shown }
    }
}

fn drawn(bars: &MultiProgress, about: &str) -> ProgressBar {
    let bar = bars.add(ProgressBar::new_spinner());
    if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix}: {msg} ({elapsed})") {
        bar.set_style(style);
    }
    bar.set_prefix(about.to_owned());
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

impl Progress for Bar {
    fn say(&self, text: &str) {
        match &self.shown {
            Shown::Drawn(bar) => bar.set_message(text.to_owned()),
            Shown::Lines { lines, .. } => lines.say(text),
        }
    }

    fn progress(&self, text: &str) {
        match &self.shown {
            Shown::Drawn(bar) => bar.set_message(text.to_owned()),
            Shown::Lines { lines, .. } => lines.progress(text),
        }
    }

    fn keep(&self, text: &str) {
        self.talk.line(&format!("{}: {text}", self.about));
        if let Shown::Lines { lines, .. } = &self.shown {
            *lines.said() = None;
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Shown::Drawn(bar) = &self.shown {
            bar.finish_and_clear();
        }
    }
}

struct Lines {
    line: Box<dyn Fn(&str) + Send + Sync>,
    said: Mutex<Option<Said>>,
}

/// What is under way.
struct Said {
    latest: String,
    line: String,
    line_at: Instant,
    since: Instant,
}

impl Lines {
    fn new(line: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self { line: Box::new(line), said: Mutex::default() }
    }

    /// A new step, or another statement of it.
    fn say(&self, text: &str) {
        let mut said = self.said();
        if said.as_ref().is_none_or(|said| said.line != text) {
            (self.line)(text);
            let now = Instant::now();
            *said = Some(Said { latest: text.to_owned(), line: text.to_owned(), line_at: now, since: now });
        }
    }

    /// How far it is.
    fn progress(&self, text: &str) {
        if let Some(said) = self.said().as_mut() {
            text.clone_into(&mut said.latest);
            said.tell_if_due(self);
            return;
        }
        self.say(text);
    }

    /// Says what is under way again and again: what is waited for may say nothing for long.
    async fn repeat(self: Arc<Self>) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            if let Some(said) = self.said().as_mut() {
                said.tell_if_due(&self);
            }
        }
    }

    fn said(&self) -> MutexGuard<'_, Option<Said>> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Said {
    fn tell_if_due(&mut self, lines: &Lines) {
        // At the next look it would be too late.
        if self.line_at.elapsed() + LOOK_EVERY <= LINE_EVERY {
            return;
        }
        if self.latest == self.line {
            (lines.line)(&format!("{} ({} s)", self.latest, self.since.elapsed().as_secs()));
        } else {
            (lines.line)(&self.latest);
            self.line = self.latest.clone();
        }
        self.line_at = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_takes_long_is_told_again_and_again() {
        let told: Arc<Mutex<Vec<String>>> = Arc::default();
        let kept = told.clone();
        let lines = Arc::new(Lines::new(move |text| kept.lock().unwrap().push(text.to_owned())));
        let stop = CancellationToken::new();
        tokio::spawn(stop.clone().run_until_cancelled_owned(lines.clone().repeat()));
        lines.say("load: COPY");
        tokio::time::sleep(Duration::from_secs(21)).await;
        lines.progress("load: COPY: 21 s, 7 rows written");
        tokio::time::sleep(Duration::from_secs(11)).await;
        lines.say("compare-raw: looking");
        stop.cancel();
        let told = told.lock().unwrap().clone();
        assert_eq!(
            told,
            [
                "load: COPY",
                "load: COPY (10 s)",
                "load: COPY (20 s)",
                "load: COPY: 21 s, 7 rows written",
                "compare-raw: looking"
            ]
        );
    }
}
