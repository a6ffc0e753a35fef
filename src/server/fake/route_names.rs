//! Names of the API's routes.

use std::collections::BTreeSet;

use axum::http::Method;
use utoipa::openapi::OpenApi;

use super::FakeError;
use super::control_path::is_outside_api;
use crate::server::routes::methods;

/// The names of all routes, as in `/openapi.json`: `GET /v1/prompt-2025/id/{promptId}`.
#[derive(Debug)]
pub(crate) struct RouteNames(BTreeSet<String>);

impl RouteNames {
    /// Collects the routes of a description that belong to the API.
    pub(crate) fn of(described: &OpenApi) -> Self {
        let paths = described.paths.paths.iter();
        let names = paths
            .filter(|(path, _)| !is_outside_api(path))
            .flat_map(|(path, item)| methods(item).map(move |method| name(&method, path)));
        Self(names.collect())
    }

    #[cfg(test)]
    pub(crate) fn of_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        Self(names.into_iter().map(str::to_owned).collect())
    }

    /// Returns the name of the route with this method and path, if it exists.
    pub(crate) fn name(&self, method: &Method, path: &str) -> Option<String> {
        Some(name(method, path)).filter(|name| self.0.contains(name))
    }

    /// Returns the names of all routes.
    pub(crate) fn all(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Returns the name of the route that a caller has named.
    pub(crate) fn find(&self, named: &str) -> Result<String, FakeError> {
        let found = named
            .split_once(' ')
            .map(|(method, path)| format!("{} {}", method.to_ascii_uppercase(), bare(path.trim())))
            .filter(|name| self.0.contains(name));
        found.ok_or_else(|| FakeError::Route {
            route: named.into(),
            known: self.0.iter().cloned().collect(),
        })
    }
}

/// Returns whether a route answers as Helicone's gateway does, without the envelope.
pub(super) fn is_of_gateway(route: &str) -> bool {
    [
        "/chat/completions",
        "/v1/responses",
        "/beta/litellm_prompt_management",
    ]
    .iter()
    .any(|path| route.ends_with(path))
}

/// Returns the name of a route from its method and path.
fn name(method: &Method, path: &str) -> String {
    format!("{method} {}", bare(path))
}

/// Returns a path without a slash at its end.
fn bare(path: &str) -> &str {
    path.strip_suffix('/').unwrap_or(path)
}
