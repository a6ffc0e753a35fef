//! The address of an upstream and the key for it.

use std::fmt;

/// The upstream of a server, as the caller gave it.
#[derive(Clone)]
pub(in crate::server) struct UpstreamOptions {
    pub(in crate::server) url: String,
    pub(in crate::server) key: Option<String>,
}

/// Writes no key, because what is written may get into a log.
impl fmt::Debug for UpstreamOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpstreamOptions")
            .field("has_key", &self.key.is_some())
            .finish_non_exhaustive()
    }
}
