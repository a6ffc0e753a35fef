//! How a client knows the server: what the URLs begin with that it is told.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::HeaderValue;
use axum::http::header::HOST;
use axum::http::request::Parts;
use axum::http::uri::Authority;

use super::api_error::Refusal;
use super::app::App;
use super::dto::VersionData;
use super::etag::Tag;
use super::response::enveloped;
use super::response_cache::Told;
use crate::Version;

/// The address that a client knows the server by.
pub(crate) enum Origin {
    /// The one that was set.
    Public,
    /// The host that the request's target names.
    Target(Authority),
    /// The header that names it, as it was let in.
    Header(HeaderValue),
}

impl Origin {
    /// The answer about a version, whose body is at a URL of this origin.
    pub(crate) fn told(
        &self,
        app: &App,
        version: &Arc<Version>,
        expires: i64,
    ) -> Result<Told, Refusal> {
        if let Some(told) = app.kept.get(version, self.host(), expires) {
            return Ok(told);
        }
        let json = enveloped(self.described(app, version, expires), 512)?;
        let tag = Tag::of(&json)?;
        let told = Told { json, tag };
        app.kept
            .put(Arc::clone(version), self.host(), expires, told.clone());
        Ok(told)
    }

    /// A version, and where its body is until that expires.
    pub(crate) fn described<'a>(
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

    /// What tells two origins of one server apart.
    fn host(&self) -> &str {
        match self {
            Self::Public => "",
            Self::Target(host) => host.as_str(),
            // None is let in that is no ASCII.
            Self::Header(host) => host.to_str().unwrap_or_default(),
        }
    }
}

impl FromRequestParts<Arc<App>> for Origin {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Refusal> {
        if app.public_url.is_some() {
            return Ok(Self::Public);
        }
        // The edge has checked it.
        match (parts.uri.authority(), parts.headers.get(HOST)) {
            (Some(host), _) => Ok(Self::Target(host.clone())),
            (None, Some(host)) => Ok(Self::Header(host.clone())),
            (None, None) => Err(Refusal::Host("Expected one header Host".into())),
        }
    }
}
