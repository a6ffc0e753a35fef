//! Encoding of names of prompts as file names.

use std::path::PathBuf;

use super::marks::{CONTINUED, EMPTY, ENDINGS, ID, LONG_NAME, MAX_PATH_BYTES};
use super::spelling::{FolderSpellings, is_folded};
use crate::model::id::PromptId;

/// The maximum length of a part of a path, without marks, in bytes. File systems allow 255 bytes.
const MAX_PART_BYTES: usize = 200;

/// Returns the path of a prompt's file below the folder, with the id if the name is not `unique`.
///
/// Folders whose names other folders have in another spelling are spelled out, so that they are
/// different folders on every file system.
pub(crate) fn encode(
    name: &str,
    id: PromptId,
    unique: bool,
    folders: &FolderSpellings,
    ending: &str,
) -> PathBuf {
    // The encoding never shortens a name.
    if name.len() <= MAX_PATH_BYTES {
        let path = encode_whole(name, (!unique).then_some(id), folders, ending);
        if path.as_os_str().len() <= MAX_PATH_BYTES {
            return path;
        }
    }
    let beginning = split(name, is_reserved)
        .first()
        .map_or(String::new(), |piece| encode_piece(piece, is_reserved));
    format!("{beginning}{LONG_NAME}{id}{ending}").into()
}

fn encode_whole(
    name: &str,
    id: Option<PromptId>,
    folders: &FolderSpellings,
    ending: &str,
) -> PathBuf {
    if name.is_empty() {
        let id = id.map_or(EMPTY.to_owned(), |id| format!("{ID}{id}"));
        return format!("{id}{ending}").into();
    }
    let parts: Vec<&str> = if name.split('/').any(str::is_empty) {
        // A path cannot contain an empty part, so the slashes are encoded.
        vec![name]
    } else {
        name.split('/').collect()
    };
    let mut path = PathBuf::new();
    let mut end = 0;
    let mut parts = parts.into_iter().peekable();
    while let Some(part) = parts.next() {
        end += part.len();
        let is_folder = parts.peek().is_some();
        let spelled_out = is_folder && folders.is_ambiguous(&name[..end]);
        let is_encoded = |c| is_reserved(c) || spelled_out && is_folded(c, part);
        end += "/".len();
        let mut pieces = split(part, is_encoded).into_iter().peekable();
        while let Some(piece) = pieces.next() {
            let mut file = encode_piece(piece, is_encoded);
            if pieces.peek().is_some() {
                file.push(CONTINUED);
            } else if parts.peek().is_none() {
                file.extend(id.map(|id| format!("{ID}{id}")));
                file.push_str(ending);
            }
            path.push(file);
        }
    }
    path
}

/// Cuts a part into pieces whose encoding is not too long.
fn split(part: &str, is_encoded: impl Fn(char) -> bool) -> Vec<&str> {
    let mut pieces = Vec::new();
    let (mut start, mut length) = (0, 0);
    for (at, c) in part.char_indices() {
        let more = c.len_utf8() * if is_encoded(c) { 3 } else { 1 };
        if length + more > MAX_PART_BYTES {
            pieces.push(&part[start..at]);
            (start, length) = (at, 0);
        }
        length += more;
    }
    pieces.push(&part[start..]);
    pieces
}

