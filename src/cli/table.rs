//! Columns, aligned by the cells that a terminal gives each character.

use anstyle::Style;
use unicode_width::UnicodeWidthStr;

use super::output::{DIM, paint};

/// Rows of cells, with a head.
#[derive(Debug)]
pub(crate) struct Table {
    rows: Vec<Vec<(String, Style)>>,
}

/// What stands between two columns.
const GAP: &str = "  ";

/// No column is made wider than this: a longer text moves the rest of its own row only.
const WIDEST: usize = 48;

impl Table {
    /// A table of these columns.
    pub(crate) fn new(head: &[&str]) -> Self {
        let head = head.iter().map(|title| ((*title).to_owned(), DIM));
        Self {
            rows: vec![head.collect()],
        }
    }

    /// Adds a row. The texts are of one line, and plain: the styles are put around them when all widths are known. The
    /// last one, which nothing follows, may have styles of its own.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = (String, Style)>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The lines; nothing where there is only the head.
    pub(crate) fn text(&self) -> String {
        if self.rows.len() < 2 {
            return String::new();
        }
        let mut widths: Vec<usize> = Vec::new();
        for row in &self.rows {
            widths.resize(widths.len().max(row.len()), 0);
            for (widest, (text, _)) in widths.iter_mut().zip(row) {
                let width = text.width();
                if width <= WIDEST {
                    *widest = width.max(*widest);
                }
            }
        }
        let lines = self.rows.iter().map(|row| row_text(row, &widths));
        lines.collect()
    }
}

fn row_text(row: &[(String, Style)], widths: &[usize]) -> String {
    let filled = row.iter().rposition(|(text, _)| !text.is_empty());
    let filled = filled.map_or(0, |last| last + 1);
    let mut line = String::new();
    for (position, ((text, style), width)) in row.iter().zip(widths).take(filled).enumerate() {
        if !text.is_empty() {
            line.push_str(&paint(*style, text));
        }
        // Nothing follows the last one, so that no line ends in white space.
        if position + 1 < filled {
            line.extend(std::iter::repeat_n(' ', width.saturating_sub(text.width())));
            line.push_str(GAP);
        }
    }
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_characters_take_two_cells() {
        let mut table = Table::new(&["A", "B", "C"]);
        for (a, b) in [("日本", "x"), ("ab", "y"), ("e\u{301}", ""), ("", "z")] {
            table.row([a, b, ""].map(|text| (text.to_owned(), Style::new())));
        }
        let plain = anstream::adapter::strip_str(&table.text()).to_string();
        assert_eq!(plain, "A     B  C\n日本  x\nab    y\ne\u{301}\n      z\n");
    }

    #[test]
    fn a_head_alone_is_nothing() {
        assert_eq!(Table::new(&["A"]).text(), "");
    }

    #[test]
    fn one_long_text_does_not_push_all_others_aside() {
        let long = "x".repeat(WIDEST + 1);
        let mut table = Table::new(&["A", "B"]);
        for a in [&long, "y"] {
            table.row([a, "b"].map(|text| (text.to_owned(), Style::new())));
        }
        let plain = anstream::adapter::strip_str(&table.text()).to_string();
        assert_eq!(plain, format!("A  B\n{long}  b\ny  b\n"));
    }
}
