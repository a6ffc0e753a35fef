//! Bodies alone: to those who have a key, and by their signed URLs to those who have none.

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

/// The route of bodies, as clients are told of it in `s3_url`.
pub(in crate::server) const BODY: &str = "/prompt-bodies/{promptVersionId}";

/// The body of a version.
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

/// The body of a version, as it was stored, to whoever has its URL.
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
    // As it stands in the URL: what is written otherwise is not what was signed.
    let version = uri.path().strip_prefix(PREFIX).unwrap_or_default();
    let version = app
        .signer
        .check(version, uri.query().unwrap_or_default(), (app.clock)())
        .map_err(Refusal::Signature)?;
    let as_stored =
        |body: &crate::Body, share: Share| Ok(Answer::text(share.with(Stored(body.clone()))));
    unless_known(&app, &known, version, as_stored).await
}

/// A body as an answer, not copied.
struct Stored(crate::Body);

impl AsRef<[u8]> for Stored {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// The version that a spec names with its body, which is not read before its answer may be as large as that: twice as
/// large, as it may be written anew.
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
    // Another version, perhaps, that an environment was moved to.
    share.grow_to(bytes(&resolved.version))?;
    Ok((resolved, share))
}

/// An answer with how long it may be kept.
type Kept = Result<([(HeaderName, HeaderValue); 1], Answer), Refusal>;

/// The answer that is written of a version's body, or that the client has it: the row tells its content address, so the
/// body itself need not be read for that.
async fn unless_known(
    app: &Arc<App>,
    known: &Known,
    version: VersionId,
    write: impl FnOnce(&crate::Body, Share) -> Outcome + Send + 'static,
) -> Kept {
    // A body never changes, but it may be deleted, and its URL expires: so it is asked for each time.
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
