//! Extractors of the shared state, and parsing of ids.

use std::sync::Arc;

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use serde_json::value::RawValue;

use crate::server::api_error::ApiError;
use crate::server::app::App;
use crate::{PromptId, VersionId};

/// The shared state, for handlers of requests that carry a valid key.
pub(super) struct ServedApp(pub(super) Arc<App>);

impl FromRequestParts<Arc<App>> for ServedApp {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        app.keys.admit(&parts.headers)?;
        Ok(Self(Arc::clone(app)))
    }
}

/// The shared state, for handlers that need no key.
pub(super) type OpenApp = State<Arc<App>>;

/// Parses a prompt's id; malformed text gets the route's error for an unknown prompt.
pub(super) fn prompt_id(text: &str, unknown: ApiError) -> Result<PromptId, ApiError> {
    text.parse().map_err(|_| unknown)
}

/// Parses a version's id; malformed text gets the route's error for an unknown version.
pub(super) fn version_id(text: &str, unknown: ApiError) -> Result<VersionId, ApiError> {
    text.parse().map_err(|_| unknown)
}

/// Returns the text of a JSON member, byte for byte.
pub(super) fn member_text(raw: Box<RawValue>) -> String {
    Box::<str>::from(raw).into_string()
}
