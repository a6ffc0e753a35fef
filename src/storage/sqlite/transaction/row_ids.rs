//! A cache of the keys of rows, by their ids.
//!
//! A committed row keeps its key for good, so a key that was looked up once serves later
//! transactions, too. Keys of a transaction that is not committed are forgotten with it.

use std::borrow::Borrow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::Hash;

use crate::model::id::{PromptId, VersionId};

/// The keys of prompts and versions, deleted or not, and of interned texts.
#[derive(Debug, Default)]
pub(crate) struct RowIdCache {
    pub(crate) prompts: RowIds<PromptId>,
    pub(crate) versions: RowIds<VersionId>,
    /// The keys of interned texts.
    pub(crate) texts: RowIds<Box<str>>,
}

/// The keys of one table.
#[derive(Debug)]
pub(crate) struct RowIds<I>(RefCell<HashMap<I, i64, foldhash::fast::RandomState>>);

impl<I> Default for RowIds<I> {
    fn default() -> Self {
        Self(RefCell::default())
    }
}

/// Maximum number of keys of one table. If there are more, all are forgotten.
const MOST: usize = 4096;

impl<I: Eq + Hash> RowIds<I> {
    pub(crate) fn get<Q>(&self, id: &Q) -> Option<i64>
    where
        I: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.0.borrow().get(id).copied()
    }

    pub(crate) fn put(&self, id: I, key: i64) {
        let mut keys = self.0.borrow_mut();
        if keys.len() >= MOST {
            keys.clear();
        }
        keys.insert(id, key);
    }
}
