//! Reading of the format `md`: front matter, and a block for each message.
//!
//! ```markdown
//! ---
//! model: gpt-4o
//! temperature: 0.2
//! ---
//!
//! ## system
//!
//! You answer in one sentence.
//!
//! ## user
//!
//! Greet {{hc:name:string}}.
//! ```
//!
//! The front matter is YAML: the members of the body besides `messages`. A heading of the second
//! level that is only a role begins a message. Other headings are text, and `\## user` is the text
//! `## user`. Line ends around the text of a block do not belong to it.

use super::chat::{ChatParts, ShownMessage};
use super::content::PromptContent;
use super::finding::FormatFinding;
use super::node::{NodeMembers, NodeValue, member, take};
use super::own_member::{OWN_MEMBER, OwnMember};
use super::yaml_read;

/// The roles that a heading can have.
pub(super) const ROLES: &[&str] = &[
    "system",
    "developer",
    "user",
    "assistant",
    "tool",
    "function",
];

/// The line that begins and ends the front matter.
pub(super) const FENCE: &str = "---";

/// Reads a file.
pub(super) fn read(text: &str) -> Result<PromptContent, FormatFinding> {
    let text = text.replace("\r\n", "\n");
    let lines: Vec<&str> = text.split('\n').collect();
    if lines.first().map(|line| line.trim_end()) != Some(FENCE) {
        let reason = "the file does not begin with front matter: a line ---, YAML, and a line ---";
        return Err(FormatFinding::new(1, reason));
    }
    let end = lines
        .iter()
        .skip(1)
        .position(|line| line.trim_end() == FENCE);
    let Some(end) = end.map(|end| end + 1) else {
        let reason = "the front matter has no end; write a line --- after it";
        return Err(FormatFinding::new(1, reason));
    };
    // The last line has its end, which a block of text at the end of the front matter contains.
    let front: String = lines[1..end]
        .iter()
        .map(|line| format!("{line}\n"))
        .collect();
    let yaml = yaml_read::read(&front, 2)?;
    let mut front = match yaml.root.value {
        NodeValue::Null => NodeMembers::new(),
        NodeValue::Map(members) => members,
        _ => {
            let reason = "the front matter is not a mapping, such as model: gpt-4o";
            return Err(FormatFinding::new(2, reason));
        }
    };
    let own = OwnMember::of(take(&mut front, OWN_MEMBER))?;
    let messages = blocks(&lines, end + 1)?;
    if let (Some(list), false) = (member(&front, "messages"), messages.is_empty()) {
        let reason = "the file has messages in its front matter and as blocks; use one of them";
        return Err(FormatFinding::new(list.line, reason));
    }
    let mut parts = ChatParts {
        messages: (!messages.is_empty()).then_some(messages),
        rest: front,
    };
    own.add_to(&mut parts)?;
    let mut content = PromptContent::of_body(parts.into_body()?, false);
    if let Some(line) = yaml.comments.first() {
        let text = "a comment stays in the file only";
        content.findings.push(FormatFinding::new(*line, text));
    }
    Ok(content)
}

/// Returns the role of a heading, as it is written, if the line is one.
pub(super) fn heading_of(line: &str) -> Option<&str> {
    let word = line.strip_prefix("##")?;
    let role = word.trim_matches([' ', '\t']);
    let is_role = ROLES.iter().any(|known| known.eq_ignore_ascii_case(role));
    (is_role && word.starts_with([' ', '\t'])).then_some(role)
}

/// Returns the messages that the lines after the front matter contain.
fn blocks(lines: &[&str], first: usize) -> Result<Vec<ShownMessage>, FormatFinding> {
    let mut messages: Vec<(ShownMessage, Vec<&str>)> = Vec::new();
    for (position, line) in lines.iter().enumerate().skip(first) {
        let number = position + 1;
        if let Some(role) = heading_of(line) {
            if !ROLES.contains(&role) {
                let lower = role.to_ascii_lowercase();
                let reason = format!(
                    "## {role} is no role; write ## {lower} for a message, or \\## {role} for a text"
                );
                return Err(FormatFinding::new(number, reason));
            }
            messages.push((ShownMessage::new(role, "", number + 1), Vec::new()));
            continue;
        }
        // One backslash before a heading makes it a text.
        let is_escaped =
            line.starts_with('\\') && heading_of(line.trim_start_matches('\\')).is_some();
        let text = line.get(usize::from(is_escaped)..).unwrap_or_default();
        match messages.last_mut() {
            Some((_, lines)) => lines.push(text),
            None if line.trim().is_empty() => {}
            None => {
                let reason = format!(
                    "this text belongs to no message; write a heading before it, such as ## {}",
                    ROLES[0]
                );
                return Err(FormatFinding::new(number, reason));
            }
        }
    }
    let messages = messages.into_iter().map(|(mut message, lines)| {
        let text = lines.join("\n");
        let core = text.trim_matches('\n');
        message.line += text.len() - text.trim_start_matches('\n').len();
        message.text = Some(core.to_owned());
        message
    });
    Ok(messages.collect())
}
