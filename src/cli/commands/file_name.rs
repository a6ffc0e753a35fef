//! The files that prompts are exported to and imported from, by their names.
//!
//! A prompt `a/b` is the file `a/b.json`. What a file system would take amiss is percent-encoded: `%`, the characters
//! that some system reserves, dots at either end, names of devices. So no name leads out of the folder, is hidden,
//! or is another's on any system. Two marks stand outside of the encoding:
//!
//! - a folder whose name ends in a bare `%` goes on in the next part, for names too long for one part;
//! - `%@` and an id, at the end: the prompt of that id, where its name does not tell it from another.

use std::path::{Path, PathBuf};

use crate::PromptId;

/// Goes on in the next part of the path.
const MORE: char = '%';
/// The prompt's id follows.
const ID: &str = "%@";
/// What the files end in.
const EXTENSION: &str = ".json";
/// The longest part of a path, before the marks; file systems take 255 bytes.
const LONGEST_PART: usize = 200;

/// The file of a prompt, below the folder; with its id where the name alone is not enough.
pub(super) fn encode(name: &str, id: Option<PromptId>) -> PathBuf {
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

/// The name, and the id if there is one, that a file below the folder stands for. None if the path is no text.
pub(super) fn decode(file: &Path) -> Option<(String, Option<PromptId>)> {
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
    name.push_str(&decode_piece(last));
    Some((name, id))
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

    fn plain(name: &str) -> String {
        encode(name, None).to_str().unwrap().to_owned()
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
        ] {
            assert_eq!(plain(name), file);
        }
    }

    #[test]
    fn an_id_stands_at_the_end() {
        let id = "abc123".parse().unwrap();
        let file = encode("a/b", Some(id));
        assert_eq!(file.to_str(), Some("a/b%@abc123.json"));
        assert_eq!(decode(&file), Some(("a/b".into(), Some(id))));
    }

    #[test]
    fn files_that_were_never_exported_have_names_too() {
        for (file, name) in [
            ("100% sure.json", "100% sure"),
            ("a%20b.json", "a b"),
            ("%ff.json", "%ff"),
            ("a%+1.json", "a%+1"),
            ("x%@short.json", "x%@short"),
        ] {
            assert_eq!(decode(Path::new(file)), Some((name.into(), None)));
        }
    }

    proptest! {
        #[test]
        fn encoding_is_reversible_and_stays_in_the_folder(
            name in prop_oneof![r"[a./% \\json]{1,12}", r"\PC{1,40}", r"[aé日%/.]{300,340}"],
            id in proptest::option::of("[0-9A-Za-z]{6}"),
        ) {
            let id = id.map(|id| id.parse().unwrap());
            let file = encode(&name, id);
            for part in file.components() {
                let Component::Normal(part) = part else {
                    return Err(TestCaseError::fail(format!("{file:?}")));
                };
                let part = part.to_str().unwrap();
                prop_assert!(part.len() < 250 && !part.starts_with('.'), "{part}");
            }
            prop_assert_eq!(decode(&file), Some((name, id)));
        }
    }
}
