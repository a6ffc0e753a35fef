//! The files that an export writes, compared with those of the folder before anything is written.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::file_name::{self, FolderSpellings};
use crate::formats::{Format, FormattedText, PromptContent, Unsupported};
use crate::fs::text_file::{equal_but_for_line_ends, without_byte_order_mark};
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

impl TargetState {
    fn of(is_same: bool) -> Self {
        if is_same { Self::Same } else { Self::Differs }
    }
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
        let place = folder.join(&file);
        let (state, text) = if format == Format::Json {
            (json_state(view, &place, &version)?, None)
        } else {
            let versions = if format.has_history() && *selector == Selector::Latest {
                let mut versions = view.versions(prompt.id).page(None, usize::MAX)?;
                versions.reverse();
                versions
            } else {
                vec![version.clone()]
            };
            let (state, content) = content_state(view, &place, format, &prompt, &versions)?;
            match format.write_prompt(prompt.name.as_str(), &content, unsupported) {
                Ok(mut text) => {
                    // What only the file contains is named when it is overwritten.
                    text.findings.extend(content.findings);
                    (state, Some(text))
                }
                Err(_) if state == TargetState::Same => (state, None),
                Err(findings) => {
                    let found = findings
                        .into_iter()
                        .map(|finding| FileProblem::new(&file, finding.line, finding.text));
                    problems.extend(found);
                    continue;
                }
            }
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
    let all = Format::ALL.iter().flat_map(|format| {
        let endings = format.endings().iter();
        endings.map(|ending| (*format, *ending))
    });
    let is_there = |(_, ending): &(Format, &'static str)| folder.join(path(ending)).is_file();
    let there: Vec<(Format, &'static str)> = all.filter(is_there).collect();
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

/// Returns the state of a JSON file, whose text is the body.
///
/// A file that differs only in its line ends, or in a byte order mark, is not written again: git or
/// an editor may have converted it.
fn json_state(view: &View, path: &Path, version: &Version) -> Result<TargetState> {
    let Some(bytes) = read(path)? else {
        return Ok(TargetState::Missing);
    };
    if BlobId::of(&bytes) == version.blob {
        return Ok(TargetState::Same);
    }
    let stored = view.resolve(version.id)?.body.clone();
    let file = without_byte_order_mark(bytes);
    let is_same = equal_but_for_line_ends(&file, stored.as_bytes()) || {
        let is_list = file.first() == Some(&b'[');
        is_list && holds(Format::Json, file, &PromptContent::of_body(stored, false))
    };
    Ok(TargetState::of(is_same))
}

/// Returns the state of a file in another format, and what the file is to contain.
///
/// The findings of the content are what the file contains now, and does not after the export.
fn content_state(
    view: &View,
    path: &Path,
    format: Format,
    prompt: &Prompt,
    versions: &[Version],
) -> Result<(TargetState, PromptContent)> {
    let mut content = PromptContent::of_prompt(prompt);
    for version in versions {
        let body = view.resolve(version.id)?.body.clone();
        content.add_version(body, version);
    }
    let Some(bytes) = read(path)? else {
        return Ok((TargetState::Missing, content));
    };
    let found = read_content(format, bytes);
    let is_same = |found: &PromptContent| found.is_same_as(&content, format.has_history());
    if found.as_ref().is_some_and(is_same) {
        return Ok((TargetState::Same, content));
    }
    let findings = found.into_iter().flat_map(|found| found.findings);
    content.findings = findings
        .filter_map(|finding| finding.overwritten())
        .collect();
    Ok((TargetState::Differs, content))
}

/// Returns whether a file contains what is to be written, by values.
fn holds(format: Format, bytes: Vec<u8>, wanted: &PromptContent) -> bool {
    let found = read_content(format, bytes);
    found.is_some_and(|found| found.is_same_as(wanted, format.has_history()))
}

/// Returns the content of a file, if it can be read.
fn read_content(format: Format, bytes: Vec<u8>) -> Option<PromptContent> {
    let text = String::from_utf8(without_byte_order_mark(bytes)).ok()?;
    format.read(&text, Unsupported::KeepAsText).ok()
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
