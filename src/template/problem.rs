//! What can be wrong with a body and its inputs, in the caller's terms.

use serde_json::Value;

use super::place::Place;
use super::variable::{Site, VariableType};
use crate::model::id::{EnvironmentName, PromptId};

/// One reason why strict mode does not render a body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The body asks for an input that is not given.
    #[error("{place}: input {name} ({kind}) is missing")]
    MissingInput {
        /// The variable's name.
        name: String,
        /// Its type, as the tag names it.
        kind: VariableType,
        /// Where the tag stands.
        place: Place,
    },

    /// An input is not of the type that a tag asks for.
    #[error("{place}: input {name} is {found}, expected {expected}{}", besides(expected, *site))]
    WrongType {
        /// The variable's name.
        name: String,
        /// The type that the tag names.
        expected: VariableType,
        /// How the tag's value is used: a member's name needs a string besides.
        site: Site,
        /// The input as JSON, cut short.
        found: String,
        /// Where the tag stands.
        place: Place,
    },

    /// An input is given that neither the body nor its partials ask for.
    #[error("input {name:?} is not asked for")]
    UnexpectedInput {
        /// The input's name.
        name: String,
    },

    /// A partial names a prompt, or an environment of it, that is not there.
    #[error("{place}: prompt {prompt} has no version in environment {:?}", environment.as_str())]
    PartialNotFound {
        /// The prompt.
        prompt: PromptId,
        /// The environment.
        environment: EnvironmentName,
        /// Where the tag stands.
        place: Place,
    },

    /// A partial names a message beyond the last of its prompt.
    #[error("{place}: prompt {prompt} ({environment}) has no message {message}")]
    PartialOutOfRange {
        /// The prompt.
        prompt: PromptId,
        /// The environment.
        environment: EnvironmentName,
        /// The message's index.
        message: usize,
        /// Where the tag stands.
        place: Place,
    },

    /// A partial stands inside itself, at some depth.
    #[error("{place}: partial {prompt}:{message} ({environment}) contains itself")]
    PartialCycle {
        /// The prompt.
        prompt: PromptId,
        /// The environment.
        environment: EnvironmentName,
        /// The message's index.
        message: usize,
        /// Where the tag stands that closes the circle.
        place: Place,
    },

    /// Partials stand inside partials beyond the depth that is looked into.
    #[error("{place}: partials are nested more than {limit} deep")]
    PartialTooDeep {
        /// The depth that is looked into.
        limit: usize,
        /// Where the tag stands that is too deep, or leads too deep.
        place: Place,
    },

    /// Two members of an object would get the same name, and one of them would be lost.
    #[error("{place}: another member is named {name} too")]
    DuplicateKey {
        /// The name as JSON, cut short.
        name: String,
        /// Where the later of them stands.
        place: Place,
    },

    /// With its partials filled in, a text would have a tag that none of its pieces has: what begins in one of them ends in
    /// another. Rendering takes it for the text that it is; a frozen body can't.
    #[error("{place}: with partials filled in, the text {tag:?} would become a tag")]
    FormedTag {
        /// The tag that the text would have.
        tag: String,
        /// Where the text stands.
        place: Place,
    },

    /// The inputs and partials would make the body larger than is accepted.
    #[error("filling the body would add more than {limit} bytes")]
    TooLarge {
        /// How many bytes filling may add.
        limit: usize,
    },
}

/// What a place asks for besides the type.
fn besides(expected: &VariableType, site: Site) -> &'static str {
    match (site, expected) {
        (Site::Key, VariableType::String) => ", as it names a member",
        (Site::Key, _) => " and a string, as it names a member",
        (Site::Text | Site::Value, _) => "",
    }
}

/// A value as JSON, cut to its first 80 characters.
pub(super) fn excerpt(value: &Value) -> String {
    const LONGEST: usize = 80;
    let json = value.to_string();
    match json.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &json[..end]),
        None => json,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn problems_read_as_plain_words() {
        let place = Place::new("tools[0]");
        let wrong = Problem::WrongType {
            name: "x".into(),
            expected: VariableType::Number,
            site: Site::Key,
            found: excerpt(&json!("a\n")),
            place: place.clone(),
        };
        assert_eq!(
            wrong.to_string(),
            r#"tools[0]: input x is "a\n", expected number and a string, as it names a member"#
        );
        let missing = Problem::PartialNotFound {
            prompt: "abc123".parse().unwrap(),
            environment: EnvironmentName::production(),
            place,
        };
        assert_eq!(
            missing.to_string(),
            r#"tools[0]: prompt abc123 has no version in environment "production""#
        );
    }

    #[test]
    fn excerpts_are_short() {
        assert_eq!(excerpt(&json!([1, null])), "[1,null]");
        assert_eq!(
            excerpt(&json!("é".repeat(100))),
            format!("\"{}…", "é".repeat(79))
        );
    }
}
