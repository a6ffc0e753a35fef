//! The files that prompts are exported to and imported from, by their names.
//!
//! A prompt `a/b` is the file `a/b.json`. What a file system would take amiss is percent-encoded: `%`, the characters
//! that some system reserves, dots at either end, names of devices. So no name leads out of the folder, is hidden,
//! or is another's on any system. Four marks are outside of the encoding:
//!
//! - a folder whose name ends in a bare `%` goes on in the next part, for names too long for one part;
//! - a bare `%` as the whole of the last part: nothing, for a name that is empty;
//! - `%@` and an id, at the end: the prompt of that id, if others have its name too;
//! - `%~` and an id, at the end: the prompt of that id, whose name is too long for a path. What is before the mark is the
//!   name's beginning; the name itself is the content of the file beside it that ends in `.name` instead of `.json`.

use std::path::{Path, PathBuf};

use crate::PromptId;

/// Goes on in the next part of the path.
const MORE: char = '%';
/// Nothing, where something has to be.
const NOTHING: &str = "%";
/// The prompt's id follows.
const ID: &str = "%@";
/// The prompt's id follows, and the name is in a file of its own.
const CUT: &str = "%~";
/// What the files of such names end in.
const NAME_EXTENSION: &str = ".name";
/// What the files end in.
const EXTENSION: &str = ".json";
/// The longest part of a path, before the marks; file systems take 255 bytes.
const LONGEST_PART: usize = 200;
/// The size limit of a path below the folder, in bytes: macOS takes 1,024 with the folder's own.
const MAX_PATH_BYTES: usize = 700;

/// Where a file's name comes from.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Name {
    /// From its path.
    InPath(String),
    /// From the content of the file at this path.
    Beside(PathBuf),
}

/// The file of a prompt, below the folder; with its id if the name is not `unique`.
pub(super) fn encode(name: &str, id: PromptId, unique: bool) -> PathBuf {
    // Encoding makes nothing shorter.
    if name.len() <= MAX_PATH_BYTES {
        let path = encode_whole(name, (!unique).then_some(id));
        if path.as_os_str().len() <= MAX_PATH_BYTES {
            return path;
        }
    }
    let beginning = split(name)
        .first()
        .map_or(String::new(), |piece| encode_piece(piece));
    format!("{beginning}{CUT}{id}{EXTENSION}").into()
}

/// The file that has the name of the prompt of this file, if its path is too short for it.
pub(super) fn name_file(file: &Path) -> Option<PathBuf> {
    let text = file.to_str()?.strip_suffix(EXTENSION)?;
    let (_, id) = text.rsplit_once(CUT)?;
    id.parse::<PromptId>().ok()?;
    Some(format!("{text}{NAME_EXTENSION}").into())
}

fn encode_whole(name: &str, id: Option<PromptId>) -> PathBuf {
    if name.is_empty() {
        let id = id.map_or(NOTHING.to_owned(), |id| format!("{ID}{id}"));
        return format!("{id}{EXTENSION}").into();
    }
    let parts: Vec<&str> = match name.split('/').any(str::is_empty) {
        // An empty part can't be written, so the slashes are.
        true => vec![name],
        false => name.split('/').collect(),
    };
    let mut path = PathBuf::new();
    let mut parts = parts.into_iter().peekable();
    while let Some(part) = parts.next() {
        let mut pieces = split(part).into_iter().peekable();
        while let Some(piece) = pieces.next() {
            let mut file = encode_piece(piece);
            if pieces.peek().is_some() {
                file.push(MORE);
            } else if parts.peek().is_none() {
                file.extend(id.map(|id| format!("{ID}{id}")));
                file.push_str(EXTENSION);
            }
            path.push(file);
        }
    }
    path
}

/// The name, and the id if there is one, of the prompt that a file below the folder has. None if the path is no text.
pub(super) fn decode(file: &Path) -> Option<(Name, Option<PromptId>)> {
    if let Some(beside) = name_file(file) {
        let (_, id) = file.to_str()?.strip_suffix(EXTENSION)?.rsplit_once(CUT)?;
        return Some((Name::Beside(beside), id.parse().ok()));
    }
    let parts: Option<Vec<&str>> = file.iter().map(|part| part.to_str()).collect();
    let parts = parts?;
    let (last, folders) = parts.split_last()?;
    let mut name = String::new();
    for folder in folders {
        match folder.strip_suffix(MORE) {
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
    if last != NOTHING {
        name.push_str(&decode_piece(last));
    }
    Some((Name::InPath(name), id))
}

/// Cuts a part into pieces that are not too long when they are encoded.
fn split(part: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let (mut start, mut length) = (0, 0);
    for (at, c) in part.char_indices() {
        let more = if is_reserved(c) { 3 } else { c.len_utf8() };
        if length + more > LONGEST_PART {
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
    // A folder of this name would stand where a file does.
    let extension = piece.len().checked_sub(EXTENSION.len()).filter(|at| {
        piece
            .get(*at..)
            .is_some_and(|end| end.eq_ignore_ascii_case(EXTENSION))
    });
    let mut encoded = String::new();
    for (at, c) in piece.char_indices() {
        let at_end = (at == 0 || at == last) && c == '.' || at == last && c == ' ';
        if is_reserved(c) || at_end || Some(at) == extension || at == 0 && is_device(piece) {
            let mut bytes = [0; 4];
            let bytes = c.encode_utf8(&mut bytes).bytes();
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

/// Whether Windows takes it for a device, whatever follows behind a dot.
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

/// What a piece stands for. A `%` that begins no encoded character is one, and so is all of a piece whose
/// characters would be none: files have such names that were never exported.
fn decode_piece(piece: &str) -> String {
    let mut bytes = Vec::with_capacity(piece.len());
    let mut rest = piece.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        let encoded = behind.get(..2).filter(|_| byte == b'%').and_then(hex);
        bytes.push(encoded.unwrap_or(byte));
        rest = if encoded.is_some() {
            &behind[2..]
        } else {
            behind
        };
    }
    String::from_utf8(bytes).unwrap_or_else(|_| piece.to_owned())
}

fn hex(digits: &[u8]) -> Option<u8> {
    let digits = std::str::from_utf8(digits).ok()?;
    // `from_str_radix` takes a sign too.
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
    fn an_id_stands_at_the_end() {
        for (name, path) in [("a/b", "a/b%@abc123.json"), ("", "%@abc123.json")] {
            let file = encode(name, id(), false);
            assert_eq!(file.to_str(), Some(path));
            assert_eq!(decode(&file), Some((in_path(name), Some(id()))));
        }
    }

    #[test]
    fn a_name_that_is_too_long_for_a_path_is_in_a_file_of_its_own() {
        for name in ["x/".repeat(32 * 1024), "\0".repeat(300), "é".repeat(351)] {
            let file = encode(&name, id(), true);
            let path = file.to_str().unwrap();
            assert!(path.len() <= LONGEST_PART + 20, "{path}");
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
