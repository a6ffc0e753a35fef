//! The members of a request that select a stored prompt.

use serde_json::{Map, Value};

use crate::server::api_error::ApiError;
use crate::template::javascript::is_truthy;

/// Which version of which prompt a request asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PromptSelection {
    pub(super) prompt: String,
    pub(super) environment: Option<String>,
    pub(super) version: Option<String>,
}

/// Parses the body of a request.
pub(super) fn parse_request(bytes: &[u8]) -> Result<Map<String, Value>, ApiError> {
    serde_json::from_slice(bytes)
        .map_err(|error| ApiError::Model(format!("{NO_MODEL} The body: {error}")))
}

/// The beginning of the text for a body that is not a request, or that has no model.
pub(super) const NO_MODEL: &str = "Invalid body or missing model.";

/// Returns which prompt a request asks for, or `None` if it asks for none.
///
/// A request asks for one if any of the four members that select and fill a prompt is truthy.
pub(super) fn selection(params: &Map<String, Value>) -> Result<Option<PromptSelection>, ApiError> {
    let given = |name: &str| params.get(name).filter(|value| is_truthy(value));
    let text = |name: &str| match given(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(ApiError::Gateway(format!("{name}: expected a text"))),
    };
    let (prompt, environment) = (text("prompt_id")?, text("environment")?);
    let version = text("version_id")?;
    match prompt {
        Some(prompt) => Ok(Some(PromptSelection {
            prompt,
            environment,
            version,
        })),
        None if environment.is_some() || version.is_some() || given("inputs").is_some() => {
            Err(ApiError::Gateway("No prompt ID provided".into()))
        }
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(params: Value) -> Result<Option<PromptSelection>, String> {
        let selected = selection(params.as_object().unwrap());
        selected.map_err(|error| error.text().to_owned())
    }

    #[test]
    fn any_of_four_members_makes_a_prompt_request() {
        let none = json!({"prompt_id": "", "environment": null, "version_id": 0, "inputs": false});
        assert_eq!(of(none), Ok(None));
        assert_eq!(of(json!({"model": "m", "messages": []})), Ok(None));
        for other in [
            json!({"environment": "staging"}),
            json!({"version_id": "x"}),
            json!({"inputs": {}}),
        ] {
            assert_eq!(of(other), Err("No prompt ID provided".into()));
        }
        let selected = of(json!({"prompt_id": "abc123", "environment": "staging"}));
        let expected = PromptSelection {
            prompt: "abc123".into(),
            environment: Some("staging".into()),
            version: None,
        };
        assert_eq!(selected, Ok(Some(expected)));
        let wrong = of(json!({"prompt_id": 5}));
        assert_eq!(wrong, Err("prompt_id: expected a text".into()));
    }
}
