//! [`HttpClient`], which sends the requests of a remote.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Seek};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::Utc;
use ureq::http::header::{AUTHORIZATION, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use ureq::http::{Method, Request, Uri};
use ureq::{Agent, Timeout};

use super::pause::{RetryPolicy, retry_after, wait};
use super::stop::StopFlag;
use super::tls;
use super::url::{RemoteKey, RemoteUrl, is_protected};
use crate::remote::error::RemoteError;

/// Maximum time for a connection to be opened, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// Maximum time for an answer to begin.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// Maximum time for an answer to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(300);

/// The maximum size of an answer: a body of the maximum size in JSON, and more.
const MAX_ANSWER_BYTES: u64 = 128 * 1024 * 1024;

/// The maximum number of redirects of one request.
const MAX_REDIRECTS: u32 = 5;

/// A client of one remote. It can be used by several threads at once.
#[derive(Debug)]
pub(in crate::remote) struct HttpClient {
    agent: Agent,
    base: RemoteUrl,
    key: Option<RemoteKey>,
    policy: RetryPolicy,
    stop: StopFlag,
    allow_plain: bool,
    /// Whether the remote has answered before. If not, the URL may be wrong.
    has_answered: AtomicBool,
}

/// The number of attempts to reach a remote that never answered.
const FIRST_ATTEMPTS: u32 = 3;

/// The method of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::remote) enum HttpMethod {
    Get,
    Post,
    Patch,
    Delete,
}

/// The body of a request.
#[derive(Clone, Copy, Debug)]
pub(in crate::remote) enum HttpContent<'a> {
    Json(&'a [u8]),
    Bundle(&'a [u8]),
}

impl<'a> HttpContent<'a> {
    fn media_type(self) -> &'static str {
        match self {
            Self::Json(_) => "application/json",
            Self::Bundle(_) => "application/octet-stream",
        }
    }

    fn bytes(self) -> &'a [u8] {
        match self {
            Self::Json(bytes) | Self::Bundle(bytes) => bytes,
        }
    }
}

/// A complete answer.
#[derive(Debug)]
pub(in crate::remote) struct HttpAnswer {
    pub(in crate::remote) status: u16,
    pub(in crate::remote) body: Vec<u8>,
    /// What the header `Retry-After` asks for.
    retry_after: Option<Duration>,
    /// The target of a redirect.
    location: Option<String>,
}

/// The failure of one attempt.
enum AttemptFailure {
    /// The request may or may not have arrived.
    Unanswered(String),
    /// The request was not sent, so the remote has done nothing.
    NotSent(String),
    /// Another attempt would fail in the same way.
    Final(RemoteError),
}

impl HttpMethod {
    fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

impl HttpAnswer {
    pub(in crate::remote) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Returns the body as text for an error, shortened.
    pub(in crate::remote) fn text(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        let text: String = text.trim().chars().take(300).collect();
        if text.is_empty() {
            "no text".into()
        } else {
            text
        }
    }
}

impl HttpClient {
    /// Returns a client. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`RemoteError::Url`] if TLS is needed and the system has no certificates, or if no header
    /// can carry the key.
    pub(in crate::remote) fn new(
        base: RemoteUrl,
        key: Option<RemoteKey>,
        policy: RetryPolicy,
        stop: StopFlag,
        allow_plain: bool,
    ) -> Result<Self, RemoteError> {
        let refuse = |reason: String| RemoteError::Url {
            url: base.as_str().to_owned(),
            reason,
        };
        if key.as_ref().is_some_and(|key| !key.is_sendable()) {
            return Err(refuse("the key contains characters that no key has".into()));
        }
        // URLs of bodies may be of other servers, so a local remote may need certificates, too.
        let tls = match tls::config(true) {
            Ok(config) => config,
            Err(reason) if base.is_tls() => return Err(refuse(reason)),
            Err(_) => tls::config(false).map_err(refuse)?,
        };
        let builder = Agent::config_builder()
            .http_status_as_error(false)
            // A redirect to another server must not carry the key, so they are followed here.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_recv_response(Some(ANSWER_TIMEOUT))
            .timeout_recv_body(Some(BODY_TIMEOUT))
            .user_agent(concat!("promptbook/", env!("CARGO_PKG_VERSION")))
            .max_idle_connections(32)
            .max_idle_connections_per_host(16)
            .tls_config(tls);
        // A proxy must not see what stays on this machine.
        let builder = if base.is_local() {
            builder.proxy(None)
        } else {
            builder
        };
        Ok(Self {
            agent: builder.build().new_agent(),
            base,
            key,
            policy,
            stop,
            allow_plain,
            has_answered: AtomicBool::new(false),
        })
    }

