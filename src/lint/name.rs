//! Examination of the names of prompts and environments.

use unicode_normalization::UnicodeNormalization;

use super::body::shown;
use crate::model::hidden;

/// Returns a description of the hidden characters of a name, if it has some.
///
/// ```
/// use promptbook::lint::lint_name;
///
/// assert_eq!(lint_name("greeting"), None);
/// assert_eq!(lint_name("a\u{200b}b").unwrap(), r"the name has hidden characters: \u{200b}");
/// ```
#[must_use]
pub fn lint_name(name: &str) -> Option<String> {
    let hidden = hidden::characters(name).filter(|(_, is_hidden)| *is_hidden);
    let shown = shown(hidden.map(|(c, _)| c))?;
    Some(format!("the name has hidden characters: {shown}"))
}

/// Returns the first of some names that differs from `name` only in case, in the form of its
/// characters, or in characters that are not visible.
///
/// ```
/// use promptbook::lint::look_alike;
///
/// let names = ["greeting", "Caf\u{e9}"];
/// assert_eq!(look_alike("cafe\u{301}", names), Some("Caf\u{e9}"));
/// assert_eq!(look_alike("greeting", names), None);
/// ```
pub fn look_alike<'n>(name: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let form = visible_form(name);
    let mut names = names.into_iter();
    names.find(|other| *other != name && visible_form(other) == form)
}

/// Returns a name as it looks: without case, without hidden characters, in one normal form.
pub(crate) fn visible_form(name: &str) -> String {
    let visible = hidden::characters(name).filter(|(_, is_hidden)| !is_hidden);
    let visible = visible.map(|(c, _)| c).nfkc().collect::<String>();
    visible.to_lowercase().nfkc().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_look_alike_are_found() {
        for (name, other) in [
            ("Team", "team"),
            ("caf\u{e9}", "cafe\u{301}"),
            ("a\u{200b}b", "ab"),
            ("ﬁx", "fix"),
        ] {
            assert_eq!(look_alike(name, [name, "x", other]), Some(other));
            assert_eq!(look_alike(other, [name]), Some(name));
        }
        assert_eq!(look_alike("cafe", ["caf\u{e9}", "cafe"]), None);
    }

    #[test]
    fn line_breaks_are_hidden_in_a_name() {
        assert!(lint_name("a\nb").unwrap().ends_with(r"\n"));
    }
}
