//! The merge of a stored prompt into a request.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::generation::GatewayGeneration;
use super::models::models;
use super::request::{NO_MODEL, PromptSelection, parse_request, selection};
use super::resolution::{SelectedVersion, resolve};
use super::responses::{to_chat, to_responses};
use crate::server::StatusMode;
use crate::server::api_error::ApiError;
use crate::template::javascript::{is_truthy, text};
use crate::template::{
    Merged, Problem, UnfilledTag, Uses, ValidationError, all_tags, caller_body, merge,
    partial_texts,
};
use crate::{EnvironmentName, Store, Version};

/// Which of OpenAI's two APIs a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GatewayApi {
    ChatCompletions,
    Responses,
}

/// The rules of a merge.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MergeRules {
    pub(crate) status: StatusMode,
    pub(crate) generation: GatewayGeneration,
    pub(crate) api: GatewayApi,
}

/// A request for a model.
#[derive(Clone, Debug)]
pub(crate) struct MergedRequest {
    pub(crate) api: GatewayApi,
    /// The request's members, with the stored prompt merged in.
    pub(crate) body: Map<String, Value>,
    /// The models to try, in this order: at least one.
    pub(crate) models: Vec<String>,
    /// The prompt that was merged in.
    pub(crate) prompt: Option<UsedPrompt>,
}

/// The stored prompt in a request.
#[derive(Clone, Debug)]
pub(crate) struct UsedPrompt {
    pub(crate) version: Arc<Version>,
    /// The environment that selected the version.
    pub(crate) environment: Option<EnvironmentName>,
    pub(crate) inputs: Map<String, Value>,
    /// The tags that remain in the request.
    pub(crate) unfilled: Vec<UnfilledTag>,
}

impl MergedRequest {
    /// Returns the request for one of its models.
    pub(crate) fn for_model(&self, model: &str) -> Map<String, Value> {
        let mut body = self.body.clone();
        body.insert("model".into(), model.into());
        body
    }

    /// Returns the approximate size of the request's text in bytes.
    pub(crate) fn text_bytes(&self) -> usize {
        self.body.values().map(text_bytes).sum()
    }

    /// Returns whether the answer is to be streamed.
    pub(crate) fn is_streamed(&self) -> bool {
        self.body.get("stream").is_some_and(is_truthy)
    }
}

/// Reads a request, and merges in the stored prompt that it asks for.
///
/// The result is that of [`merge`], except that an empty list of tools is left out, which models
/// refuse.
pub(crate) fn merge_request(
    store: &Store,
    rules: MergeRules,
    bytes: &[u8],
) -> Result<MergedRequest, ApiError> {
    let mut params = parse_request(bytes)?;
    let selected = selection(&params)?;
    let is_older = rules.generation == GatewayGeneration::Older;
    if is_older && !params.get("model").is_some_and(is_truthy) {
        return Err(no_model(&params));
    }
    // A model that is `null` or empty is none, so that the stored one is used.
    if !params.get("model").is_none_or(is_truthy) {
        params.shift_remove("model");
    }
    let (mut body, prompt) = match selected {
        None => (caller_body(&params), None),
        Some(_) if is_older && rules.api == GatewayApi::Responses => {
            let reason = "Prompts are not supported for the Responses API";
            return Err(ApiError::Gateway(reason.into()));
        }
        Some(selected) => {
            let (body, used) = merge_prompt(store, rules, &selected, params)?;
            (body, Some(used))
        }
    };
    let models = models(body.get("model"));
    if models.is_empty() {
        return Err(no_model(&body));
    }
    if rules.api == GatewayApi::ChatCompletions && body.get("stream").is_some_and(is_truthy) {
        let options = body.entry("stream_options").or_insert_with(|| json!({}));
        if !options.is_object() {
            *options = json!({});
        }
        options["include_usage"] = true.into();
    }
    Ok(MergedRequest {
        api: rules.api,
        body,
        models,
        prompt,
    })
}

fn text_bytes(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() + 3,
        Value::Array(items) => items.iter().map(text_bytes).sum(),
        Value::Object(members) => {
            let members = members.iter();
            members
                .map(|(name, value)| name.len() + 4 + text_bytes(value))
                .sum()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => 8,
    }
}

fn no_model(body: &Map<String, Value>) -> ApiError {
    let found = match body.get("model") {
        None => "it has no member model".to_owned(),
        Some(model) => format!("model is {model}"),
    };
    ApiError::Model(format!("{NO_MODEL} The body: {found}"))
}

/// Merges a stored prompt and a request's members.
fn merge_prompt(
    store: &Store,
    rules: MergeRules,
    selected: &PromptSelection,
    params: Map<String, Value>,
) -> Result<(Map<String, Value>, UsedPrompt), ApiError> {
    let SelectedVersion {
        resolved,
        partials,
        environment,
    } = resolve(store, selected, rules.status)?;
    let refuse = |error: &dyn std::fmt::Display| ApiError::Gateway(error.to_string());
    let saved = resolved.body.json();
    let texts = match rules.generation {
        GatewayGeneration::Older => Map::new(),
        GatewayGeneration::Newer => {
            let uses = Uses::of(saved).partials.into_iter();
            let missing = uses.filter(|partial| {
                let body = partials.get(&partial.prompt, &partial.environment);
                body.is_none()
            });
            let missing = missing.map(|partial| Problem::PartialNotFound {
                prompt: partial.prompt,
                environment: partial.environment,
                place: partial.place,
            });
            let missing: Vec<String> = missing.map(|problem| problem.to_string()).collect();
            if !missing.is_empty() {
                let problems = missing.join("\n");
                let text = format!("Error retrieving prompt body: {problems}");
                return Err(ApiError::Gateway(text));
            }
            partial_texts(saved, &partials).map_err(|error| refuse(&error))?
        }
    };
    let params = match rules.api {
        GatewayApi::ChatCompletions => params,
        GatewayApi::Responses => to_chat(params),
    };
    let Merged { body, errors } = merge(saved, &params, &texts).map_err(|error| refuse(&error))?;
    if !errors.is_empty() {
        let errors: Vec<String> = errors.iter().map(wrong_input).collect();
        return Err(ApiError::Gateway(errors.join("\n")));
    }
    let unfilled = all_tags(&body);
    let Value::Object(mut body) = body else {
        // A merge returns an object.
        return Err(ApiError::Internal("the merged request is no object".into()));
    };
    let has_tools = |tools: &Value| tools.as_array().is_some_and(|tools| !tools.is_empty());
    if !body.get("tools").is_some_and(has_tools) {
        body.shift_remove("tools");
    }
    if rules.api == GatewayApi::Responses {
        body = to_responses(body);
    }
    let inputs = params.get("inputs").and_then(Value::as_object);
    let used = UsedPrompt {
        version: resolved.version,
        environment,
        inputs: inputs.cloned().unwrap_or_default(),
        unfilled,
    };
    Ok((body, used))
}

/// Returns the live service's text for an input of the wrong type.
fn wrong_input(error: &ValidationError) -> String {
    let value = error.value.as_ref().map_or("undefined".into(), text);
    let (variable, expected) = (&error.variable, &error.expected);
    format!("Variable '{variable}' is '{expected}' but got '{value}'")
}
