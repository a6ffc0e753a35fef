//! Tokens of a fake: words with the white space after them.

use serde_json::{Map, Value};

/// Cuts a text into tokens. Concatenated, they yield the text.
pub(super) fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let word = rest.find(char::is_whitespace).unwrap_or(rest.len());
        let after = &rest[word..];
        let space = after.len() - after.trim_start().len();
        let (token, left) = rest.split_at(word + space);
        tokens.push(token);
        rest = left;
    }
    tokens
}

/// The numbers of tokens of a request and its answer.
#[derive(Clone, Debug)]
pub(super) struct TokenUsage {
    pub(super) input: u64,
    pub(super) output: u64,
    /// Members of the script that are neither of the two, such as details.
    pub(super) more: Map<String, Value>,
}

impl TokenUsage {
    /// Returns the numbers of the script, and counts the words for those that it does not have.
    pub(super) fn of(
        scripted: Option<Map<String, Value>>,
        request: &Map<String, Value>,
        answer: usize,
    ) -> Self {
        let mut more = scripted.unwrap_or_default();
        let mut number = |names: [&str; 2]| {
            let found = names.iter().filter_map(|name| more.shift_remove(*name));
            found.filter_map(|value| value.as_u64()).last()
        };
        let input = number(["prompt_tokens", "input_tokens"]);
        let output = number(["completion_tokens", "output_tokens"]);
        let sent = ["messages", "input", "instructions"].into_iter();
        let words = sent.filter_map(|name| request.get(name)).map(words);
        Self {
            input: input.unwrap_or_else(|| words.sum()),
            output: output.unwrap_or(answer as u64),
            more,
        }
    }

    pub(super) fn total(&self) -> u64 {
        self.input.saturating_add(self.output)
    }
}

/// Counts the words of contents in a value.
fn words(value: &Value) -> u64 {
    match value {
        Value::String(text) => text.split_whitespace().count() as u64,
        Value::Array(items) => items.iter().map(words).sum(),
        Value::Object(members) => {
            let contents = ["content", "text", "output"].into_iter();
            contents
                .filter_map(|name| members.get(name))
                .map(words)
                .sum()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_words_and_yield_the_text() {
        for (text, expected) in [
            ("", &[][..]),
            ("one", &["one"]),
            ("one  two\n", &["one  ", "two\n"]),
            (" é x", &[" ", "é ", "x"]),
        ] {
            let found = tokens(text);
            assert_eq!(found, expected);
            assert_eq!(found.concat(), text);
        }
    }
}
