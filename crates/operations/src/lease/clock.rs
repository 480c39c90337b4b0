//! A clock for how long a lease is still ours. It does not stop while the machine sleeps, as tokio's does: whoever wakes up
//! must see that the lease has expired meanwhile.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// A moment, as the time since the machine was booted, sleep included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(Duration);

impl Moment {
    /// Now.
    pub(super) fn now() -> Self {
        let time = clock_gettime(ClockId::Boottime);
        let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
        let nanoseconds = u32::try_from(time.tv_nsec).unwrap_or_default();
        Self(Duration::new(seconds, nanoseconds))
    }

    /// This much later.
    pub(super) fn plus(self, time: Duration) -> Self {
        Self(self.0 + time)
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
    }
}
