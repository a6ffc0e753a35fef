//! The files that an import reads, and the entries and prompts that it leaves out.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};

use crate::cli::error::{CommandResult, Failure};
use crate::cli::exit::Exit;
use crate::cli::text;
use crate::file_name;
use crate::fs::new_file::folder_of;
use crate::json_files::{LeftOut, json_files};
use crate::{BlobId, Prompt, PromptId, Selector, Store, Version};

/// The maximum number of names in a note.
const MAX_NAMED: usize = 10;

/// The files to import.
pub(super) struct ListedFiles {
    /// The paths below the folder.
    pub(super) files: Vec<PathBuf>,
    /// The other entries of the folder.
    pub(super) left_out: Vec<LeftOut>,
    /// Whether these are all files of a folder, rather than one file.
    pub(super) is_whole: bool,
}

/// Returns a folder and the files in it to import. The path may also be that of one file.
pub(super) fn list(path: &Path) -> CommandResult<(&Path, ListedFiles)> {
    if let (Some(name), true) = (path.file_name(), path.is_file()) {
        let listed = ListedFiles {
            files: vec![name.into()],
            left_out: Vec::new(),
            is_whole: false,
        };
        return Ok((folder_of(path), listed));
    }
    let mut listed = json_files(path).map_err(read_failure)?;
    // Export writes the names that are too long for a path to files of their own.
    let names: HashSet<PathBuf> = listed
        .files
        .iter()
        .filter_map(|file| file_name::name_file(file))
        .collect();
    listed.left_out.retain(|left| !names.contains(&left.file));
    let listed = ListedFiles {
        files: listed.files,
        left_out: listed.left_out,
        is_whole: true,
    };
    Ok((path, listed))
}

/// Returns the error for a folder or file that cannot be read.
fn read_failure((path, error): (PathBuf, io::Error)) -> Failure {
    match error.kind() {
        io::ErrorKind::NotFound => Failure::new(
            Exit::NotFound,
            "file_not_found",
            format!("no file or folder {}", path.display()),
        ),
        _ => Failure::io(format!("{} cannot be read", path.display()), &error),
    }
}

/// Returns a note that names the first entries that were left out, if there are any.
pub(super) fn left_out_note(left_out: &[LeftOut]) -> Option<String> {
    let named = left_out.iter().map(|left| {
        format!(
            "{} ({})",
            text::line(&left.file.to_string_lossy()),
            left.reason
        )
    });
    listing(&format!("{} left out", left_out.len()), named)
}

/// A prompt of the store that has no file in an imported folder.
pub(super) struct AbsentPrompt {
    pub(super) prompt: Prompt,
    /// The new prompt with the same body, if there is one: the file may have been renamed.
    pub(super) same_body_as: Option<String>,
}

/// Returns the prompts of a store that have no file in the folder, given the imported versions and
/// the names of the prompts that the import created.
pub(super) fn absent<'a>(
    store: &Store,
    imported: impl Iterator<Item = (&'a Version, Option<&'a str>)>,
) -> crate::Result<Vec<AbsentPrompt>> {
    let mut present: HashSet<PromptId> = HashSet::new();
    let mut created: HashMap<BlobId, &str> = HashMap::new();
    for (version, new_name) in imported {
        present.insert(version.prompt_id);
        created.extend(new_name.map(|name| (version.blob, name)));
    }
    let prompts = store.prompts().page(None, usize::MAX)?.into_iter();
    let absent = prompts.filter(|prompt| !present.contains(&prompt.id));
    absent
        .map(|prompt| {
            let same_body_as = match store.version((prompt.id, Selector::Latest)) {
                Ok(latest) => created.get(&latest.blob).map(|name| (*name).to_owned()),
                // It has no version, or another process deleted it.
                Err(error) if error.kind() == crate::ErrorKind::NotFound => None,
                Err(error) => return Err(error),
            };
            Ok(AbsentPrompt {
                prompt,
                same_body_as,
            })
        })
        .collect()
}

/// Returns a note that names the first prompts without a file, if there are any.
pub(super) fn absent_note(absent: &[AbsentPrompt]) -> Option<String> {
    let prompts = text::count(absent.len() as u64, "prompt", "prompts");
    let named = absent.iter().map(|absent| {
        let name = text::name(absent.prompt.name.as_str());
        match &absent.same_body_as {
            Some(new) => format!("{name} (the new prompt {} has its body)", text::name(new)),
            None => name,
        }
    });
    listing(
        &format!("{prompts} not in the folder, and unchanged"),
        named,
    )
}

/// Returns a heading and the first names after it, or `None` if there are no names.
fn listing(heading: &str, mut names: impl ExactSizeIterator<Item = String>) -> Option<String> {
    let more = names.len().saturating_sub(MAX_NAMED);
    let named: Vec<String> = names.by_ref().take(MAX_NAMED).collect();
    if named.is_empty() {
        return None;
    }
    let more = match more {
        0 => String::new(),
        more => format!(" and {more} more; --json names all"),
    };
    Some(format!("{heading}: {}{more}", named.join(", ")))
}
