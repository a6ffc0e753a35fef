//! Scripted answers as JSON.
//!
//! An example is `{"prompt": "greet1", "text": "Hello", "usage": {"prompt_tokens": 5}}`.

use std::num::NonZeroU64;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::completion::{
    Completion, CompletionAnswer, CompletionTimes, MessageContent, ScriptedToolCall,
};
use crate::server::api_error::ApiError;
use crate::server::fake::fault_dto::read_headers;

/// A scripted answer, as the control routes receive and return it.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(in crate::server::fake) struct CompletionData {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    prompt: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refusal: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<ToolCallData>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    finish_reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    usage: Option<Map<String, Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    json: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    headers: Map<String, Value>,
    #[serde(default, skip_serializing_if = "is_zero")]
    delay_ms: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    token_delay_ms: u64,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    cut: bool,
    /// `null` for all requests.
    #[serde(default = "once")]
    times: Option<NonZeroU64>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct ToolCallData {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    name: String,
    /// JSON text, or the JSON itself.
    #[serde(default)]
    arguments: Value,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde passes a reference.
fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[allow(clippy::unnecessary_wraps)] // serde requires the member's type.
fn once() -> Option<NonZeroU64> {
    Some(NonZeroU64::MIN)
}

impl From<ToolCallData> for ScriptedToolCall {
    fn from(call: ToolCallData) -> Self {
        let arguments = match call.arguments {
            Value::String(text) => text,
            Value::Null => "{}".into(),
            json => json.to_string(),
        };
        Self {
            id: call.id,
            name: call.name,
            arguments,
        }
    }
}

impl TryFrom<CompletionData> for Completion {
    type Error = ApiError;

    fn try_from(data: CompletionData) -> Result<Self, ApiError> {
        let refuse = |text: &str| Err(ApiError::Shape(text.into()));
        let has_message =
            data.text.is_some() || data.refusal.is_some() || !data.tool_calls.is_empty();
        let answer = match (data.json, data.error, data.status) {
            (None, None, None) => CompletionAnswer::Message(MessageContent {
                text: data.text,
                refusal: data.refusal,
                tool_calls: data.tool_calls.into_iter().map(Into::into).collect(),
            }),
            _ if has_message => {
                return refuse(
                    "text, refusal and tool_calls: an answer with json, error or status has none",
                );
            }
            (Some(json), None, status) => CompletionAnswer::Json(status.unwrap_or(200), json),
            (None, Some(error), Some(status)) => CompletionAnswer::Error(status, error),
            (None, Some(_), None) => return refuse("status: an answer with error needs it"),
            _ => return refuse("expected json, or status and error"),
        };
        Ok(Self {
            answer,
            finish_reason: data.finish_reason,
            usage: data.usage,
            headers: read_headers(data.headers)?,
            delay: Duration::from_millis(data.delay_ms),
            token_delay: Duration::from_millis(data.token_delay_ms),
            is_cut: data.cut,
            prompt: data.prompt,
            model: data.model,
            content: data.content,
            times: match data.times {
                Some(times) => CompletionTimes::Left(times.get()),
                None => CompletionTimes::Always,
            },
        })
    }
}

impl From<Completion> for CompletionData {
    fn from(completion: Completion) -> Self {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let headers = completion.headers.into_iter();
        let mut data = Self {
            prompt: completion.prompt,
            model: completion.model,
            content: completion.content,
            finish_reason: completion.finish_reason,
            usage: completion.usage,
            headers: headers.map(|(name, value)| (name, value.into())).collect(),
            delay_ms: millis(completion.delay),
            token_delay_ms: millis(completion.token_delay),
            cut: completion.is_cut,
            times: match completion.times {
                CompletionTimes::Left(times) => NonZeroU64::new(times),
                CompletionTimes::Always => None,
            },
            ..Self::default()
        };
        match completion.answer {
            CompletionAnswer::Message(message) => {
                data.text = message.text;
                data.refusal = message.refusal;
                let calls = message.tool_calls.into_iter().map(|call| ToolCallData {
                    id: call.id,
                    name: call.name,
                    arguments: call.arguments.into(),
                });
                data.tool_calls = calls.collect();
            }
            CompletionAnswer::Json(200, json) => data.json = Some(json),
            CompletionAnswer::Json(status, json) => {
                (data.status, data.json) = (Some(status), Some(json));
            }
            CompletionAnswer::Error(status, error) => {
                (data.status, data.error) = (Some(status), Some(error));
            }
        }
        data
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(json: Value) -> Result<Completion, String> {
        let data: CompletionData =
            serde_json::from_value(json).map_err(|error| error.to_string())?;
        Completion::try_from(data).map_err(|error| error.text().to_owned())
    }

    #[test]
    fn each_answer_survives_a_round_trip() {
        for (json, completion) in [
            (json!({}), Completion::default()),
            (
                json!({"text": "Hi", "prompt": "abc123", "times": null}),
                Completion::text("Hi").prompt("abc123").always(),
            ),
            (
                json!({"tool_calls": [{"name": "f", "arguments": {"a": 1}}], "content": "x"}),
                Completion::tool_call("f", r#"{"a":1}"#).content("x"),
            ),
            (
                json!({"refusal": "No", "finish_reason": "content_filter", "model": "m"}),
                Completion::refusal("No")
                    .finish_reason("content_filter")
                    .model("m"),
            ),
            (
                json!({"text": "a", "delay_ms": 5, "token_delay_ms": 6, "cut": true, "times": 2}),
                Completion::text("a")
                    .delay(Duration::from_millis(5))
                    .token_delay(Duration::from_millis(6))
                    .cut()
                    .times(2),
            ),
            (
                json!({"status": 429, "error": "Slow", "headers": {"retry-after": 2}}),
                Completion::fail(429, "Slow").header("retry-after", "2"),
            ),
            (
                json!({"status": 400, "json": {"a": 1}}),
                Completion::fail_json(400, json!({"a": 1})),
            ),
            (json!({"json": [1]}), Completion::json(json!([1]))),
            (
                json!({"usage": {"prompt_tokens": 1, "completion_tokens": 2}}),
                Completion::default().usage(1, 2),
            ),
        ] {
            assert_eq!(read(json.clone()), Ok(completion.clone()), "{json}");
            let written = serde_json::to_value(CompletionData::from(completion.clone())).unwrap();
            assert_eq!(read(written), Ok(completion), "{json}");
        }
    }

    #[test]
    fn members_that_contradict_each_other_are_refused() {
        for (json, reason) in [
            (json!({"error": "a"}), "status"),
            (json!({"status": 500}), "error"),
            (json!({"text": "a", "json": {}}), "text"),
            (json!({"times": 0}), "nonzero"),
            (json!({"sleep": 0}), "unknown field"),
        ] {
            let error = read(json.clone()).unwrap_err();
            assert!(error.contains(reason), "{json}: {error}");
        }
    }
}
