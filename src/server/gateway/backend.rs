//! The seam between the gateway's routes and what answers merged requests.

use std::fmt;
use std::sync::Arc;

use axum::response::Response;
use futures_util::future::BoxFuture;
use serde_json::{Map, Value};

use super::generation::GatewayGeneration;
use super::merge::{GatewayApi, UsedPrompt};
use crate::server::api_error::ApiError;

/// What a server's gateway does.
#[derive(Clone, Default)]
pub(crate) struct Gateway {
    pub(crate) generation: GatewayGeneration,
    /// What answers requests, if anything does.
    pub(crate) model: Option<Arc<dyn AnswerModel>>,
    /// Whether the inputs of requests are recorded in the store.
    pub(crate) records_inputs: bool,
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway")
            .field("generation", &self.generation)
            .field("records_inputs", &self.records_inputs)
            .finish_non_exhaustive()
    }
}

/// What answers the requests of a gateway: another server, or a script.
pub(crate) trait AnswerModel: Send + Sync {
    /// Returns the id of the next request, which its answer carries.
    fn request_id(&self) -> String;

    /// Answers a request. An answer with an error status is an answer too.
    fn answer(&self, call: ModelCall) -> ModelAnswer;
}

/// The answer to a request.
pub(crate) type ModelAnswer = BoxFuture<'static, Result<Response, ApiError>>;

/// A request for one model.
#[derive(Clone, Debug)]
pub(crate) struct ModelCall {
    pub(crate) api: GatewayApi,
    /// The request's id.
    pub(crate) id: String,
    pub(crate) model: String,
    /// The request.
    pub(crate) body: Arc<Map<String, Value>>,
    pub(crate) is_streamed: bool,
    /// The prompt that was merged into the request.
    pub(crate) prompt: Option<Arc<UsedPrompt>>,
}

/// The request that a response answers, which the response carries as an extension.
#[derive(Clone, Debug)]
pub(crate) struct AnsweredRequest(pub(crate) Arc<ModelCall>);
