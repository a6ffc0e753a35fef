//! Front matter: YAML between two lines `---` at the beginning of a text.

use super::finding::FormatFinding;
use super::node::{NodeMembers, NodeValue};
use super::yaml_read;

/// The line that begins and ends the front matter.
pub(super) const FENCE: &str = "---";

/// A text, cut into its front matter and the rest.
pub(super) struct FrontMatter<'a> {
    pub(super) members: NodeMembers,
    /// What the front matter contains and a body does not get.
    pub(super) findings: Vec<FormatFinding>,
    /// The text after the front matter.
    pub(super) rest: &'a str,
    /// The line at which the rest begins.
    pub(super) line: usize,
}

/// Cuts a text with line feeds. Returns `None` if it does not begin with front matter.
pub(super) fn cut(text: &str) -> Result<Option<FrontMatter<'_>>, FormatFinding> {
    let mut lines = text.split_inclusive('\n');
    let Some(fence) = lines.next().filter(|line| line.trim_end() == FENCE) else {
        return Ok(None);
    };
    let mut end = fence.len();
    for (line, next) in (2..).zip(lines) {
        if next.trim_end() == FENCE {
            let yaml = yaml_read::read(&text[fence.len()..end], 2)?;
            let members = match yaml.root.value {
                NodeValue::Null => NodeMembers::new(),
                NodeValue::Map(members) => members,
                _ => {
                    let reason = "the front matter is not a mapping, such as model: gpt-4o";
                    return Err(FormatFinding::new(2, reason));
                }
            };
            let comments = yaml.comments.into_iter().take(1);
            let comments = comments.map(|line| FormatFinding::stays("a comment", line));
            return Ok(Some(FrontMatter {
                members,
                findings: comments.collect(),
                rest: &text[end + next.len()..],
                line: line + 1,
            }));
        }
        end += next.len();
    }
    let reason = "the front matter has no end; write a line --- after it";
    Err(FormatFinding::new(1, reason))
}
