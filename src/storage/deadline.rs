//! The time limit of a call's waits for locks.

use std::time::{Duration, Instant};

/// The moment at which a call stops waiting for locks that others hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline(Option<Instant>);

impl Deadline {
    /// The deadline of a call that waits without a limit.
    pub const NEVER: Self = Self(None);

    /// Returns the moment at this distance from now.
    ///
    /// If the clock cannot express it, the answer is [`NEVER`](Self::NEVER).
    #[must_use]
    pub fn after(limit: Duration) -> Self {
        Self(Instant::now().checked_add(limit))
    }

    /// Returns the remaining time, which is zero once the moment has passed.
    ///
    /// For [`NEVER`](Self::NEVER) it is [`Duration::MAX`].
    #[must_use]
    pub fn remaining(self) -> Duration {
        self.0.map_or(Duration::MAX, |moment| {
            moment.saturating_duration_since(Instant::now())
        })
    }

    /// Returns the earlier of two deadlines.
    #[must_use]
    pub fn min(self, other: Self) -> Self {
        match (self.0, other.0) {
            (Some(this), Some(that)) => Self(Some(this.min(that))),
            (this, that) => Self(this.or(that)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earlier_one_counts() {
        let (soon, late) = (
            Deadline::after(Duration::ZERO),
            Deadline::after(Duration::from_secs(3600)),
        );
        assert_eq!(soon.remaining(), Duration::ZERO);
        assert!(late.remaining() > Duration::from_secs(3500));
        assert_eq!(soon.min(late), soon);
        assert_eq!(late.min(soon), soon);
        assert_eq!(late.min(Deadline::NEVER), late);
        assert_eq!(Deadline::NEVER.min(late), late);
        assert_eq!(Deadline::after(Duration::MAX), Deadline::NEVER);
    }
}
