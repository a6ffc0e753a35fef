//! The dictionary that full bodies of a pack are compressed with.
//!
//! Different prompts have much text in common. A flipped bit in the dictionary would destroy all
//! bodies that depend on it. So the dictionary is stored twice, and each copy contains a hash that
//! shows whether it is intact.

use std::fmt;

use zstd::zstd_safe::CDict;

use super::pending::PendingRecord;

/// The number of bodies, or of their bytes, from which a dictionary is made. If there are fewer, a
/// dictionary is not worth its space.
const BODIES: usize = 2048;
const BYTES: usize = 16 * 1024 * 1024;
/// The size of a dictionary, and the most bytes of one body in it.
///
/// A larger dictionary saves less than it takes until there are some 100,000 bodies. A trained one
/// saves a fourteenth of full bodies, but would have to be prepared at each read.
const LENGTH: usize = 64 * 1024;
const MAX_OF_ONE: usize = 4 * 1024;
const HASH: usize = blake3::OUT_LEN;

/// Maximum size of the record of a copy.
pub(super) const MAX_RECORD_BYTES: usize = 2 * LENGTH;

/// A dictionary, ready to compress with.
pub(super) struct Dictionary {
    /// The stored bytes: the hash, then the text.
    pub(super) bytes: Vec<u8>,
    pub(super) digested: CDict<'static>,
}

impl fmt::Debug for Dictionary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dictionary").finish_non_exhaustive()
    }
}

impl Dictionary {
    /// Returns a dictionary with a little text from bodies throughout these.
    ///
    /// `level` is the level at which bodies are compressed with it.
    fn of(bodies: &[PendingRecord], level: i32) -> Self {
        let bytes: usize = bodies
            .iter()
            .map(|body| body.bytes.len().min(MAX_OF_ONE))
            .sum();
        let every = bytes.div_ceil(LENGTH - HASH).max(1);
        let mut text = Vec::with_capacity(LENGTH);
        for body in bodies.iter().step_by(every) {
            let most = MAX_OF_ONE.min(LENGTH - HASH - text.len());
            text.extend_from_slice(&body.bytes[..body.bytes.len().min(most)]);
        }
        let mut bytes = blake3::hash(&text).as_bytes().to_vec();
        bytes.append(&mut text);
        Self {
            digested: CDict::create(&bytes, level),
            bytes,
        }
    }
}

/// Checks whether these bytes are an intact dictionary.
pub(super) fn is_sound(bytes: &[u8]) -> bool {
    let parts = bytes.split_first_chunk::<HASH>();
    parts.is_some_and(|(hash, text)| blake3::hash(text).as_bytes() == hash)
}

/// Bodies that wait until there are enough of them for a dictionary.
#[derive(Debug)]
pub(super) struct SampledText {
    pub(super) bodies: Vec<PendingRecord>,
    bytes: usize,
    /// The compression level of the dictionary.
    level: i32,
}

impl SampledText {
    pub(super) fn new(level: i32) -> Self {
        Self {
            bodies: Vec::new(),
            bytes: 0,
            level,
        }
    }

    /// Adds a body. Returns a dictionary once there are enough bodies.
    pub(super) fn add(&mut self, body: PendingRecord) -> Option<Dictionary> {
        self.bytes += body.bytes.len();
        self.bodies.push(body);
        let is_enough = self.bodies.len() >= BODIES || self.bytes >= BYTES;
        is_enough.then(|| Dictionary::of(&self.bodies, self.level))
    }
}

#[cfg(test)]
mod tests {
    use super::super::format::PackHour;
    use super::*;
    use crate::model::id::BlobId;
    use crate::storage::DeltaGroup;

    #[test]
    fn it_samples_all_bodies() {
        let mut sample = SampledText::new(12);
        let mut add = |number: usize| {
            let bytes = format!("body {number}; {}", "word ".repeat(number % 700)).into_bytes();
            sample.add(PendingRecord {
                written: PackHour::of(chrono::DateTime::UNIX_EPOCH),
                id: BlobId::of(&bytes),
                group: DeltaGroup(1),
                bytes,
            })
        };
        assert!((1..BODIES).all(|number| add(number).is_none()));
        let mut dictionary = add(BODIES).unwrap().bytes;
        assert!((LENGTH / 2..=LENGTH).contains(&dictionary.len()));
        let text = String::from_utf8_lossy(&dictionary);
        for hundred in 1..20 {
            assert!(text.contains(&format!("body {hundred}")), "{hundred}");
        }
        assert!(is_sound(&dictionary));
        for at in [0, HASH, dictionary.len() - 1] {
            dictionary[at] ^= 1;
            assert!(!is_sound(&dictionary));
            dictionary[at] ^= 1;
        }
        assert!(!is_sound(&dictionary[..HASH - 1]));
    }
}
