//! The client of an upstream.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::{
    ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING, USER_AGENT,
};
use axum::http::{HeaderValue, Method, Request, StatusCode, Uri};
use axum::response::Response;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};

use super::connector::TimedConnector;
use super::event_body::EventBody;
use super::options::UpstreamOptions;
use super::passed_headers::passed_headers;
use crate::model::causes::with_causes;
use crate::server::api_error::ApiError;
use crate::server::error::ServerError;
use crate::server::gateway::{AnswerModel, GatewayApi, ModelAnswer, ModelCall};
use crate::server::keys::generate_uuid;
use crate::server::streaming::Streamed;

/// Maximum time for a connection to the upstream to be opened, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Maximum time that an unused connection to the upstream is kept open.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// An OpenAI-compatible server that answers requests.
///
/// Requests carry none of the client's headers, so that its key stays here, and go only to the
/// configured URL: redirects are not followed, and no proxy is used.
pub(in crate::server) struct Upstream {
    client: Arc<Client<TimedConnector, Full<Bytes>>>,
    chat_completions: Uri,
    responses: Uri,
    /// The value of the header `Authorization`.
    authorization: Option<HeaderValue>,
}

impl Upstream {
    /// Returns a client of an upstream. Nothing is sent yet.
    pub(in crate::server) fn new(options: &UpstreamOptions) -> Result<Self, ServerError> {
        let refuse = |reason: String| ServerError::Option {
            option: "upstream",
            // A password in a URL must not appear in a log.
            value: match options.url.rsplit_once('@') {
                Some((_, host)) => format!("…@{host}"),
                None => options.url.clone(),
            },
            reason,
        };
        let base = base_url(&options.url).ok_or_else(|| {
            refuse("expected the base URL of an API, such as http://127.0.0.1:11434/v1".into())
        })?;
        let uri = |path: &str| {
            let uri = format!("{base}{path}").parse::<Uri>();
            uri.map_err(|error| refuse(error.to_string()))
        };
        let authorization = options.key.as_ref().map(|key| {
            let value = HeaderValue::from_str(&format!("Bearer {key}"));
            let mut value = value.map_err(|_| ServerError::Option {
                option: "upstream key",
                value: String::new(),
                reason: "it is empty, or contains characters that no key has".into(),
            })?;
            value.set_sensitive(true);
            Ok::<_, ServerError>(value)
        });
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        let certificates = |error: &dyn std::fmt::Display| {
            refuse(format!("the system's certificates cannot be used: {error}"))
        };
        let provider = ring::default_provider();
        let builder = HttpsConnectorBuilder::new();
        let builder = if base.starts_with("https:") {
            builder
                .with_provider_and_native_roots(provider)
                .map_err(|error| certificates(&error))?
        } else {
            // No certificate is needed, and the system may have none.
            let config = ClientConfig::builder_with_provider(provider.into())
                .with_safe_default_protocol_versions()
                .map_err(|error| certificates(&error))?;
            let config = config.with_root_certificates(RootCertStore::empty());
            builder.with_tls_config(config.with_no_client_auth())
        };
        let connector = builder.https_or_http().enable_http1().wrap_connector(http);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .build(TimedConnector {
                connector,
                limit: CONNECT_TIMEOUT,
            });
        Ok(Self {
            client: Arc::new(client),
            chat_completions: uri("/chat/completions")?,
            responses: uri("/responses")?,
            authorization: authorization.transpose()?,
        })
    }

    fn request(&self, call: &ModelCall) -> Result<Request<Full<Bytes>>, ApiError> {
        let internal = |error: &dyn std::fmt::Display| ApiError::Internal(error.to_string().into());
        let json = serde_json::to_vec(&*call.body).map_err(|error| internal(&error))?;
        let uri = match call.api {
            GatewayApi::ChatCompletions => &self.chat_completions,
            GatewayApi::Responses => &self.responses,
        };
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(uri.clone())
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json, text/event-stream")
            .header(
                USER_AGENT,
                concat!("promptbook/", env!("CARGO_PKG_VERSION")),
            );
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let request = request.body(Full::from(json));
        request.map_err(|error| internal(&error))
    }
}

