//! Environment lists: the names that a store allows for environments.

use std::collections::HashSet;

use super::id::EnvironmentName;
use super::shown::Escaped;

/// The maximum number of names in an environment list.
///
/// Each change of the list records all of them, before and after.
pub(crate) const MAX_LISTED_ENVIRONMENTS: usize = 1_000;

/// Checks that a list has a name at least, has no name twice, and is not too long.
///
/// If not, the error is the reason.
pub(crate) fn check_list(list: &[EnvironmentName]) -> Result<(), String> {
    if list.is_empty() {
        return Err("an environment list has one name at least".into());
    }
    if list.len() > MAX_LISTED_ENVIRONMENTS {
        let most = MAX_LISTED_ENVIRONMENTS;
        return Err(format!("an environment list has {most} names at most"));
    }
    let mut seen = HashSet::new();
    match list.iter().find(|name| !seen.insert(*name)) {
        Some(twice) => Err(format!(
            "{} is in the environment list twice",
            Escaped(twice.as_str())
        )),
        None => Ok(()),
    }
}

/// Returns a list as text for messages.
pub(crate) fn described(list: Option<&[EnvironmentName]>) -> String {
    list.map_or_else(|| "absent".into(), |names| format!("[{}]", joined(names)))
}

/// Returns names, separated by commas.
pub(crate) fn joined<'a>(names: impl IntoIterator<Item = &'a EnvironmentName>) -> String {
    let names = names
        .into_iter()
        .map(|name| Escaped(name.as_str()).to_string());
    names.collect::<Vec<_>>().join(", ")
}
