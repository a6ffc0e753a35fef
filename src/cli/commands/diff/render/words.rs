//! Rendering of a changed text with its changed words marked.

use super::marks::ChangeMarks;
use crate::cli::output::{ADDED, DIM, REMOVED, paint};
use crate::cli::text;
use crate::diff::{Segment, SegmentKind};

/// The number of lines that are shown around a changed line.
const CONTEXT_LINES: usize = 2;

/// The number of equal characters that are shown beside a change in the same line.
const CONTEXT_CHARS: usize = 80;

/// A line, split into pieces.
type MarkedLine<'a> = Vec<(SegmentKind, ShownWords<'a>)>;

/// A piece of a line.
#[derive(Clone, Copy)]
enum ShownWords<'a> {
    Text(&'a str),
    /// A line break that was added or removed without a word.
    Break,
}

/// Renders a text of one line.
pub(super) fn line(segments: &[Segment], marks: ChangeMarks) -> String {
    let pieces = segments
        .iter()
        .map(|one| (one.kind, ShownWords::Text(&one.text)));
    pieces_text(&pieces.collect::<MarkedLine>(), marks)
}

/// Renders the changed lines of a text, with some lines around them.
pub(super) fn block(indent: &str, segments: &[Segment], marks: ChangeMarks) -> String {
    let lines = lines(segments);
    let changed: Vec<usize> = (0..lines.len())
        .filter(|position| is_changed(&lines[*position]))
        .collect();
    let mut text = String::new();
    let mut next = 0;
    let elided = format!("{indent}{}\n", paint(DIM, "…"));
    for position in changed {
        let from = position.saturating_sub(CONTEXT_LINES).max(next);
        if from > next {
            text.push_str(&elided);
        }
        let to = (position + CONTEXT_LINES + 1).min(lines.len());
        for line in &lines[from..to.max(from)] {
            let line = pieces_text(line, marks);
            text.push_str(format!("{indent}{line}").trim_end());
            text.push('\n');
        }
        next = next.max(to);
    }
    if next < lines.len() {
        text.push_str(&elided);
    }
    text
}

fn is_changed(line: &MarkedLine) -> bool {
    line.iter().any(|(kind, _)| *kind != SegmentKind::Equal)
}

/// Splits the segments of both texts into lines. A line ends where a line of either text ends.
fn lines(segments: &[Segment]) -> Vec<MarkedLine<'_>> {
    let mut lines: Vec<MarkedLine> = vec![Vec::new()];
    for one in segments {
        let is_blank = one.kind != SegmentKind::Equal && one.text.trim().is_empty();
        for piece in one.text.split_inclusive('\n') {
            let (words, ends) = match piece.strip_suffix('\n') {
                // An unchanged carriage return is not shown.
                Some(words) if one.kind == SegmentKind::Equal => {
                    (words.strip_suffix('\r').unwrap_or(words), true)
                }
                Some(words) => (words, true),
                None => (piece, false),
            };
            if let Some(line) = lines.last_mut() {
                if !words.is_empty() {
                    line.push((one.kind, ShownWords::Text(words)));
                }
                if ends && is_blank {
                    line.push((one.kind, ShownWords::Break));
                }
            }
            if ends {
                lines.push(Vec::new());
            }
        }
    }
    // A line break at the end of the text starts no further line.
    if lines.last().is_some_and(Vec::is_empty) {
        lines.pop();
    }
    lines
}

fn pieces_text(line: &MarkedLine, marks: ChangeMarks) -> String {
    let mut text = String::new();
    for (position, (kind, piece)) in line.iter().enumerate() {
        let words = match piece {
            ShownWords::Text(words) => *words,
            ShownWords::Break => "↵",
        };
        text.push_str(&match kind {
            SegmentKind::Equal => {
                let (first, last) = (position == 0, position + 1 == line.len());
                // Unchanged lines are cut at their end only.
                cut(words, first && !last, last)
            }
            SegmentKind::Removed | SegmentKind::Added => marked(*kind, words, marks),
        });
    }
    text
}

fn marked(kind: SegmentKind, words: &str, marks: ChangeMarks) -> String {
    let shown = text::line(words);
    match (marks, kind) {
        (ChangeMarks::Signs, SegmentKind::Removed) => format!("[-{shown}-]"),
        (ChangeMarks::Signs, _) => format!("{{+{shown}+}}"),
        (ChangeMarks::Colour, kind) => {
            let style = if kind == SegmentKind::Removed {
                REMOVED
            } else {
                ADDED
            };
            // Only a background colour makes white space visible.
            let style = if words.trim().is_empty() {
                style.invert()
            } else {
                style
            };
            paint(style, shown)
        }
    }
}

/// Renders equal text, without the part that is far from a change.
fn cut(words: &str, first: bool, last: bool) -> String {
    let positions: Vec<usize> = words.char_indices().map(|(position, _)| position).collect();
    let count = positions.len();
    let at = |position: usize| positions.get(position).copied().unwrap_or(words.len());
    let gap = paint(DIM, "…");
    match (first, last) {
        (true, _) if count > 2 * CONTEXT_CHARS => {
            format!("{gap}{}", text::line(&words[at(count - CONTEXT_CHARS)..]))
        }
        (_, true) if count > 2 * CONTEXT_CHARS => {
            format!("{}{gap}", text::line(&words[..at(CONTEXT_CHARS)]))
        }
        (false, false) if count > 3 * CONTEXT_CHARS => {
            let (head, tail) = (
                &words[..at(CONTEXT_CHARS)],
                &words[at(count - CONTEXT_CHARS)..],
            );
            format!("{} {gap} {}", text::line(head), text::line(tail))
        }
        _ => text::line(words),
    }
}
