//! The format `dotprompt`: `.prompt` files of Genkit.
//!
//! Described in [Prompt frontmatter](https://google.github.io/dotprompt/reference/frontmatter),
//! [Template content](https://google.github.io/dotprompt/reference/template) and
//! [Picoschema](https://google.github.io/dotprompt/reference/picoschema). The template is
//! Handlebars: `{{role "system"}}` begins a message, and text before the first one is of the user.

use super::chat::ChatParts;
use super::content::{FormattedText, PromptContent};
use super::declared::{declare, take_declared};
use super::finding::FormatFinding;
use super::front_matter;
use super::node::{FileNode, NodeMembers, NodeValue, take};
use super::own_member::{OWN_MEMBER, OwnMember};
use super::sections::{self, TemplateSection};
use super::unsupported::Unsupported;
use super::variables::{VariableReader, VariableSyntax};
use crate::model::body::Body;

const ROLES: &[&str] = &["system", "user", "assistant"];

/// The members of `config`: their names in a body and in a file.
const CONFIG: &[(&str, &str)] = &[
    ("temperature", "temperature"),
    ("top_p", "topP"),
    ("max_tokens", "maxOutputTokens"),
    ("stop", "stopSequences"),
];

const SYNTAX: VariableSyntax = VariableSyntax::Handlebars;

/// Reads a file.
pub(super) fn read(
    text: &str,
    unsupported: Unsupported,
) -> Result<PromptContent, Vec<FormatFinding>> {
    let text = text.replace("\r\n", "\n");
    let one = |finding| vec![finding];
    let front = front_matter::cut(&text).map_err(one)?;
    let (members, mut findings, rest, line) = match front {
        Some(front) => (front.members, front.findings, front.rest, front.line),
        None => (NodeMembers::new(), Vec::new(), &*text, 1),
    };
    let mut parts = ChatParts::default();
    let mut own = OwnMember::default();
    let mut input = None;
    for (name, node) in members {
        match (name.as_str(), node.value) {
            (OWN_MEMBER, value) => {
                let line = node.line;
                own = OwnMember::of(Some(FileNode { line, value })).map_err(one)?;
            }
            ("model", NodeValue::Text(model)) => {
                parts.rest.push((name, FileNode::text(model)));
            }
            ("config", NodeValue::Map(config)) => {
                for (name, value) in config {
                    match CONFIG.iter().find(|(_, file)| *file == name) {
                        Some((body, _)) => parts.rest.push(((*body).to_owned(), value)),
                        None => findings.push(stays(&format!("config.{name}"), value.line)),
                    }
                }
            }
            ("input", NodeValue::Map(members)) => input = Some(members),
            (name, _) => findings.push(stays(name, node.line)),
        }
    }
    let mut types = std::mem::take(&mut own.types);
    for (name, node) in input.into_iter().flatten() {
        match (name.as_str(), node.value) {
            ("schema", NodeValue::Map(schema)) => {
                for (name, kind) in schema {
                    field(&name, kind, &mut types, &mut findings);
                }
            }
            _ => findings.push(stays(&format!("input.{name}"), node.line)),
        }
    }
    let mut reader = VariableReader::new(SYNTAX, &types);
    let messages = sections::messages(cut(rest, line), &mut reader);
    if messages.is_empty() && !own.is_there {
        let text = "the file has no message; write a text after the front matter";
        return Err(vec![FormatFinding::new(None, text)]);
    }
    parts.messages = (!messages.is_empty()).then_some(messages);
    let unread = reader.findings;
    own.add_to(&mut parts).map_err(one)?;
    sections::content(parts, findings, unread, unsupported)
}

fn stays(what: &str, line: usize) -> FormatFinding {
    FormatFinding::stays(what, line)
}

