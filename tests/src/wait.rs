//! Waiting for something to become so.

use std::fmt::Debug;
use std::time::{Duration, Instant};

use crate::Error;

const POLL: Duration = Duration::from_millis(100);

/// Looks again and again until `done` says so, and returns what was seen then.
///
/// An error of `look` ends the wait at once: whoever expects errors turns them into something that can be seen.
pub async fn until<T: Debug>(
    what: &str,
    limit: Duration,
    mut look: impl AsyncFnMut() -> Result<T, Error>,
    done: impl Fn(&T) -> bool,
) -> Result<T, Error> {
    let begin = Instant::now();
    loop {
        let seen = look().await?;
        if done(&seen) {
            return Ok(seen);
        }
        if begin.elapsed() > limit {
            return Err(Error::Late { what: what.into(), seen: format!("{seen:?}"), limit });
        }
        tokio::time::sleep(POLL).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn looks_until_it_is_so() {
        let mut n = 0;
        let look = async || {
            n += 1;
            Ok(n)
        };
        assert_eq!(until("three", Duration::from_secs(5), look, |n| *n == 3).await.unwrap(), 3);
    }

    #[tokio::test]
    async fn says_what_it_saw_last() {
        let error = until("one", Duration::ZERO, async || Ok(0), |n| *n == 1).await.unwrap_err().to_string();
        assert_eq!(error, "after 0.0 s still not so: one; last seen: 0");
    }
}
