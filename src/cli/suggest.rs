//! Suggestions for names that do not exist: prompts and environments with similar names.

use super::error::{Failure, MissingName};
use super::session::Session;
use super::text::shell_word;
use crate::VersionNumber;

/// Adds similar names to an error's hint, if a name in the command line does not exist.
pub(super) fn add_similar_names(failure: &mut Failure, session: &Session) {
    let Some(suggestion) = failure
        .facts
        .missing
        .take()
        .and_then(|missing| suggestion(&missing, session))
    else {
        return;
    };
    let hint = match failure.hint.take() {
        Some(hint) => format!("{suggestion} {hint}"),
        None => suggestion,
    };
    failure.hint = Some(hint.into());
}

/// Returns a question that names what the user may have meant.
///
/// Returns `None` if nothing is similar, or if the store cannot be read.
fn suggestion(missing: &MissingName, session: &Session) -> Option<String> {
    let found = match missing {
        MissingName::Prompt(typed) if typed.parse::<VersionNumber>().is_ok() => {
            return Some(format!(
                "a version is named with its prompt, such as greeting@{typed};"
            ));
        }
        MissingName::Prompt(typed) => similar_prompts(typed, session)?,
        MissingName::Environment { prompt, name } => {
            if let Some(number) = number_in(name) {
                vec![number.to_string()]
            } else {
                let list = session.reader().ok()?.environments(prompt.id).ok()?;
                let names = list.into_iter().map(|one| one.name.to_string());
                nearest(name, names)
            }
        }
        MissingName::Unlisted { name, list } => nearest(name, list.iter().map(ToString::to_string)),
    };
    let words: Vec<String> = found.iter().map(|name| shell_word(name)).collect();
    // The store has the name, so the command read an earlier state of it.
    if let Some(word) = words
        .iter()
        .zip(&found)
        .find(|(_, name)| *name == missing.typed())
    {
        return Some(format!("{} is newer than that moment (--at);", word.0));
    }
    (!words.is_empty()).then(|| format!("did you mean {}?", words.join(" or ")))
}

/// The maximum number of prompts whose names are compared.
const MAX_COMPARED: usize = 10_000;

fn similar_prompts(typed: &str, session: &Session) -> Option<Vec<String>> {
    let prompts = session
        .reader()
        .ok()?
        .prompts()
        .page(None, MAX_COMPARED)
        .ok()?;
    let names: Vec<String> = prompts.iter().map(|one| one.name.to_string()).collect();
    // A version instead of a prompt.
    if let Some((name, _)) = typed.rsplit_once('@')
        && names.iter().any(|one| one == name)
    {
        return Some(vec![name.to_owned()]);
    }
    Some(nearest(typed, names))
}

/// Reads a text such as `v1.0`, which is not the name of an environment, as a version's number.
fn number_in(typed: &str) -> Option<VersionNumber> {
    typed.strip_prefix(['v', 'V'])?.parse().ok()
}

/// The maximum number of names that are suggested.
const MAX_SUGGESTED: usize = 3;

/// How similar two names must be, between 0 and 1.
const MIN_SIMILARITY: f64 = 0.6;

/// Returns the names that are most similar to a text.
///
/// A name that differs only in letter case is the most similar one. One that begins with the text,
/// or that the text begins with, is similar too.
pub(super) fn nearest(typed: &str, names: impl IntoIterator<Item = String>) -> Vec<String> {
    let folded = typed.to_lowercase();
    let mut rated: Vec<(f64, String)> = names
        .into_iter()
        .map(|name| (similarity(&folded, &name.to_lowercase()), name))
        .filter(|(similarity, _)| *similarity >= MIN_SIMILARITY)
        .collect();
    rated.sort_by(|(a, one), (b, other)| b.total_cmp(a).then_with(|| one.cmp(other)));
    rated.dedup_by(|(_, one), (_, other)| one == other);
    rated.truncate(MAX_SUGGESTED);
    rated.into_iter().map(|(_, name)| name).collect()
}

/// The minimum length of a text that is compared with the beginning of a name.
const MIN_PREFIX_CHARS: usize = 3;

fn similarity(typed: &str, name: &str) -> f64 {
    let edits = strsim::normalized_damerau_levenshtein(typed, name);
    let short = typed.chars().count().min(name.chars().count());
    let begins = name.starts_with(typed) || typed.starts_with(name);
    if begins && short >= MIN_PREFIX_CHARS {
        edits.max(MIN_SIMILARITY)
    } else {
        edits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn similar_names_are_found() {
        let names = ["greeting", "Greeting", "farewell", "greet/short", "rm"];
        for (typed, expected) in [
            ("greting", &["Greeting", "greeting"][..]),
            ("GREETING", &["Greeting", "greeting"]),
            ("greet", &["Greeting", "greeting", "greet/short"]),
            ("fairwell", &["farewell"]),
            ("promote", &[]),
            ("", &[]),
        ] {
            let found = nearest(typed, names.map(str::to_owned));
            assert_eq!(found, expected, "{typed}");
        }
    }

    #[test]
    fn a_number_with_a_letter_is_a_number() {
        assert_eq!(number_in("v1.0").unwrap().to_string(), "1.0");
        assert!(number_in("vendor").is_none());
        assert!(number_in("1.0").is_none());
    }
}
