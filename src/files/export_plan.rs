//! The files that an export writes, compared with those of the folder before anything is written.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::file_name::{self, FolderSpellings};
use crate::formats::{Format, FormattedText, Unsupported};
use crate::fs::text_file::{equal_but_for_line_ends, without_byte_order_mark};
use crate::model::body::Body;
use crate::model::error::{Error, FileProblem, FolderError, Result};
use crate::model::id::BlobId;
use crate::model::record::{Prompt, Version};
use crate::model::selector::Selector;
use crate::store::View;

/// A file to export.
pub(super) struct PlannedFile {
    /// The path below the folder.
    pub(super) file: PathBuf,
    pub(super) format: Format,
    pub(super) prompt: Prompt,
    pub(super) version: Version,
    /// The text to write, in a format other than JSON, whose text is the body.
    pub(super) text: Option<FormattedText>,
    /// The state of the file before the export.
    pub(super) state: TargetState,
    /// The file for the prompt's name and its state, if the name is too long for the path.
    pub(super) name: Option<(PathBuf, TargetState)>,
}

/// The state of a path at which a file is to be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum TargetState {
    Missing,
    Same,
    Differs,
}

impl PlannedFile {
    /// Returns the files to write, with their states.
    pub(super) fn files(&self) -> impl Iterator<Item = (&Path, TargetState)> {
        let name = self.name.iter().map(|(file, state)| (&**file, *state));
        std::iter::once((&*self.file, self.state)).chain(name)
    }

    pub(super) fn is_there(&self) -> bool {
        self.files().all(|(_, state)| state == TargetState::Same)
    }
}

/// Lists the files to export, sorted by path, and compares them with the existing ones.
pub(super) fn plan(
    view: &View,
    selector: &Selector,
    folder: &Path,
    (format, unsupported): (Option<Format>, Unsupported),
) -> Result<Vec<PlannedFile>> {
    check_folder(folder)?;
    let prompts = view.prompts().page(None, usize::MAX)?;
    let mut namesakes: HashMap<String, usize> = HashMap::new();
    let mut folders = FolderSpellings::default();
    for prompt in &prompts {
        let name = prompt.name.as_str();
        *namesakes.entry(file_name::fold(name)).or_default() += 1;
        folders.add(name);
    }
    let of = prompts.len();
    let mut planned = Vec::with_capacity(of);
    let (mut obstacles, mut problems) = (Vec::new(), Vec::new());
    for prompt in prompts {
        let version = match view.version((prompt.id, selector.clone())) {
            Ok(version) => version,
            Err(
                Error::VersionNotFound { .. }
                | Error::EnvironmentNotFound { .. }
                | Error::PromptNotFound { .. },
            ) => continue,
            Err(error) => return Err(error),
        };
        let name = prompt.name.as_str();
        let is_unique = namesakes.get(&file_name::fold(name)) == Some(&1);
        let path = |ending| file_name::encode(name, prompt.id, is_unique, &folders, ending);
        let (format, ending) = match chosen(folder, format, &path) {
            Ok(chosen) => chosen,
            Err(other) => {
                obstacles.push(other);
                continue;
            }
        };
        let file = path(ending);
        if let Some(obstacle) = obstacle(folder, &file) {
            obstacles.push(obstacle);
            continue;
        }
        let name = match file_name::name_file(&file, ending) {
            Some(path) => {
                let name = BlobId::of(prompt.name.as_str().as_bytes());
                let state = name_state(&folder.join(&path), name)?;
                Some((path, state))
            }
            None => None,
        };
        let (state, text) = match body_state(view, &folder.join(&file), format, &version)? {
            (state, _) if state == TargetState::Same || format == Format::Json => (state, None),
            (state, body) => match format.write(&body, unsupported) {
                Ok(text) => (state, Some(text)),
                Err(findings) => {
                    let found = findings
                        .into_iter()
                        .map(|finding| FileProblem::new(&file, finding.line, finding.text));
                    problems.extend(found);
                    continue;
                }
            },
        };
        planned.push(PlannedFile {
            file,
            format,
            prompt,
            version,
            text,
            state,
            name,
        });
    }
    obstacles.dedup();
    if !obstacles.is_empty() {
        return Err(FolderError::InTheWay { obstacles }.into());
    }
    if !problems.is_empty() {
        return Err(FolderError::Uncarried { problems, of }.into());
    }
    planned.sort_by(|one, other| one.file.cmp(&other.file));
    Ok(planned)
}

