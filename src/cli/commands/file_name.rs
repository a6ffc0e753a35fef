//! File names of exported prompts.
//!
//! The prompt `a/b` has the file `a/b.json`. Some text is percent-encoded: `%`, the characters that
//! some file system reserves, dots at either end, and names of devices. So on any system, no name
//! leads out of the folder, is hidden, or is the name of another prompt. Four marks are outside of
//! the encoding:
//!
//! - A folder whose name ends in a bare `%` continues in the next part. It is used if a name is too
//!   long for one part.
//! - A last part that is only `%` is an empty name.
//! - `%@` and an id at the end name the prompt with that id. It is used if several prompts have the
//!   name.
//! - `%~` and an id at the end name the prompt with that id. It is used if the name is too long for a
//!   path. The text before the mark is the beginning of the name. The whole name is the content of a
//!   file in the same folder that ends in `.name` instead of `.json`.

use std::path::{Path, PathBuf};

use crate::PromptId;

/// The mark of a part that continues in the next part of the path.
const CONTINUED: char = '%';
/// The part that is an empty name.
const EMPTY: &str = "%";
/// The mark before the id of a prompt.
const ID: &str = "%@";
/// The mark before the id of a prompt whose name is in a separate file.
const LONG_NAME: &str = "%~";
/// The extension of the files that contain a name.
const NAME_EXTENSION: &str = ".name";
/// The extension of the files that contain a body.
const EXTENSION: &str = ".json";
/// The maximum length of a part of a path, without marks, in bytes. File systems allow 255 bytes.
const MAX_PART_BYTES: usize = 200;
/// The maximum length of a path below the folder, in bytes.
///
/// macOS allows 1,024 bytes, which include the path of the folder.
const MAX_PATH_BYTES: usize = 700;

/// The name of the prompt of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Name {
    /// The name that the path contains.
    InPath(String),
    /// The path of the file that contains the name.
    Beside(PathBuf),
}

/// Returns the path of a prompt's file below the folder, with the id if the name is not `unique`.
pub(super) fn encode(name: &str, id: PromptId, unique: bool) -> PathBuf {
    // The encoding never shortens a name.
    if name.len() <= MAX_PATH_BYTES {
        let path = encode_whole(name, (!unique).then_some(id));
        if path.as_os_str().len() <= MAX_PATH_BYTES {
            return path;
        }
    }
    let beginning = split(name)
        .first()
        .map_or(String::new(), |piece| encode_piece(piece));
    format!("{beginning}{LONG_NAME}{id}{EXTENSION}").into()
}

/// Returns the file of the prompt's name, if the path of the prompt's file cannot contain it.
pub(super) fn name_file(file: &Path) -> Option<PathBuf> {
    let text = file.to_str()?.strip_suffix(EXTENSION)?;
    let (_, id) = text.rsplit_once(LONG_NAME)?;
    id.parse::<PromptId>().ok()?;
    Some(format!("{text}{NAME_EXTENSION}").into())
}

fn encode_whole(name: &str, id: Option<PromptId>) -> PathBuf {
    if name.is_empty() {
        let id = id.map_or(EMPTY.to_owned(), |id| format!("{ID}{id}"));
        return format!("{id}{EXTENSION}").into();
    }
    let parts: Vec<&str> = if name.split('/').any(str::is_empty) {
        // A path cannot contain an empty part, so the slashes are encoded.
        vec![name]
    } else {
        name.split('/').collect()
    };
    let mut path = PathBuf::new();
    let mut parts = parts.into_iter().peekable();
    while let Some(part) = parts.next() {
        let mut pieces = split(part).into_iter().peekable();
        while let Some(piece) = pieces.next() {
            let mut file = encode_piece(piece);
            if pieces.peek().is_some() {
                file.push(CONTINUED);
            } else if parts.peek().is_none() {
                file.extend(id.map(|id| format!("{ID}{id}")));
                file.push_str(EXTENSION);
            }
            path.push(file);
        }
    }
    path
}

