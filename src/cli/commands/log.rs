//! The command `log`.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::diff::render::{ChangeMarks, render};
use super::environment_log;
use crate::cli::args::LogArgs;
use crate::cli::error::CommandResult;
use crate::cli::limited::limited;
use crate::cli::output::{DIM, ENVIRONMENT, NAME, NUMBER, PLAIN, paint};
use crate::cli::session::Session;
use crate::cli::table::TextTable;
use crate::cli::{json, text};
use crate::diff::Difference;
use crate::history::Change;
use crate::list::VersionFilter;
use crate::{Error, Prompt, PromptId, PromptName, PromptRef, Store, Version, View};

pub(super) fn log(args: &LogArgs, session: &Session) -> CommandResult {
    if let (Some(prompt), Some(environment)) = (&args.prompt, &args.env) {
        return environment_log::log(prompt, environment, args, session);
    }
    let store = session.view(&args.as_of)?;
    let wanted = Wanted::of(args, session.author_filter());
    let (entries, more) = limited(args.amount.limit(), |limit| match &args.prompt {
        Some(prompt) => of_prompt(&store, prompt, args, &wanted, limit),
        None => newest(&store, &wanted, limit),
    })?;
    let is_named = args.prompt.is_none();
    if args.patch {
        let patches = entries.iter().map(|entry| patch(&store, &entry.version));
        let patches = patches.collect::<CommandResult<Vec<_>>>()?;
        session.write_output(
            || entries_json(&entries, Some(&patches), more),
            || patches_text(&entries, &patches),
        )?;
    } else {
        session.write_output(
            || entries_json(&entries, None, more),
            || table(&entries, is_named, args.ids),
        )?;
    }
    if entries.is_empty() && !more {
        session.note("no versions");
    }
    session.note_more(more, "older versions");
    Ok(())
}

/// The conditions on a version that the list does not check itself.
struct Wanted {
    /// A part of the message, in lower case.
    message: Option<String>,
    since: Option<DateTime<Utc>>,
    author: Option<String>,
}

impl Wanted {
    fn of(args: &LogArgs, author: Option<&str>) -> Self {
        Self {
            message: args.grep.as_ref().map(|text| text.to_lowercase()),
            since: args.since,
            author: author.map(str::to_owned),
        }
    }

    fn includes(&self, version: &Version) -> bool {
        let message = self.message.as_ref();
        let author = self.author.as_ref();
        self.since.is_none_or(|since| version.created_at >= since)
            && author.is_none_or(|author| version.author == *author)
            && message.is_none_or(|part| version.message.to_lowercase().contains(part))
    }
}

/// A version in a log, and its prompt's name.
pub(super) struct LogEntry {
    pub(super) version: Version,
    pub(super) name: PromptName,
}

fn of_prompt(
    store: &View,
    prompt: &PromptRef,
    args: &LogArgs,
    wanted: &Wanted,
    limit: usize,
) -> CommandResult<Vec<LogEntry>> {
    let prompt = store.prompt(prompt.clone())?;
    let filter = VersionFilter {
        major: args.major,
        requirement: args.select.clone(),
        author: None,
    };
    let mut entries = Vec::new();
    for version in store.versions(prompt.id).with_filter(&filter) {
        let version = version?;
        if entries.len() == limit {
            break;
        }
        if wanted.includes(&version) {
            let name = prompt.name.clone();
            entries.push(LogEntry { version, name });
        }
    }
    Ok(entries)
}

/// Returns the newest live versions of all prompts.
///
/// They are found through the operations that created them, because operations are in commit order.
fn newest(store: &View, wanted: &Wanted, limit: usize) -> CommandResult<Vec<LogEntry>> {
    let mut names: HashMap<PromptId, Option<PromptName>> = HashMap::new();
    let mut entries = Vec::new();
    let mut before = None;
    loop {
        let page = store.operations().page(before, limit.min(MAX_PAGE))?;
        let Some(last) = page.last() else {
            return Ok(entries);
        };
        before = Some(last.number);
        for change in page
            .iter()
            .flat_map(|operation| operation.content.changes.iter().rev())
        {
            let Change::VersionCreated(created) = change else {
                continue;
            };
            if entries.len() == limit {
                return Ok(entries);
            }
            if !wanted.includes(created) {
                continue;
            }
            // The current state, which has the environments, or is deleted.
            let (version, prompt) = (optional(store.version(created.id))?, created.prompt_id);
            let name = match names.get(&prompt) {
                Some(name) => name.clone(),
                None => {
                    let name = optional(store.prompt(prompt))?.map(|prompt| prompt.name);
                    names.insert(prompt, name.clone());
                    name
                }
            };
            if let (Some(version), Some(name)) = (version, name) {
                entries.push(LogEntry { version, name });
            }
        }
    }
}

