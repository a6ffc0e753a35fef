//! Scripted answers to requests for models.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::server::fake::FakeError;
use crate::server::fake::faults::check_headers;
use crate::server::fake::script_queue::Scripted;
use crate::server::gateway::ModelCall;

/// A scripted answer to a request for a model, and the requests that it answers.
///
/// By default, it answers the next request, whatever that is. Requests that no completion answers
/// get a text that names the prompt and its version.
///
/// ```
/// use promptbook::server::fake::{Completion, Fake};
///
/// # fn main() -> Result<(), promptbook::server::fake::FakeError> {
/// let fake = Fake::start()?;
/// fake.complete(Completion::text("Hello Ada").prompt("greet1").times(2))?;
/// fake.complete(Completion::tool_call("weather", r#"{"city": "Oslo"}"#).model("gpt-4o"))?;
/// fake.complete(Completion::fail(429, "Slow down").header("retry-after", "2"))?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[must_use = "a completion is given to a fake by Fake::complete"]
pub struct Completion {
    pub(super) answer: CompletionAnswer,
    pub(super) finish_reason: Option<String>,
    pub(super) usage: Option<Map<String, Value>>,
    pub(super) headers: Vec<(String, String)>,
    /// The time before the answer begins.
    pub(super) delay: Duration,
    /// The time before each token of a streamed answer.
    pub(super) token_delay: Duration,
    /// Whether the answer breaks off in the middle.
    pub(super) is_cut: bool,
    /// What the request must be to get this answer; `None` for any.
    pub(super) prompt: Option<String>,
    pub(super) model: Option<String>,
    pub(super) content: Option<String>,
    /// The number of requests that it still answers; `None` for all.
    pub(super) times: CompletionTimes,
}

/// The number of requests that a completion still answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CompletionTimes {
    Left(u64),
    Always,
}

impl Scripted for Completion {
    fn calls_left(&mut self) -> Option<&mut u64> {
        match &mut self.times {
            CompletionTimes::Left(times) => Some(times),
            CompletionTimes::Always => None,
        }
    }
}

impl Default for CompletionTimes {
    fn default() -> Self {
        Self::Left(1)
    }
}

/// The content of a scripted answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum CompletionAnswer {
    Message(MessageContent),
    /// The whole body, as it is, with this status.
    Json(u16, Value),
    /// An error of the model's provider.
    Error(u16, String),
}

impl Default for CompletionAnswer {
    fn default() -> Self {
        Self::Message(MessageContent::default())
    }
}

/// The message of a scripted answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct MessageContent {
    /// `None` for the text that names prompt and version, unless there are calls or a refusal.
    pub(super) text: Option<String>,
    pub(super) refusal: Option<String>,
    pub(super) tool_calls: Vec<ScriptedToolCall>,
}

/// A call of a tool in a scripted answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ScriptedToolCall {
    /// `None` for a generated one.
    pub(super) id: Option<String>,
    pub(super) name: String,
    /// The arguments, as JSON text.
    pub(super) arguments: String,
}

impl Completion {
    fn of(answer: CompletionAnswer) -> Self {
        Self {
            answer,
            ..Self::default()
        }
    }

