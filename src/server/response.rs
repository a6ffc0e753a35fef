//! Responses of the API: JSON in the envelope.

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::value::RawValue;
use tracing::{Level, enabled};

use super::api_error::ApiError;
use super::budget::{MemoryBudget, UNCOUNTED_BYTES};
use super::dto::{Envelope, ErrorEnvelope, GatewayErrorData};
use super::etag::{EntityTag, IfNoneMatch};
use crate::{Body as PromptBody, PromptId, Version, VersionId, VersionNumber};

/// The result of a route.
pub(crate) type ResponseOutcome = Result<ApiResponse, ApiError>;

/// JSON text with a status.
pub(crate) struct ApiResponse {
    status: StatusCode,
    json: ResponseContent,
    /// The entity tag, if clients may have the response already.
    tag: Option<EntityTag>,
    /// The version that the response contains, if it contains one.
    version: Option<AnsweredVersion>,
}

/// The version that a response contains, for the access log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AnsweredVersion {
    pub(crate) prompt: PromptId,
    pub(crate) version: VersionId,
    pub(crate) number: VersionNumber,
}

impl From<&Version> for AnsweredVersion {
    fn from(version: &Version) -> Self {
        Self {
            prompt: version.prompt_id,
            version: version.id,
            number: version.number,
        }
    }
}

enum ResponseContent {
    Whole(Bytes),
    /// In pieces, each read when the client is ready for it.
    Pieces(Body),
}

impl ApiResponse {
    /// Returns a response that contains data in the envelope.
    pub(crate) fn data(data: impl Serialize) -> ResponseOutcome {
        Self::json(StatusCode::OK, &Envelope { data, error: None })
    }

    /// Returns a response whose data is `null`.
    pub(crate) fn empty() -> ResponseOutcome {
        Self::data(())
    }

    /// Returns a response that contains an error in the envelope.
    pub(crate) fn error(status: StatusCode, text: &str) -> ResponseOutcome {
        let envelope = ErrorEnvelope {
            data: (),
            error: text,
        };
        Self::json(status, &envelope)
    }

    /// Returns a response that contains an error as Helicone's gateway writes it.
    pub(crate) fn gateway_error(status: StatusCode, text: &str) -> ResponseOutcome {
        Self::json(status, &GatewayErrorData { error: text })
    }

    /// Returns a response that consists of this JSON, without the envelope.
    pub(crate) fn text(json: impl Into<Bytes>) -> Self {
        Self {
            status: StatusCode::OK,
            json: ResponseContent::Whole(json.into()),
            tag: None,
            version: None,
        }
    }

    /// Returns a response that consists of this JSON, without the envelope, in pieces.
    pub(crate) fn in_pieces(body: Body) -> Self {
        Self {
            status: StatusCode::OK,
            json: ResponseContent::Pieces(body),
            tag: None,
            version: None,
        }
    }

    /// Counts the response as in progress until the client has received it.
    pub(crate) fn counted_in(mut self, budget: &MemoryBudget) -> ResponseOutcome {
        if let ResponseContent::Whole(json) = &mut self.json
            && json.len() > UNCOUNTED_BYTES
        {
            *json = budget.count_response(std::mem::take(json))?;
        }
        Ok(self)
    }

    /// Returns a 304 response if the client says that it has the response with this tag.
    pub(crate) fn unless_known(known: &IfNoneMatch, tag: &EntityTag) -> Option<Self> {
        let not_modified = || Self::text(Bytes::new()).with_status(StatusCode::NOT_MODIFIED);
        known.has(tag).then(|| not_modified().tagged(tag.clone()))
    }

    /// Sets the entity tag.
    pub(crate) fn tagged(mut self, tag: EntityTag) -> Self {
        self.tag = Some(tag);
        self
    }

    pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> ResponseOutcome {
        Ok(Self::text(to_json(value, 512)?).with_status(status))
    }

    /// Names the version that the response contains in the access log.
    pub(crate) fn about(mut self, version: &Version) -> Self {
        self.version = Some(version.into());
        self
    }

    /// Sets the status.
    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }
}

impl IntoResponse for ApiResponse {
    fn into_response(self) -> Response {
        const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
        let mut response = Response::new(match self.json {
            ResponseContent::Whole(json) => Body::from(json),
            ResponseContent::Pieces(body) => body,
        });
        *response.status_mut() = self.status;
        if let Some(version) = self.version
            && enabled!(Level::INFO)
        {
            response.extensions_mut().insert(version);
        }
        let headers = response.headers_mut();
        if self.status != StatusCode::NOT_MODIFIED {
            headers.insert(header::CONTENT_TYPE, JSON);
        }
        if let Some(tag) = self.tag {
            headers.insert(header::ETAG, tag.into_value());
        }
        response
    }
}

/// Writes data in the envelope; `bytes` is an estimate of the length.
pub(crate) fn enveloped(data: impl Serialize, bytes: usize) -> Result<Bytes, ApiError> {
    to_json(&Envelope { data, error: None }, bytes)
}

fn to_json(value: &impl Serialize, bytes: usize) -> Result<Bytes, ApiError> {
    let mut json = Vec::with_capacity(bytes);
    match serde_json::to_writer(&mut json, value) {
        Ok(()) => Ok(json.into()),
        Err(error) => Err(ApiError::Internal(error.to_string().into())),
    }
}

/// Returns a body's text as JSON that is written verbatim.
pub(crate) fn verbatim(body: &PromptBody) -> Result<&RawValue, ApiError> {
    body.raw()
        .map_err(|error| ApiError::Internal(error.to_string().into()))
}
