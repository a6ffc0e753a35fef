//! Routes of bodies: with a key, and without one by signed URL.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderName, HeaderValue, Uri};

use super::table::{Open, Served, version_id};
use crate::server::api_error::{OrRefuse, Refusal};
use crate::server::app::App;
use crate::server::budget::Share;
use crate::server::dto::ErrorEnvelope;
use crate::server::etag::{Known, Tag};
use crate::server::request::Ids;
use crate::server::response::{Answer, Outcome, enveloped, verbatim};
use crate::server::signature::PREFIX;
use crate::{Resolved, Spec, Store, Version, VersionId};

/// The route of bodies that `s3_url` contains.
pub(in crate::server) const BODY: &str = "/prompt-bodies/{promptVersionId}";

/// Returns the body of a version.
#[utoipa::path(
    get, path = "/v1/prompt-2025/{promptVersionId}/prompt-body", operation_id = "GetPrompt2025VersionBody", tag = "Prompt2025",
    params(("promptVersionId" = String, Path)),
    responses((status = 200, body = crate::server::dto::Envelope<Object>), (status = 304), (status = "4XX", body = ErrorEnvelope), (status = "5XX", body = ErrorEnvelope)),
    security(("api_key" = [])),
)]
pub(super) async fn of_version(
    Served(app): Served,
    known: Known,
    Ids(version): Ids<String>,
) -> Kept {
    let version = version_id(&version, Refusal::VersionOfBody)?;
    let in_envelope = |body: &crate::Body, share: Share| {
        let json = enveloped(verbatim(body)?, body.as_bytes().len() + 64)?;
        Ok(Answer::text(share.with(json)))
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
pub(super) async fn signed(State(app): Open, known: Known, uri: Uri) -> Kept {
    // The raw text of the URL, because another spelling has another signature.
    let version = uri.path().strip_prefix(PREFIX).unwrap_or_default();
    let version = app
        .signer
        .check(version, uri.query().unwrap_or_default(), (app.clock)())
        .map_err(Refusal::Signature)?;
    let as_stored =
        |body: &crate::Body, share: Share| Ok(Answer::text(share.with(Stored(body.clone()))));
    unless_known(&app, &known, version, as_stored).await
}

/// A body as response data, without a copy.
struct Stored(crate::Body);

impl AsRef<[u8]> for Stored {
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
    spec: &Spec,
    unknown: Refusal,
) -> Result<(Arc<Resolved>, Share), Refusal> {
    let bytes = |version: &Version| usize::try_from(2 * version.size).unwrap_or(usize::MAX);
    let version = store.shared_version(spec).or_refuse(unknown.clone())?;
    let mut share = app.budget.pass(bytes(&version))?;
    let resolved = store.resolve(spec).or_refuse(unknown)?;
    // An environment may have been moved to another version since.
    share.grow_to(bytes(&resolved.version))?;
    Ok((resolved, share))
}

/// A response with its `Cache-Control` header.
type Kept = Result<([(HeaderName, HeaderValue); 1], Answer), Refusal>;

/// Returns the response that `write` creates from a version's body, or a 304 if the client has it.
///
/// A 304 needs only the version's row, which contains the content address. The body is not read.
async fn unless_known(
    app: &Arc<App>,
    known: &Known,
    version: VersionId,
    write: impl FnOnce(&crate::Body, Share) -> Outcome + Send + 'static,
) -> Kept {
    // Clients must revalidate: a body never changes, but it may be deleted, and its URL expires.
    let keep = [(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"))];
    if known.any() {
        let row = app.version(version.into()).await?;
        let tag = Tag::new(row.or_refuse(Refusal::VersionOfBody)?.blob)?;
        if let Some(known) = Answer::unless_known(known, &tag) {
            return Ok((keep, known));
        }
    }
    let shared = Arc::clone(app);
    let answer = app.read(move |store| {
        let (found, share) = with_body(&shared, store, &version.into(), Refusal::VersionOfBody)?;
        Ok::<_, Refusal>(write(&found.body, share)?.tagged(Tag::new(found.version.blob)?))
    });
    Ok((keep, answer.await??))
}
