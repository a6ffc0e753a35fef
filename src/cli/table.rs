//! Tables for terminals, aligned by the display width of each character.

use anstyle::Style;
use unicode_width::UnicodeWidthStr;

use super::output::{DIM, paint};

/// A table with a header row.
#[derive(Debug)]
pub(crate) struct TextTable {
    rows: Vec<Vec<(String, Style)>>,
}

/// The separator between two columns.
const GAP: &str = "  ";

/// The maximum width of a column. A longer text shifts the rest of its own row only.
const MAX_COLUMN_WIDTH: usize = 48;

impl TextTable {
    /// Creates an empty table with these column titles.
    pub(crate) fn new(head: &[&str]) -> Self {
        let head = head.iter().map(|title| ((*title).to_owned(), DIM));
        Self {
            rows: vec![head.collect()],
        }
    }

    /// Adds a row.
    ///
    /// Each text must be a single line without styles, because the styles are applied after the
    /// widths are computed. Only the last text of a row may contain styles.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = (String, Style)>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Returns the lines of the table, or an empty string if it has only the header row.
    pub(crate) fn text(&self) -> String {
        if self.rows.len() < 2 {
            return String::new();
        }
        let mut widths: Vec<usize> = Vec::new();
        for row in &self.rows {
            widths.resize(widths.len().max(row.len()), 0);
            for (widest, (text, _)) in widths.iter_mut().zip(row) {
                let width = text.width();
                if width <= MAX_COLUMN_WIDTH {
                    *widest = width.max(*widest);
                }
            }
        }
        let lines = self.rows.iter().map(|row| row_text(row, &widths));
        lines.collect()
    }
}

fn row_text(row: &[(String, Style)], widths: &[usize]) -> String {
    let filled = row
        .iter()
        .rposition(|(text, _)| !text.is_empty())
        .map_or(0, |last| last + 1);
    let mut line = String::new();
    for (position, ((text, style), width)) in row.iter().zip(widths).take(filled).enumerate() {
        if !text.is_empty() {
            line.push_str(&paint(*style, text));
        }
        // No padding after the last cell: no line may end in white space.
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
        let mut table = TextTable::new(&["A", "B", "C"]);
        for (a, b) in [("日本", "x"), ("ab", "y"), ("e\u{301}", ""), ("", "z")] {
            table.row([a, b, ""].map(|text| (text.to_owned(), Style::new())));
        }
        let plain = anstream::adapter::strip_str(&table.text()).to_string();
        assert_eq!(plain, "A     B  C\n日本  x\nab    y\ne\u{301}\n      z\n");
    }

    #[test]
    fn a_table_without_rows_is_empty() {
        assert_eq!(TextTable::new(&["A"]).text(), "");
    }

    #[test]
    fn a_long_text_does_not_widen_its_column() {
        let long = "x".repeat(MAX_COLUMN_WIDTH + 1);
        let mut table = TextTable::new(&["A", "B"]);
        for a in [&long, "y"] {
            table.row([a, "b"].map(|text| (text.to_owned(), Style::new())));
        }
        let plain = anstream::adapter::strip_str(&table.text()).to_string();
        assert_eq!(plain, format!("A  B\n{long}  b\ny  b\n"));
    }
}
