//! Lookups of rows that remember what they found, for texts that name the same rows again.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::Hash;

use rusqlite::Connection;

use super::row_lookups::RowLookups;
use super::text::OperationTexts;
use crate::model::id::{BlobId, VersionId};
use crate::storage::sqlite::error::SqliteResult;

/// The rows of a connection, and those of them that were looked up by their ids.
pub(super) struct KnownRows<T> {
    rows: T,
    versions: RefCell<KnownIds<VersionId>>,
    blobs: RefCell<KnownIds<BlobId>>,
}

/// Ids and keys of rows.
struct KnownIds<I> {
    keys: HashMap<I, i64>,
    ids: HashMap<i64, I>,
    /// The key that was found last by an id that was not known.
    last: i64,
}

impl<I> Default for KnownIds<I> {
    fn default() -> Self {
        Self {
            keys: HashMap::new(),
            ids: HashMap::new(),
            last: 0,
        }
    }
}

impl<'c> KnownRows<RowLookups<'c>> {
    pub(super) fn new(connection: &'c Connection) -> Self {
        Self::of(RowLookups::new(connection))
    }
}

impl<T> KnownRows<T> {
    fn of(rows: T) -> Self {
        Self {
            rows,
            versions: RefCell::default(),
            blobs: RefCell::default(),
        }
    }
}

impl<I: Copy + Eq + Hash> KnownIds<I> {
    /// Returns the key of an id, which one of the functions finds if it is not known.
    ///
    /// Operations mostly create rows one after the other. A row is found by its key with a third of
    /// the work, so the key after the last one is tried first.
    fn key(
        &mut self,
        id: I,
        by_key: impl FnOnce(i64) -> SqliteResult<Option<I>>,
        by_id: impl FnOnce(I) -> SqliteResult<Option<i64>>,
    ) -> SqliteResult<Option<i64>> {
        if let Some(key) = self.keys.get(&id) {
            return Ok(Some(*key));
        }
        let next = self.last.wrapping_add(1);
        let key = if by_key(next)? == Some(id) {
            Some(next)
        } else {
            by_id(id)?
        };
        if let Some(key) = key {
            self.last = key;
            self.keys.insert(id, key);
            self.ids.insert(key, id);
        }
        Ok(key)
    }

    fn id(
        &self,
        key: i64,
        by_key: impl FnOnce(i64) -> SqliteResult<Option<I>>,
    ) -> SqliteResult<Option<I>> {
        match self.ids.get(&key) {
            Some(id) => Ok(Some(*id)),
            None => by_key(key),
        }
    }
}

impl<T: OperationTexts> OperationTexts for KnownRows<T> {
    fn version_key(&self, id: VersionId) -> SqliteResult<Option<i64>> {
        let rows = &self.rows;
        let mut known = self.versions.borrow_mut();
        known.key(id, |key| rows.version_id(key), |id| rows.version_key(id))
    }

    fn version_id(&self, key: i64) -> SqliteResult<Option<VersionId>> {
        let known = self.versions.borrow();
        known.id(key, |key| self.rows.version_id(key))
    }

    fn blob_key(&self, id: BlobId) -> SqliteResult<Option<i64>> {
        let rows = &self.rows;
        let mut known = self.blobs.borrow_mut();
        known.key(id, |key| rows.blob_id(key), |id| rows.blob_key(id))
    }

    fn blob_id(&self, key: i64) -> SqliteResult<Option<BlobId>> {
        let known = self.blobs.borrow();
        known.id(key, |key| self.rows.blob_id(key))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// Rows whose ids repeat a byte, by keys from 1 on, and the number of lookups.
    #[derive(Default)]
    struct Counted {
        ids: Vec<u8>,
        by_id: Cell<usize>,
        by_key: Cell<usize>,
    }

    impl Counted {
        fn key(&self, byte: u8) -> Option<i64> {
            self.by_id.set(self.by_id.get() + 1);
            let at = self.ids.iter().position(|known| *known == byte)?;
            i64::try_from(at + 1).ok()
        }

        fn byte(&self, key: i64) -> Option<u8> {
            self.by_key.set(self.by_key.get() + 1);
            let at = usize::try_from(key).ok()?.checked_sub(1)?;
            self.ids.get(at).copied()
        }
    }

    impl OperationTexts for Counted {
        fn version_key(&self, id: VersionId) -> SqliteResult<Option<i64>> {
            Ok(self.key(id.as_bytes()[0]))
        }

        fn version_id(&self, key: i64) -> SqliteResult<Option<VersionId>> {
            Ok(self.byte(key).map(|byte| VersionId::from_bytes([byte; 16])))
        }

        fn blob_key(&self, id: BlobId) -> SqliteResult<Option<i64>> {
            Ok(self.key(id.as_bytes()[0]))
        }

        fn blob_id(&self, key: i64) -> SqliteResult<Option<BlobId>> {
            Ok(self.byte(key).map(|byte| BlobId::from_bytes([byte; 32])))
        }
    }

    fn known() -> KnownRows<Counted> {
        KnownRows::of(Counted {
            ids: vec![10, 20, 30, 40],
            ..Counted::default()
        })
    }

    fn version(byte: u8) -> VersionId {
        VersionId::from_bytes([byte; 16])
    }

    #[test]
    fn rows_in_order_are_not_looked_up_by_their_ids() {
        let known = known();
        for (key, byte) in (1..).zip([10, 20, 30, 40]) {
            assert_eq!(known.version_key(version(byte)).unwrap(), Some(key));
            let blob = BlobId::from_bytes([byte; 32]);
            assert_eq!(known.blob_key(blob).unwrap(), Some(key));
        }
        assert_eq!((known.rows.by_id.get(), known.rows.by_key.get()), (0, 8));
        for (key, byte) in (1..).zip([10, 20, 30, 40]) {
            assert_eq!(known.version_key(version(byte)).unwrap(), Some(key));
            assert_eq!(known.version_id(key).unwrap(), Some(version(byte)));
        }
        assert_eq!((known.rows.by_id.get(), known.rows.by_key.get()), (0, 8));
    }

    #[test]
    fn rows_in_any_order_are_found_once() {
        let known = known();
        for (key, byte) in [(4, 40), (2, 20), (4, 40), (2, 20)] {
            assert_eq!(known.version_key(version(byte)).unwrap(), Some(key));
        }
        assert_eq!(known.rows.by_id.get(), 2);
        assert_eq!(known.version_id(3).unwrap(), Some(version(30)));
    }

    #[test]
    fn a_row_that_is_missing_is_not_known() {
        let known = known();
        assert_eq!(known.version_key(version(7)).unwrap(), None);
        assert_eq!(known.version_id(7).unwrap(), None);
    }
}
