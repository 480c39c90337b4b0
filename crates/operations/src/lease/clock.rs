//! A clock for how long a lease is still ours. It does not stop while the machine sleeps, as tokio's does: whoever wakes up
//! must see that the lease has expired meanwhile.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// A moment, as the time since the machine was booted, sleep included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(Duration);

impl Moment {
    /// Now.
    pub(super) fn now() -> Self {
        let time = clock_gettime(ClockId::Boottime);
        let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
        let nanoseconds = u32::try_from(time.tv_nsec).unwrap_or_default();
        let now = Duration::new(seconds, nanoseconds);
        #[cfg(test)]
        let now = now + test_clock::slept();
        Self(now)
    }

    /// This much later.
    pub(super) fn plus(self, time: Duration) -> Self {
        Self(self.0 + time)
    }

    /// How long after another moment it is; nothing if it is before.
    pub(super) fn since(self, other: Self) -> Duration {
        self.0.saturating_sub(other.0)
    }
}

/// How long the machine of a test has slept.
#[cfg(test)]
pub(crate) mod test_clock {
    use std::cell::Cell;
    use std::time::Duration;

    thread_local! {
        static SLEPT: Cell<Duration> = const { Cell::new(Duration::ZERO) };
    }

    pub(super) fn slept() -> Duration {
        SLEPT.get()
    }

    /// The machine sleeps: nothing runs, and the clock goes on.
    pub(crate) fn sleep(time: Duration) {
        SLEPT.set(SLEPT.get() + time);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_moves_on() {
        let before = Moment::now();
        assert!(Moment::now() >= before);
        assert!(before.plus(Duration::from_secs(1)) > Moment::now());
        assert_eq!(before.plus(Duration::from_secs(1)).since(before), Duration::from_secs(1));
        assert_eq!(before.since(before.plus(Duration::from_secs(1))), Duration::ZERO);
    }
}
