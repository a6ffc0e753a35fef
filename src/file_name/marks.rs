//! The marks in file names of prompts.

/// The mark of a part that continues in the next part of the path.
pub(super) const CONTINUED: char = '%';
/// The part that is an empty name.
pub(super) const EMPTY: &str = "%";
/// The mark before the id of a prompt.
pub(super) const ID: &str = "%@";
/// The mark before the id of a prompt whose name is in a separate file.
pub(super) const LONG_NAME: &str = "%~";
/// The extension of the files that contain a name.
pub(super) const NAME_EXTENSION: &str = ".name";
/// The endings of the files that contain a prompt. A folder with such an ending could have the path
/// of another prompt's file.
pub(super) const ENDINGS: [&str; 8] = [
    ".json",
    ".langfuse",
    ".md",
    ".prompt",
    ".prompt.yaml",
    ".prompt.yml",
    ".promptfoo",
    ".prompty",
];
/// The maximum length of a path below the folder, in bytes.
///
/// macOS allows 1,024 bytes, which include the path of the folder.
pub(super) const MAX_PATH_BYTES: usize = 700;