    /// Returns the host of the remote, for errors.
    pub(in crate::remote) fn host(&self) -> String {
        self.base.host()
    }

    /// Sends a request that changes nothing, and repeats it if it fails or is not answered.
    ///
    /// An answer with an error status is repeated if it is 429, or 5xx and not `is_final`. The last
    /// answer is returned whatever its status is.
    ///
    /// # Errors
    ///
    /// [`RemoteError::Unanswered`], [`RemoteError::TooManyRequests`], [`RemoteError::Stopped`].
    pub(in crate::remote) fn ask(
        &self,
        method: HttpMethod,
        path: &str,
        json: Option<&[u8]>,
        is_final: impl Fn(&HttpAnswer) -> bool,
    ) -> Result<HttpAnswer, RemoteError> {
        let (url, content) = (self.url(path), json.map(HttpContent::Json));
        self.repeat(method, path, is_final, || {
            self.follow(method, &url, content, None)
        })
    }

    /// Sends a GET, and writes the body of a successful answer to a file, which replaces its content.
    ///
    /// # Errors
    ///
    /// As [`ask`](Self::ask).
    pub(in crate::remote) fn download(
        &self,
        path: &str,
        to: &File,
    ) -> Result<HttpAnswer, RemoteError> {
        let url = self.url(path);
        let get = HttpMethod::Get;
        self.repeat(
            get,
            path,
            |_| false,
            || self.follow(get, &url, None, Some(to)),
        )
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base.as_str())
    }

    /// Sends a request that changes something. It is repeated only if the remote did not perform it:
    /// if it could not be sent, and after 429.
    ///
    /// `Ok(None)` means that the outcome is unknown: the request was not answered, or with 5xx that
    /// is not `is_final`.
    ///
    /// # Errors
    ///
    /// As [`ask`](Self::ask).
    pub(in crate::remote) fn change(
        &self,
        method: HttpMethod,
        path: &str,
        content: Option<HttpContent<'_>>,
        is_final: impl Fn(&HttpAnswer) -> bool,
    ) -> Result<Option<HttpAnswer>, RemoteError> {
        let url = self.url(path);
        let is_unknown = Cell::new(false);
        let answer = self.repeat(
            method,
            path,
            |_| true,
            || match self.follow(method, &url, content, None) {
                Err(AttemptFailure::Unanswered(reason)) => {
                    is_unknown.set(true);
                    Err(AttemptFailure::Final(self.unanswered(method, path, reason)))
                }
                Ok(answer) if answer.status >= 500 && !is_final(&answer) => {
                    is_unknown.set(true);
                    let reason = format!("status {}", answer.status);
                    Err(AttemptFailure::Final(self.unanswered(method, path, reason)))
                }
                answer => answer,
            },
        );
        match answer {
            Err(RemoteError::Unanswered { .. }) if is_unknown.get() => Ok(None),
            answer => answer.map(Some),
        }
    }

    /// Waits after an attempt whose outcome was unknown.
    ///
    /// # Errors
    ///
    /// [`RemoteError::Stopped`].
    pub(in crate::remote) fn wait_after(&self, attempt: u32) -> Result<(), RemoteError> {
        if wait(self.policy.pause_after(attempt), &self.stop) {
            return Err(RemoteError::Stopped);
        }
        Ok(())
    }

    /// Returns the maximum number of attempts of one request.
    pub(in crate::remote) fn attempts(&self) -> u32 {
        self.policy.attempts
    }

