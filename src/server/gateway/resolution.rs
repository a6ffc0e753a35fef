//! Resolution of the version that a request asks for.

use super::request::PromptSelection;
use crate::server::StatusMode;
use crate::server::api_error::ApiError;
use crate::template::Partials;
use crate::{EnvironmentName, Error, ErrorKind, PromptId, Resolved, Store, VersionId, VersionSpec};

/// The version that answers a request, with the bodies of its partials.
#[derive(Debug)]
pub(super) struct SelectedVersion {
    pub(super) resolved: Resolved,
    pub(super) partials: Partials,
    /// The environment that selected it.
    pub(super) environment: Option<EnvironmentName>,
}

/// The text for a prompt that has no version to use.
const NO_VERSION: &str = "Invalid prompt ID - no valid version found";

/// Resolves a version: by its environment, else by its id, else the one in production.
///
/// With live statuses, an unknown environment or version is the one in production, as in the live
/// service. With plain statuses it is an error that says what is unknown.
pub(super) fn resolve(
    store: &Store,
    selection: &PromptSelection,
    status: StatusMode,
) -> Result<SelectedVersion, ApiError> {
    let unknown = |reason: String| match status {
        StatusMode::Live => ApiError::GatewayPrompt(NO_VERSION.into()),
        StatusMode::Plain => ApiError::GatewayPrompt(format!("{NO_VERSION}: {reason}")),
    };
    let PromptSelection { prompt, .. } = selection;
    let Ok(id) = prompt.parse::<PromptId>() else {
        return Err(unknown(format!("{prompt:?} is not the id of a prompt")));
    };
    let selected = match (&selection.environment, &selection.version) {
        (Some(name), _) => match name.parse::<EnvironmentName>() {
            Ok(name) => Ok((VersionSpec::new(id, name.clone()), Some(name))),
            Err(invalid) => Err(invalid.to_string()),
        },
        (None, Some(version)) => match version.parse::<VersionId>() {
            Ok(version) => Ok((VersionSpec::new(id, version), None)),
            Err(_) => Err(format!("{version:?} is not the id of a version")),
        },
        (None, None) => Ok(in_production(id)),
    };
    let found = selected.map(|(spec, environment)| find(store, &spec, environment));
    match (found, status) {
        (Ok(Ok(found)), _) => Ok(found),
        (Ok(Err(error)), _) if error.kind() != ErrorKind::NotFound && !is_mismatch(&error) => {
            Err(unreadable(&error))
        }
        (_, StatusMode::Live) => {
            let (spec, environment) = in_production(id);
            find(store, &spec, environment).map_err(|error| match error.kind() {
                ErrorKind::NotFound => unknown(String::new()),
                _ => unreadable(&error),
            })
        }
        (Ok(Err(error)), StatusMode::Plain) => Err(unknown(error.to_string())),
        (Err(reason), StatusMode::Plain) => Err(unknown(reason)),
    }
}

fn in_production(prompt: PromptId) -> (VersionSpec, Option<EnvironmentName>) {
    let production = EnvironmentName::production();
    (
        VersionSpec::new(prompt, production.clone()),
        Some(production),
    )
}

/// Returns whether the version exists, but belongs to another prompt.
fn is_mismatch(error: &Error) -> bool {
    matches!(error, Error::MismatchedVersion { .. })
}

fn find(
    store: &Store,
    spec: &VersionSpec,
    environment: Option<EnvironmentName>,
) -> crate::Result<SelectedVersion> {
    let (resolved, partials) = store.resolve_with_partials(spec)?;
    Ok(SelectedVersion {
        resolved,
        partials,
        environment,
    })
}

/// Returns the error for a body that cannot be read. Only the log has the cause of a damaged one.
fn unreadable(error: &Error) -> ApiError {
    match error.kind() {
        ErrorKind::Corrupt => ApiError::GatewayBody(error.to_string().into()),
        kind => ApiError::Store(kind, error.to_string().into()),
    }
}
