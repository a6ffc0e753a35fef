//! The text of an error together with its causes.

use std::error::Error;

/// Returns the message of an error, followed by those of all its sources.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    causes_after(error.to_string(), error.source())
}

/// Appends the messages of an error and all its sources to a text.
///
/// A message that says no more than the text before it is left out: many errors repeat their source.
pub(crate) fn causes_after(mut text: String, first: Option<&(dyn Error + 'static)>) -> String {
    let mut last = text.clone();
    for cause in std::iter::successors(first, |&cause| cause.source()) {
        let cause = cause.to_string();
        if !text.contains(&cause) && !cause.contains(&last) {
            text.push_str(": ");
            text.push_str(&cause);
        }
        last = cause;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Chained(&'static str, #[source] Option<Box<Chained>>);

    fn chain(texts: &[&'static str]) -> Chained {
        let inner = (texts.len() > 1).then(|| Box::new(chain(&texts[1..])));
        Chained(texts[0], inner)
    }

    #[test]
    fn a_repeated_cause_is_written_once() {
        for (texts, expected) in [
            (&["a", "b", "c"][..], "a: b: c"),
            (&["a: full", "full", "Error code 13: full"], "a: full"),
            (
                &["writing", "full", "Error code 13: full", "x"],
                "writing: full: x",
            ),
        ] {
            assert_eq!(with_causes(&chain(texts)), expected);
        }
    }
}
