//! Routes that create, find, rename, tag and delete prompts.

use axum::http::StatusCode;

use super::extract::{ServedApp, member_text, prompt_id};
use crate::changes::RenameOptions;
use crate::list::PromptFilter;
use crate::server::api_error::{ApiError, OrApiError};
use crate::server::app::App;
use crate::server::dto::{
    CreatePrompt, CreatedData, EmptyData, Envelope, PromptData, QueryPrompts, RenamePrompt, SetTags,
};
use crate::server::pages;
use crate::server::pages::{Elements, Pages};
use crate::server::request::{JsonBody, PathIds};
use crate::server::response::{ApiResponse, ResponseOutcome};
use crate::template::javascript;
use crate::{NewPrompt, Prompt, PromptId, Store};

/// Creates a prompt and its first version, which is in production.
#[utoipa::path(
    post, path = "/v1/prompt-2025", operation_id = "CreatePrompt2025", tag = "Prompt2025",
    request_body = CreatePrompt,
    responses((status = 201, body = Envelope<CreatedData>)),
)]
pub(super) async fn create(
    ServedApp(app): ServedApp,
    JsonBody(new, share): JsonBody<CreatePrompt>,
) -> ResponseOutcome {
    let created = app.write(share, move |store| {
        // The service lets prompts have the same name.
        let prompt = NewPrompt::new(new.name, member_text(new.prompt_body)).tags(new.tags);
        store.create_prompt(prompt.allow_duplicate_name())
    });
    let created = created.await??;
    let answer = ApiResponse::data(CreatedData {
        id: created.prompt.id,
        version_id: created.version.id,
    })?;
    Ok(answer.with_status(StatusCode::CREATED))
}

/// Returns a prompt by its id.
#[utoipa::path(
    get, path = "/v1/prompt-2025/id/{promptId}", operation_id = "GetPrompt2025", tag = "Prompt2025",
    params(("promptId" = String, Path)),
    responses((status = 200, body = Envelope<PromptData>)),
)]
pub(super) async fn get(
    ServedApp(app): ServedApp,
    PathIds(id): PathIds<String>,
) -> ResponseOutcome {
    let id = prompt_id(&id, ApiError::Prompt)?;
    let prompt = app.read(move |store| store.prompt(id)).await?;
    ApiResponse::data(PromptData::from(&prompt.or_refuse(ApiError::Prompt)?))
}

/// Renames a prompt.
#[utoipa::path(
    post, path = "/v1/prompt-2025/id/{promptId}/rename", operation_id = "RenamePrompt2025", tag = "Prompt2025",
    params(("promptId" = String, Path)), request_body = RenamePrompt,
    responses((status = 200, body = Envelope<EmptyData>)),
)]
pub(super) async fn rename(
    ServedApp(app): ServedApp,
    PathIds(id): PathIds<String>,
    JsonBody(new, share): JsonBody<RenamePrompt>,
) -> ResponseOutcome {
    let name: crate::PromptName = new.name.parse()?;
    let id = prompt_id(&id, ApiError::PromptToChange)?;
    // The service lets prompts have the same name.
    let options = RenameOptions::new().allow_duplicate_name();
    let renamed = app.write(share, move |store| store.rename_with(id, name, options));
    renamed.await?.or_refuse(ApiError::PromptToChange)?;
    ApiResponse::empty()
}

/// Replaces a prompt's tags; they are trimmed, and empty ones and duplicates are removed.
#[utoipa::path(
    patch, path = "/v1/prompt-2025/id/{promptId}/tags", operation_id = "UpdatePrompt2025Tags", tag = "Prompt2025",
    params(("promptId" = String, Path)), request_body = SetTags,
    responses((status = 200, body = Envelope<Vec<String>>)),
)]
pub(super) async fn set_tags(
    ServedApp(app): ServedApp,
    PathIds(id): PathIds<String>,
    JsonBody(new, share): JsonBody<SetTags>,
) -> ResponseOutcome {
    let id = prompt_id(&id, ApiError::PromptToTag)?;
    let tags = trimmed(&new.tags);
    let tagged = app
        .write(share, move |store| store.set_tags(id, &tags))
        .await?;
    ApiResponse::data(tagged.or_refuse(ApiError::PromptToTag)?.tags)
}

fn trimmed(tags: &[String]) -> Vec<String> {
    let mut kept: Vec<String> = Vec::with_capacity(tags.len());
    let mut seen = std::collections::HashSet::new();
    for tag in tags {
        let tag = tag.trim_matches(javascript::is_space);
        if !tag.is_empty() && seen.insert(tag) {
            kept.push(tag.to_owned());
        }
    }
    kept
}