/// Returns the name, and the id if any, of the prompt of a file below the folder.
///
/// Returns `None` if the path is not UTF-8.
pub(super) fn decode(file: &Path) -> Option<(Name, Option<PromptId>)> {
    if let Some(beside) = name_file(file) {
        let (_, id) = file
            .to_str()?
            .strip_suffix(EXTENSION)?
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
    let last = last.strip_suffix(EXTENSION).unwrap_or(last);
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

/// Cuts a part into pieces whose encoding is not too long.
fn split(part: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let (mut start, mut length) = (0, 0);
    for (at, c) in part.char_indices() {
        let more = if is_reserved(c) { 3 } else { c.len_utf8() };
        if length + more > MAX_PART_BYTES {
            pieces.push(&part[start..at]);
            (start, length) = (at, 0);
        }
        length += more;
    }
    pieces.push(&part[start..]);
    pieces
}

fn encode_piece(piece: &str) -> String {
    let last = piece.char_indices().last().map_or(0, |(at, _)| at);
    // A folder with this extension could have the path of another prompt's file.
    let extension = piece.len().checked_sub(EXTENSION.len()).filter(|at| {
        piece
            .get(*at..)
            .is_some_and(|end| end.eq_ignore_ascii_case(EXTENSION))
    });
    let mut encoded = String::new();
    for (at, c) in piece.char_indices() {
        let at_end = (at == 0 || at == last) && c == '.' || at == last && c == ' ';
        if is_reserved(c) || at_end || Some(at) == extension || at == 0 && is_device(piece) {
            let mut buffer = [0; 4];
            let bytes = c.encode_utf8(&mut buffer).bytes();
            encoded.extend(bytes.map(|byte| format!("%{byte:02X}")));
        } else {
            encoded.push(c);
        }
    }
    encoded
}

fn is_reserved(c: char) -> bool {
    c.is_control() || r#"/\<>:"|?*%"#.contains(c)
}

/// Returns whether Windows reads the name as a device. It ignores an extension.
fn is_device(piece: &str) -> bool {
    let stem = piece
        .split('.')
        .next()
        .unwrap_or_default()
        .trim_end()
        .to_ascii_uppercase();
    let numbered = |port| {
        stem.strip_prefix(port)
            .is_some_and(|rest| rest.chars().count() == 1)
    };
    ["CON", "PRN", "AUX", "NUL"].contains(&stem.as_str()) || numbered("COM") || numbered("LPT")
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

#[cfg(test)]
mod tests {
    use std::path::Component;

    use proptest::prelude::*;

    use super::*;

    fn id() -> PromptId {
        "abc123".parse().unwrap()
    }

    fn plain(name: &str) -> String {
        encode(name, id(), true).to_str().unwrap().to_owned()
    }

    fn in_path(name: &str) -> Name {
        Name::InPath(name.to_owned())
    }

    #[test]
    fn plain_names_stay_readable() {
        for (name, file) in [
            ("greeting", "greeting.json"),
            ("team/greeting v2", "team/greeting v2.json"),
            ("Grüße 日本", "Grüße 日本.json"),
            ("a.b", "a.b.json"),
        ] {
            assert_eq!(plain(name), file);
        }
    }

    #[test]
    fn odd_names_are_encoded() {
        for (name, file) in [
            ("../../etc/passwd", "%2E%2E/%2E%2E/etc/passwd.json"),
            ("/etc//passwd", "%2Fetc%2F%2Fpasswd.json"),
            (".hidden", "%2Ehidden.json"),
            ("50%", "50%25.json"),
            (r"c:\x", "c%3A%5Cx.json"),
            ("con", "%63on.json"),
            ("Com1.x/y", "%43om1.x/y.json"),
            ("a.json/b", "a%2Ejson/b.json"),
            ("end. ", "end.%20.json"),
            ("", "%.json"),
            ("%", "%25.json"),
            (" ", "%20.json"),
            (".", "%2E.json"),
            ("a\0\u{1b}\n", "a%00%1B%0A.json"),
        ] {
            assert_eq!(plain(name), file);
        }
    }

    #[test]
    fn an_id_is_at_the_end() {
        for (name, path) in [("a/b", "a/b%@abc123.json"), ("", "%@abc123.json")] {
            let file = encode(name, id(), false);
            assert_eq!(file.to_str(), Some(path));
            assert_eq!(decode(&file), Some((in_path(name), Some(id()))));
        }
    }

    #[test]
    fn a_name_that_is_too_long_for_a_path_is_in_a_separate_file() {
        for name in ["x/".repeat(32 * 1024), "\0".repeat(300), "é".repeat(351)] {
            let file = encode(&name, id(), true);
            let path = file.to_str().unwrap();
            assert!(path.len() <= MAX_PART_BYTES + 20, "{path}");
            let beside = path.replace(".json", ".name");
            assert!(beside.ends_with("%~abc123.name"), "{beside}");
            assert_eq!(
                decode(&file),
                Some((Name::Beside(beside.into()), Some(id())))
            );
        }
        let longest = "x".repeat(600);
        assert_eq!(name_file(&encode(&longest, id(), true)), None);
    }

    #[test]
    fn files_that_were_never_exported_have_names_too() {
        for (file, name) in [
            ("100% sure.json", "100% sure"),
            ("a%20b.json", "a b"),
            ("%ff.json", "%ff"),
            ("a%+1.json", "a%+1"),
            ("x%@short.json", "x%@short"),
            ("x%~short.json", "x%~short"),
            ("x/%.json", "x/"),
        ] {
            assert_eq!(decode(Path::new(file)), Some((in_path(name), None)));
        }
    }

    proptest! {
        #[test]
        fn encoding_is_reversible_and_stays_in_the_folder(
            name in prop_oneof![r"[a./% \\json]{1,12}", ".{0,40}", r"[aé日%/.]{200,900}"],
            unique in any::<bool>(),
        ) {
            let file = encode(&name, id(), unique);
            for part in file.components() {
                let Component::Normal(part) = part else {
                    return Err(TestCaseError::fail(format!("{file:?}")));
                };
                let part = part.to_str().unwrap();
                prop_assert!(part.len() < 250 && !part.starts_with('.'), "{part}");
            }
            let cut = name_file(&file);
            prop_assert!(file.as_os_str().len() <= MAX_PATH_BYTES);
            prop_assert!(cut.is_none() || name.len() > 200, "{name:?} is not too long");
            let expected = (!unique || cut.is_some()).then(id);
            let name = cut.map_or(Name::InPath(name), Name::Beside);
            prop_assert_eq!(decode(&file), Some((name, expected)));
        }
    }
}
