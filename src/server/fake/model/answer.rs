//! A scripted answer with all its members, before it gets the form of an API.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::tokens::TokenUsage;

/// An answer with all its members.
pub(super) struct ScriptedAnswer {
    pub(super) text: Option<String>,
    pub(super) refusal: Option<String>,
    pub(super) tool_calls: Vec<AnsweredToolCall>,
    pub(super) finish_reason: String,
    pub(super) usage: TokenUsage,
}

/// A call of a tool in an answer.
pub(super) struct AnsweredToolCall {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) arguments: String,
}

/// What is around an answer.
pub(super) struct AnswerFrame {
    /// The request's id.
    pub(super) id: String,
    /// Seconds since 1970.
    pub(super) created: i64,
    pub(super) model: String,
    pub(super) request: Arc<Map<String, Value>>,
}
