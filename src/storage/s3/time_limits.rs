//! The time limits of requests to an object store.

use std::time::Duration;

/// The limits of a request. Those of a URL are the defaults; a test of faults sets shorter ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimeLimits {
    /// How long a request may take, the transfer of an object included.
    pub(crate) request: Duration,
    /// How long a request that failed is repeated.
    pub(crate) retry: Duration,
}

impl Default for TimeLimits {
    fn default() -> Self {
        Self {
            request: Duration::from_secs(20),
            retry: Duration::from_secs(8),
        }
    }
}
