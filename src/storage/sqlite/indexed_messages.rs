//! The versions whose messages are indexed for search.
//!
//! No table lists them: a message is indexed if one of its words is.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use rusqlite::Connection;

/// The number of keys in a block.
const BLOCK: i64 = 64;

/// The keys of the versions whose messages are indexed, a bit for each.
///
/// The words list a version once for each of its words, so it would be looked up as often. Keys
/// ascend without gaps, so blocks of bits take little memory.
#[derive(Debug, Default)]
pub(super) struct IndexedMessages(HashMap<i64, u64, RandomState>);

fn place(key: i64) -> (i64, u64) {
    (key.div_euclid(BLOCK), 1 << key.rem_euclid(BLOCK))
}

impl IndexedMessages {
    pub(super) fn of(connection: &Connection) -> rusqlite::Result<Self> {
        let mut statement = connection.prepare_cached("SELECT doc FROM search_message_word")?;
        let mut rows = statement.query([])?;
        let mut messages = Self::default();
        while let Some(row) = rows.next()? {
            let (block, bit) = place(row.get(0)?);
            *messages.0.entry(block).or_default() |= bit;
        }
        Ok(messages)
    }

    /// Removes a key. Returns whether it was there.
    pub(super) fn remove(&mut self, key: i64) -> bool {
        let (block, bit) = place(key);
        let Some(bits) = self.0.get_mut(&block) else {
            return false;
        };
        let had = *bits & bit != 0;
        *bits &= !bit;
        had
    }

    /// Returns the keys that no version has, in order.
    pub(super) fn without_version(mut self, connection: &Connection) -> rusqlite::Result<Vec<i64>> {
        let mut statement = connection.prepare("SELECT key FROM version")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            self.remove(row.get(0)?);
        }
        let blocks = self.0.into_iter().flat_map(|(block, bits)| {
            let set = (0..BLOCK).filter(move |at| bits & (1 << at) != 0);
            set.map(move |at| block * BLOCK + at)
        });
        let mut keys: Vec<i64> = blocks.collect();
        keys.sort_unstable();
        Ok(keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_any_size_are_removed_once() {
        let keys = [i64::MIN, -1, 0, 1, 63, 64, 65, i64::MAX];
        let mut messages = IndexedMessages::default();
        for key in keys {
            assert!(!messages.remove(key));
            let (block, bit) = place(key);
            *messages.0.entry(block).or_default() |= bit;
        }
        for key in keys {
            assert!(messages.remove(key), "{key}");
            assert!(!messages.remove(key), "{key}");
        }
    }

    #[test]
    fn keys_without_a_version_are_listed_in_order() {
        let connection = Connection::open_in_memory().unwrap();
        let tables = "CREATE TABLE version (key INTEGER PRIMARY KEY);
             CREATE TABLE search_message_word (doc INTEGER);
             INSERT INTO version VALUES (1), (64), (200);
             INSERT INTO search_message_word VALUES (64), (1), (65), (-3), (1), (300), (65)";
        connection.execute_batch(tables).unwrap();
        let messages = IndexedMessages::of(&connection).unwrap();
        assert_eq!(
            messages.without_version(&connection).unwrap(),
            [-3, 65, 300]
        );
    }
}
