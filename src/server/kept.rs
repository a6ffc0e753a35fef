//! Answers that tell of a version, kept in memory: for as long as the version is as it was, they are the same bytes.

use std::sync::Arc;

use arc_swap::ArcSwap;
use archery::ArcTK;
use axum::body::Bytes;
use rpds::HashTrieMap;

use super::etag::Tag;
use crate::{Version, VersionId};

/// The last answer about each version. Readers take no lock: what they look into is replaced as a whole.
#[derive(Debug, Default)]
pub(super) struct KeptAnswers(ArcSwap<Answers>);

type Answers = HashTrieMap<VersionId, Arc<Kept>, ArcTK, foldhash::fast::RandomState>;

/// An answer, and its tag.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) json: Bytes,
    pub(super) tag: Tag,
}

#[derive(Debug)]
struct Kept {
    /// What was told of. It is kept, so no other version is ever in its place in memory.
    version: Arc<Version>,
    /// The URL of its body, as it was told.
    host: String,
    expires: i64,
    told: Told,
}

/// Answers kept in memory; when there are more, all are forgotten.
const MOST: usize = 1024;

/// Larger ones are not kept.
const MOST_BYTES: usize = 8 * 1024;

impl KeptAnswers {
    /// The answer about this very version, with a URL of this host and expiry.
    pub(super) fn get(&self, version: &Arc<Version>, host: &str, expires: i64) -> Option<Told> {
        let answers = self.0.load();
        let kept = answers.get(&version.id)?;
        let same =
            Arc::ptr_eq(&kept.version, version) && kept.host == host && kept.expires == expires;
        same.then(|| kept.told.clone())
    }

    pub(super) fn put(&self, version: Arc<Version>, host: &str, expires: i64, told: Told) {
        if told.json.len() > MOST_BYTES {
            return;
        }
        let id = version.id;
        let kept = Arc::new(Kept {
            version,
            host: host.to_owned(),
            expires,
            told,
        });
        self.0.rcu(|answers| match answers.size() < MOST {
            true => answers.insert(id, Arc::clone(&kept)),
            false => Answers::default().insert(id, Arc::clone(&kept)),
        });
    }
}
