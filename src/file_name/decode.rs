//! Decoding of file names to names of prompts.

use std::path::{Path, PathBuf};

use super::marks::{CONTINUED, EMPTY, ID, LONG_NAME, NAME_EXTENSION};
use crate::model::id::PromptId;

/// The name of the prompt of a file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Name {
    /// The name that the path contains.
    InPath(String),
    /// The path of the file that contains the name.
    Beside(PathBuf),
}

/// Returns the file of the prompt's name, if the path of the prompt's file cannot contain it.
pub(crate) fn name_file(file: &Path, ending: &str) -> Option<PathBuf> {
    let text = file.to_str()?.strip_suffix(ending)?;
    let (_, id) = text.rsplit_once(LONG_NAME)?;
    id.parse::<PromptId>().ok()?;
    Some(format!("{text}{NAME_EXTENSION}").into())
}

/// Returns the name, and the id if any, of the prompt of a file below the folder. The format of the
/// file determines its ending.
///
/// Returns `None` if the path is not UTF-8.
pub(crate) fn decode(file: &Path, ending: &str) -> Option<(Name, Option<PromptId>)> {
    if let Some(beside) = name_file(file, ending) {
        let (_, id) = file
            .to_str()?
            .strip_suffix(ending)?
            .rsplit_once(LONG_NAME)?;
        return Some((Name::Beside(beside), id.parse().ok()));
    }
    let parts = file
        .iter()
        .map(|part| part.to_str())
        .collect::<Option<Vec<&str>>>()?;
    let (last, folders) = parts.split_last()?;
    let mut name = String::new();
    for folder in folders {
        match folder.strip_suffix(CONTINUED) {
            Some(piece) => name.push_str(&decode_piece(piece)),
            None => name.extend([&decode_piece(folder), "/"]),
        }
    }
    let last = last.strip_suffix(ending).unwrap_or(last);
    let marked = last
        .rsplit_once(ID)
        .and_then(|(piece, id)| Some((piece, id.parse().ok()?)));
    let (last, id) = match marked {
        Some((piece, id)) => (piece, Some(id)),
        None => (last, None),
    };
    if last != EMPTY {
        name.push_str(&decode_piece(last));
    }
    Some((Name::InPath(name), id))
}

/// Decodes a piece of a path.
///
/// A `%` that does not begin an encoded byte is kept. A piece whose decoding is not UTF-8 is kept
/// as a whole. Files that were not exported can have such names.
fn decode_piece(piece: &str) -> String {
    let mut bytes = Vec::with_capacity(piece.len());
    let mut rest = piece.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let encoded = after.get(..2).filter(|_| byte == b'%').and_then(hex);
        bytes.push(encoded.unwrap_or(byte));
        rest = if encoded.is_some() {
            &after[2..]
        } else {
            after
        };
    }
    String::from_utf8(bytes).unwrap_or_else(|_| piece.to_owned())
}

fn hex(digits: &[u8]) -> Option<u8> {
    let digits = std::str::from_utf8(digits).ok()?;
    // `from_str_radix` also accepts a sign.
    let all = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    all.then(|| u8::from_str_radix(digits, 16).ok()).flatten()
}