/// Returns the format and the ending of a prompt's file: that of the file in the folder, if there is
/// one, and JSON otherwise.
///
/// Fails with a sentence if a format is given, and the prompt has a file in another format: an import
/// would refuse two files of one prompt.
fn chosen(
    folder: &Path,
    format: Option<Format>,
    path: &impl Fn(&'static str) -> PathBuf,
) -> std::result::Result<(Format, &'static str), String> {
    let is_there = |ending| folder.join(path(ending)).is_file();
    let there = Format::ALL.iter().flat_map(|format| {
        let endings = format.endings().iter();
        endings.map(|ending| (*format, *ending))
    });
    let there: Vec<(Format, &'static str)> = there.filter(|(_, ending)| is_there(ending)).collect();
    match (format, &there[..]) {
        (None, []) => Ok((Format::Json, Format::Json.ending())),
        (None, [first, ..]) => Ok(*first),
        (Some(format), there) => {
            let is_same = |(other, _): &&(Format, &'static str)| *other == format;
            match (there.iter().find(is_same), there.first()) {
                (Some(same), _) => Ok(*same),
                (None, None) => Ok((format, format.ending())),
                (None, Some((_, ending))) => Err(format!(
                    "{} is the file of the same prompt in another format",
                    folder.join(path(ending)).display()
                )),
            }
        }
    }
}

/// Returns the state of the file of a version, and the body if the file does not contain it.
///
/// A file that differs only in its line ends, or in a byte order mark, is not written again: git or
/// an editor may have converted it.
fn body_state(
    view: &View,
    path: &Path,
    format: Format,
    version: &Version,
) -> Result<(TargetState, Body)> {
    let found = read(path)?;
    let stored = view.resolve(version.id)?.body.clone();
    let Some(bytes) = found else {
        return Ok((TargetState::Missing, stored));
    };
    let is_same = if format != Format::Json {
        holds(format, bytes, &stored)
    } else if BlobId::of(&bytes) == version.blob {
        true
    } else {
        let file = without_byte_order_mark(bytes);
        equal_but_for_line_ends(&file, stored.as_bytes()) || is_list_of(&file, &stored)
    };
    let state = if is_same {
        TargetState::Same
    } else {
        TargetState::Differs
    };
    Ok((state, stored))
}

/// Returns whether a JSON file is a list of the messages of a body.
fn is_list_of(file: &[u8], stored: &Body) -> bool {
    file.first() == Some(&b'[') && holds(Format::Json, file.to_vec(), stored)
}

/// Returns whether a file contains a body, and nothing else that an import would bring in.
fn holds(format: Format, bytes: Vec<u8>, stored: &Body) -> bool {
    let text = String::from_utf8(without_byte_order_mark(bytes));
    let content = text
        .ok()
        .and_then(|text| format.read(&text, Unsupported::KeepAsText).ok());
    content.is_some_and(|content| {
        let newest = content.versions.last();
        newest.is_some_and(|newest| content.is_same(&newest.body, stored))
    })
}

fn name_state(path: &Path, blob: BlobId) -> Result<TargetState> {
    Ok(match read(path)? {
        None => TargetState::Missing,
        Some(bytes) if BlobId::of(&bytes) == blob => TargetState::Same,
        Some(_) => TargetState::Differs,
    })
}

/// Reads a file. Returns `None` if it does not exist.
fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => {
            let path = path.to_owned();
            Err(FolderError::Unreadable { path, source }.into())
        }
    }
}

/// Checks that a path, at which a folder is to be, is not something else.
fn check_folder(path: &Path) -> Result<()> {
    match fs::metadata(path) {
        Ok(found) if !found.is_dir() => {
            let path = path.to_owned();
            Err(FolderError::NotAFolder { path }.into())
        }
        // If it does not exist, it is created.
        _ => Ok(()),
    }
}

/// Returns what prevents that a file below a folder is read or written, other than a link.
fn obstacle(folder: &Path, file: &Path) -> Option<String> {
    let mut path = folder.to_owned();
    let mut parts = file.iter().peekable();
    while let Some(part) = parts.next() {
        path.push(part);
        let is_file = parts.peek().is_none();
        let found = fs::metadata(&path).ok()?;
        let wanted = if is_file && found.is_dir() {
            "is a folder, where a file would be written"
        } else if is_file && !found.is_file() {
            "is no regular file"
        } else if !is_file && !found.is_dir() {
            "is a file, where a folder would be created"
        } else {
            continue;
        };
        return Some(format!("{} {wanted}", path.display()));
    }
    None
}
