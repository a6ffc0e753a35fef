//! The response cache: responses that describe a version, in memory.
//!
//! A response consists of the same bytes as long as its version is unchanged.

use std::sync::Arc;

use arc_swap::ArcSwap;
use archery::ArcTK;
use axum::body::Bytes;
use rpds::HashTrieMap;

use super::etag::EntityTag;
use crate::model::memory_size::ENTRY;
use crate::{Version, VersionId};

/// The last response about each version.
///
/// Readers take no lock, because the map that they read is replaced as a whole.
#[derive(Debug, Default)]
pub(crate) struct ResponseCache(ArcSwap<CachedResponses>);

#[derive(Clone, Debug, Default)]
struct CachedResponses {
    of_version: HashTrieMap<VersionId, Arc<CacheEntry>, ArcTK, foldhash::fast::RandomState>,
    /// The memory that the responses take, in bytes.
    bytes: usize,
}

/// A response and its tag.
#[derive(Clone, Debug)]
pub(crate) struct CachedResponse {
    pub(crate) json: Bytes,
    pub(crate) tag: EntityTag,
}

#[derive(Debug)]
struct CacheEntry {
    /// The version that the response describes.
    ///
    /// Holding it here ensures that no other version takes its address in memory.
    version: Arc<Version>,
    /// The host in the URL of the version's body.
    host: String,
    expires: i64,
    response: CachedResponse,
}

/// Maximum memory of the cached responses in bytes; the cache is cleared when it is exceeded.
const MAX_CACHE_BYTES: usize = 8 * 1024 * 1024;

/// Maximum memory of one response in bytes; larger ones are not cached.
const MAX_ENTRY_BYTES: usize = 32 * 1024;

impl CacheEntry {
    fn weight(&self) -> usize {
        2 * ENTRY
            + size_of::<Self>()
            + self.version.weight()
            + self.host.len()
            + self.response.json.len()
    }
}

impl ResponseCache {
    /// Returns the response about exactly this version, with a URL of this host and expiry.
    pub(crate) fn get(
        &self,
        version: &Arc<Version>,
        host: &str,
        expires: i64,
    ) -> Option<CachedResponse> {
        let responses = self.0.load();
        let entry = responses.of_version.get(&version.id)?;
        let same =
            Arc::ptr_eq(&entry.version, version) && entry.host == host && entry.expires == expires;
        same.then(|| entry.response.clone())
    }

    pub(crate) fn put(
        &self,
        version: Arc<Version>,
        host: &str,
        expires: i64,
        response: CachedResponse,
    ) {
        let id = version.id;
        let entry = Arc::new(CacheEntry {
            version,
            host: host.to_owned(),
            expires,
            response,
        });
        let bytes = entry.weight();
        if bytes <= MAX_ENTRY_BYTES {
            self.0.rcu(|responses| responses.with(id, &entry, bytes));
        }
    }
}

impl CachedResponses {
    fn with(&self, id: VersionId, entry: &Arc<CacheEntry>, bytes: usize) -> Self {
        let before = self.of_version.get(&id).map_or(0, |entry| entry.weight());
        let sum = self.bytes - before + bytes;
        if sum <= MAX_CACHE_BYTES {
            Self {
                of_version: self.of_version.insert(id, Arc::clone(entry)),
                bytes: sum,
            }
        } else {
            Self {
                of_version: Self::default().of_version.insert(id, Arc::clone(entry)),
                bytes,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::testing::values::{prompt_id, version};

    fn response(bytes: usize) -> CachedResponse {
        CachedResponse {
            json: vec![b' '; bytes].into(),
            tag: EntityTag::new("tag").unwrap(),
        }
    }

    #[test]
    fn responses_are_cached_within_the_limits_of_memory() {
        let responses = ResponseCache::default();
        let bytes = |responses: &ResponseCache| responses.0.load().bytes;
        for number in 0..2000 {
            let version = Arc::new(version(prompt_id(1), number, "1.0", b"{}"));
            responses.put(Arc::clone(&version), "localhost", 1, response(8 * 1024));
            let before = bytes(&responses);
            responses.put(Arc::clone(&version), "localhost", 2, response(8 * 1024));
            assert!(responses.get(&version, "localhost", 2).is_some());
            assert_eq!(bytes(&responses), before, "it is counted only once");
            assert!(before <= MAX_CACHE_BYTES);
        }
        assert!(responses.0.load().of_version.size() < 1024);
        let mut long = version(prompt_id(1), 1, "1.0", b"{}");
        long.message = "m".repeat(MAX_ENTRY_BYTES);
        let long = Arc::new(long);
        responses.put(Arc::clone(&long), "localhost", 1, response(10));
        assert!(responses.get(&long, "localhost", 1).is_none());
    }
}
