//! Routes of bodies: with a key, and without one by signed URL.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderName, HeaderValue, Uri};

use super::extract::{OpenApp, ServedApp, version_id};
use crate::server::api_error::{ApiError, OrApiError};
use crate::server::app::App;
use crate::server::budget::BudgetShare;
use crate::server::dto::ErrorEnvelope;
use crate::server::etag::{EntityTag, IfNoneMatch};
use crate::server::request::PathIds;
use crate::server::response::{ApiResponse, ResponseOutcome, enveloped, verbatim};
use crate::server::signature::PREFIX;
use crate::{Resolved, Store, Version, VersionId, VersionSpec};

/// The route of bodies that `s3_url` contains.
pub(in crate::server) const BODY: &str = "/prompt-bodies/{promptVersionId}";

/// Returns the body of a version.
#[utoipa::path(
    get, path = "/v1/prompt-2025/{promptVersionId}/prompt-body", operation_id = "GetPrompt2025VersionBody", tag = "Prompt2025",
    params(("promptVersionId" = String, Path)),
    responses((status = 200, body = crate::server::dto::Envelope<Object>), (status = 304)),
)]
pub(super) async fn of_version(
    ServedApp(app): ServedApp,
    known: IfNoneMatch,
    PathIds(version): PathIds<String>,
) -> CacheControlled {
    let version = version_id(&version, ApiError::VersionOfBody)?;
    let in_envelope = |body: &crate::Body, share: BudgetShare| {
        let json = enveloped(verbatim(body)?, body.as_bytes().len() + 64)?;
        Ok(ApiResponse::text(share.with(json)))
    };
    unless_known(&app, &known, version, in_envelope).await
}

/// Returns the body of a version, as it was stored, to a client that has its URL.
#[utoipa::path(
    get, path = BODY, operation_id = "GetSignedBody", tag = "Bodies",
    params(
        ("promptVersionId" = String, Path),
        ("expires" = i64, Query),
        ("signature" = String, Query),
    ),
    responses((status = 200, body = Object), (status = 304), (status = "4XX", body = ErrorEnvelope), (status = "5XX", body = ErrorEnvelope)),
)]
pub(super) async fn signed(State(app): OpenApp, known: IfNoneMatch, uri: Uri) -> CacheControlled {
    // The raw text of the URL, because another spelling has another signature.
    let id = uri.path().strip_prefix(PREFIX).unwrap_or_default();
    let version = app
        .signer
        .check(id, uri.query().unwrap_or_default(), (app.clock)())
        .map_err(ApiError::Signature)?;
    let as_stored = |body: &crate::Body, share: BudgetShare| {
        Ok(ApiResponse::text(share.with(StoredBody(body.clone()))))
    };
    unless_known(&app, &known, version, as_stored).await
}

/// A body as response data, without a copy.
struct StoredBody(crate::Body);

impl AsRef<[u8]> for StoredBody {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// Returns the version that a spec selects, with its body, and a share of the budget.
///
/// The share is taken before the body is read. It is twice the body's size, because the response
/// may contain a second copy.
pub(super) fn with_body(
    app: &App,
    store: &Store,
    spec: &VersionSpec,
    unknown: ApiError,
) -> Result<(Arc<Resolved>, BudgetShare), ApiError> {
    let bytes = |version: &Version| usize::try_from(2 * version.size).unwrap_or(usize::MAX);
    let version = store
        .as_view()
        .shared_version(spec)
        .or_refuse(unknown.clone())?;
    let mut share = app.budget.take_passing(bytes(&version))?;
    let resolved = store.resolve(spec).or_refuse(unknown)?;
    // An environment may have been moved to another version since.
    share.grow_to(bytes(&resolved.version))?;
    Ok((resolved, share))
}

/// A response with its `Cache-Control` header.
type CacheControlled = Result<([(HeaderName, HeaderValue); 1], ApiResponse), ApiError>;

/// Returns the response that `write` creates from a version's body, or a 304 if the client has it.
///
/// A 304 needs only the version's row, which contains the content address. The body is not read.
async fn unless_known(
    app: &Arc<App>,
    known: &IfNoneMatch,
    version: VersionId,
    write: impl FnOnce(&crate::Body, BudgetShare) -> ResponseOutcome + Send + 'static,
) -> CacheControlled {
    // Clients must revalidate: a body never changes, but it may be deleted, and its URL expires.
    let keep = [(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"))];
    if known.any() {
        let row = app.version(version.into()).await?;
        let row = row.or_refuse(ApiError::VersionOfBody)?;
        let tag = EntityTag::new(row.blob)?;
        if let Some(known) = ApiResponse::unless_known(known, &tag) {
            return Ok((keep, known.about(&row)));
        }
    }
    let shared = Arc::clone(app);
    let answer = app.read(move |store| {
        let (found, share) = with_body(&shared, store, &version.into(), ApiError::VersionOfBody)?;
        let response = write(&found.body, share)?.about(&found.version);
        Ok::<_, ApiError>(response.tagged(EntityTag::new(found.version.blob)?))
    });
    Ok((keep, answer.await??))
}
