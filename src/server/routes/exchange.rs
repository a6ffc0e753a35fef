//! Routes of the exchange between stores: the head of the history, and bundles of operations.
//!
//! Helicone's service has no such routes, and neither has the fake.

use std::fs::File;
use std::io::{Cursor, Read, Seek};

use axum::body::{Body, Bytes};
use axum::extract::{RawQuery, Request};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::extract::ServedApp;
use crate::bundle::{ExportOptions, ImportOptions};
use crate::history::LogPosition;
use crate::server::api_error::ApiError;
use crate::server::app::blocking;
use crate::server::request::read;
use crate::server::response::{ApiResponse, ResponseOutcome};
use crate::{BumpPolicy, Error, Settings, Store};

/// The name of the service in the answer of the head.
const SERVICE: &str = "promptbook";

/// The number of bytes of a bundle that are read at a time.
const PIECE_BYTES: usize = 64 * 1024;

/// The head of a store's history.
#[derive(Serialize, ToSchema)]
pub(crate) struct HistoryHead {
    /// Always `promptbook`. A client recognizes the service by it.
    service: &'static str,
    /// The id of the first operation, which stores with a common history share.
    store: Option<String>,
    /// The number of operations.
    operations: u64,
    /// The position after the last operation: its number and its id.
    position: String,
    /// The position after the operation that the query names, if there is such an operation.
    at: Option<String>,
    /// The number that the first version of a prompt gets.
    first_version: String,
    /// The bump policy: `enforced` or `free`.
    #[schema(value_type = String)]
    policy: BumpPolicy,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HeadQuery {
    at: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExportQuery {
    after: Option<String>,
    bytes: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ImportQuery {
    merge: Option<bool>,
}

/// Returns the head of the history, and optionally the id of an earlier operation.
#[utoipa::path(
    get, path = "/v1/promptbook/head", operation_id = "GetHistoryHead", tag = "Exchange",
    params(("at" = Option<u64>, Query, description = "Number of an operation, whose id is returned too")),
    responses((status = 200, body = crate::server::dto::Envelope<HistoryHead>)),
)]
pub(super) async fn head(ServedApp(app): ServedApp, RawQuery(query): RawQuery) -> ResponseOutcome {
    let query: HeadQuery = parsed(query)?;
    let found = app.read(move |store| head_of(store, query.at)).await??;
    ApiResponse::data(found)
}

/// Returns operations and the bodies that they need, as a bundle.
#[utoipa::path(
    get, path = "/v1/promptbook/bundle", operation_id = "GetBundle", tag = "Exchange",
    params(
        ("after" = Option<String>, Query, description = "Position after which the operations begin, as the head returns it"),
        ("bytes" = Option<u64>, Query, description = "Size after which the bundle ends"),
    ),
    responses((status = 200, content_type = "application/octet-stream", body = Vec<u8>)),
)]
pub(super) async fn export(
    ServedApp(app): ServedApp,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let query: ExportQuery = parsed(query)?;
    let exported = app.read(move |store| {
        let mut options = ExportOptions::new();
        if let Some(after) = &query.after {
            let after: LogPosition = after.parse().map_err(Error::from)?;
            options = options.after(after);
        }
        if let Some(bytes) = query.bytes {
            options = options.bytes(bytes);
        }
        // The bundle is complete before the first byte is sent, so a slow client holds no lock of
        // the store, and a failure is an error status.
        let failed = |error: std::io::Error| ApiError::Internal(error.to_string().into());
        let mut file = tempfile::tempfile().map_err(failed)?;
        store
            .export_bundle_with(&mut file, options)
            .map_err(refused)?;
        file.rewind().map_err(failed)?;
        Ok::<_, ApiError>(file)
    });
    let pieces = stream::try_unfold(exported.await??, |file| async move {
        let piece = blocking(move || next_piece(file)).await;
        piece.map_err(|error| std::io::Error::other(error.text().to_owned()))?
    });
    const BUNDLE: HeaderValue = HeaderValue::from_static("application/octet-stream");
    let body = Body::from_stream(pieces);
    Ok(([(header::CONTENT_TYPE, BUNDLE)], body).into_response())
}

/// Imports a bundle, as `import` does.
#[utoipa::path(
    post, path = "/v1/promptbook/bundle", operation_id = "PostBundle", tag = "Exchange",
    params(("merge" = Option<bool>, Query, description = "Whether the bundle may be merged with operations that it does not continue; the default is true")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, body = crate::server::dto::Envelope<Object>)),
)]
pub(super) async fn import(ServedApp(app): ServedApp, request: Request) -> ResponseOutcome {
    let query: ImportQuery = parsed(request.uri().query().map(str::to_owned))?;
    let (bytes, passing) = read(request.into_body(), &app.limits, &app.budget).await?;
    let working = app.budget.take_working(&bytes).await?;
    let imported = app.write(working, move |store| {
        let options = ImportOptions::new().refuse_merges(query.merge == Some(false));
        let imported = store.import_bundle_with(Cursor::new(&bytes), options);
        drop((bytes, passing));
        imported.map_err(refused)
    });
    ApiResponse::data(imported.await??)
}

fn head_of(store: &Store, at: Option<u64>) -> crate::Result<HistoryHead> {
    let position = store.position()?;
    let numbered = |number: u64| -> crate::Result<Option<LogPosition>> {
        let page = store.operations().page(number.checked_add(1), 1)?;
        let position = page.first().map(LogPosition::from);
        Ok(position.filter(|position| position.number() == number && number > 0))
    };
    let Settings {
        first_version,
        policy,
        ..
    } = store.settings();
    Ok(HistoryHead {
        service: SERVICE,
        store: numbered(1)?.map(|first| first.id.to_string()),
        operations: position.number(),
        position: position.to_string(),
        at: match at {
            Some(at) => numbered(at)?.map(|at| at.to_string()),
            None => None,
        },
        first_version: first_version.to_string(),
        policy,
    })
}

/// Reads the next piece of a file; none at its end.
fn next_piece(mut file: File) -> std::io::Result<Option<(Bytes, File)>> {
    let mut piece = Vec::with_capacity(PIECE_BYTES);
    (&mut file)
        .take(PIECE_BYTES as u64)
        .read_to_end(&mut piece)?;
    Ok((!piece.is_empty()).then(|| (piece.into(), file)))
}

fn parsed<T: DeserializeOwned>(query: Option<String>) -> Result<T, ApiError> {
    serde_urlencoded::from_str(query.as_deref().unwrap_or_default())
        .map_err(|error| ApiError::Shape(format!("the query: {error}")))
}

/// Converts the errors that say what is wrong with a bundle or a position.
fn refused(error: Error) -> ApiError {
    match error {
        Error::MergeConflict { .. }
        | Error::BundleGap { .. }
        | Error::BundleDiverged { .. }
        | Error::PositionNotFound { .. } => ApiError::Rules(error.to_string()),
        Error::File(crate::error::FileError::Writing { .. }) => error.into(),
        Error::File(_) => ApiError::Shape(format!("the bundle: {error}")),
        error => error.into(),
    }
}
