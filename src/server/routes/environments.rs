//! Routes that set and remove environments.

use super::extract::{ServedApp, prompt_id, version_id};
use crate::server::api_error::{ApiError, OrApiError};
use crate::server::dto::{EmptyData, Envelope, MoveEnvironment};
use crate::server::request::JsonBody;
use crate::server::response::{ApiResponse, ResponseOutcome};
use crate::{EnvironmentName, EnvironmentUpdate, Error};

/// Points an environment of a prompt to one of its versions.
#[utoipa::path(
    post, path = "/v1/prompt-2025/update/environment", operation_id = "SetPromptVersionEnvironment", tag = "Prompt2025",
    request_body = MoveEnvironment,
    responses((status = 200, body = Envelope<EmptyData>)),
)]
pub(super) async fn set(
    ServedApp(app): ServedApp,
    JsonBody(request, share): JsonBody<MoveEnvironment>,
) -> ResponseOutcome {
    let environment: EnvironmentName = request.environment.parse()?;
    let prompt = prompt_id(&request.prompt_id, ApiError::VersionOfPrompt)?;
    let version = version_id(&request.prompt_version_id, ApiError::VersionOfPrompt)?;
    let set = app.write(share, move |store| {
        store.set_environment(prompt, environment, version)
    });
    set.await?.or_refuse(ApiError::VersionOfPrompt)?;
    ApiResponse::empty()
}

/// Removes an environment of a prompt from the version that it points to.
#[utoipa::path(
    post, path = "/v1/prompt-2025/remove/environment", operation_id = "RemoveEnvironmentFromVersion", tag = "Prompt2025",
    request_body = MoveEnvironment,
    responses((status = 200, body = Envelope<EmptyData>)),
)]
pub(super) async fn remove(
    ServedApp(app): ServedApp,
    JsonBody(request, share): JsonBody<MoveEnvironment>,
) -> ResponseOutcome {
    let environment: EnvironmentName = request.environment.parse()?;
    let prompt = prompt_id(&request.prompt_id, ApiError::VersionOfPrompt)?;
    let version = version_id(&request.prompt_version_id, ApiError::VersionOfPrompt)?;
    let removed = app.write(share, move |store| {
        match store
            .update_environment(EnvironmentUpdate::remove(prompt, environment).expect(version))
        {
            // The environment points elsewhere or does not exist, and nothing was changed. The
            // error depends on whether the prompt has this version.
            Err(Error::Conflict { .. }) => {
                store
                    .version((prompt, version))
                    .or_refuse(ApiError::VersionOfPrompt)?;
                Err(ApiError::EnvironmentToRemove)
            }
            removed => removed.or_refuse(ApiError::VersionOfPrompt),
        }
    });
    removed.await??;
    ApiResponse::empty()
}
