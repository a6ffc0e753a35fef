//! Pairing of the files of a folder with the prompts of a store.
//!
//! This is the one place that decides whether a file is a new prompt, a changed or unchanged one, or
//! a renamed one, and which prompts have no file.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;

use super::file_history::FileHistory;
use super::prompt_file::PromptFile;
use crate::model::body::Body;
use crate::model::error::{Error, FileProblem, Result};
use crate::model::id::{PromptId, PromptName};
use crate::model::record::{Prompt, Version};
use crate::model::selector::Selector;
use crate::store::View;

/// The files of a folder, with what each of them would change.
#[derive(Debug, Default)]
pub(super) struct FolderPairing {
    pub(super) files: Vec<PairedFile>,
    /// The files that belong to no single prompt.
    pub(super) problems: Vec<FileProblem>,
    /// The prompts without a file, sorted by name; empty if only one file was read.
    pub(super) gone: Vec<Prompt>,
}

/// A file, and the prompt that it belongs to.
#[derive(Debug)]
pub(super) struct PairedFile {
    pub(super) file: PromptFile,
    /// The prompt, as it is in the store; none if the file is a new prompt.
    pub(super) prompt: Option<Prompt>,
    /// The highest version of the prompt, if it has versions.
    pub(super) latest: Option<Version>,
    /// Whether the file and the latest version have the same body.
    pub(super) is_same_body: bool,
    /// What the further versions of the file and their labels change.
    pub(super) history: FileHistory,
}

impl PairedFile {
    /// Returns whether the file gives the prompt another name.
    pub(super) fn is_renamed(&self) -> bool {
        let prompt = self.prompt.as_ref();
        prompt.is_some_and(|prompt| prompt.name != self.file.name)
    }
}

impl FolderPairing {
    /// Makes renamed files new ones, and their prompts ones without a file.
    ///
    /// Returns the names of those files by the prompts that have their bodies.
    pub(super) fn without_renames(&mut self) -> HashMap<PromptId, PromptName> {
        let mut same_bodies = HashMap::new();
        for paired in &mut self.files {
            if paired.file.id.is_some() || !paired.is_renamed() {
                continue;
            }
            if let Some(prompt) = paired.prompt.take() {
                same_bodies.insert(prompt.id, paired.file.name.clone());
                self.gone.push(prompt);
                paired.latest = None;
                paired.is_same_body = false;
                paired.history = FileHistory::default();
            }
        }
        self.gone.sort_by(|one, other| one.name.cmp(&other.name));
        same_bodies
    }
}

/// Pairs files with the prompts of a store.
///
/// The folder `is_whole` if `files` are all of its files: only then are prompts missing, and files
/// renamed.
pub(super) fn pair(view: &View, files: Vec<PromptFile>, is_whole: bool) -> Result<FolderPairing> {
    let prompts = view.prompts().page(None, usize::MAX)?;
    let by_id: HashMap<PromptId, &Prompt> = prompts.iter().map(|one| (one.id, one)).collect();
    let mut by_name: HashMap<&str, Vec<&Prompt>> = HashMap::new();
    for prompt in &prompts {
        by_name
            .entry(prompt.name.as_str())
            .or_default()
            .push(prompt);
    }
    let mut pairing = FolderPairing::default();
    let mut seen: HashMap<(String, Option<PromptId>), PathBuf> = HashMap::new();
    for file in files {
        let namesakes = by_name
            .get(file.name.as_str())
            .map_or(&[][..], Vec::as_slice);
        let prompt = match (file.id, namesakes) {
            (Some(id), _) => by_id.get(&id).copied(),
            (None, [] | [_]) => namesakes.first().copied(),
            (None, several) => {
                let error = Error::AmbiguousPrompt {
                    name: file.name.as_str().to_owned(),
                    ids: several.iter().map(|prompt| prompt.id).collect(),
                };
                let reason = format!("{error}; NAME%@ID in the file's name names one of them");
                let problem = FileProblem::new(&file.path, None, reason);
                pairing.problems.push(problem);
                continue;
            }
        };
        let key = match prompt {
            Some(prompt) => (String::new(), Some(prompt.id)),
            None => (file.name.as_str().to_owned(), file.id),
        };
        match seen.entry(key) {
            Entry::Occupied(other) => {
                let other = other.get().display();
                let reason = format!("it is the same prompt as {other}; remove one of the files");
                let problem = FileProblem::new(&file.path, None, reason);
                pairing.problems.push(problem);
            }
            Entry::Vacant(entry) => {
                entry.insert(file.path.clone());
                pairing.files.push(paired(view, file, prompt)?);
            }
        }
    }
    if is_whole {
        let present: HashSet<PromptId> = pairing
            .files
            .iter()
            .filter_map(|paired| paired.prompt.as_ref().map(|prompt| prompt.id))
            .collect();
        let gone = prompts.into_iter();
        pairing.gone = gone.filter(|one| !present.contains(&one.id)).collect();
        pairing.gone.sort_by(|one, other| one.name.cmp(&other.name));
        find_renamed(view, &mut pairing)?;
    }
    add_histories(view, &mut pairing.files)?;
    Ok(pairing)
}