impl AnswerModel for Upstream {
    fn request_id(&self) -> String {
        generate_uuid()
    }

    fn answer(&self, call: ModelCall) -> ModelAnswer {
        let request = self.request(&call);
        let client = Arc::clone(&self.client);
        Box::pin(async move {
            let answered = client.request(request?).await;
            let response = answered.map_err(|error| {
                ApiError::Upstream("The upstream cannot be reached", with_causes(&error).into())
            })?;
            pass_on(response, call.api)
        })
    }
}

/// Returns the response that the client gets.
fn pass_on(response: hyper::Response<Incoming>, api: GatewayApi) -> Result<Response, ApiError> {
    let status = response.status();
    let refuse = |text| Err(ApiError::Upstream(text, status.to_string().into()));
    if status.is_redirection() {
        return refuse("The upstream redirects requests; start the server with its final URL");
    }
    // The client would look for the fault in its own key, and some servers write the key that they
    // refuse into their response.
    if matches!(
        status,
        StatusCode::UNAUTHORIZED
            | StatusCode::FORBIDDEN
            | StatusCode::PROXY_AUTHENTICATION_REQUIRED
    ) {
        return refuse("The upstream refuses the key of this server");
    }
    let (parts, body) = response.into_parts();
    let mut headers = passed_headers(&parts.headers);
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let is_stream = kind.is_some_and(|kind| kind.starts_with("text/event-stream"));
    let has_length = parts.headers.contains_key(CONTENT_LENGTH);
    let body = if is_stream {
        // An error event may follow.
        headers.remove(CONTENT_LENGTH);
        let ends_by_close = !has_length && !parts.headers.contains_key(TRANSFER_ENCODING);
        Body::new(EventBody::new(body, api, ends_by_close))
    } else {
        Body::new(body)
    };
    let mut passed = Response::new(body);
    *passed.status_mut() = status;
    *passed.headers_mut() = headers;
    passed.extensions_mut().insert(Streamed);
    Ok(passed)
}

/// Returns the URL that paths such as `/chat/completions` follow, or `None` if it is none.
///
/// A URL without a path gets the one that all such servers have.
fn base_url(url: &str) -> Option<String> {
    let parsed: Uri = url.parse().ok()?;
    let is_http = matches!(parsed.scheme_str(), Some("http" | "https"));
    if !is_http || parsed.host()?.is_empty() || url.contains(['?', '#', '@']) {
        return None;
    }
    let base = url.trim_end_matches('/');
    if parsed.path() == "/" {
        Some(format!("{base}/v1"))
    } else {
        Some(base.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_has_a_path() {
        for (url, base) in [
            (
                "http://127.0.0.1:11434/v1",
                Some("http://127.0.0.1:11434/v1"),
            ),
            (
                "http://127.0.0.1:11434/v1/",
                Some("http://127.0.0.1:11434/v1"),
            ),
            ("https://api.example", Some("https://api.example/v1")),
            ("http://[::1]:80/", Some("http://[::1]:80/v1")),
            ("https://a.example/openai", Some("https://a.example/openai")),
            ("a.example", None),
            ("ftp://a.example", None),
            ("http://user:secret@a.example", None),
            ("http://a.example?x", None),
            ("http://", None),
            ("", None),
        ] {
            assert_eq!(base_url(url).as_deref(), base, "{url}");
        }
    }

    #[test]
    fn no_error_and_no_debug_output_contains_a_secret() {
        for (url, key) in [
            ("http://user:secret@a.example", None),
            ("http://a.example", Some("secret\n")),
        ] {
            let options = UpstreamOptions {
                url: url.into(),
                key: key.map(str::to_owned),
            };
            let error = Upstream::new(&options).map(drop).unwrap_err();
            assert!(!format!("{error} {error:?} {options:?}").contains("secret"));
        }
    }
}
