//! Environment lists: the names that a store allows for environments.

use std::collections::HashSet;

use super::id::EnvironmentName;
use super::invalid_argument::InvalidArgument;
use super::shown::Escaped;

/// The maximum number of names in an environment list.
///
/// Each change of the list records all of them, before and after.
pub(crate) const MAX_LISTED_ENVIRONMENTS: usize = 1_000;

/// Checks that a list has a name at least, has no name twice, and is not too long.
pub(crate) fn check_list(list: &[EnvironmentName]) -> Result<(), InvalidArgument> {
    let refused = |reason| InvalidArgument::new("environment list", &joined(list), reason);
    fault_of(list).map_or(Ok(()), |reason| Err(refused(reason)))
}

fn fault_of(list: &[EnvironmentName]) -> Option<String> {
    if list.is_empty() {
        return Some("it is empty".into());
    }
    if list.len() > MAX_LISTED_ENVIRONMENTS {
        let most = MAX_LISTED_ENVIRONMENTS;
        return Some(format!("it has more than {most} names"));
    }
    let mut seen = HashSet::new();
    let twice = list.iter().find(|name| !seen.insert(*name))?;
    Some(format!("{} is in it twice", Escaped(twice.as_str())))
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
