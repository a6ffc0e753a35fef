//! Answers that tell of a version, kept in memory: for as long as the version is as it was, they are the same bytes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;

use super::etag::Tag;
use crate::{Version, VersionId};

/// The last answer about each version.
#[derive(Debug, Default)]
pub(super) struct KeptAnswers(Mutex<HashMap<VersionId, Kept>>);

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
    origin: String,
    expires: i64,
    told: Told,
}

/// Answers kept in memory; when there are more, all are forgotten.
const MOST: usize = 1024;

/// Larger ones are not kept.
const MOST_BYTES: usize = 8 * 1024;

impl KeptAnswers {
    /// The answer about this very version, with a URL of this origin and expiry.
    pub(super) fn get(&self, version: &Arc<Version>, origin: &str, expires: i64) -> Option<Told> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = kept.get(&version.id)?;
        let same =
            Arc::ptr_eq(&kept.version, version) && kept.origin == origin && kept.expires == expires;
        same.then(|| kept.told.clone())
    }

    pub(super) fn put(&self, version: Arc<Version>, origin: &str, expires: i64, told: Told) {
        if told.json.len() > MOST_BYTES {
            return;
        }
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if answers.len() >= MOST {
            answers.clear();
        }
        let origin = origin.to_owned();
        let kept = Kept {
            origin,
            expires,
            told,
            version: Arc::clone(&version),
        };
        answers.insert(version.id, kept);
    }
}
