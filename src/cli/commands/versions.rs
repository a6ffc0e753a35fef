//! The commands `log`, `show`, `resolve` and `cat-body`.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::{Value, json};

use super::environment_log;
use super::prompts::title;
use crate::cli::args::{CatBodyArgs, LogArgs, SpecArgs};
use crate::cli::error::CommandResult;
use crate::cli::json::ContractShape;
use crate::cli::output;
use crate::cli::output::{DIM, ENVIRONMENT, NAME, NUMBER, PLAIN, paint};
use crate::cli::session::Session;
use crate::cli::table::TextTable;
use crate::cli::{json, text};
use crate::history::Change;
use crate::list::VersionFilter;
use crate::{Contract, Error, Json, Prompt, PromptId, PromptName, Resolved, Store, Version, View};

pub(super) fn log(args: &LogArgs, session: &Session) -> CommandResult {
    if let (Some(prompt), Some(environment)) = (&args.prompt, &args.env) {
        return environment_log::log(prompt, environment, args, session);
    }
    let store = session.view(&args.as_of)?;
    let limit = args.amount.limit();
    // One more than requested, to see whether there are more.
    let enough = limit.saturating_add(1);
    let mut entries = match &args.prompt {
        Some(prompt) => {
            let prompt = store.prompt(prompt.clone())?;
            let filter = VersionFilter {
                major: args.major,
                requirement: args.select.clone(),
            };
            let versions = store
                .versions(prompt.id)
                .with_filter(&filter)
                .page(None, enough)?;
            let entry = |version| LogEntry {
                version,
                name: prompt.name.clone(),
            };
            versions.into_iter().map(entry).collect()
        }
        None => newest(&store, enough)?,
    };
    let more = entries.len() > limit;
    entries.truncate(limit);
    let json = || {
        let versions = entries.iter().map(|entry| {
            let mut version = json::version(&entry.version);
            version["prompt"] = json!(entry.name);
            version
        });
        json!({"versions": versions.collect::<Vec<_>>(), "more": more})
    };
    session.write_output(json, || table(&entries, args.prompt.is_none(), args.ids))?;
    if entries.is_empty() && !more {
        session.note("no versions");
    }
    if more {
        session.note("there are older versions: -n N or --all shows them");
    }
    Ok(())
}

/// A version in a log, and its prompt's name.
pub(super) struct LogEntry {
    pub(super) version: Version,
    pub(super) name: PromptName,
}

/// Returns the newest live versions of all prompts.
///
/// They are found through the operations that created them, because operations are in commit order.
fn newest(store: &View, limit: usize) -> CommandResult<Vec<LogEntry>> {
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

pub(super) fn show(args: &SpecArgs, session: &Session) -> CommandResult {
    let store = session.view(&args.as_of)?;
    let resolved = store.resolve(&args.spec)?;
    let Resolved { version, body, .. } = &*resolved;
    let json: &Json = body.as_ref();
    let prompt = store.prompt(version.prompt_id)?;
    let contract = store.contract(version.id)?;
    let base = version.base.and_then(|base| store.version(base).ok());
    session.write_output(
        || ShowShape {
            prompt: json::prompt(&prompt),
            version: json::version(version),
            contract: json::contract(&contract),
            body: json,
        },
        || {
            let head = format!(
                "{}, version {}\n",
                title(&prompt),
                paint(NUMBER, version.number)
            );
            let fields = fields(version, base.as_ref(), &contract);
            head + &fields + "\n" + &text::json(json)
        },
    )
}

#[derive(Serialize)]
struct ShowShape<'a> {
    prompt: Value,
    version: Value,
    contract: ContractShape<'a>,
    body: &'a Json,
}

/// Renders a version's fields, one per line.
fn fields(version: &Version, base: Option<&Version>, contract: &Contract) -> String {
    let list = |items: Vec<String>| items.join(", ");
    let base = match (version.base, base) {
        (Some(_), Some(base)) => base.number.to_string(),
        (Some(id), None) => format!("{id} (deleted)"),
        (None, _) => String::new(),
    };
    let environments = version
        .environments
        .iter()
        .map(|name| text::line(name.as_str()));
    let variables = contract
        .variables
        .iter()
        .map(|one| format!("{} ({})", text::line(&one.name), one.accepts));
    let tools = contract
        .tools
        .iter()
        .map(|tool| json::tool_name(tool).map_or_else(|| tool.place.to_string(), str::to_owned));
    let partials = contract.partials.iter().map(|one| text::line(&one.tag));
    let fields = [
        ("id", version.id.to_string()),
        ("environments", list(environments.collect())),
        ("date", text::moment(version.created_at)),
        ("author", text::line(&version.author)),
        (
            "message",
            text::lines(&version.message).replace('\n', "\n              "),
        ),
        ("base", base),
        (
            "model",
            version.model.as_deref().map(text::line).unwrap_or_default(),
        ),
        ("size", text::count(version.size, "byte", "bytes")),
        ("blob", version.blob.to_string()),
        ("variables", list(variables.collect())),
        ("partials", list(partials.collect())),
        ("tools", text::line(&list(tools.collect()))),
        ("format", response_format(contract).unwrap_or_default()),
        (
            "problems",
            list(
                contract
                    .problems
                    .iter()
                    .map(|one| text::line(&one.to_string()))
                    .collect(),
            ),
        ),
    ];
    let filled = fields.iter().filter(|(_, value)| !value.is_empty());
    filled
        .map(|(name, value)| format!("{} {value}\n", paint(DIM, format!("{name:<13}"))))
        .collect()
}

fn response_format(contract: &Contract) -> Option<String> {
    let format = contract.response_format.as_ref()?;
    let kind = format.json().get("type").and_then(Value::as_str);
    Some(kind.map_or_else(|| "custom".into(), text::line))
}

pub(super) fn resolve(args: &SpecArgs, session: &Session) -> CommandResult {
    let store = session.view(&args.as_of)?;
    let resolved = store.resolve(&args.spec)?;
    let Resolved { version, body, .. } = &*resolved;
    if session.json() {
        return output::write_json(
            &json!({"version": json::version(version), "text": body.text()}),
        );
    }
    output::write_bytes(body.as_bytes())
}

pub(super) fn cat_body(args: &CatBodyArgs, session: &Session) -> CommandResult {
    let body = session.reader()?.body(args.blob)?;
    if session.json() {
        return output::write_json(&json!({"blob": body.id(), "text": body.text()}));
    }
    output::write_bytes(body.as_bytes())
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