/// Deletes a prompt with its versions and environments.
#[utoipa::path(
    delete, path = "/v1/prompt-2025/{promptId}", operation_id = "DeletePrompt2025", tag = "Prompt2025",
    params(("promptId" = String, Path)),
    responses((status = 200, body = Envelope<EmptyData>)),
)]
pub(super) async fn remove(
    ServedApp(app): ServedApp,
    PathIds(id): PathIds<String>,
) -> ResponseOutcome {
    let id = prompt_id(&id, ApiError::PromptToChange)?;
    let removed = app
        .write(None, move |store| store.delete_prompt(id))
        .await?;
    removed.or_refuse(ApiError::PromptToChange)?;
    ApiResponse::empty()
}

/// Deletes the prompt whose id is `update`.
pub(super) async fn remove_update(app: ServedApp) -> ResponseOutcome {
    remove(app, PathIds("update".into())).await
}

/// Returns every tag in use.
#[utoipa::path(
    get, path = "/v1/prompt-2025/tags", operation_id = "GetPrompt2025Tags", tag = "Prompt2025",
    responses((status = 200, body = Envelope<Vec<String>>)),
)]
pub(super) async fn tags(ServedApp(app): ServedApp) -> ResponseOutcome {
    let tags = app.read(|store| store.tags()).await??;
    ApiResponse::data(tags)?.counted_in(&app.budget)
}

/// Returns the name of every environment in use, sorted.
#[utoipa::path(
    get, path = "/v1/prompt-2025/environments", operation_id = "GetPrompt2025Environments", tag = "Prompt2025",
    responses((status = 200, body = Envelope<Vec<String>>)),
)]
pub(super) async fn environments(ServedApp(app): ServedApp) -> ResponseOutcome {
    let names = app.read(|store| store.environment_names()).await??;
    ApiResponse::data(names)?.counted_in(&app.budget)
}

/// Returns the number of prompts.
#[utoipa::path(
    get, path = "/v1/prompt-2025/count", operation_id = "GetPrompt2025Count", tag = "Prompt2025",
    responses((status = 200, body = Envelope<u64>)),
)]
pub(super) async fn count(ServedApp(app): ServedApp) -> ResponseOutcome {
    ApiResponse::data(app.read(|store| store.prompts().count()).await??)
}

/// Returns prompts, newest first, by page.
#[utoipa::path(
    post, path = "/v1/prompt-2025/query", operation_id = "GetPrompts2025", tag = "Prompt2025",
    request_body = QueryPrompts,
    responses((status = 200, body = Envelope<Vec<PromptData>>)),
)]
pub(super) async fn query(
    ServedApp(app): ServedApp,
    JsonBody(query, _share): JsonBody<QueryPrompts>,
) -> ResponseOutcome {
    pages::respond(app, PromptPages::of(query)).await
}

/// The prompts that a query selects.
struct PromptPages {
    filter: PromptFilter,
    /// The number of prompts to skip, which belong to earlier pages of the query.
    skipped: u64,
    before: Option<PromptId>,
    left: usize,
}

impl PromptPages {
    fn of(query: QueryPrompts) -> Self {
        let mut filter = PromptFilter::default().name_contains(query.search);
        filter.tags = query.tags_filter;
        Self {
            filter,
            skipped: query.page.0.saturating_mul(query.page_size.0),
            before: None,
            left: usize::try_from(query.page_size.0).unwrap_or(usize::MAX),
        }
    }

    fn read(&mut self, store: &Store, most: usize) -> crate::Result<Vec<Prompt>> {
        // A page of a query has no fixed position in the store, so the prompts before it are
        // skipped, a limited number at a time.
        while self.skipped > 0 {
            let step = self.skipped.min(1000);
            #[allow(clippy::cast_possible_truncation)] // At most 1000.
            let walked = store
                .prompts()
                .with_filter(&self.filter)
                .page(self.before, step as usize)?;
            let Some(last) = walked.last() else {
                return Ok(Vec::new());
            };
            self.before = Some(last.id);
            self.skipped -= step;
        }
        store
            .prompts()
            .with_filter(&self.filter)
            .page(self.before, most.min(self.left))
    }
}

impl Pages for PromptPages {
    fn next(
        &mut self,
        _: &App,
        store: &Store,
        most: usize,
        to: &mut Elements,
    ) -> Result<bool, ApiError> {
        let found = self.read(store, most)?;
        for prompt in &found {
            to.push(&PromptData::from(prompt))?;
        }
        self.before = found.last().map(|last| last.id).or(self.before);
        self.left -= found.len();
        Ok(found.len() == most && self.left > 0)
    }

    fn bytes(&self) -> usize {
        size_of::<Self>()
    }
}
