//! Completion of the names of prompts, environments and versions, read from the store.
//!
//! A completion never changes anything: it opens the store read-only, creates no file, and gives up
//! after [`COMPLETION_TIMEOUT`].

use std::env;
use std::ffi::OsStr;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use clap_complete::CompletionCandidate;

use super::place;
use crate::list::VersionFilter;
use crate::store::url_in;
use crate::{EnvironmentName, PromptRef, Store, StoreOptions, VersionSpec};

/// The variable that makes this process answer a completion, which the scripts set.
pub(crate) const VARIABLE: &str = "PROMPTBOOK_COMPLETE";

/// The longest time that a completion may take.
const COMPLETION_TIMEOUT: Duration = Duration::from_millis(100);

/// The maximum number of prompts, and of versions of a prompt, that are read.
const MAX_READ: usize = 10_000;

/// Completes the name of a prompt.
pub(super) fn prompts(current: &OsStr) -> Vec<CompletionCandidate> {
    complete(current, |store, current| {
        let names = prompt_names(store)?;
        Some(starting_with(names, current))
    })
}

/// Completes the name of an environment: of the prompt that was typed, or of any prompt.
pub(super) fn environments(current: &OsStr) -> Vec<CompletionCandidate> {
    complete(current, |store, current| {
        let names = environment_names(store, typed_prompt().as_deref())?;
        Some(starting_with(names, current))
    })
}

/// Completes a selector of the prompt that was typed.
pub(super) fn selectors(current: &OsStr) -> Vec<CompletionCandidate> {
    complete(current, |store, current| {
        let found = selectors_of(store, &typed_prompt()?)?;
        Some(starting_with(found, current))
    })
}

/// Completes the spec of a version: the name of a prompt or, after an `@`, a selector.
pub(super) fn specs(current: &OsStr) -> Vec<CompletionCandidate> {
    complete(current, |store, current| {
        let (prompt, selector) = VersionSpec::split(current);
        let Some(selector) = selector else {
            return Some(starting_with(prompt_names(store)?, current));
        };
        let found = selectors_of(store, prompt)?;
        let found = starting_with(found, selector);
        let spec = |selector: String| format!("{prompt}@{selector}");
        Some(found.into_iter().map(spec).collect())
    })
}

/// Reads candidates from the store on another thread, which is left behind if it takes too long.
fn complete(
    current: &OsStr,
    read: impl FnOnce(&Store, &str) -> Option<Vec<String>> + Send + 'static,
) -> Vec<CompletionCandidate> {
    let Some(current) = current.to_str().map(str::to_owned) else {
        return Vec::new();
    };
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let found = open().and_then(|store| read(&store, &current));
        // Fails if the time is over.
        let _ = sender.send(found.unwrap_or_default());
    });
    let found = receiver
        .recv_timeout(COMPLETION_TIMEOUT)
        .unwrap_or_default();
    found.into_iter().map(CompletionCandidate::new).collect()
}

/// Opens the store that the command line names, if that creates no file.
fn open() -> Option<Store> {
    let path = match place::named(option("--store").map(Into::into)) {
        Some(named) => named,
        None => place::nearest(&env::current_dir().ok()?)?,
    };
    if url_in(&path).is_some() {
        return StoreOptions::new().read_only(true).open_place(&path).ok();
    }
    // SQLite would create these, even for a reader.
    let exists = |name: &str| path.join(name).is_file();
    if !exists("index.db-wal") || !exists("index.db-shm") {
        return None;
    }
    StoreOptions::new().read_only(true).open(path).ok()
}

fn prompt_names(store: &Store) -> Option<Vec<String>> {
    let prompts = store.prompts().page(None, MAX_READ).ok()?;
    Some(prompts.iter().map(|one| one.name.to_string()).collect())
}

fn environment_names(store: &Store, prompt: Option<&str>) -> Option<Vec<String>> {
    let prompt = prompt.and_then(|prompt| prompt.parse::<PromptRef>().ok());
    let of_prompt = prompt.and_then(|prompt| store.environments(prompt).ok());
    let mut names = match of_prompt {
        Some(list) => list.into_iter().map(|one| one.name).collect(),
        None => store.environment_names().ok()?,
    };
    let mut list = store.environment_list().ok()?.unwrap_or_default();
    list.retain(|name| !names.contains(name));
    names.extend(list);
    Some(names.iter().map(EnvironmentName::to_string).collect())
}

fn selectors_of(store: &Store, prompt: &str) -> Option<Vec<String>> {
    let prompt = store.prompt(prompt.parse::<PromptRef>().ok()?).ok()?;
    let versions = store
        .versions(prompt.id)
        .with_filter(&VersionFilter::default())
        .page(None, MAX_READ)
        .ok()?;
    let environments = prompt.environments.iter().map(|one| one.name.to_string());
    let numbers = versions.iter().map(|version| version.number.to_string());
    let latest = ["latest".to_owned()];
    Some(
        latest
            .into_iter()
            .chain(environments)
            .chain(numbers)
            .collect(),
    )
}

fn starting_with(names: Vec<String>, start: &str) -> Vec<String> {
    let mut names = names;
    names.retain(|name| name.starts_with(start));
    names
}

/// Returns the words of the command line that is completed, without the command itself.
fn words() -> Vec<String> {
    let words = env::args_os().skip_while(|word| word != "--").skip(2);
    words
        .map(|word| word.to_string_lossy().into_owned())
        .collect()
}

/// Returns the value of an option in the command line that is completed.
fn option(name: &str) -> Option<String> {
    let words = words();
    let at = words.iter().position(|word| word == name);
    let joined = || {
        let mut values = words.iter().filter_map(|word| word.strip_prefix(name));
        values.find_map(|rest| rest.strip_prefix('='))
    };
    at.and_then(|at| words.get(at + 1))
        .map(String::as_str)
        .or_else(joined)
        .map(str::to_owned)
}

fn typed_prompt() -> Option<String> {
    prompt_in(&words())
}

/// The options whose next word is their value.
const OPTIONS_WITH_VALUE: [&str; 5] = ["--store", "--author", "--wait", "-m", "--message"];

/// Returns the prompt in a command line: the first word after the command.
fn prompt_in(words: &[String]) -> Option<String> {
    let mut plain = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if OPTIONS_WITH_VALUE.contains(&word.as_str()) {
            words.next();
        } else if !word.starts_with('-') {
            plain.push(word.as_str());
        }
    }
    let before = if plain.first() == Some(&"env") { 2 } else { 1 };
    let (prompt, _) = VersionSpec::split(plain.get(before)?);
    Some(prompt.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prompt_of_a_command_line_is_found() {
        for (line, expected) in [
            ("env set greeting pro", Some("greeting")),
            ("--store x env set greeting", Some("greeting")),
            ("commit -m message greeting --env", Some("greeting")),
            ("diff greeting@1.0", Some("greeting")),
            ("log", None),
            ("env set", None),
        ] {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            assert_eq!(prompt_in(&words).as_deref(), expected, "{line}");
        }
    }
}
