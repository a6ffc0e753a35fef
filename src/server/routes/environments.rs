//! Routes that set and remove environments.

use super::table::{Served, prompt_id, version_id};
use crate::server::api_error::{OrRefuse, Refusal};
use crate::server::dto::{Envelope, ErrorEnvelope, MoveEnvironment, Nothing};
use crate::server::request::Json;
use crate::server::response::{Answer, Outcome};
use crate::{EnvironmentName, Error, Expected};

/// Points an environment of a prompt to one of its versions.
#[utoipa::path(
    post, path = "/v1/prompt-2025/update/environment", operation_id = "SetPromptVersionEnvironment", tag = "Prompt2025",
    request_body = MoveEnvironment,
    responses((status = 200, body = Envelope<Nothing>), (status = "4XX", body = ErrorEnvelope), (status = "5XX", body = ErrorEnvelope)),
    security(("api_key" = [])),
)]
pub(super) async fn set(Served(app): Served, Json(wish, share): Json<MoveEnvironment>) -> Outcome {
    let environment: EnvironmentName = wish.environment.parse()?;
    let prompt = prompt_id(&wish.prompt_id, Refusal::VersionOfPrompt)?;
    let version = version_id(&wish.prompt_version_id, Refusal::VersionOfPrompt)?;
    let set = app.write(share, move |store| {
        store.set_environment(prompt, environment, version, Expected::Any)
    });
    set.await?.or_refuse(Refusal::VersionOfPrompt)?;
    Answer::nothing()
}

/// Removes an environment of a prompt from the version that it points to.
#[utoipa::path(
    post, path = "/v1/prompt-2025/remove/environment", operation_id = "RemoveEnvironmentFromVersion", tag = "Prompt2025",
    request_body = MoveEnvironment,
    responses((status = 200, body = Envelope<Nothing>), (status = "4XX", body = ErrorEnvelope), (status = "5XX", body = ErrorEnvelope)),
    security(("api_key" = [])),
)]
pub(super) async fn remove(
    Served(app): Served,
    Json(wish, share): Json<MoveEnvironment>,
) -> Outcome {
    let environment: EnvironmentName = wish.environment.parse()?;
    let prompt = prompt_id(&wish.prompt_id, Refusal::VersionOfPrompt)?;
    let version = version_id(&wish.prompt_version_id, Refusal::VersionOfPrompt)?;
    let removed = app.write(share, move |store| {
        match store.remove_environment(prompt, environment, Expected::Is(version)) {
            // The environment points elsewhere or does not exist, and nothing was changed. The
            // error depends on whether the prompt has this version.
            Err(Error::Conflict { .. }) => {
                store
                    .version((prompt, version))
                    .or_refuse(Refusal::VersionOfPrompt)?;
                Err(Refusal::EnvironmentToRemove)
            }
            removed => removed.or_refuse(Refusal::VersionOfPrompt),
        }
    });
    removed.await??;
    Answer::nothing()
}
