//! Prompt requests: OpenAI requests that name a stored prompt, as Helicone's AI Gateway accepts them.

mod backend;
mod generation;
mod litellm;
mod merge;
mod models;
mod request;
mod resolution;
mod responses;

pub(super) use self::backend::{AnswerModel, AnsweredRequest, Gateway, ModelAnswer, ModelCall};
pub use self::generation::GatewayGeneration;
pub(super) use self::litellm::prompt_template;
pub(super) use self::merge::{GatewayApi, MergeRules, MergedRequest, UsedPrompt, merge_request};