/// The maximum number of operations that are read at a time.
const MAX_PAGE: usize = 256;

/// Converts the error for a deleted version or prompt into `None`.
fn optional<T>(result: crate::Result<T>) -> CommandResult<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Error::VersionNotFound { .. } | Error::PromptNotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Compares a version with its base. Returns `None` if it has none, or if the base was deleted.
fn patch(store: &View, version: &Version) -> CommandResult<Option<Difference>> {
    match version.base {
        Some(base) => optional(store.diff(base, version.id)),
        None => Ok(None),
    }
}

fn entries_json(entries: &[LogEntry], patches: Option<&[Option<Difference>]>, more: bool) -> Value {
    let versions = entries.iter().enumerate().map(|(at, entry)| {
        let mut version = json::version(&entry.version);
        version["prompt"] = json!(entry.name);
        if let Some(patches) = patches {
            let patch = patches.get(at).and_then(Option::as_ref);
            version["difference"] = json!(patch.map(json::difference));
        }
        version
    });
    json!({"versions": versions.collect::<Vec<_>>(), "more": more})
}

/// Renders versions with their messages and what they changed.
fn patches_text(entries: &[LogEntry], patches: &[Option<Difference>]) -> String {
    let mut text = String::new();
    for (LogEntry { version, name }, patch) in entries.iter().zip(patches) {
        let environments: String = version
            .environments
            .iter()
            .map(|name| format!(" {}", paint(ENVIRONMENT, text::line(name.as_str()))))
            .collect();
        let message = text::lines(&version.message).replace('\n', "\n    ");
        text.push_str(&format!(
            "{} {}{environments}\n{} {}\n\n    {message}\n\n",
            paint(NAME, text::name(name.as_str())),
            paint(NUMBER, version.number),
            text::moment(version.created_at),
            text::line(&version.author),
        ));
        match (patch, version.base) {
            (Some(difference), _) => text.push_str(&render(difference, ChangeMarks::of_output())),
            (None, None) => text.push_str(&paint(DIM, "the first version\n")),
            (None, Some(_)) => text.push_str(&paint(DIM, "its base is deleted\n")),
        }
        text.push('\n');
    }
    text
}

/// Renders a log, optionally with the names of the prompts and the ids of the versions.
pub(super) fn table(entries: &[LogEntry], named: bool, ids: bool) -> String {
    let mut head = vec!["VERSION", "DATE", "AUTHOR", "ENVIRONMENTS", "MESSAGE"];
    if named {
        head.insert(0, "PROMPT");
    }
    if ids {
        head.insert(0, "ID");
    }
    let mut table = TextTable::new(&head);
    for LogEntry { version, name } in entries {
        let environments = version
            .environments
            .iter()
            .map(|name| text::line(name.as_str()));
        let mut row = vec![
            (version.number.to_string(), NUMBER),
            (text::moment(version.created_at), PLAIN),
            (text::line(&version.author), PLAIN),
            (environments.collect::<Vec<_>>().join(" "), ENVIRONMENT),
            (text::summary(&version.message), PLAIN),
        ];
        if named {
            row.insert(0, (text::name(name.as_str()), NAME));
        }
        if ids {
            row.insert(0, (version.id.to_string(), DIM));
        }
        table.row(row);
    }
    table.text()
}

/// Returns the log of one prompt.
pub(super) fn entries_of(store: &Store, prompt: &Prompt) -> CommandResult<Vec<LogEntry>> {
    let versions = store.versions(prompt.id).page(None, usize::MAX)?;
    let entry = |version| LogEntry {
        version,
        name: prompt.name.clone(),
    };
    Ok(versions.into_iter().map(entry).collect())
}
