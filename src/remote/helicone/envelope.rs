//! The envelope of every answer: `{"data": X, "error": null}` or `{"data": null, "error": "text"}`.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::remote::error::RemoteError;
use crate::remote::http::HttpAnswer;

/// The texts of errors that mean that something does not exist.
///
/// The live service answers most of them with 500, which is otherwise a failure of the service.
const NOT_FOUND: [&str; 5] = [
    "Prompt not found",
    "Prompt version not found",
    "Prompt production version not found",
    "Current version not found",
    "Prompt version not found or does not belong to the specified prompt",
];

#[derive(Deserialize)]
struct ServiceEnvelope<'a> {
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
    #[serde(default)]
    error: Option<serde_json::Value>,
}

/// Returns whether an answer says that something does not exist.
pub(in crate::remote) fn is_not_found(answer: &HttpAnswer) -> bool {
    error_text(answer).is_some_and(|text| NOT_FOUND.contains(&text.as_str()))
}

/// Returns whether an answer with a status of 5xx is an error that the API describes.
pub(in crate::remote) fn is_described(answer: &HttpAnswer) -> bool {
    is_not_found(answer)
}

fn error_text(answer: &HttpAnswer) -> Option<String> {
    if answer.is_success() {
        return None;
    }
    let envelope: ServiceEnvelope<'_> = serde_json::from_slice(&answer.body).ok()?;
    match envelope.error? {
        serde_json::Value::String(text) => Some(text),
        _ => None,
    }
}

/// A request, as errors name it.
#[derive(Clone, Copy, Debug)]
pub(in crate::remote) struct RequestLabel<'a> {
    pub(in crate::remote) host: &'a str,
    pub(in crate::remote) method: &'a str,
    pub(in crate::remote) path: &'a str,
}

impl RequestLabel<'_> {
    fn request(self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Returns the error of an answer that is not as the API describes it.
    pub(in crate::remote) fn malformed(self, reason: impl ToString) -> RemoteError {
        RemoteError::Malformed {
            host: self.host.to_owned(),
            request: self.request(),
            reason: reason.to_string(),
        }
    }

    /// Returns the error of an answer with an error status.
    pub(in crate::remote) fn refused(self, answer: &HttpAnswer) -> RemoteError {
        let text = error_text(answer).unwrap_or_else(|| answer.text());
        let text: String = text.chars().take(300).collect();
        let host = self.host.to_owned();
        let status = answer.status;
        if matches!(status, 401 | 403) {
            return RemoteError::KeyRefused { host, status, text };
        }
        RemoteError::Refused {
            host,
            request: self.request(),
            status,
            text,
        }
    }

    /// Returns the data of an answer as the text that was delivered.
    pub(in crate::remote) fn raw(self, answer: &HttpAnswer) -> Result<&RawValue, RemoteError> {
        if !answer.is_success() {
            return Err(self.refused(answer));
        }
        let envelope: ServiceEnvelope<'_> =
            serde_json::from_slice(&answer.body).map_err(|error| self.malformed(error))?;
        match (envelope.data, envelope.error) {
            (Some(data), None | Some(serde_json::Value::Null)) => Ok(data),
            (None, None) => Err(self.malformed("it has no data")),
            (_, Some(error)) => Err(self.malformed(format!("it reports success and {error}"))),
        }
    }

    /// Returns the data of an answer.
    pub(in crate::remote) fn data<T: DeserializeOwned>(
        self,
        answer: &HttpAnswer,
    ) -> Result<T, RemoteError> {
        let raw = self.raw(answer)?;
        serde_json::from_str(raw.get()).map_err(|error| self.malformed(error))
    }
}