    /// Fetches a URL that the remote named, without the key if it is of another server.
    ///
    /// # Errors
    ///
    /// As [`ask`](Self::ask); [`RemoteError::Malformed`] if the URL may not be used.
    pub(in crate::remote) fn fetch(&self, url: &str) -> Result<HttpAnswer, RemoteError> {
        // A signed URL must not appear in an error.
        let shown = url.split(['?', '#']).next().unwrap_or_default().to_owned();
        self.repeat(
            HttpMethod::Get,
            &shown,
            |_| false,
            || self.follow(HttpMethod::Get, url, None, None),
        )
    }

    fn repeat(
        &self,
        method: HttpMethod,
        path: &str,
        is_final: impl Fn(&HttpAnswer) -> bool,
        send: impl Fn() -> Result<HttpAnswer, AttemptFailure>,
    ) -> Result<HttpAnswer, RemoteError> {
        let mut attempt = 0;
        loop {
            if self.stop.is_stopped() {
                return Err(RemoteError::Stopped);
            }
            attempt += 1;
            let is_last = attempt >= self.policy.attempts;
            let mut pause = self.policy.pause_after(attempt);
            match send() {
                Ok(answer) if answer.status == 429 || answer.status == 503 => {
                    let asked = answer.retry_after.unwrap_or_default();
                    if asked > self.policy.max_wait {
                        let host = self.host();
                        return Err(RemoteError::TooManyRequests { host, after: asked });
                    }
                    if is_last {
                        return Ok(answer);
                    }
                    pause = pause.max(asked);
                }
                Ok(answer) if answer.status >= 500 && !is_final(&answer) && !is_last => {}
                Ok(answer) => return Ok(answer),
                Err(AttemptFailure::Final(error)) => return Err(error),
                Err(AttemptFailure::Unanswered(reason)) => {
                    if is_last {
                        return Err(self.unanswered(method, path, reason));
                    }
                }
                Err(AttemptFailure::NotSent(reason)) => {
                    let is_wrong = !self.has_answered.load(Ordering::Relaxed);
                    if is_last || is_wrong && attempt >= FIRST_ATTEMPTS {
                        return Err(self.unanswered(method, path, reason));
                    }
                }
            }
            if wait(pause, &self.stop) {
                return Err(RemoteError::Stopped);
            }
        }
    }

    fn unanswered(&self, method: HttpMethod, path: &str, reason: String) -> RemoteError {
        RemoteError::Unanswered {
            host: self.host(),
            request: format!("{} {path}", method.as_str()),
            reason,
        }
    }

    /// Sends one request, and follows redirects.
    fn follow(
        &self,
        method: HttpMethod,
        url: &str,
        content: Option<HttpContent<'_>>,
        to: Option<&File>,
    ) -> Result<HttpAnswer, AttemptFailure> {
        let mut url = url.to_owned();
        for _ in 0..=MAX_REDIRECTS {
            let uri = self.usable(&url)?;
            let answer = self.send(method, &uri, content, to)?;
            let is_redirect = matches!(answer.status, 301 | 302 | 303 | 307 | 308);
            let Some(location) = answer.location.as_deref().filter(|_| is_redirect) else {
                return Ok(answer);
            };
            let target = resolved(&uri, location);
            let is_repeatable = method == HttpMethod::Get || matches!(answer.status, 307 | 308);
            let is_kept = target.as_ref().is_some_and(|target| {
                method == HttpMethod::Get || self.base.is_same_server(target)
            });
            match target {
                Some(target) if is_repeatable && is_kept => url = target.to_string(),
                _ => {
                    let reason = format!("it redirects to {location:?}, which is not followed");
                    return Err(self.malformed(method, &uri, reason));
                }
            }
        }
        let uri = self.usable(&url)?;
        Err(self.malformed(method, &uri, "it redirects too often".into()))
    }

    /// Parses a URL, and checks that it may be used.
    fn usable(&self, url: &str) -> Result<Uri, AttemptFailure> {
        let refused = |reason: &str| {
            let shown = url.split(['?', '#']).next().unwrap_or_default();
            AttemptFailure::Final(RemoteError::Malformed {
                host: self.host(),
                request: format!("GET {shown}"),
                reason: reason.to_owned(),
            })
        };
        let uri: Uri = url.parse().map_err(|_| refused("it is not a URL"))?;
        if self.allow_plain || is_protected(&uri) {
            Ok(uri)
        } else {
            Err(refused("it is neither https nor of this machine"))
        }
    }

