//! Writing of the format `md`: front matter, and a block for each message.

use super::chat::ChatParts;
use super::markdown_read::{ROLES, heading_of};
use super::node::take;
use super::own_member::{OWN_MEMBER, OwnMember};
use super::yaml_write::write_members;
use crate::model::body::Body;

/// Writes a body. Every body can be written.
pub(super) fn write(body: &Body) -> String {
    let mut parts = ChatParts::of(body, ROLES);
    for message in parts.messages.iter_mut().flatten() {
        message.hide();
    }
    let mut front = std::mem::take(&mut parts.rest);
    let mut own = OwnMember::default();
    // A body may have a member of this name itself.
    if let Some(member) = take(&mut front, OWN_MEMBER) {
        own.body.push((OWN_MEMBER.to_owned(), member));
    }
    own.write_to(&mut front, &parts);
    let mut out = String::from("---\n");
    write_members(&front, &mut out);
    out.push_str("---\n");
    for message in parts.messages.iter().flatten() {
        out.push_str(&format!("\n## {}\n", message.role));
        let text = message.text.as_deref().unwrap_or_default();
        if !text.is_empty() {
            out.push('\n');
            for line in text.split('\n') {
                // A line that reads as a heading gets a backslash, of which a reader removes one.
                if heading_of(line.trim_start_matches('\\')).is_some() {
                    out.push('\\');
                }
                out.push_str(line);
                out.push('\n');
            }
        }
    }
    out
}
