//! The time that a call may spend waiting for locks.

use std::time::{Duration, Instant};

/// The moment at which a call stops waiting for locks that others hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline(Option<Instant>);

impl Deadline {
    /// A call that waits for as long as it takes.
    pub const NEVER: Self = Self(None);

    /// The moment that is this far from now; [`NEVER`](Self::NEVER) if the clock can't express it.
    #[must_use]
    pub fn after(limit: Duration) -> Self {
        Self(Instant::now().checked_add(limit))
    }

    /// The time that is left, zero once the moment has passed; [`Duration::MAX`] for [`NEVER`](Self::NEVER).
    #[must_use]
    pub fn remaining(self) -> Duration {
        self.0.map_or(Duration::MAX, |moment| {
            moment.saturating_duration_since(Instant::now())
        })
    }

    /// The earlier of two.
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
