//! Rendering of the edits of one message, tool or parameter.

use anstyle::Style;
use serde_json::Value;

use super::marks::ChangeMarks;
use super::{layout, words};
use crate::Json;
use crate::cli::output::{ADDED, DIM, NAME, PLAIN, REMOVED, paint};
use crate::cli::text;
use crate::diff::Difference;
use crate::diff::{Edit, EditKind, Pointer, Section, tool_name};
use crate::json::JsonTree;

/// A section of a body, with its edits.
pub(super) struct SectionEdits<'a> {
    section: Option<&'a Section>,
    edits: Vec<&'a Edit>,
    difference: &'a Difference,
    /// The new value of the message, tool or member, or the old one if it was removed.
    value: Option<&'a Value>,
}

/// Returns the changed sections, in order.
pub(super) fn sections(difference: &Difference) -> Vec<SectionEdits<'_>> {
    let mut sections: Vec<SectionEdits> = Vec::new();
    for edit in &difference.body.edits {
        let section = edit.section.as_ref();
        match sections.last_mut() {
            Some(last) if last.section == section => last.edits.push(edit),
            _ => sections.push(SectionEdits {
                section,
                edits: vec![edit],
                difference,
                value: section.and_then(|section| value(difference, section)),
            }),
        }
    }
    sections
}

fn value<'a>(difference: &'a Difference, section: &Section) -> Option<&'a Value> {
    let of = |body: &'a Value, index: Option<usize>| {
        let member = body.get(&section.member)?;
        match index {
            Some(index) => member.get(index),
            None => Some(member),
        }
    };
    let old = difference.from.body.as_ref()?.json();
    let new = difference.to.body.as_ref()?.json();
    match (section.old_index, section.new_index) {
        (Some(index), None) => of(old, Some(index)),
        (_, index) => of(new, index).or_else(|| of(old, index)),
    }
}

/// The maximum length of a label and its value in one line, in characters.
const MAX_LINE_WIDTH: usize = 72;

