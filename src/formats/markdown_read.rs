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
use super::front_matter;
use super::node::{member, take};
use super::own_member::{OWN_MEMBER, OwnMember};

/// The roles that a heading can have.
pub(super) const ROLES: &[&str] = &[
    "system",
    "developer",
    "user",
    "assistant",
    "tool",
    "function",
];

/// Reads a file.
pub(super) fn read(text: &str) -> Result<PromptContent, FormatFinding> {
    let text = text.replace("\r\n", "\n");
    let Some(mut front) = front_matter::cut(&text)? else {
        let reason = "the file does not begin with front matter: a line ---, YAML, and a line ---";
        return Err(FormatFinding::new(1, reason));
    };
    let own = OwnMember::of(take(&mut front.members, OWN_MEMBER))?;
    let messages = blocks(front.rest, front.line)?;
    if let (Some(list), false) = (member(&front.members, "messages"), messages.is_empty()) {
        let reason = "the file has messages in its front matter and as blocks; use one of them";
        return Err(FormatFinding::new(list.line, reason));
    }
    let mut parts = ChatParts {
        messages: (!messages.is_empty()).then_some(messages),
        rest: front.members,
    };
    own.add_to(&mut parts)?;
    let mut content = PromptContent::of_body(parts.into_body()?, false);
    content.findings = front.findings;
    Ok(content)
}

/// Returns the role of a heading, as it is written, if the line is one.
pub(super) fn heading_of(line: &str) -> Option<&str> {
    let word = line.strip_prefix("##")?;
    let role = word.trim_matches([' ', '\t']);
    let is_role = ROLES.iter().any(|known| known.eq_ignore_ascii_case(role));
    (is_role && word.starts_with([' ', '\t'])).then_some(role)
}

/// Returns the messages in the text after the front matter, which begins at a line.
fn blocks(text: &str, first: usize) -> Result<Vec<ShownMessage>, FormatFinding> {
    let mut messages: Vec<(ShownMessage, Vec<&str>)> = Vec::new();
    for (position, line) in text.split('\n').enumerate() {
        let number = first + position;
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