    /// Answers with this text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::of(CompletionAnswer::Message(MessageContent {
            text: Some(text.into()),
            ..MessageContent::default()
        }))
    }

    /// Answers with a call of this tool; `arguments` is JSON text.
    pub fn tool_call(name: impl Into<String>, arguments: impl Into<String>) -> Self {
        Self::default().and_tool_call(name, arguments)
    }

    /// Refuses with this text.
    pub fn refusal(text: impl Into<String>) -> Self {
        Self::of(CompletionAnswer::Message(MessageContent {
            refusal: Some(text.into()),
            ..MessageContent::default()
        }))
    }

    /// Answers with this JSON as it is, also to requests for a stream.
    pub fn json(json: Value) -> Self {
        Self::of(CompletionAnswer::Json(200, json))
    }

    /// Fails with this status from 400 to 599, and with an error as OpenAI's API writes it.
    pub fn fail(status: u16, message: impl Into<String>) -> Self {
        Self::of(CompletionAnswer::Error(status, message.into()))
    }

    /// Fails with this status from 400 to 599, and with this JSON.
    pub fn fail_json(status: u16, json: Value) -> Self {
        Self::of(CompletionAnswer::Json(status, json))
    }

    /// Adds a call of a tool to an answer with a message; `arguments` is JSON text.
    pub fn and_tool_call(mut self, name: impl Into<String>, arguments: impl Into<String>) -> Self {
        if let CompletionAnswer::Message(message) = &mut self.answer {
            message.tool_calls.push(ScriptedToolCall {
                id: None,
                name: name.into(),
                arguments: arguments.into(),
            });
        }
        self
    }

    /// Sets the reason why the answer ends. By default it is `stop`, or `tool_calls`.
    pub fn finish_reason(mut self, reason: impl Into<String>) -> Self {
        self.finish_reason = Some(reason.into());
        self
    }

    /// Sets the numbers of tokens. By default, words are counted.
    pub fn usage(mut self, prompt_tokens: u64, completion_tokens: u64) -> Self {
        let members = [
            ("prompt_tokens", prompt_tokens),
            ("completion_tokens", completion_tokens),
        ];
        let members = members.map(|(name, tokens)| (name.to_owned(), tokens.into()));
        self.usage = Some(members.into_iter().collect());
        self
    }

    /// Adds a header to the answer, such as `retry-after`.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Waits this time before the answer begins.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Waits this time before each token of a streamed answer.
    pub fn token_delay(mut self, delay: Duration) -> Self {
        self.token_delay = delay;
        self
    }

    /// Breaks off in the middle of the answer, and closes the connection.
    pub fn cut(mut self) -> Self {
        self.is_cut = true;
        self
    }

    /// Answers only requests with the prompt of this id.
    pub fn prompt(mut self, id: impl Into<String>) -> Self {
        self.prompt = Some(id.into());
        self
    }

    /// Answers only requests for this model.
    pub fn model(mut self, name: impl Into<String>) -> Self {
        self.model = Some(name.into());
        self
    }

    /// Answers only requests of which a message contains this text, after the merge.
    pub fn content(mut self, text: impl Into<String>) -> Self {
        self.content = Some(text.into());
        self
    }

    /// Answers this number of requests.
    pub fn times(mut self, times: u64) -> Self {
        self.times = CompletionTimes::Left(times);
        self
    }

    /// Answers all requests until the completions are cleared or the fake is reset.
    pub fn always(mut self) -> Self {
        self.times = CompletionTimes::Always;
        self
    }

    /// Checks the status and the headers.
    pub(super) fn check(&self) -> Result<(), FakeError> {
        let status = match &self.answer {
            CompletionAnswer::Message(_) | CompletionAnswer::Json(200..=299, _) => 500,
            CompletionAnswer::Json(status, _) | CompletionAnswer::Error(status, _) => *status,
        };
        if !(400..600).contains(&status) {
            return Err(FakeError::FaultStatus { status });
        }
        check_headers(&self.headers)
    }

    /// Returns whether this is for a request.
    pub(super) fn answers(&self, call: &ModelCall) -> bool {
        let prompt = call.prompt.as_ref().map(|prompt| prompt.version.prompt_id);
        let is_of_prompt = |id: &String| prompt.is_some_and(|prompt| prompt.as_str() == id);
        self.prompt.as_ref().is_none_or(is_of_prompt)
            && self.model.as_ref().is_none_or(|model| *model == call.model)
            && self
                .content
                .as_ref()
                .is_none_or(|text| contains(call, text))
    }
}

/// Returns whether a message of a request contains a text.
fn contains(call: &ModelCall, text: &str) -> bool {
    let messages = ["messages", "input"].into_iter();
    messages
        .filter_map(|name| call.body.get(name))
        .any(|value| value_contains(value, text))
}

/// Returns whether a string anywhere in a value contains a text.
fn value_contains(value: &Value, text: &str) -> bool {
    match value {
        Value::String(found) => found.contains(text),
        Value::Array(items) => items.iter().any(|item| value_contains(item, text)),
        Value::Object(members) => members.values().any(|item| value_contains(item, text)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}
