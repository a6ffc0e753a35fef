//! Pauses between the attempts of a request.

use std::thread;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

use super::stop::StopFlag;

/// How often a request is repeated, and how long the pauses between the attempts are.
#[derive(Clone, Copy, Debug)]
pub(in crate::remote) struct RetryPolicy {
    /// The maximum number of attempts.
    pub(in crate::remote) attempts: u32,
    /// The pause after the first attempt. Each further one is twice as long.
    pub(in crate::remote) first_pause: Duration,
    /// The longest pause.
    pub(in crate::remote) max_pause: Duration,
    /// The longest time that a remote may ask to wait.
    pub(in crate::remote) max_wait: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: 8,
            first_pause: Duration::from_millis(250),
            max_pause: Duration::from_secs(30),
            max_wait: Duration::from_secs(300),
        }
    }
}

/// The interval in which a pause looks at the stop flag.
const STOP_INTERVAL: Duration = Duration::from_millis(50);

impl RetryPolicy {
    /// Returns the pause after an attempt, counted from 1.
    ///
    /// It varies at random between half and the whole, so that requests that failed together are
    /// not repeated together.
    pub(super) fn pause_after(&self, attempt: u32) -> Duration {
        let doubled = 1u32.checked_shl(attempt.saturating_sub(1));
        let factor = doubled.unwrap_or(u32::MAX);
        let pause = self.first_pause.saturating_mul(factor).min(self.max_pause);
        pause.mul_f64(0.5 + fastrand::f64() / 2.0)
    }
}

/// Waits, and returns whether the flag was set meanwhile.
pub(super) fn wait(pause: Duration, stop: &StopFlag) -> bool {
    let until = Instant::now() + pause;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if stop.is_stopped() || left.is_zero() {
            return stop.is_stopped();
        }
        thread::sleep(left.min(STOP_INTERVAL));
    }
}

/// Parses a header `Retry-After`, which is a number of seconds or a moment.
pub(super) fn retry_after(header: &str, now: DateTime<Utc>) -> Option<Duration> {
    let text = header.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let at = DateTime::parse_from_rfc2822(text).ok()?.to_utc();
    Some((at - now).to_std().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_the_longest() {
        let policy = RetryPolicy::default();
        for (attempt, millis) in [(1, 250), (2, 500), (5, 4_000), (9, 30_000), (80, 30_000)] {
            let whole = Duration::from_millis(millis);
            let pause = policy.pause_after(attempt);
            assert!(pause <= whole && pause >= whole / 2, "{attempt}: {pause:?}");
        }
    }

    #[test]
    fn a_remote_says_how_long_to_wait() {
        let now = "2026-11-27T00:00:00Z".parse().unwrap();
        let of = |text| retry_after(text, now);
        assert_eq!(of("3"), Some(Duration::from_secs(3)));
        assert_eq!(of(" 0.5 "), Some(Duration::from_millis(500)));
        assert_eq!(
            of("Fri, 27 Nov 2026 00:01:00 GMT"),
            Some(Duration::from_secs(60))
        );
        assert_eq!(of("Thu, 26 Nov 2026 00:01:00 GMT"), Some(Duration::ZERO));
        for text in ["", "soon", "-1", "1e300", "nan"] {
            assert_eq!(of(text), None, "{text}");
        }
    }

    #[test]
    fn a_pause_ends_when_it_is_stopped() {
        let stop = StopFlag::new();
        assert!(!wait(Duration::ZERO, &stop));
        stop.stop();
        assert!(wait(Duration::from_secs(3600), &stop));
    }
}
