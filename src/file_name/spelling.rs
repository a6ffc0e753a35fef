//! Spellings of one name that some file systems do not tell apart.
//!
//! A file system may ignore letter case, as those of Windows and macOS do, and the normal form of
//! Unicode, as that of macOS does.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use unicode_normalization::UnicodeNormalization;

use super::marks::MAX_PATH_BYTES;

/// Returns the text that all spellings of a name have in common.
pub(crate) fn fold(name: &str) -> String {
    let composed: String = name.nfc().collect();
    // Upper case first: it unites letters that have two lower case forms.
    composed.to_uppercase().to_lowercase().nfc().collect()
}

/// Returns whether a character of a part must be encoded to distinguish the spelling of the part.
///
/// The other characters are the same in all spellings.
pub(super) fn is_folded(c: char, part: &str) -> bool {
    if c.is_ascii() {
        return c.is_ascii_uppercase();
    }
    !unicode_normalization::is_nfc(part) || fold(c.encode_utf8(&mut [0; 4])) != c.to_string()
}

/// The folders of an export, and which of them have several spellings.
#[derive(Debug, Default)]
pub(crate) struct FolderSpellings(HashMap<String, Spelling>);

#[derive(Debug)]
enum Spelling {
    Only(String),
    Several,
}

impl FolderSpellings {
    /// Adds the folders of a prompt's file.
    ///
    /// A name that is too long for a path has none.
    pub(crate) fn add(&mut self, name: &str) {
        if name.len() > MAX_PATH_BYTES {
            return;
        }
        for (end, _) in name.match_indices('/') {
            let folder = &name[..end];
            match self.0.entry(fold(folder)) {
                Entry::Vacant(entry) => {
                    entry.insert(Spelling::Only(folder.to_owned()));
                }
                Entry::Occupied(mut entry) => {
                    if matches!(entry.get(), Spelling::Only(other) if other != folder) {
                        entry.insert(Spelling::Several);
                    }
                }
            }
        }
    }

    /// Returns whether another folder has the same name in another spelling.
    pub(super) fn is_ambiguous(&self, folder: &str) -> bool {
        matches!(self.0.get(&fold(folder)), Some(Spelling::Several))
    }
}
