//! Prompts as LiteLLM reads them.

use serde::Serialize;
use serde_json::{Map, Value};

use super::request::PromptSelection;
use super::resolution::{SelectedVersion, resolve};
use crate::server::StatusMode;
use crate::server::api_error::ApiError;
use crate::template::{fill_partials, replace_variables};
use crate::{Store, Version};

/// A prompt whose variables are written as `{name}`, which LiteLLM replaces.
///
/// It replaces `{{name}}` too, but only after `{name}`: a value would get braces around it (LiteLLM
/// 1.110).
#[derive(Debug, Serialize)]
pub(crate) struct PromptTemplate {
    prompt_id: String,
    prompt_template: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_template_model: Option<Value>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    prompt_template_optional_params: Map<String, Value>,
}

/// Returns a prompt for LiteLLM, and the version that it is of.
///
/// `version` is a version's id, number or other selector. The partials are filled in.
pub(crate) fn prompt_template(
    store: &Store,
    status: StatusMode,
    prompt: &str,
    environment: Option<&str>,
    version: Option<&str>,
) -> Result<(PromptTemplate, Version), ApiError> {
    let mut selected = PromptSelection {
        prompt: prompt.into(),
        environment: environment.map(str::to_owned),
        version: version.map(str::to_owned),
    };
    // Users know versions by their numbers.
    if let (None, Some(version)) = (environment, version)
        && let Ok(found) = store.version(format!("{prompt}@{version}").as_str())
    {
        selected.version = Some(found.id.to_string());
    }
    let SelectedVersion {
        resolved, partials, ..
    } = resolve(store, &selected, status)?;
    let json = crate::Json::from(resolved.body.json().clone());
    let filled = fill_partials(&json, &partials).map_err(|problems| {
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        ApiError::Gateway(format!(
            "Error retrieving prompt body: {}",
            problems.join("\n")
        ))
    })?;
    let mut body = match filled.json() {
        Value::Object(body) => body.clone(),
        _ => Map::new(),
    };
    let messages = body.shift_remove("messages");
    let template = PromptTemplate {
        prompt_id: prompt.to_owned(),
        prompt_template: renamed(messages.unwrap_or_else(|| Value::Array(Vec::new()))),
        prompt_template_model: body.shift_remove("model"),
        prompt_template_optional_params: match renamed(body.into()) {
            Value::Object(body) => body,
            _ => Map::new(),
        },
    };
    Ok((template, (*resolved.version).clone()))
}

/// Writes the variables of all texts in a value as `{name}`.
fn renamed(value: Value) -> Value {
    match value {
        Value::String(text) => replace_variables(&text, |name, _| format!("{{{name}}}")).into(),
        Value::Array(items) => items.into_iter().map(renamed).collect(),
        Value::Object(members) => {
            let members = members.into_iter();
            let renamed = members.map(|(name, value)| (name, renamed(value)));
            Value::Object(renamed.collect())
        }
        other => other,
    }
}
