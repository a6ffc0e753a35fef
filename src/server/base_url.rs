//! The base URL by which a client knows the server, and responses that contain it.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::HeaderValue;
use axum::http::header::HOST;
use axum::http::request::Parts;
use axum::http::uri::Authority;

use super::api_error::ApiError;
use super::app::App;
use super::dto::VersionData;
use super::etag::EntityTag;
use super::response::enveloped;
use super::response_cache::CachedResponse;
use crate::Version;

/// The base URL of a request.
pub(crate) enum BaseUrl {
    /// The URL that was set in the options.
    Public,
    /// The host in the request's target.
    Target(Authority),
    /// The `Host` header, as it was accepted.
    Header(HeaderValue),
}

impl BaseUrl {
    /// Returns the response that describes a version, with the body's URL on this base URL.
    pub(crate) fn advertised(
        &self,
        app: &App,
        version: &Arc<Version>,
        expires: i64,
    ) -> Result<CachedResponse, ApiError> {
        if let Some(response) = app.response_cache.get(version, self.host(), expires) {
            return Ok(response);
        }
        let json = enveloped(self.describe(app, version, expires), 512)?;
        let tag = match self.without_port(app.port) {
            // The port may be a free one that the system selected. The client chose it with the
            // rest of the request's URL, so the tag need not cover it.
            Some(host) => {
                let url = format!("http://{host}{}", app.signer.path(version.id, expires));
                EntityTag::of(&enveloped(VersionData::new(version, url), 512)?)?
            }
            None => EntityTag::of(&json)?,
        };
        let response = CachedResponse { json, tag };
        app.response_cache
            .put(Arc::clone(version), self.host(), expires, response.clone());
        Ok(response)
    }

    /// Describes a version, with a URL of its body that works until `expires`.
    pub(crate) fn describe<'a>(
        &self,
        app: &App,
        version: &'a Version,
        expires: i64,
    ) -> VersionData<'a> {
        let path = app.signer.path(version.id, expires);
        let url = match &app.public_url {
            Some(url) => format!("{url}{path}"),
            None => format!("http://{}{path}", self.host()),
        };
        VersionData::new(version, url)
    }

    /// Returns the host without its port, if that is the port that the server listens on.
    fn without_port(&self, port: u16) -> Option<&str> {
        let (host, requested) = self.host().rsplit_once(':')?;
        (requested.parse() == Ok(port)).then_some(host)
    }

    /// Returns text that distinguishes the base URLs of one server.
    fn host(&self) -> &str {
        match self {
            Self::Public => "",
            Self::Target(host) => host.as_str(),
            // The header is ASCII, because others are not accepted.
            Self::Header(host) => host.to_str().unwrap_or_default(),
        }
    }
}

impl FromRequestParts<Arc<App>> for BaseUrl {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        if app.public_url.is_some() {
            return Ok(Self::Public);
        }
        // The middleware has checked it.
        match (parts.uri.authority(), parts.headers.get(HOST)) {
            (Some(host), _) => Ok(Self::Target(host.clone())),
            (None, Some(host)) => Ok(Self::Header(host.clone())),
            (None, None) => Err(ApiError::Host("Expected one header Host".into())),
        }
    }
}
