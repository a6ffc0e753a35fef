//! The model of a fake: it answers requests by script.

mod answer;
mod chat;
mod completion;
mod completion_dto;
mod responses;
mod scripted;
mod tokens;

pub use self::completion::Completion;
pub(super) use self::completion_dto::CompletionData;
pub(super) use self::scripted::ScriptedModel;