    fn malformed(&self, method: HttpMethod, uri: &Uri, reason: String) -> AttemptFailure {
        AttemptFailure::Final(RemoteError::Malformed {
            host: self.host(),
            request: format!("{} {}", method.as_str(), uri.path()),
            reason,
        })
    }

    fn send(
        &self,
        method: HttpMethod,
        uri: &Uri,
        content: Option<HttpContent<'_>>,
        to: Option<&File>,
    ) -> Result<HttpAnswer, AttemptFailure> {
        let mut request = Request::builder().uri(uri).method(match method {
            HttpMethod::Get => Method::GET,
            HttpMethod::Post => Method::POST,
            HttpMethod::Patch => Method::PATCH,
            HttpMethod::Delete => Method::DELETE,
        });
        if let Some(key) = self.key.as_ref().filter(|_| self.base.is_same_server(uri)) {
            request = request.header(AUTHORIZATION, key.header());
        }
        let sent = match content {
            Some(content) => {
                let request = request.header(CONTENT_TYPE, content.media_type());
                let request = request.body(content.bytes());
                request.map(|request| self.agent.run(request))
            }
            None => request.body(()).map(|request| self.agent.run(request)),
        };
        let sent = sent.map_err(|error| self.malformed(method, uri, error.to_string()))?;
        let mut response = sent.map_err(|error| failure(&error))?;
        self.has_answered.store(true, Ordering::Relaxed);
        let header = |name| {
            let value = response.headers().get(name)?;
            Some(value.to_str().ok()?.to_owned())
        };
        let (location, after) = (header(LOCATION), header(RETRY_AFTER));
        let status = response.status().as_u16();
        let body = response.body_mut();
        let read = match to.filter(|_| (200..300).contains(&status)) {
            Some(file) => write_to(file, &mut body.as_reader()).map(|()| Vec::new()),
            None => body.with_config().limit(MAX_ANSWER_BYTES).read_to_vec(),
        };
        let body = match read {
            Ok(body) => body,
            Err(ureq::Error::BodyExceedsLimit(_)) => {
                let reason = format!("it has more than {MAX_ANSWER_BYTES} bytes");
                return Err(self.malformed(method, uri, reason));
            }
            // A part of the answer arrived, so the request did.
            Err(error) => return Err(AttemptFailure::Unanswered(format!("cut off: {error}"))),
        };
        Ok(HttpAnswer {
            status,
            body,
            retry_after: after.and_then(|after| retry_after(&after, Utc::now())),
            location,
        })
    }
}

/// Replaces the content of a file by what a reader returns.
fn write_to(mut file: &File, from: &mut impl io::Read) -> Result<(), ureq::Error> {
    file.set_len(0)?;
    file.rewind()?;
    io::copy(from, &mut file)?;
    Ok(file.rewind()?)
}

/// Classifies an error by whether the request may have arrived.
fn failure(error: &ureq::Error) -> AttemptFailure {
    let is_unsent = match error {
        ureq::Error::HostNotFound | ureq::Error::ConnectionFailed | ureq::Error::Rustls(_) => true,
        ureq::Error::Timeout(Timeout::Resolve | Timeout::Connect) => true,
        ureq::Error::Io(error) => error.kind() == io::ErrorKind::ConnectionRefused,
        _ => false,
    };
    if is_unsent {
        AttemptFailure::NotSent(error.to_string())
    } else {
        AttemptFailure::Unanswered(error.to_string())
    }
}

/// Returns the target of a redirect, which may be a path.
fn resolved(from: &Uri, location: &str) -> Option<Uri> {
    if location.starts_with('/') && !location.starts_with("//") {
        let (scheme, authority) = (from.scheme_str()?, from.authority()?);
        return format!("{scheme}://{authority}{location}").parse().ok();
    }
    let target: Uri = location.parse().ok()?;
    target.scheme().is_some().then_some(target)
}
