//! The observable contents of a store, without ids and times, which differ from run to run.

use std::collections::BTreeMap;

use promptbook::history::OperationKind;
use promptbook::{Result, VersionNumber, View};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// By name; a script uses each name once.
    pub prompts: BTreeMap<String, ObservedPrompt>,
    /// Each operation's kind, and the operations that it undid.
    pub operations: Vec<(OperationKind, Vec<u64>)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedPrompt {
    pub tags: Vec<String>,
    pub versions: BTreeMap<VersionNumber, ObservedVersion>,
    pub environments: BTreeMap<String, VersionNumber>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedVersion {
    pub message: String,
    pub author: String,
    pub model: Option<String>,
    /// The whole text.
    pub body: Text,
}

/// A body's text. Its debug output shows only what distinguishes it from others.
#[derive(Clone, PartialEq, Eq)]
pub struct Text(String);

impl std::fmt::Debug for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let beginning: String = self.0.chars().skip(52).take(24).collect();
        write!(f, "{beginning:?} of {}", self.0.len())
    }
}

/// Reads the whole contents of a store, or of a historical snapshot.
pub fn observe(store: &View) -> Result<Observed> {
    let mut observed = Observed::default();
    for prompt in store.prompts().page(None, usize::MAX)? {
        let mut versions = BTreeMap::new();
        for version in store.versions(prompt.id).page(None, usize::MAX)? {
            let resolved = store.resolve(version.id)?;
            assert_eq!(
                resolved.body.id(),
                resolved.version.blob,
                "the body differs from the version's"
            );
            let observed = ObservedVersion {
                message: version.message,
                author: version.author,
                model: version.model,
                body: Text(resolved.body.text().to_owned()),
            };
            let twice = versions.insert(version.number, observed);
            assert_eq!(twice, None, "{} exists twice", version.number);
        }
        let mut environments = BTreeMap::new();
        for environment in store.environments(prompt.id)? {
            let name = environment.name.as_str().to_owned();
            environments.insert(name, environment.number);
        }
        let found = ObservedPrompt {
            tags: prompt.tags,
            versions,
            environments,
        };
        let twice = observed
            .prompts
            .insert(prompt.name.as_str().to_owned(), found);
        assert_eq!(twice, None, "{} exists twice", prompt.name);
    }
    for operation in store.operations().page(None, usize::MAX)? {
        let content = operation.content;
        observed
            .operations
            .insert(0, (content.kind, content.undoes));
    }
    Ok(observed)
}