impl SectionEdits<'_> {
    /// Returns the heading: the section's name, and whether it was added, removed or moved.
    pub(super) fn heading(&self) -> String {
        let (sign, style) = match self.whole().map(|edit| edit.kind) {
            Some(EditKind::Added) => ("+ ", ADDED.bold()),
            Some(EditKind::Removed) => ("- ", REMOVED.bold()),
            _ => ("", NAME),
        };
        let heading = paint(style, format!("{sign}{}", self.name()));
        match self.place() {
            Some(place) => format!("{heading} {}", paint(DIM, place)),
            None => heading,
        }
    }

    fn name(&self) -> String {
        let Some(section) = self.section else {
            return "the body".into();
        };
        let member = text::line(&section.member);
        let Some(index) = section.new_index.or(section.old_index) else {
            return member;
        };
        let known = |name: Option<&str>| name.map(text::line);
        if member == "messages" {
            let role = known(self.value.and_then(|message| message.get("role")?.as_str()))
                .map(|role| format!(" ({role})"));
            return format!("message {index}{}", role.unwrap_or_default());
        }
        if let Some(name) = known(self.value.and_then(tool_name)) {
            return format!("tool {name}");
        }
        let kind = known(self.value.and_then(|tool| tool.get("type")?.as_str()))
            .map(|kind| format!(" ({kind})"));
        format!("tool {index}{}", kind.unwrap_or_default())
    }

    /// Returns the note on the section's earlier position, if it changed.
    fn place(&self) -> Option<String> {
        let section = self.section?;
        let (old, new) = (section.old_index?, section.new_index?);
        let is_message = section.member == "messages";
        let first = self.edits.first()?;
        let is_moved = first.kind.is_move() && self.is_whole(first);
        match (is_moved, is_message) {
            (true, true) => Some(format!("moved from {old}")),
            (true, false) => Some(format!("moved from {old} to {new}")),
            (false, _) => (is_message && old != new).then(|| format!("was {old}")),
        }
    }

    /// Returns the edit of the section as a whole, if any.
    fn whole(&self) -> Option<&Edit> {
        self.edits.iter().find(|edit| self.is_whole(edit)).copied()
    }

    fn is_whole(&self, edit: &Edit) -> bool {
        self.pointer(edit).tokens().count() == self.depth()
    }

    /// Returns the number of pointer tokens that lead to the section.
    fn depth(&self) -> usize {
        match self.section {
            Some(_) if self.is_item() => 2,
            Some(_) => 1,
            None => 0,
        }
    }

    /// Returns whether the section is a message or a tool.
    fn is_item(&self) -> bool {
        let index = |section: &Section| section.old_index.or(section.new_index);
        self.section.and_then(index).is_some()
    }

    /// Returns the pointer to the edited value, or to its old place if it was removed.
    fn pointer(&self, edit: &Edit) -> Pointer {
        let pointer = edit.new_pointer.as_ref().or(edit.old_pointer.as_ref());
        pointer.cloned().unwrap_or_default()
    }

    /// Renders the heading and the edits.
    pub(super) fn text(&self, marks: ChangeMarks) -> String {
        // A member that is replaced as a whole, and is no message or tool, needs no heading.
        if !self.is_item()
            && let [edit] = self.edits[..]
            && self.is_whole(edit)
        {
            return entry("", &self.name(), edit, marks, NAME);
        }
        let mut text = self.heading() + "\n";
        for edit in &self.edits {
            if self.is_whole(edit) {
                text.push_str(&item(edit, marks));
            } else {
                text.push_str(&entry("  ", &self.label(edit), edit, marks, PLAIN));
            }
        }
        text
    }

    /// Returns the path from the section to the edited value, in the syntax of code.
    ///
    /// Omits the member `function` of a tool, which carries no information.
    fn label(&self, edit: &Edit) -> String {
        let side = match edit.new_pointer {
            Some(_) => &self.difference.to,
            None => &self.difference.from,
        };
        let mut at = side.body.as_ref().map(|body| body.json());
        let pointer = self.pointer(edit);
        let last = pointer.tokens().count().saturating_sub(1);
        let mut label = String::new();
        for (depth, token) in pointer.tokens().enumerate() {
            let is_index = at.is_some_and(Value::is_array);
            at = at.and_then(|value| match value {
                Value::Array(items) => items.get(token.parse::<usize>().ok()?),
                value => value.get(&*token),
            });
            let is_wrapper = depth == 2 && depth < last && token == "function";
            if depth < self.depth() || is_wrapper {
                continue;
            }
            let plain = |c: char| c.is_alphanumeric() || "_$-~/".contains(c);
            if is_index {
                label.push_str(&format!("[{token}]"));
            } else if token.is_empty() || !token.chars().all(plain) {
                label.push_str(&format!("[{}]", layout::quoted(&token)));
            } else {
                label.push_str(if label.is_empty() { "" } else { "." });
                label.push_str(&token);
            }
        }
        label
    }
}

/// Renders the edit of a message, tool or body as a whole.
fn item(edit: &Edit, marks: ChangeMarks) -> String {
    match (edit.kind, &edit.old, &edit.new) {
        (EditKind::Added, _, Some(new)) => signed("  ", "+", &shown(new), ADDED),
        (EditKind::Removed, Some(old), _) => signed("  ", "-", &shown(old), REMOVED),
        (EditKind::Changed | EditKind::Reformatted, Some(old), Some(new)) => {
            replaced("  ", edit, old, new, marks)
        }
        _ => String::new(),
    }
}

