//! [`StoreService`], the calls of the routes by which a served store exchanges operations.

use std::fs::File;

use serde::Deserialize;

use crate::bundle::ImportSummary;
use crate::history::LogPosition;
use crate::remote::error::RemoteError;
use crate::remote::helicone::RequestLabel;
use crate::remote::http::{HttpClient, HttpContent, HttpMethod};
use crate::{BumpPolicy, VersionNumber};

const HEAD: &str = "/v1/promptbook/head";
const BUNDLE: &str = "/v1/promptbook/bundle";

/// What the service calls itself.
const SERVICE: &str = "promptbook";

/// A store that another process serves.
#[derive(Debug)]
pub(in crate::remote) struct StoreService {
    pub(super) http: HttpClient,
    host: String,
}

/// The head of a served store.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(in crate::remote) struct RemoteHead {
    /// The position after the last operation.
    pub(super) position: LogPosition,
    /// The position after the operation that was asked for, if there is one.
    pub(super) at: Option<LogPosition>,
    pub(in crate::remote) first_version: VersionNumber,
    pub(in crate::remote) policy: BumpPolicy,
}

/// The answer to a bundle.
pub(super) enum SentBundle {
    Imported(ImportSummary),
    /// The store has operations that the bundle does not continue, or a contradiction.
    Refused(String),
    /// The request may or may not have been performed.
    Unknown,
}

impl StoreService {
    /// Returns the service if the remote is a served store, with its head; otherwise the client.
    ///
    /// # Errors
    ///
    /// Those of the request; [`RemoteError::KeyRefused`].
    pub(in crate::remote) fn detect(
        http: HttpClient,
    ) -> Result<Result<(Self, RemoteHead), HttpClient>, RemoteError> {
        let host = http.host();
        let answer = http.ask(HttpMethod::Get, HEAD, None, |_| false)?;
        let label = label(&host, "GET", HEAD);
        if matches!(answer.status, 401 | 403) || answer.status >= 500 || answer.status == 429 {
            return Err(label.refused(&answer));
        }
        #[derive(Deserialize)]
        struct ServiceName {
            service: String,
        }
        let is_store = answer.is_success()
            && label
                .data::<ServiceName>(&answer)
                .is_ok_and(|named| named.service == SERVICE);
        if !is_store {
            return Ok(Err(http));
        }
        let head = label.data(&answer)?;
        Ok(Ok((Self { http, host }, head)))
    }

    /// Returns the service of a remote that is known to be a served store.
    pub(in crate::remote) fn new(http: HttpClient) -> Self {
        Self {
            host: http.host(),
            http,
        }
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// Returns the head, and the position after an operation.
    pub(in crate::remote) fn head(&self, at: u64) -> Result<RemoteHead, RemoteError> {
        let path = format!("{HEAD}?at={at}");
        let answer = self.http.ask(HttpMethod::Get, &path, None, |_| false)?;
        self.label("GET", &path).data(&answer)
    }

    /// Downloads the operations after a position as a bundle, of about `bytes` bytes if given.
    pub(super) fn download(
        &self,
        after: LogPosition,
        bytes: Option<u64>,
        to: &File,
    ) -> Result<(), RemoteError> {
        let mut path = format!("{BUNDLE}?after={after}");
        if let Some(bytes) = bytes {
            path.push_str(&format!("&bytes={bytes}"));
        }
        let answer = self.http.download(&path, to)?;
        if answer.is_success() {
            Ok(())
        } else {
            Err(self.label("GET", BUNDLE).refused(&answer))
        }
    }

    /// Sends a bundle.
    pub(super) fn send(&self, bundle: &[u8], merges: bool) -> Result<SentBundle, RemoteError> {
        let path = format!("{BUNDLE}?merge={merges}");
        let content = Some(HttpContent::Bundle(bundle));
        let answer = self
            .http
            .change(HttpMethod::Post, &path, content, |_| false)?;
        let Some(answer) = answer else {
            return Ok(SentBundle::Unknown);
        };
        let label = self.label("POST", BUNDLE);
        if answer.status != 409 {
            return label.data(&answer).map(SentBundle::Imported);
        }
        match label.refused(&answer) {
            RemoteError::Refused { text, .. } => Ok(SentBundle::Refused(text)),
            error => Err(error),
        }
    }

    /// Returns the error of a bundle that cannot be used.
    pub(super) fn malformed(&self, reason: impl ToString) -> RemoteError {
        self.label("GET", BUNDLE).malformed(reason)
    }

    /// Returns the error of a bundle that the service refused.
    pub(super) fn refused(&self, text: String) -> RemoteError {
        RemoteError::Refused {
            host: self.host.clone(),
            request: format!("POST {BUNDLE}"),
            status: 409,
            text,
        }
    }

    /// Returns the error of a bundle whose request was never answered.
    pub(super) fn unanswered(&self) -> RemoteError {
        RemoteError::Unanswered {
            host: self.host.clone(),
            request: format!("POST {BUNDLE}"),
            reason: "no attempt was answered".into(),
        }
    }

    fn label<'a>(&'a self, method: &'a str, path: &'a str) -> RequestLabel<'a> {
        label(&self.host, method, path)
    }
}

fn label<'a>(host: &'a str, method: &'a str, path: &'a str) -> RequestLabel<'a> {
    RequestLabel { host, method, path }
}
