//! [`ObjectBlobs`], the blob store whose bodies are objects: what an open handle has.

use std::sync::Arc;
use std::time::Duration;

use super::access::bucket;
use super::reader::FrameReader;
use super::steps::Steps;
use crate::storage::StorageResult;
use crate::storage::postgres::PostgresBlobs;
use crate::storage::postgres::index::{LockNames, PostgresIndex};
use crate::storage::postgres::pool::ConnectionPool;
use crate::storage::s3::{Bucket, ObjectPlace};

/// A blob store in a bucket, with its table of contents in a schema.
///
/// Bodies that are in the tables of a store without objects are read from there, and move to
/// objects when packs are joined.
#[derive(Debug)]
pub(crate) struct ObjectBlobs {
    pub(super) tables: PostgresBlobs,
    pub(super) pool: Arc<ConnectionPool>,
    pub(super) locks: LockNames,
    /// The limit of a wait for a lock.
    pub(super) limit: Duration,
    pub(super) bucket: Bucket,
    pub(super) reader: FrameReader,
    pub(super) steps: Steps,
}

impl ObjectBlobs {
    /// Returns the blob store of an index, without calling the object store.
    pub(crate) fn of(index: &PostgresIndex, place: &ObjectPlace) -> StorageResult<Self> {
        Ok(Self {
            tables: PostgresBlobs::of(index),
            pool: Arc::clone(&index.pool),
            locks: index.locks,
            limit: index.limit(),
            bucket: bucket(place)?,
            reader: FrameReader::default(),
            steps: Steps::default(),
        })
    }
}
