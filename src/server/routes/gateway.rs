//! Routes that answer requests for models, with stored prompts merged in.

use std::sync::Arc;

use axum::extract::{RawQuery, Request};
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tracing::warn;

use super::extract::ServedApp;
use crate::server::api_error::ApiError;
use crate::server::app::App;
use crate::server::dto::GatewayErrorData;
use crate::server::gateway::{
    AnswerModel, AnsweredRequest, GatewayApi, MergeRules, MergedRequest, ModelCall, UsedPrompt,
    merge_request, prompt_template,
};
use crate::server::request::read;
use crate::server::response::{AnsweredVersion, ApiResponse, ResponseOutcome};

/// Answers a chat request.
///
/// With `prompt_id`, and optionally with `environment` or `version_id` and with `inputs`, a stored
/// prompt is merged into the request.
#[utoipa::path(
    post, path = "/v1/chat/completions", operation_id = "CreateChatCompletion", tag = "Gateway",
    request_body = Object,
    responses((status = 200, body = Object), (status = "4XX", body = GatewayErrorData)),
)]
pub(super) async fn chat_completions(app: ServedApp, request: Request) -> ModelOutcome {
    complete(app, GatewayApi::ChatCompletions, request).await
}

/// Answers a chat request of a client whose base URL contains the version.
#[utoipa::path(
    post, path = "/chat/completions", operation_id = "CreateChatCompletionWithoutVersion", tag = "Gateway",
    request_body = Object,
    responses((status = 200, body = Object)),
)]
pub(super) async fn chat_completions_without_version(
    app: ServedApp,
    request: Request,
) -> ModelOutcome {
    complete(app, GatewayApi::ChatCompletions, request).await
}

/// Answers a chat request of a client that knows the gateway by this path.
#[utoipa::path(
    post, path = "/ai/chat/completions", operation_id = "CreateChatCompletionOfAi", tag = "Gateway",
    request_body = Object,
    responses((status = 200, body = Object)),
)]
pub(super) async fn chat_completions_of_ai(app: ServedApp, request: Request) -> ModelOutcome {
    complete(app, GatewayApi::ChatCompletions, request).await
}

/// Answers a request of the Responses API.
#[utoipa::path(
    post, path = "/v1/responses", operation_id = "CreateResponse", tag = "Gateway",
    request_body = Object,
    responses((status = 200, body = Object)),
)]
pub(super) async fn responses(app: ServedApp, request: Request) -> ModelOutcome {
    complete(app, GatewayApi::Responses, request).await
}

#[derive(Deserialize)]
struct TemplateQuery {
    prompt_id: String,
    environment: Option<String>,
    version: Option<String>,
}

/// Returns a prompt for LiteLLM's generic prompt management.
#[utoipa::path(
    get, path = "/beta/litellm_prompt_management", operation_id = "GetLitellmPrompt", tag = "Gateway",
    params(("prompt_id" = String, Query), ("environment" = Option<String>, Query), ("version" = Option<String>, Query)),
    responses((status = 200, body = Object)),
)]
pub(super) async fn litellm(
    ServedApp(app): ServedApp,
    RawQuery(query): RawQuery,
) -> ResponseOutcome {
    let query: TemplateQuery = serde_urlencoded::from_str(query.as_deref().unwrap_or_default())
        .map_err(|error| ApiError::Shape(format!("the query: {error}")))?;
    let status = app.status;
    let found = app.read(move |store| {
        let (environment, version) = (query.environment.as_deref(), query.version.as_deref());
        prompt_template(store, status, &query.prompt_id, environment, version)
    });
    let (template, version) = found.await??;
    let answer = ApiResponse::json(axum::http::StatusCode::OK, &template)?;
    answer.about(&version).counted_in(&app.budget)
}

/// The answer of a model, or an error.
type ModelOutcome = Result<Response, ApiError>;

/// Merges the stored prompt into a request, and passes it to what answers requests.
async fn complete(ServedApp(app): ServedApp, api: GatewayApi, request: Request) -> ModelOutcome {
    let model = app.gateway.model.clone().ok_or(ApiError::NoUpstream)?;
    let (bytes, passing) = read(request.into_body(), &app.limits, &app.budget).await?;
    let working = app.budget.take_working(&bytes).await?;
    let rules = MergeRules {
        status: app.status,
        generation: app.gateway.generation,
        api,
    };
    let merging = app.read(move |store| {
        let merged = merge_request(store, rules, &bytes);
        drop((bytes, passing));
        merged
    });
    let merged = merging.await??;
    let id = model.request_id();
    let prompt = merged.prompt.clone().map(Arc::new);
    if let Some(prompt) = &prompt {
        record_inputs(&app, &id, prompt).await;
    }
    // Inputs may have made the request much larger than what was received.
    let share = app.budget.take_passing(2 * merged.text_bytes())?;
    let mut response = answer(&*model, merged, prompt.clone(), &id).await;
    drop((working, share));
    let headers = response.headers_mut();
    let mut set = |name: &'static str, value: String| {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    set("helicone-id", id);
    if let Some(prompt) = prompt {
        let version = &prompt.version;
        set("promptbook-prompt", version.prompt_id.to_string());
        set("promptbook-version", version.id.to_string());
        set("promptbook-number", version.number.to_string());
        if let Some(environment) = &prompt.environment {
            set("promptbook-environment", environment.to_string());
        }
        let answered = AnsweredVersion::from(&**version);
        response.extensions_mut().insert(answered);
    }
    Ok(response)
}

/// Answers a request by the first of its models that does not fail, else by the last.
async fn answer(
    model: &dyn AnswerModel,
    merged: MergedRequest,
    prompt: Option<Arc<UsedPrompt>>,
    id: &str,
) -> Response {
    let mut response = ApiError::NoUpstream.into_response();
    for name in &merged.models {
        let call = ModelCall {
            api: merged.api,
            id: id.to_owned(),
            model: name.clone(),
            body: Arc::new(merged.for_model(name)),
            is_streamed: merged.is_streamed(),
            prompt: prompt.clone(),
        };
        let answered = AnsweredRequest(Arc::new(call.clone()));
        let answer = model.answer(call).await;
        response = answer.unwrap_or_else(IntoResponse::into_response);
        // A record of a failed request shows what was sent too.
        response.extensions_mut().insert(answered);
        if response.status().is_success() {
            break;
        }
    }
    response
}

/// Records the inputs of a request, if the server is to.
///
/// The request is answered even if they cannot be recorded.
async fn record_inputs(app: &Arc<App>, id: &str, prompt: &UsedPrompt) {
    if !app.gateway.records_inputs {
        return;
    }
    let (id, version) = (id.to_owned(), prompt.version.id);
    let (inputs, environment) = (prompt.inputs.clone(), prompt.environment.clone());
    let recorded = app.write(None, move |store| {
        store.record_inputs(version, id, inputs, environment)
    });
    let failure = match recorded.await {
        Ok(Ok(_)) => return,
        Ok(Err(error)) => error.to_string(),
        Err(error) => error.text().to_owned(),
    };
    warn!(
        error = failure,
        "the inputs of a request cannot be recorded"
    );
}