/// Renders an edit in one line, or below its label if it is long.
fn entry(indent: &str, label: &str, edit: &Edit, marks: ChangeMarks, style: Style) -> String {
    let (sign, value, sign_style) = match (edit.kind, &edit.old, &edit.new) {
        (EditKind::Added, _, Some(new)) => ("+", new, ADDED),
        (EditKind::Removed, Some(old), _) => ("-", old, REMOVED),
        (EditKind::Changed | EditKind::Reformatted, Some(old), Some(new)) => {
            return changed(indent, label, edit, (old, new), marks, style);
        }
        _ => {
            let old_name = edit
                .old_pointer
                .as_ref()
                .and_then(|pointer| pointer.tokens().last());
            let from = text::line(&old_name.unwrap_or_default());
            let place = paint(DIM, format!("moved from [{from}]"));
            return format!("{indent}{}: {place}\n", paint(style, label));
        }
    };
    let short = layout::in_line(&value.tree());
    if fits(label, &short) {
        let line = paint(sign_style, format!("{sign} {label}: {short}"));
        return format!("{indent}{line}\n");
    }
    let head = paint(sign_style, format!("{sign} {label}:"));
    let below = format!("{indent}  ");
    format!(
        "{indent}{head}\n{}",
        signed(&below, sign, &shown(value), sign_style)
    )
}

fn fits(label: &str, value: &str) -> bool {
    label.chars().count() + value.chars().count() <= MAX_LINE_WIDTH
}

fn changed(
    indent: &str,
    label: &str,
    edit: &Edit,
    (old, new): (&Json, &Json),
    marks: ChangeMarks,
    style: Style,
) -> String {
    let head = format!("{indent}{}:", paint(style, label));
    // The text of a message needs no label.
    if label == "content"
        && let Some(segments) = &edit.text
    {
        return words::block(indent, segments, marks);
    }
    let (old_tree, new_tree) = (old.tree(), new.tree());
    let line_break = |value: &JsonTree<'_>| value.as_str().is_some_and(|text| text.contains('\n'));
    if edit.text.is_none() || !(line_break(&old_tree) || line_break(&new_tree)) {
        let (short_old, short_new) = (layout::in_line(&old_tree), layout::in_line(&new_tree));
        if fits(label, &format!("{short_old}{short_new}")) {
            let pair = match &edit.text {
                _ if edit.kind == EditKind::Reformatted => {
                    let note = paint(DIM, "(the same value)");
                    format!("{} {note}", marks.pair(&short_old, &short_new))
                }
                // Only its quotes make an empty text visible.
                Some(segments)
                    if ![&old_tree, &new_tree]
                        .iter()
                        .any(|one| one.as_str() == Some("")) =>
                {
                    words::line(segments, marks)
                }
                _ => marks.pair(&short_old, &short_new),
            };
            return format!("{head} {pair}\n");
        }
    }
    head + "\n" + &replaced(&format!("{indent}  "), edit, old, new, marks)
}

/// Renders a value that replaces another one, over several lines.
fn replaced(indent: &str, edit: &Edit, old: &Json, new: &Json, marks: ChangeMarks) -> String {
    match &edit.text {
        Some(segments) => words::block(indent, segments, marks),
        None => {
            signed(indent, "-", &shown(old), REMOVED) + &signed(indent, "+", &shown(new), ADDED)
        }
    }
}

/// Renders a value over several lines, and a message that consists of text only as that text.
fn shown(value: &Json) -> String {
    let value = value.tree();
    let plain = match &value {
        JsonTree::String(text) => Some(text.as_str()),
        JsonTree::Object(members) if members.len() == 2 && members.contains("role") => {
            members.get("content").and_then(JsonTree::as_str)
        }
        _ => None,
    };
    match plain {
        Some(text) => text::lines(text),
        None => layout::lines(&value),
    }
}

/// Prefixes each line with a sign.
fn signed(indent: &str, sign: &str, lines: &str, style: Style) -> String {
    let lines = lines.lines().map(|line| {
        let line = format!("{sign} {line}");
        format!("{indent}{}\n", paint(style, line.trim_end()))
    });
    lines.collect()
}
