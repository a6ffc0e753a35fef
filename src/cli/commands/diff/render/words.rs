//! A text that was changed, its words marked.

use super::difference::Marks;
use crate::cli::output::{ADDED, DIM, REMOVED, paint};
use crate::cli::text;
use crate::diff::{Segment, SegmentKind};

/// How many lines are shown around one that changed.
const AROUND: usize = 2;

/// How many characters are shown of what is equal, beside what changed in the same line.
const BESIDE: usize = 80;

/// A line, in pieces.
type Line<'a> = Vec<(SegmentKind, Shown<'a>)>;

/// A piece of a line.
#[derive(Clone, Copy)]
enum Shown<'a> {
    Text(&'a str),
    /// A line break that was added or removed where no word was.
    Break,
}

/// A text of one line.
pub(super) fn line(segments: &[Segment], marks: Marks) -> String {
    let pieces = segments
        .iter()
        .map(|one| (one.kind, Shown::Text(&one.text)));
    pieces_text(&pieces.collect::<Line>(), marks)
}

/// A text of any lines: those that changed, and some around them.
pub(super) fn block(indent: &str, segments: &[Segment], marks: Marks) -> String {
    let lines = lines(segments);
    let changed: Vec<usize> = (0..lines.len())
        .filter(|position| is_changed(&lines[*position]))
        .collect();
    let mut told = String::new();
    let mut next = 0;
    let elided = format!("{indent}{}\n", paint(DIM, "…"));
    for position in changed {
        let from = position.saturating_sub(AROUND).max(next);
        if from > next {
            told.push_str(&elided);
        }
        let to = (position + AROUND + 1).min(lines.len());
        for line in &lines[from..to.max(from)] {
            let line = pieces_text(line, marks);
            told.push_str(format!("{indent}{line}").trim_end());
            told.push('\n');
        }
        next = next.max(to);
    }
    if next < lines.len() {
        told.push_str(&elided);
    }
    told
}

fn is_changed(line: &Line) -> bool {
    line.iter().any(|(kind, _)| *kind != SegmentKind::Equal)
}

/// The lines of both texts at once: a line ends where one of them has an end.
fn lines(segments: &[Segment]) -> Vec<Line<'_>> {
    let mut lines: Vec<Line> = vec![Vec::new()];
    for one in segments {
        let is_blank = one.kind != SegmentKind::Equal && one.text.trim().is_empty();
        for piece in one.text.split_inclusive('\n') {
            let (words, ends) = match piece.strip_suffix('\n') {
                // Of two that are equal, nobody wants to see it.
                Some(words) if one.kind == SegmentKind::Equal => {
                    (words.strip_suffix('\r').unwrap_or(words), true)
                }
                Some(words) => (words, true),
                None => (piece, false),
            };
            if let Some(line) = lines.last_mut() {
                if !words.is_empty() {
                    line.push((one.kind, Shown::Text(words)));
                }
                if ends && is_blank {
                    line.push((one.kind, Shown::Break));
                }
            }
            if ends {
                lines.push(Vec::new());
            }
        }
    }
    // What ends in a line break has no line after it.
    if lines.last().is_some_and(Vec::is_empty) {
        lines.pop();
    }
    lines
}

fn pieces_text(line: &Line, marks: Marks) -> String {
    let mut told = String::new();
    for (position, (kind, piece)) in line.iter().enumerate() {
        let words = match piece {
            Shown::Text(words) => *words,
            Shown::Break => "↵",
        };
        told.push_str(&match kind {
            SegmentKind::Equal => {
                let (first, last) = (position == 0, position + 1 == line.len());
                // Lines that did not change are cut at their end only.
                cut(words, first && !last, last)
            }
            SegmentKind::Removed | SegmentKind::Added => marked(*kind, words, marks),
        });
    }
    told
}

fn marked(kind: SegmentKind, words: &str, marks: Marks) -> String {
    let shown = text::line(words);
    match (marks, kind) {
        (Marks::Signs, SegmentKind::Removed) => format!("[-{shown}-]"),
        (Marks::Signs, _) => format!("{{+{shown}+}}"),
        (Marks::Colour, kind) => {
            let style = if kind == SegmentKind::Removed {
                REMOVED
            } else {
                ADDED
            };
            // White space has no colour but its background's.
            let style = if words.trim().is_empty() {
                style.invert()
            } else {
                style
            };
            paint(style, shown)
        }
    }
}

/// What is equal, cut where it is far from what changed.
fn cut(words: &str, first: bool, last: bool) -> String {
    let positions: Vec<usize> = words.char_indices().map(|(position, _)| position).collect();
    let count = positions.len();
    let at = |position: usize| positions.get(position).copied().unwrap_or(words.len());
    let gap = paint(DIM, "…");
    match (first, last) {
        (true, _) if count > 2 * BESIDE => {
            format!("{gap}{}", text::line(&words[at(count - BESIDE)..]))
        }
        (_, true) if count > 2 * BESIDE => {
            format!("{}{gap}", text::line(&words[..at(BESIDE)]))
        }
        (false, false) if count > 3 * BESIDE => {
            let (head, tail) = (&words[..at(BESIDE)], &words[at(count - BESIDE)..]);
            format!("{} {gap} {}", text::line(head), text::line(tail))
        }
        _ => text::line(words),
    }
}