/// Reads a field of a Picoschema: `name: type` or `name?: type, description`.
fn field(
    name: &str,
    kind: FileNode,
    types: &mut std::collections::BTreeMap<String, String>,
    findings: &mut Vec<FormatFinding>,
) {
    let name = name.strip_suffix('?').unwrap_or(name);
    let line = kind.line;
    let text = kind.as_text().map(str::to_owned);
    match text.as_deref().and_then(|text| text.split_once(',')) {
        Some((kind, _)) => {
            let kind = FileNode {
                line,
                value: NodeValue::Text(kind.trim().to_owned()),
            };
            declare(types, findings, name, &kind);
            findings.push(stays(&format!("the description of the input {name}"), line));
        }
        None => declare(types, findings, name, &kind),
    }
}

/// Cuts a template at its helpers `role`.
fn cut(text: &str, first_line: usize) -> Vec<TemplateSection<'_>> {
    let mut sections = Vec::new();
    let (mut role, mut start, mut from) = ("user", 0, 0);
    let line_at = |at: usize| first_line + text[..at].matches('\n').count();
    let mut push = |role, start: usize, end: usize| {
        let section: &str = &text[start..end];
        // Text before the first role is a message only if there is some.
        if start > 0 || !section.trim().is_empty() {
            sections.push(TemplateSection {
                role,
                text: section,
                line: line_at(start),
            });
        }
    };
    while let Some(at) = text[from..].find("{{").map(|at| from + at) {
        match role_of(&text[at..]) {
            Some((next, length)) => {
                push(role, start, at);
                role = next;
                start = at + length;
                from = start;
            }
            None => from = at + 2,
        }
    }
    push(role, start, text.len());
    sections
}

/// Returns the role of the helper at the beginning of a text, and the helper's length.
fn role_of(text: &str) -> Option<(&'static str, usize)> {
    let end = text.find("}}")? + 2;
    let inner = text.get(2..end - 2)?.trim().strip_prefix("role")?;
    let name = inner.strip_prefix([' ', '\t'])?.trim();
    let name = name.strip_prefix(['"', '\''])?.strip_suffix(['"', '\''])?;
    let role = match name {
        "system" => "system",
        "user" => "user",
        "model" | "assistant" => "assistant",
        _ => return None,
    };
    Some((role, end))
}

/// Writes a body.
pub(super) fn write(
    body: &Body,
    unsupported: Unsupported,
) -> Result<FormattedText, Vec<FormatFinding>> {
    let mut parts = ChatParts::of(body, ROLES);
    let mut own = OwnMember::default();
    let (mut front, mut config) = (NodeMembers::new(), NodeMembers::new());
    let mut rest = std::mem::take(&mut parts.rest);
    if let Some(model) = take(&mut rest, "model") {
        match &model.value {
            NodeValue::Text(_) => front.push(("model".into(), model)),
            _ => own.body.push(("model".into(), model)),
        }
    }
    for (name, value) in rest {
        match CONFIG.iter().find(|(body, _)| *body == name) {
            Some((_, file)) => config.push(((*file).to_owned(), value)),
            None => own.body.push((name, value)),
        }
    }
    if !config.is_empty() {
        front.push(("config".into(), FileNode::map(config)));
    }
    let mut findings = Vec::new();
    let template = sections::template(&mut parts, SYNTAX, &mut own.types, &mut findings, |role| {
        let role = if role == "assistant" { "model" } else { role };
        format!("{{{{role \"{role}\"}}}}")
    });
    let schema = take_declared(&mut own.types).into_iter();
    let schema: NodeMembers = schema
        .map(|(name, kind)| (name, FileNode::text(kind)))
        .collect();
    if !schema.is_empty() {
        let schema = vec![("schema".to_owned(), FileNode::map(schema))];
        front.push(("input".into(), FileNode::map(schema)));
    }
    own.is_there = parts.messages.is_none();
    own.write_to(&mut front, &parts);
    sections::finish(body, &front, &template, findings, unsupported, |text| {
        read(text, Unsupported::Refuse)
    })
}
