//! Texts for the reasons of breakages: shortened JSON, names and lists.

use crate::json::JsonTree;

/// The number of characters of a value that a reason shows, and the number of values of a list.
const MAX_SHOWN_CHARACTERS: usize = 60;
const MAX_SHOWN_VALUES: usize = 3;

/// Returns a value as JSON, shortened.
pub(super) fn json(value: &JsonTree<'_>) -> String {
    cut(&value.to_text())
}

/// Shortens JSON text without white space.
pub(super) fn cut(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN_CHARACTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Returns a name in quotation marks, shortened, because a report can repeat it often.
pub(super) fn name(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN_CHARACTERS) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}

/// Returns the first values of a list as JSON, and the number of further ones.
pub(super) fn list(values: &[&JsonTree<'_>]) -> String {
    let shown: Vec<String> = values
        .iter()
        .take(MAX_SHOWN_VALUES)
        .map(|value| json(value))
        .collect();
    let shown = shown.join(", ");
    match values.len().saturating_sub(MAX_SHOWN_VALUES) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_value_is_cut_between_characters() {
        let text = format!("\"{}\"", "ä".repeat(100));
        assert_eq!(json(&JsonTree::of(&text)), format!("\"{}…", "ä".repeat(59)));
        assert_eq!(json(&JsonTree::of(r#"{ "a": 1.50 }"#)), r#"{"a":1.50}"#);
    }

    #[test]
    fn a_long_name_is_cut_between_characters() {
        assert_eq!(name(&"ä".repeat(61)), format!("\"{}\"…", "ä".repeat(60)));
        assert_eq!(name("a \"b\""), r#""a \"b\"""#);
    }

    #[test]
    fn a_long_list_ends_with_the_number_of_further_values() {
        let values = ["0", "1", "2", "3", "4"].map(JsonTree::of);
        let values: Vec<&JsonTree<'_>> = values.iter().collect();
        assert_eq!(list(&values), "0, 1, 2 and 2 more");
        assert_eq!(list(&values[..2]), "0, 1");
    }
}
