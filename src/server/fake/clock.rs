//! The clock of a fake.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::model::clock;

/// The clock of a fake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FakeClock {
    /// A stopped clock at this time, which each change of the store advances by a millisecond.
    ///
    /// So no two changes have the same time.
    At(DateTime<Utc>),
    /// The system's clock.
    Real,
}

impl Default for FakeClock {
    /// Returns a clock that starts at 2025-01-01T00:00:00Z.
    fn default() -> Self {
        Self::At(DateTime::from_timestamp(1_735_689_600, 0).unwrap_or_default())
    }
}

/// The time by which a change of the store advances the clock.
const TICK: TimeDelta = TimeDelta::milliseconds(1);

/// The clock that all parts of a fake share.
///
/// A reading by the store advances it; a reading by the server does not.
#[derive(Debug)]
pub(super) struct FakeTime(Mutex<TimeMode>);

#[derive(Clone, Copy, Debug)]
pub(super) enum TimeMode {
    Stopped(DateTime<Utc>),
    /// The system's clock plus this offset.
    Running(TimeDelta),
}

impl From<FakeClock> for TimeMode {
    fn from(clock: FakeClock) -> Self {
        match clock {
            FakeClock::At(at) => Self::Stopped(clamp(at)),
            FakeClock::Real => Self::Running(TimeDelta::zero()),
        }
    }
}

impl FakeTime {
    pub(super) fn new(clock: FakeClock) -> Self {
        Self(Mutex::new(clock.into()))
    }

    /// Returns the time of a change, which no other change has.
    pub(super) fn tick(&self) -> DateTime<Utc> {
        let mut time = self.time();
        let now = time.now();
        if let TimeMode::Stopped(at) = &mut *time {
            *at = add(now, TICK);
        }
        now
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.time().now()
    }

    /// Sets the time and stops the clock.
    pub(super) fn set(&self, at: DateTime<Utc>) -> DateTime<Utc> {
        let at = clamp(at);
        *self.time() = TimeMode::Stopped(at);
        at
    }

    /// Advances the time. A stopped clock remains stopped, and a running one remains running.
    pub(super) fn advance(&self, by: Duration) -> DateTime<Utc> {
        let by = TimeDelta::from_std(by).unwrap_or(TimeDelta::MAX);
        let mut time = self.time();
        match &mut *time {
            TimeMode::Stopped(at) => *at = add(*at, by),
            TimeMode::Running(offset) => {
                *offset = offset.checked_add(&by).unwrap_or(TimeDelta::MAX)
            }
        }
        time.now()
    }

    /// Returns the clock's state, for [`restore`](Self::restore).
    pub(super) fn mode(&self) -> TimeMode {
        *self.time()
    }

    pub(super) fn restore(&self, mode: TimeMode) {
        *self.time() = mode;
    }

    fn time(&self) -> MutexGuard<'_, TimeMode> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TimeMode {
    fn now(self) -> DateTime<Utc> {
        match self {
            Self::Stopped(at) => at,
            Self::Running(offset) => add(clock::system(), offset),
        }
    }
}

fn add(at: DateTime<Utc>, by: TimeDelta) -> DateTime<Utc> {
    clamp(
        at.checked_add_signed(by)
            .unwrap_or(DateTime::<Utc>::MAX_UTC),
    )
}

/// Clamps a time to the years 1970 to 9999.
///
/// Outside of these years, ids and texts would not have the order of the times.
fn clamp(at: DateTime<Utc>) -> DateTime<Utc> {
    const LAST: i64 = 253_402_300_799;
    at.clamp(
        DateTime::UNIX_EPOCH,
        DateTime::from_timestamp(LAST, 0).unwrap_or_default(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(at: DateTime<Utc>) -> String {
        at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
    }

    #[test]
    fn changes_advance_a_stopped_clock_and_readings_do_not() {
        let clock = FakeTime::new(FakeClock::default());
        assert_eq!(text(clock.now()), "2025-01-01T00:00:00Z");
        assert_eq!(text(clock.tick()), "2025-01-01T00:00:00Z");
        assert_eq!(text(clock.tick()), "2025-01-01T00:00:00.001Z");
        assert_eq!(text(clock.now()), "2025-01-01T00:00:00.002Z");
    }

    #[test]
    fn the_clock_is_set_and_advanced() {
        let clock = FakeTime::new(FakeClock::default());
        clock.set("2030-06-01T12:00:00Z".parse().unwrap());
        clock.advance(Duration::from_secs(90));
        assert_eq!(text(clock.now()), "2030-06-01T12:01:30Z");
    }

    #[test]
    fn the_system_clock_runs_and_can_be_advanced() {
        let clock = FakeTime::new(FakeClock::Real);
        let before = Utc::now();
        assert!(clock.tick() >= before);
        assert!(clock.advance(Duration::from_secs(3600)) >= before + TimeDelta::hours(1));
        assert!(clock.now() < Utc::now() + TimeDelta::hours(2));
        clock.set(before);
        assert_eq!(clock.now(), before);
        assert_eq!(clock.now(), before);
    }

    #[test]
    fn times_are_clamped_to_the_years_of_ids_and_texts() {
        let clock = FakeTime::new(FakeClock::At(DateTime::<Utc>::MIN_UTC));
        assert_eq!(text(clock.now()), "1970-01-01T00:00:00Z");
        assert_eq!(text(clock.advance(Duration::MAX)), "9999-12-31T23:59:59Z");
        clock.tick();
        assert_eq!(text(clock.tick()), "9999-12-31T23:59:59Z");
        let clock = FakeTime::new(FakeClock::Real);
        clock.advance(Duration::MAX);
        assert_eq!(text(clock.advance(Duration::MAX)), "9999-12-31T23:59:59Z");
    }
}
