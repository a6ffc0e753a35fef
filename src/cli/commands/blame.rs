//! The command `blame`.

use serde::Serialize;
use serde_json::{Value, json};

use crate::Json;
use crate::cli::args::diff::BlameArgs;
use crate::cli::error::CommandResult;
use crate::cli::output::{DIM, NAME, NUMBER, PLAIN, paint};
use crate::cli::session::Session;
use crate::cli::table::TextTable;
use crate::cli::{json, text};
use crate::diff::{BlameEntry, BlameOrigin, LineBlame, Pointer, tool_name};

pub(super) fn blame(args: &BlameArgs, session: &Session) -> CommandResult {
    let view = session.view(&args.as_of)?;
    if args.lines {
        let blame = view.blame_lines(&args.spec)?;
        return session.write_output(|| lines_json(&blame), || lines_text(&blame));
    }
    let blame = view.blame(args.spec.clone())?;
    let json = || BlameShape {
        version: json::version(&blame.version),
        entries: blame.entries.iter().map(entry).collect(),
    };
    session.write_output(json, || table(&blame.entries, args.ids))
}

fn lines_json(blame: &LineBlame) -> Value {
    let texts = blame.texts.iter().map(|text| {
        let lines = text.lines.iter().map(|line| {
            json!({"text": line.text, "origin": origin(&line.origin), "boundary": line.boundary})
        });
        json!({"pointer": text.pointer, "lines": lines.collect::<Vec<_>>()})
    });
    json!({"version": json::version(&blame.version), "texts": texts.collect::<Vec<_>>()})
}

/// Renders each text below its pointer, each line with its origin.
fn lines_text(blame: &LineBlame) -> String {
    let blocks = blame.texts.iter().map(|text| {
        let mut table = TextTable::new(&["VERSION", "DATE", "AUTHOR", "LINE"]);
        for line in &text.lines {
            table.row([
                (number(&line.origin, line.boundary), NUMBER),
                (text::moment(line.origin.created_at), PLAIN),
                (text::line(&line.origin.author), PLAIN),
                (text::line(&line.text), PLAIN),
            ]);
        }
        format!(
            "{}\n{}",
            paint(NAME, text::line(text.pointer.as_str())),
            table.text()
        )
    });
    blocks.collect::<Vec<_>>().join("\n")
}

/// Returns an origin's number. Like git, marks what may be older.
fn number(origin: &BlameOrigin, boundary: bool) -> String {
    format!("{}{}", if boundary { "^" } else { "" }, origin.number)
}

fn origin(origin: &BlameOrigin) -> Value {
    json!({
        "id": origin.id,
        "number": origin.number,
        "author": origin.author,
        "created_at": origin.created_at,
        "message": origin.message,
    })
}

#[derive(Serialize)]
struct BlameShape<'a> {
    version: Value,
    entries: Vec<EntryShape<'a>>,
}

#[derive(Serialize)]
struct EntryShape<'a> {
    pointer: &'a Pointer,
    value: &'a Json,
    origin: Value,
    boundary: bool,
}

fn entry(entry: &BlameEntry) -> EntryShape<'_> {
    EntryShape {
        pointer: &entry.pointer,
        value: &entry.value,
        origin: origin(&entry.origin),
        boundary: entry.boundary,
    }
}

fn table(entries: &[BlameEntry], ids: bool) -> String {
    let mut head = vec!["VERSION", "DATE", "AUTHOR", "PART", "TEXT"];
    if ids {
        head.insert(0, "ID");
    }
    let mut table = TextTable::new(&head);
    for entry in entries {
        let origin = &entry.origin;
        let mut row = vec![
            (number(origin, entry.boundary), NUMBER),
            (text::moment(origin.created_at), PLAIN),
            (text::line(&origin.author), PLAIN),
            (part(entry), NAME),
            (excerpt(&entry.value), PLAIN),
        ];
        if ids {
            row.insert(0, (origin.id.to_string(), DIM));
        }
        table.row(row);
    }
    table.text()
}

/// Returns the name of a part.
fn part(entry: &BlameEntry) -> String {
    let tokens: Vec<_> = entry.pointer.tokens().collect();
    match &tokens[..] {
        [list, index] if list == "messages" => {
            let role = entry
                .value
                .json()
                .get("role")
                .and_then(Value::as_str)
                .map(|role| format!(" ({})", text::line(role)));
            format!("message {index}{}", role.unwrap_or_default())
        }
        [_, index] => {
            let name = tool_name(entry.value.json()).map(text::line);
            format!("tool {}", name.unwrap_or_else(|| index.to_string()))
        }
        tokens => text::line(&tokens.concat()),
    }
}

/// The maximum number of characters of a part that are shown.
const MAX_EXCERPT_CHARS: usize = 60;

/// Returns the beginning of a part in one line.
fn excerpt(part: &Json) -> String {
    let value = part.json();
    let function = value.get("function");
    let described = function.and_then(|function| function.get("description")?.as_str());
    let said = value.get("content").and_then(content);
    let summary = match said.or(described) {
        Some(words) => words.to_owned(),
        None => part.text().to_owned(),
    };
    let mut words = summary.split_whitespace();
    // Joins no more words than are shown.
    let mut line = String::new();
    while line.chars().count() <= MAX_EXCERPT_CHARS
        && let Some(word) = words.next()
    {
        line.push_str(if line.is_empty() { "" } else { " " });
        line.extend(word.chars().take(MAX_EXCERPT_CHARS + 1));
    }
    if line.chars().count() > MAX_EXCERPT_CHARS {
        line = line.chars().take(MAX_EXCERPT_CHARS - 1).collect::<String>() + "…";
    }
    text::line(&line)
}

/// Returns a message's text, or the text of its first content part that has one.
fn content(content: &Value) -> Option<&str> {
    let in_parts = || {
        let parts = content.as_array()?.iter();
        parts.filter_map(|part| part.get("text")?.as_str()).next()
    };
    content.as_str().or_else(in_parts)
}
