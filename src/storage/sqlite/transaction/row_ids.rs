//! The keys of rows, by the ids that others know them by.
//!
//! A row that is committed keeps its key for good, so what was looked up once serves later transactions too. What a
//! transaction made is forgotten with it, when it does not come about.

use std::borrow::Borrow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::Hash;

use crate::model::id::{PromptId, VersionId};

/// The keys of prompts and versions, deleted or not, and of texts.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    pub(crate) prompts: KeysOf<PromptId>,
    pub(crate) versions: KeysOf<VersionId>,
    /// Of texts that are repeated.
    pub(crate) texts: KeysOf<Box<str>>,
}

/// Keys of one table.
#[derive(Debug)]
pub(crate) struct KeysOf<I>(RefCell<HashMap<I, i64, foldhash::fast::RandomState>>);

impl<I> Default for KeysOf<I> {
    fn default() -> Self {
        Self(RefCell::default())
    }
}

/// Keys of one table that are kept; when there are more, all are forgotten.
const MOST: usize = 4096;

impl<I: Eq + Hash> KeysOf<I> {
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
