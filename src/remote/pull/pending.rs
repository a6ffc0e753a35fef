//! The search for a version that a request without an answer may have created.

use std::collections::{BTreeMap, HashSet};

use serde_json::Value;

use super::target::TransferTarget;
use crate::remote::error::RemoteError;
use crate::remote::helicone::{ServicePrompt, ServiceVersion};
use crate::remote::plan::PromptSide;
use crate::remote::state::{LinkedPrompt, PendingPush, RemoteState, VersionLink};
use crate::{Body, Version, VersionId};

/// Finds out what became of a request whose answer was lost, and records it.
///
/// # Errors
///
/// [`RemoteError::Unclear`] if several versions may be the one that was sent. The state is not
/// changed then.
pub(in crate::remote) fn settle_pending(
    target: &TransferTarget<'_>,
    state: &mut RemoteState,
) -> Result<(), RemoteError> {
    let Some(pending) = state.settings.pending.clone() else {
        return Ok(());
    };
    let own = target.store.version(pending.version);
    let own = match own {
        Ok(own) => own,
        // Without the version there is nothing to look for, and nothing to send again.
        Err(crate::Error::VersionNotFound { .. } | crate::Error::PromptNotFound { .. }) => {
            state.settings.pending = None;
            return target.save(state);
        }
        Err(error) => return Err(error.into()),
    };
    if let Some((prompt, version)) = look(target, &pending, &own)? {
        link(state, &pending, &prompt, &version);
    }
    state.settings.pending = None;
    target.save(state)
}

/// Looks for the version that a request may have created.
pub(in crate::remote) fn look(
    target: &TransferTarget<'_>,
    pending: &PendingPush,
    own: &Version,
) -> Result<Option<(ServicePrompt, ServiceVersion)>, RemoteError> {
    let body = target.store.body(own.blob)?;
    let known: HashSet<VersionId> = pending.known_versions.iter().copied().collect();
    let mut prompts = Vec::new();
    match pending.there {
        Some(id) => prompts.extend(target.remote.prompt(id)?),
        None => {
            let name = target.store.prompt(pending.prompt)?.name;
            let named = target.remote.prompts_named(&name)?.into_iter();
            prompts.extend(named.filter(|prompt| !pending.known_prompts.contains(&prompt.id)));
        }
    }
    let mut found = Vec::new();
    for prompt in prompts {
        for version in target.remote.versions(prompt.id)?.versions {
            // The service itself names the first version of a prompt.
            let is_named = pending.there.is_none() || version.message == own.message;
            if known.contains(&version.id) || !is_named {
                continue;
            }
            let there = target.remote.body(version.id, version.url.as_deref())?;
            if there.is_some_and(|there| is_same(&there, &body)) {
                found.push((prompt.clone(), version));
            }
        }
    }
    if found.len() > 1 {
        let candidates = found
            .iter()
            .map(|(prompt, version)| format!("{} of prompt {}", version.number, prompt.id));
        return Err(RemoteError::Unclear {
            prompt: pending.prompt.to_string(),
            number: own.number,
            candidates: candidates.collect::<Vec<_>>().join(", "),
        });
    }
    Ok(found.pop())
}

/// Records that a version here is this one there.
pub(in crate::remote) fn link(
    state: &mut RemoteState,
    pending: &PendingPush,
    prompt: &ServicePrompt,
    version: &ServiceVersion,
) {
    let linked = state
        .prompts
        .entry(pending.prompt)
        .or_insert_with(|| LinkedPrompt {
            there: prompt.id,
            seen: PromptSide {
                name: prompt.name.clone(),
                tags: prompt.tags.clone(),
                versions: BTreeMap::new(),
                environments: BTreeMap::new(),
                deleted: BTreeMap::new(),
            },
            links: BTreeMap::new(),
            is_mapped: false,
        });
    linked.seen.versions.insert(pending.version, version.number);
    for name in &version.environments {
        linked
            .seen
            .environments
            .insert(name.clone(), pending.version);
    }
    let link = VersionLink {
        id: version.id,
        number: version.number,
    };
    linked.links.insert(pending.version, link);
}

/// Returns whether two bodies are the same JSON, as JavaScript reads it.
///
/// The service may write numbers in another way.
fn is_same(one: &Body, other: &Body) -> bool {
    fn equal(one: &Value, other: &Value) -> bool {
        match (one, other) {
            (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
            (Value::Array(one), Value::Array(other)) => {
                one.len() == other.len()
                    && one.iter().zip(other).all(|(one, other)| equal(one, other))
            }
            (Value::Object(one), Value::Object(other)) => {
                let mut members = one.iter();
                one.len() == other.len()
                    && members.all(|(name, value)| {
                        other.get(name).is_some_and(|other| equal(value, other))
                    })
            }
            _ => one == other,
        }
    }
    one == other || equal(one.json(), other.json())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_compared_as_javascript_reads_them() {
        let body = |text: &str| Body::try_from(text).unwrap();
        let one = body(r#"{"a": 1.0, "b": [1e2, null], "c": {"d": "x", "e": true}}"#);
        assert!(is_same(
            &one,
            &body(r#"{"b":[100,null],"c":{"e":true,"d":"x"},"a":1}"#)
        ));
        for other in [
            r#"{"a": 2, "b": [100, null], "c": {"d": "x", "e": true}}"#,
            r#"{"a": 1, "b": [100], "c": {"d": "x", "e": true}}"#,
            r#"{"a": 1, "b": [100, null], "c": {"d": "x"}}"#,
        ] {
            assert!(!is_same(&one, &body(other)), "{other}");
        }
    }
}
