//! The files of prompts in a folder: which entries are read, and in which format.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::walk::{SkippedEntry, walk};
use crate::file_name::name_file;
use crate::formats::{Format, Unsupported};

use crate::model::error::FolderError;

/// How the files of a folder are read.
#[derive(Clone, Copy, Debug, Default)]
pub struct FolderReadOptions {
    pub(super) format: Option<Format>,
    pub(super) unsupported: Unsupported,
}

impl FolderReadOptions {
    /// Returns the default options: the ending of each file determines its format.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads only files with an ending of this format, and reads them in it.
    #[must_use]
    pub fn format(mut self, format: impl Into<Option<Format>>) -> Self {
        self.format = format.into();
        self
    }

    /// Sets what happens to parts of a file that a body cannot express.
    #[must_use]
    pub fn unsupported(mut self, unsupported: Unsupported) -> Self {
        self.unsupported = unsupported;
        self
    }
}

/// The files to read.
#[derive(Debug)]
pub(super) struct FolderListing {
    /// The folder that contains them.
    pub(super) folder: PathBuf,
    /// The paths below the folder.
    pub(super) files: Vec<ListedFile>,
    /// The other entries of the folder.
    pub(super) skipped: Vec<SkippedEntry>,
    /// Whether these are all files of a folder, rather than one file.
    pub(super) is_whole: bool,
}

/// A file to read.
#[derive(Debug)]
pub(super) struct ListedFile {
    pub(super) path: PathBuf,
    pub(super) format: Format,
    pub(super) ending: &'static str,
}

/// Lists the files of prompts below a folder. The path may also be that of one file.
pub(super) fn list(path: &Path, options: FolderReadOptions) -> Result<FolderListing, FolderError> {
    if let (Some(name), true) = (path.file_name(), path.is_file()) {
        let (format, ending) = known_or_json(Path::new(name), options);
        return Ok(FolderListing {
            folder: parent(path).to_owned(),
            files: vec![ListedFile {
                path: name.into(),
                format,
                ending,
            }],
            skipped: Vec::new(),
            is_whole: false,
        });
    }
    let mut walked = walk(path, |file| refuse(&path.join(file), options))
        .map_err(|(path, source)| FolderError::Unreadable { path, source })?;
    let files = walked.files.into_iter().filter_map(|path| {
        let (format, ending) = format_of(&path, options)?;
        Some(ListedFile {
            path,
            format,
            ending,
        })
    });
    let files: Vec<ListedFile> = files.collect();
    // Export writes the names that are too long for a path to files of their own.
    let names: HashSet<PathBuf> = files
        .iter()
        .filter_map(|file| name_file(&file.path, file.ending))
        .collect();
    walked.skipped.retain(|entry| !names.contains(&entry.file));
    Ok(FolderListing {
        folder: path.to_owned(),
        files,
        skipped: walked.skipped,
        is_whole: true,
    })
}

/// Returns the folder that contains a file.
fn parent(file: &Path) -> &Path {
    match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Returns the format and the ending of a file.
fn format_of(file: &Path, options: FolderReadOptions) -> Option<(Format, &'static str)> {
    match options.format {
        Some(format) => Some((format, format.ending_of(file)?)),
        None => Format::of_file(file),
    }
}

/// Returns the format of a file that the caller named, whatever its ending is.
fn known_or_json(file: &Path, options: FolderReadOptions) -> (Format, &'static str) {
    let format = options.format.unwrap_or(Format::Json);
    format_of(file, options).unwrap_or_else(|| match Format::of_file(file) {
        Some((_, ending)) => (format, ending),
        None => (format, ""),
    })
}

/// Returns why a file is not read as a prompt.
fn refuse(file: &Path, options: FolderReadOptions) -> Option<&'static str> {
    if let Some((format, _)) = format_of(file, options) {
        let begins = format.beginning();
        let is_prompt = begins.is_empty() || begins_with(file, begins).unwrap_or(true);
        return (!is_prompt).then_some("a .md file without front matter");
    }
    if options.format.is_some() {
        return Some("not a file of this format");
    }
    let lower = file.as_os_str().to_string_lossy().to_lowercase();
    Some(match Format::of_file(Path::new(&lower)) {
        Some(_) => "its ending is not in lower case",
        None => "not a file of a known format",
    })
}

/// Returns whether a file begins with a text, after a byte order mark if there is one.
fn begins_with(file: &Path, text: &str) -> io::Result<bool> {
    let mut start = Vec::new();
    File::open(file)?.take(16).read_to_end(&mut start)?;
    let start = crate::fs::text_file::without_byte_order_mark(start);
    Ok(start.starts_with(text.as_bytes()))
}
