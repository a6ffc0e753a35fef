//! A difference as text: whole, or as counts.

use super::marks::ChangeMarks;
use super::section::sections;
use crate::cli::commands::commit::reasons;
use crate::cli::output::{ADDED, ENVIRONMENT, ERROR, NAME, NUMBER, REMOVED, paint};
use crate::cli::text;
use crate::diff::{DiffSide, Difference, VariableChange, Verdict};

/// Renders a whole difference after a blank line, or only its headings.
pub(crate) fn whole_or_stat(difference: &Difference, only_stat: bool) -> String {
    if only_stat {
        stat(difference)
    } else {
        "\n".to_owned() + &render(difference, ChangeMarks::of_output())
    }
}

/// Renders a whole difference: the edits, the variables and the verdict.
pub(crate) fn render(difference: &Difference, marks: ChangeMarks) -> String {
    let parts = [
        edits(difference, marks),
        variables(&difference.variables, marks),
        verdict(difference),
    ];
    let filled = parts.into_iter().filter(|part| !part.is_empty());
    filled.collect::<Vec<_>>().join("\n")
}

/// Renders the edits, under a heading for each message, tool and parameter.
fn edits(difference: &Difference, marks: ChangeMarks) -> String {
    let mut text = String::new();
    let mut was_block = false;
    for section in sections(difference) {
        let section_text = section.text(marks);
        // Sections of several lines are surrounded by blank lines.
        let is_block = section_text.lines().nth(1).is_some();
        if !text.is_empty() && (is_block || was_block) {
            text.push('\n');
        }
        text.push_str(&section_text);
        was_block = is_block;
    }
    text
}

/// Renders only the headings.
fn stat(difference: &Difference) -> String {
    let sections = sections(difference);
    let lines = sections
        .iter()
        .map(|section| format!("  {}\n", section.heading()));
    lines.collect()
}

/// Renders the variables whose type changed, or that were added or removed.
fn variables(changes: &[VariableChange], marks: ChangeMarks) -> String {
    if changes.is_empty() {
        return String::new();
    }
    let lines = changes.iter().map(|change| {
        let name = text::line(&change.name);
        match (change.before, change.after) {
            (Some(before), Some(after)) => {
                let pair = marks.pair(&before.to_string(), &after.to_string());
                format!("  {name}: {pair}\n")
            }
            (None, Some(after)) => format!("  {}\n", paint(ADDED, format!("+ {name} ({after})"))),
            (Some(before), None) => {
                format!("  {}\n", paint(REMOVED, format!("- {name} ({before})")))
            }
            (None, None) => String::new(),
        }
    });
    format!(
        "{}\n{}",
        paint(NAME, "variables"),
        lines.collect::<String>()
    )
}

/// Renders the verdict of the bump rules.
fn verdict(difference: &Difference) -> String {
    let version = difference.from.version.as_ref();
    let of = version
        .map(|version| format!(" of {}", paint(NUMBER, version.number)))
        .unwrap_or_default();
    match difference.verdict {
        Verdict::Unchanged if difference.from.body == difference.to.body => {
            "unchanged: the bodies are equal\n".to_owned()
        }
        Verdict::Unchanged => {
            "unchanged: the bodies differ in white space, escapes or the order of members only\n"
                .to_owned()
        }
        Verdict::Minor if !difference.unexamined.is_empty() => {
            let members = difference.unexamined.iter().map(|name| text::line(name));
            let members = members.collect::<Vec<_>>().join(", ");
            format!(
                "{}: no rule finds a break for callers{of}; no rule examines {members}\n",
                paint(ENVIRONMENT, "minor")
            )
        }
        Verdict::Minor => format!("{}: no caller{of} breaks\n", paint(ENVIRONMENT, "minor")),
        Verdict::Major => {
            let list = reasons(&difference.breakages);
            format!("{}: callers{of} break\n{list}", paint(ERROR, "major"))
        }
    }
}

/// Renders the two sides in one line. A body without a version is shown by the name of its file.
pub(crate) fn title(from: &DiffSide, to: &DiffSide, file: &str) -> String {
    let side = |side: &DiffSide| match &side.version {
        Some(version) => paint(NUMBER, version.number),
        None => text::line(file),
    };
    format!("{} → {}", side(from), side(to))
}
