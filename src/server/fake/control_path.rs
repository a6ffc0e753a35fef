//! The path of the control routes, and the paths that are not part of the API.

/// The start of the control routes' paths.
pub(super) const CONTROL: &str = "/__promptbook";

/// Returns whether a path is not part of the API, so that its calls have no faults and no record.
///
/// Unknown paths are recorded: a client under test may call a wrong one.
pub(super) fn is_outside_api(path: &str) -> bool {
    let below = path.strip_prefix(CONTROL);
    ["/", "/healthz", "/openapi.json"].contains(&path)
        || below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