fn encode_piece(piece: &str, is_encoded: impl Fn(char) -> bool) -> String {
    let last = piece.char_indices().last().map_or(0, |(at, _)| at);
    let extension = ENDINGS.iter().find_map(|ending| {
        let at = piece.len().checked_sub(ending.len())?;
        let is_there = piece.get(at..)?.eq_ignore_ascii_case(ending);
        is_there.then_some(at)
    });
    let mut encoded = String::new();
    for (at, c) in piece.char_indices() {
        let at_end = (at == 0 || at == last) && c == '.' || at == last && c == ' ';
        if is_encoded(c) || at_end || Some(at) == extension || at == 0 && is_device(piece) {
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

#[cfg(test)]
mod tests {
    use std::path::{Component, Path};

    use proptest::prelude::*;

    use super::super::{Name, decode, name_file};
    use super::*;

    fn id() -> PromptId {
        "abc123".parse().unwrap()
    }

    fn plain(name: &str) -> String {
        encode(name, id(), true, &FolderSpellings::default(), ".json")
            .to_str()
            .unwrap()
            .to_owned()
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
            let file = encode(name, id(), false, &FolderSpellings::default(), ".json");
            assert_eq!(file.to_str(), Some(path));
            assert_eq!(decode(&file, ".json"), Some((in_path(name), Some(id()))));
        }
    }

    #[test]
    fn a_name_that_is_too_long_for_a_path_is_in_a_separate_file() {
        for name in ["x/".repeat(32 * 1024), "\0".repeat(300), "é".repeat(351)] {
            let file = encode(&name, id(), true, &FolderSpellings::default(), ".json");
            let path = file.to_str().unwrap();
            assert!(path.len() <= MAX_PART_BYTES + 20, "{path}");
            let beside = path.replace(".json", ".name");
            assert!(beside.ends_with("%~abc123.name"), "{beside}");
            assert_eq!(
                decode(&file, ".json"),
                Some((Name::Beside(beside.into()), Some(id())))
            );
        }
        let longest = "x".repeat(600);
        assert_eq!(
            name_file(
                &encode(&longest, id(), true, &FolderSpellings::default(), ".json"),
                ".json"
            ),
            None
        );
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
            assert_eq!(
                decode(Path::new(file), ".json"),
                Some((in_path(name), None))
            );
        }
    }

    #[test]
    fn folders_that_differ_only_in_spelling_are_spelled_out() {
        let names = [
            "Team/x",
            "team/y",
            "caf\u{e9}/x",
            "cafe\u{301}/x",
            "team/deep/x",
            "plain/A/x",
        ];
        let mut folders = FolderSpellings::default();
        names.iter().for_each(|name| folders.add(name));
        let files = names.map(|name| {
            let file = encode(name, id(), true, &folders, ".json");
            assert_eq!(decode(&file, ".json"), Some((in_path(name), None)));
            file.to_str().unwrap().to_owned()
        });
        assert_eq!(
            files,
            [
                "%54eam/x.json",
                "team/y.json",
                "caf\u{e9}/x.json",
                "cafe%CC%81/x.json",
                "team/deep/x.json",
                "plain/A/x.json",
            ]
        );
    }

    #[test]
    fn a_name_that_is_too_long_for_a_path_has_no_folders() {
        let mut folders = FolderSpellings::default();
        // Each of its folders would be folded, which takes quadratic time.
        folders.add(&format!("Team/{}", "x/".repeat(32 * 1024)));
        folders.add("team/x");
        let file = encode("Team/y", id(), true, &folders, ".json");
        assert_eq!(file.to_str(), Some("Team/y.json"));
    }

    proptest! {
        #[test]
        fn encoding_is_reversible_and_stays_in_the_folder(
            name in prop_oneof![r"[a./% \\json]{1,12}", ".{0,40}", r"[aé日%/.]{200,900}"],
            unique in any::<bool>(),
            spelled_out in any::<bool>(),
        ) {
            let mut folders = FolderSpellings::default();
            if spelled_out {
                folders.add(&name);
                folders.add(&name.to_uppercase());
                folders.add(&name.to_lowercase());
            }
            let file = encode(&name, id(), unique, &folders, ".json");
            for part in file.components() {
                let Component::Normal(part) = part else {
                    return Err(TestCaseError::fail(format!("{file:?}")));
                };
                let part = part.to_str().unwrap();
                prop_assert!(part.len() < 250 && !part.starts_with('.'), "{part}");
            }
            let cut = name_file(&file, ".json");
            prop_assert!(file.as_os_str().len() <= MAX_PATH_BYTES);
            prop_assert!(cut.is_none() || name.len() > 200, "{name:?} is not too long");
            let expected = (!unique || cut.is_some()).then(id);
            let name = cut.map_or(Name::InPath(name), Name::Beside);
            prop_assert_eq!(decode(&file, ".json"), Some((name, expected)));
        }
    }
}
