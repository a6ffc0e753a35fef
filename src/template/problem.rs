//! The problems of a body and its inputs, in the caller's terms.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::variable::{VariableSite, VariableType};
use crate::model::id::{EnvironmentName, PromptId};
use crate::model::text_location::TextLocation;

/// A reason why strict mode does not render a body.
///
/// As JSON it is an object, whose member `problem` names the variant in snake case.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "problem", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Problem {
    /// A variable of the body has no input.
    #[error("{place}: input {name} ({kind}) is missing")]
    MissingInput {
        /// The variable's name.
        name: String,
        /// Its type, as written in the tag.
        kind: VariableType,
        /// The place of the tag.
        place: TextLocation,
    },

    /// An input does not have the type that a tag requires.
    #[error("{place}: input {name} is {found}, expected {expected}{}", site_requirement(expected, *site))]
    WrongType {
        /// The variable's name.
        name: String,
        /// The type that the tag names.
        expected: VariableType,
        /// How the tag's value is used. The name of a member must also be a string.
        site: VariableSite,
        /// The input as JSON, truncated.
        found: String,
        /// The place of the tag.
        place: TextLocation,
    },

    /// Neither the body nor its partials use this input.
    #[error("input {name:?} is unexpected: the prompt has no variable of this name")]
    UnexpectedInput {
        /// The input's name.
        name: String,
    },

    /// A tag is where nothing fills it, and would remain in the body.
    #[error(
        "{place}: {tag} is not filled here; tags are filled in the texts of messages, and \
         variables in tools and response_format"
    )]
    MisplacedTag {
        /// The tag as written.
        tag: String,
        /// The place of the tag.
        place: TextLocation,
    },

    /// A partial names a prompt, or an environment of it, that does not exist.
    #[error("{place}: prompt {prompt} has no version in environment {:?}", environment.as_str())]
    PartialNotFound {
        /// The prompt.
        prompt: PromptId,
        /// The environment.
        environment: EnvironmentName,
        /// The place of the tag.
        place: TextLocation,
    },

    /// A partial names a message beyond the last one of its prompt.
    #[error("{place}: prompt {prompt} ({environment}) has no message {message}")]
    PartialOutOfRange {
        /// The prompt.
        prompt: PromptId,
        /// The environment.
        environment: EnvironmentName,
        /// The message's index.
        message: usize,
        /// The place of the tag.
        place: TextLocation,
    },

    /// A partial contains itself, at some depth.
    #[error("{place}: partial {prompt}:{message} ({environment}) contains itself")]
    PartialCycle {
        /// The prompt.
        prompt: PromptId,
        /// The environment.
        environment: EnvironmentName,
        /// The message's index.
        message: usize,
        /// The place of the tag that closes the cycle.
        place: TextLocation,
    },

    /// Partials are nested deeper than the limit.
    #[error("{place}: partials are nested more than {limit} deep")]
    PartialTooDeep {
        /// The maximum depth.
        limit: usize,
        /// The place of the tag that is too deep, or that leads to one that is too deep.
        place: TextLocation,
    },

    /// Two members of an object would get the same name, and one of them would be lost.
    #[error("{place}: another member is named {name} too")]
    DuplicateKey {
        /// The name as JSON, truncated.
        name: String,
        /// The place of the later member.
        place: TextLocation,
    },

    /// With its partials filled in, a text would contain a tag that none of its pieces contains.
    ///
    /// Such a tag begins in one piece and ends in another. Rendering treats it as the text that it
    /// is, but a frozen body cannot express that.
    #[error("{place}: with partials filled in, the text {tag:?} would become a tag")]
    FormedTag {
        /// The tag that would form.
        tag: String,
        /// The place of the text.
        place: TextLocation,
    },

    /// The inputs and partials would make the body larger than the limit.
    #[error("filling the body would add more than {limit} bytes")]
    TooLarge {
        /// Maximum number of bytes that filling may add.
        limit: usize,
    },
}

/// Returns the requirement of a site in addition to the type.
fn site_requirement(expected: &VariableType, site: VariableSite) -> &'static str {
    match (site, expected) {
        (VariableSite::Key, VariableType::String) => ", because it names a member",
        (VariableSite::Key, _) => " in a string, because it names a member",
        (VariableSite::Text | VariableSite::Value, _) => "",
    }
}

/// Returns a value as JSON, truncated to its first 80 characters.
pub(super) fn excerpt(value: &Value) -> String {
    const MAX_CHARS: usize = 80;
    let json = value.to_string();
    match json.char_indices().nth(MAX_CHARS) {
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
        let place = TextLocation::new("tools[0]");
        let wrong = Problem::WrongType {
            name: "x".into(),
            expected: VariableType::Number,
            site: VariableSite::Key,
            found: excerpt(&json!("a\n")),
            place: place.clone(),
        };
        assert_eq!(
            wrong.to_string(),
            r#"tools[0]: input x is "a\n", expected number in a string, because it names a member"#
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
