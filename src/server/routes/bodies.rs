//! Bodies by their signed URLs, for those who have no key.

use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderName, HeaderValue, Uri};

use super::Open;
use crate::server::answer::Answer;
use crate::server::refusal::{OrRefuse, Refusal};
use crate::server::signature::PREFIX;
use crate::server::wire::ErrorEnvelope;

/// The route of bodies, as clients are told of it in `s3_url`.
pub(in crate::server) const BODY: &str = "/prompt-bodies/{promptVersionId}";

/// The body of a version, as it was stored, to whoever has its URL.
#[utoipa::path(
    get, path = BODY, operation_id = "GetSignedBody", tag = "Bodies",
    params(
        ("promptVersionId" = String, Path),
        ("expires" = i64, Query),
        ("signature" = String, Query),
    ),
    responses((status = 200, body = Object), (status = "4XX", body = ErrorEnvelope), (status = "5XX", body = ErrorEnvelope)),
)]
pub(super) async fn signed(
    State(app): Open,
    uri: Uri,
) -> Result<([(HeaderName, HeaderValue); 1], Answer), Refusal> {
    // As it stands in the URL: what is written otherwise is not what was signed.
    let version = uri.path().strip_prefix(PREFIX).unwrap_or_default();
    let version = app
        .signer
        .check(version, uri.query().unwrap_or_default(), (app.clock)())
        .map_err(Refusal::Signature)?;
    let answer = app.read(move |store| {
        let found = store.resolve(version).or_refuse(Refusal::VersionOfBody)?;
        Ok::<_, Refusal>(Answer::text(found.body.as_bytes().to_vec()))
    });
    // A body never changes, but it may be deleted.
    let keep = [(CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    Ok((keep, answer.await??))
}
