//! The model of a fake, which answers by script.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use serde_json::{Map, Value, json};
use tokio::time::sleep;

use super::answer::{AnswerFrame, AnsweredToolCall, ScriptedAnswer};
use super::completion::{Completion, CompletionAnswer, MessageContent};
use super::tokens::{TokenUsage, tokens};
use super::{chat, responses};
use crate::server::fake::FakeError;
use crate::server::fake::clock::FakeTime;
use crate::server::fake::paced_body::{body_of, half_of};
use crate::server::fake::script_queue::ScriptQueue;
use crate::server::gateway::{AnswerModel, GatewayApi, ModelAnswer, ModelCall};
use crate::server::streaming::Streamed;

/// The model of a fake.
#[derive(Debug)]
pub(in crate::server::fake) struct ScriptedModel {
    completions: ScriptQueue<Completion>,
    clock: Arc<FakeTime>,
    /// The seed of request ids.
    seed: u64,
    requests: AtomicU64,
}

impl ScriptedModel {
    pub(in crate::server::fake) fn new(clock: Arc<FakeTime>, seed: u64) -> Self {
        Self {
            completions: ScriptQueue::default(),
            clock,
            seed,
            requests: AtomicU64::new(0),
        }
    }

    /// Adds an answer after the pending ones.
    pub(in crate::server::fake) fn add(&self, completion: Completion) -> Result<(), FakeError> {
        completion.check()?;
        self.completions.add(completion);
        Ok(())
    }

    /// Returns the pending answers.
    pub(in crate::server::fake) fn pending(&self) -> Vec<Completion> {
        self.completions.list()
    }

    /// Removes the pending answers.
    pub(in crate::server::fake) fn clear(&self) {
        self.completions.clear();
    }

    /// Removes the pending answers, and restarts the request ids.
    pub(in crate::server::fake) fn reset(&self) {
        self.clear();
        self.requests.store(0, Ordering::Relaxed);
    }
}

impl AnswerModel for ScriptedModel {
    /// Returns a UUID that depends only on the seed and on the number of requests so far.
    fn request_id(&self) -> String {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let hash = blake3::hash(format!("request {} {number}", self.seed).as_bytes());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hash.as_bytes()[..16]);
        let id = uuid::Builder::from_random_bytes(bytes).into_uuid();
        id.to_string()
    }

    fn answer(&self, call: ModelCall) -> ModelAnswer {
        let completion = self
            .completions
            .take(|pending| pending.answers(&call))
            .unwrap_or_default();
        let created = self.clock.now().timestamp();
        Box::pin(async move {
            if !completion.delay.is_zero() {
                sleep(completion.delay).await;
            }
            Ok(respond(completion, call, created))
        })
    }
}

/// Returns the response of a scripted answer.
fn respond(completion: Completion, call: ModelCall, created: i64) -> Response {
    let Completion {
        headers,
        token_delay,
        is_cut,
        ..
    } = completion;
    let message = match completion.answer {
        CompletionAnswer::Json(status, json) => {
            return with_headers(one_piece(status, &json, is_cut), headers);
        }
        CompletionAnswer::Error(status, message) => {
            let error = json!({"error": {
                "message": message, "type": kind(status), "param": null, "code": null,
            }});
            return with_headers(one_piece(status, &error, is_cut), headers);
        }
        CompletionAnswer::Message(message) => message,
    };
    let answer = answer(message, completion.finish_reason, completion.usage, &call);
    let frame = AnswerFrame {
        id: call.id,
        created,
        model: call.model,
        request: call.body,
    };
    let response = if call.is_streamed {
        let events = match call.api {
            GatewayApi::ChatCompletions => chat::events(&frame, &answer),
            GatewayApi::Responses => responses::events(&frame, &answer),
        };
        let pieces = events.into_iter().map(Into::into).collect();
        let mut response = Response::new(body_of(pieces, token_delay, is_cut));
        let headers = response.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("text/event-stream; charset=utf-8"),
        );
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        response.extensions_mut().insert(Streamed);
        response
    } else {
        let json = match call.api {
            GatewayApi::ChatCompletions => chat::whole(&frame, &answer),
            GatewayApi::Responses => responses::whole(&frame, &answer),
        };
        one_piece(200, &json, is_cut)
    };
    with_headers(response, headers)
}

/// Returns the answer of a script, with all its members.
fn answer(
    message: MessageContent,
    finish_reason: Option<String>,
    usage: Option<Map<String, Value>>,
    call: &ModelCall,
) -> ScriptedAnswer {
    let MessageContent {
        text,
        refusal,
        tool_calls,
    } = message;
    let is_default = refusal.is_none() && tool_calls.is_empty();
    let text = text.or_else(|| is_default.then(|| default_text(call)));
    let of_tools = !tool_calls.is_empty();
    let calls = tool_calls.into_iter().enumerate();
    let tool_calls: Vec<AnsweredToolCall> = calls
        .map(|(index, scripted)| AnsweredToolCall {
            id: scripted
                .id
                .unwrap_or_else(|| format!("call_{}_{index}", call.id)),
            name: scripted.name,
            arguments: scripted.arguments,
        })
        .collect();
    let said = text.iter().chain(&refusal).map(String::as_str);
    let said = said.chain(tool_calls.iter().map(|call| &*call.arguments));
    let count = said.map(|text| tokens(text).len()).sum();
    let default = if of_tools { "tool_calls" } else { "stop" };
    ScriptedAnswer {
        finish_reason: finish_reason.unwrap_or_else(|| default.into()),
        usage: TokenUsage::of(usage, &call.body, count),
        text,
        refusal,
        tool_calls,
    }
}

/// Returns the text of an answer that no script determines.
fn default_text(call: &ModelCall) -> String {
    let model = &call.model;
    let Some(prompt) = &call.prompt else {
        return format!("An answer of {model} to a request without a prompt.");
    };
    let version = &prompt.version;
    let environment = prompt.environment.as_ref();
    let environment = environment.map_or_else(String::new, |name| format!(" ({name})"));
    let (id, number) = (version.prompt_id, version.number);
    format!("An answer of {model} to prompt {id}, version {number}{environment}.")
}

/// Returns the type that OpenAI's API gives to errors of a status.
fn kind(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        403 => "permission_error",
        429 => "rate_limit_error",
        400..=499 => "invalid_request_error",
        _ => "server_error",
    }
}

/// Returns a response whose body arrives at once, or only half of it.
fn one_piece(status: u16, json: &Value, is_cut: bool) -> Response {
    let text = json.to_string();
    let length = text.len();
    let body = if is_cut {
        half_of(text.into())
    } else {
        Body::from(text)
    };
    let mut response = Response::new(body);
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    response
}

/// Adds the headers of a script, which were checked when it was added.
fn with_headers(mut response: Response, headers: Vec<(String, String)>) -> Response {
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse::<HeaderValue>()) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
