//! Responses of the API: JSON in the envelope.

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::value::RawValue;

use super::api_error::Refusal;
use super::budget::{Budget, FREE};
use super::dto::{Envelope, ErrorEnvelope};
use super::etag::{Known, Tag};
use crate::Body as PromptBody;

/// The result of a route.
pub(crate) type Outcome = Result<Answer, Refusal>;

/// JSON text with a status.
pub(crate) struct Answer {
    status: StatusCode,
    json: Content,
    /// The entity tag, if clients may have the response already.
    tag: Option<Tag>,
}

enum Content {
    Whole(Bytes),
    /// In pieces, each read when the client is ready for it.
    Pieces(Body),
}

impl Answer {
    /// Returns a response that contains data in the envelope.
    pub(crate) fn data(data: impl Serialize) -> Outcome {
        Self::json(StatusCode::OK, &Envelope { data, error: None })
    }

    /// Returns a response whose data is `null`.
    pub(crate) fn nothing() -> Outcome {
        Self::data(())
    }

    /// Returns a response that contains an error in the envelope.
    pub(crate) fn refused(status: StatusCode, text: &str) -> Outcome {
        let envelope = ErrorEnvelope {
            data: (),
            error: text,
        };
        Self::json(status, &envelope)
    }

    /// Returns a response that consists of this JSON, without the envelope.
    pub(crate) fn text(json: impl Into<Bytes>) -> Self {
        Self {
            status: StatusCode::OK,
            json: Content::Whole(json.into()),
            tag: None,
        }
    }

    /// Returns a response that consists of this JSON, without the envelope, in pieces.
    pub(crate) fn pieces(body: Body) -> Self {
        Self {
            status: StatusCode::OK,
            json: Content::Pieces(body),
            tag: None,
        }
    }

    /// Counts the response as in progress until the client has received it.
    pub(crate) fn counted(mut self, budget: &Budget) -> Outcome {
        if let Content::Whole(json) = &mut self.json
            && json.len() > FREE
        {
            *json = budget.counted(std::mem::take(json))?;
        }
        Ok(self)
    }

    /// Returns a 304 response if the client says that it has the response with this tag.
    pub(crate) fn unless_known(known: &Known, tag: &Tag) -> Option<Self> {
        known.has(tag).then(|| Self {
            status: StatusCode::NOT_MODIFIED,
            json: Content::Whole(Bytes::new()),
            tag: Some(tag.clone()),
        })
    }

    /// Sets the entity tag.
    pub(crate) fn tagged(mut self, tag: Tag) -> Self {
        self.tag = Some(tag);
        self
    }

    pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Outcome {
        let json = Content::Whole(written(value, 512)?);
        Ok(Self {
            status,
            json,
            tag: None,
        })
    }

    /// Sets the status.
    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
        let mut response = Response::new(match self.json {
            Content::Whole(json) => Body::from(json),
            Content::Pieces(body) => body,
        });
        *response.status_mut() = self.status;
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
pub(crate) fn enveloped(data: impl Serialize, bytes: usize) -> Result<Bytes, Refusal> {
    written(&Envelope { data, error: None }, bytes)
}

fn written(value: &impl Serialize, bytes: usize) -> Result<Bytes, Refusal> {
    let mut json = Vec::with_capacity(bytes);
    match serde_json::to_writer(&mut json, value) {
        Ok(()) => Ok(json.into()),
        Err(error) => Err(Refusal::Internal(error.to_string().into())),
    }
}

/// Returns a body's text as JSON that is written verbatim.
pub(crate) fn verbatim(body: &PromptBody) -> Result<&RawValue, Refusal> {
    body.raw()
        .map_err(|error| Refusal::Internal(error.to_string().into()))
}