/// Fills in the histories of files that belong to a prompt, in the formats that have one.
fn add_histories(view: &View, files: &mut [PairedFile]) -> Result<()> {
    for paired in files {
        let PairedFile { file, latest, .. } = &*paired;
        if let Some(prompt) = &paired.prompt
            && file.format.has_history()
        {
            let (latest, is_same_body) = (latest.as_ref(), paired.is_same_body);
            paired.history = FileHistory::of(view, file, prompt, latest, is_same_body)?;
        }
    }
    Ok(())
}

fn paired(view: &View, file: PromptFile, prompt: Option<&Prompt>) -> Result<PairedFile> {
    let latest = match prompt {
        Some(prompt) => latest_of(view, prompt.id)?,
        None => None,
    };
    let is_same_body = match (&latest, file.body()) {
        (Some(latest), Some(body)) if latest.blob == body.id() => true,
        (Some(latest), Some(body)) => {
            let stored = view.resolve(latest.id)?;
            file.content.is_same(body, &stored.body)
        }
        _ => false,
    };
    Ok(PairedFile {
        file,
        prompt: prompt.cloned(),
        latest,
        is_same_body,
        history: FileHistory::default(),
    })
}

/// Returns the highest version of a prompt, if it has versions.
fn latest_of(view: &View, prompt: PromptId) -> Result<Option<Version>> {
    match view.version((prompt, Selector::Latest)) {
        Ok(version) => Ok(Some(version)),
        Err(Error::VersionNotFound { .. } | Error::PromptNotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Pairs new files with the prompts without a file that have the same body.
///
/// A body that several new files or several such prompts have pairs none of them. A file that names
/// an id is not renamed.
fn find_renamed(view: &View, pairing: &mut FolderPairing) -> Result<()> {
    let is_new = |paired: &PairedFile| paired.prompt.is_none() && paired.file.id.is_none();
    if pairing.gone.is_empty() || !pairing.files.iter().any(is_new) {
        return Ok(());
    }
    let mut new: HashMap<u64, Vec<usize>> = HashMap::new();
    for (position, paired) in pairing.files.iter().enumerate() {
        if let (true, Some(body)) = (is_new(paired), paired.file.body()) {
            new.entry(values_hash(body)).or_default().push(position);
        }
    }
    let mut gone: HashMap<u64, Vec<(usize, Version)>> = HashMap::new();
    for (position, prompt) in pairing.gone.iter().enumerate() {
        if let Some(latest) = latest_of(view, prompt.id)? {
            let hash = values_hash(&view.resolve(latest.id)?.body);
            if new.contains_key(&hash) {
                gone.entry(hash).or_default().push((position, latest));
            }
        }
    }
    let mut renamed: HashSet<PromptId> = HashSet::new();
    for (hash, prompts) in gone {
        let ([(position, latest)], Some([file])) =
            (&prompts[..], new.get(&hash).map(Vec::as_slice))
        else {
            continue;
        };
        let prompt = &pairing.gone[*position];
        let Some(paired) = pairing.files.get_mut(*file) else {
            continue;
        };
        let stored = view.resolve(latest.id)?;
        let Some(body) = paired.file.body() else {
            continue;
        };
        // Equal hashes of different values are possible.
        if crate::formats::is_equal(body, &stored.body) {
            paired.is_same_body = paired.file.content.is_same(body, &stored.body);
            paired.prompt = Some(prompt.clone());
            paired.latest = Some(latest.clone());
            renamed.insert(prompt.id);
        }
    }
    pairing.gone.retain(|prompt| !renamed.contains(&prompt.id));
    Ok(())
}

/// Returns a hash of a body's values, which does not depend on their layout.
fn values_hash(body: &Body) -> u64 {
    let mut hasher = DefaultHasher::new();
    body.as_ref().tree().hash(&mut hasher);
    hasher.finish()
}
