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
    told: CachedResponse,
}

/// Maximum memory of the cached responses in bytes; the cache is cleared when it is exceeded.
const MOST_BYTES: usize = 8 * 1024 * 1024;

/// Maximum memory of one response in bytes; larger ones are not cached.
const MOST_BYTES_OF_ONE: usize = 32 * 1024;

impl CacheEntry {
    fn weight(&self) -> usize {
        2 * ENTRY
            + size_of::<Self>()
            + self.version.weight()
            + self.host.len()
            + self.told.json.len()
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
        let answers = self.0.load();
        let kept = answers.of_version.get(&version.id)?;
        let same =
            Arc::ptr_eq(&kept.version, version) && kept.host == host && kept.expires == expires;
        same.then(|| kept.told.clone())
    }

    pub(crate) fn put(
        &self,
        version: Arc<Version>,
        host: &str,
        expires: i64,
        told: CachedResponse,
    ) {
        let id = version.id;
        let kept = Arc::new(CacheEntry {
            version,
            host: host.to_owned(),
            expires,
            told,
        });
        let bytes = kept.weight();
        if bytes <= MOST_BYTES_OF_ONE {
            self.0.rcu(|answers| answers.with(id, &kept, bytes));
        }
    }
}

impl CachedResponses {
    fn with(&self, id: VersionId, kept: &Arc<CacheEntry>, bytes: usize) -> Self {
        let before = self.of_version.get(&id).map_or(0, |kept| kept.weight());
        let sum = self.bytes - before + bytes;
        match sum <= MOST_BYTES {
            true => Self {
                of_version: self.of_version.insert(id, Arc::clone(kept)),
                bytes: sum,
            },
            false => Self {
                of_version: Self::default().of_version.insert(id, Arc::clone(kept)),
                bytes,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::testing::values::{prompt_id, version};

    fn told(bytes: usize) -> CachedResponse {
        CachedResponse {
            json: vec![b' '; bytes].into(),
            tag: EntityTag::new("tag").unwrap(),
        }
    }

    #[test]
    fn responses_are_cached_within_the_limits_of_memory() {
        let answers = ResponseCache::default();
        let bytes = |answers: &ResponseCache| answers.0.load().bytes;
        for number in 0..2000 {
            let version = Arc::new(version(prompt_id(1), number, "1.0", b"{}"));
            answers.put(Arc::clone(&version), "localhost", 1, told(8 * 1024));
            let before = bytes(&answers);
            answers.put(Arc::clone(&version), "localhost", 2, told(8 * 1024));
            assert!(answers.get(&version, "localhost", 2).is_some());
            assert_eq!(bytes(&answers), before, "it is counted only once");
            assert!(before <= MOST_BYTES);
        }
        assert!(answers.0.load().of_version.size() < 1024);
        let mut long = version(prompt_id(1), 1, "1.0", b"{}");
        long.message = "m".repeat(MOST_BYTES_OF_ONE);
        let long = Arc::new(long);
        answers.put(Arc::clone(&long), "localhost", 1, told(10));
        assert!(answers.get(&long, "localhost", 1).is_none());
    }
}
