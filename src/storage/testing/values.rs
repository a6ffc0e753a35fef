//! Test values for an index: ids by number, times by second, and each kind of change.

use chrono::{DateTime, Utc};

use crate::model::contract_digest::ContractDigest;
use crate::model::id::{BlobId, EnvironmentName, PromptId, VersionId};
use crate::model::record::{Change, PromptState, Version};

/// Returns the prompt id with this number.
#[must_use]
pub fn prompt_id(number: u32) -> PromptId {
    format!("{number:06}").parse().expect("six digits at most")
}

/// Returns the version id with this number.
#[must_use]
pub fn version_id(number: u32) -> VersionId {
    let mut bytes = [0; 16];
    bytes[12..].copy_from_slice(&number.to_be_bytes());
    VersionId::from_bytes(bytes)
}

/// Returns the environment name.
#[must_use]
pub fn environment(name: &str) -> EnvironmentName {
    name.parse().expect("a name of an environment")
}

/// Returns the time `second` seconds into the history.
///
/// It is not a whole second, because records contain microseconds.
#[must_use]
pub fn moment(second: u32) -> DateTime<Utc> {
    let micros = 1_700_000_000_000_000 + i64::from(second) * 1_000_000 + 123_457;
    DateTime::from_timestamp_micros(micros).expect("a moment of this century")
}

/// Returns the body of version `number`, unless a test uses another one.
#[must_use]
pub fn body(number: u32) -> Vec<u8> {
    format!(r#"{{"model": "m",  "seed": {number}}}"#).into_bytes()
}

/// Returns the part of a prompt that can change.
#[must_use]
pub fn state(name: &str, tags: &[&str]) -> PromptState {
    PromptState {
        name: name.parse().expect("a name of a prompt"),
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
    }
}

/// Returns a version with every field set.
///
/// `number` is the number of its id, `numbered` its version number, such as `2.1`.
#[must_use]
pub fn version(prompt: PromptId, number: u32, numbered: &str, body: &[u8]) -> Version {
    Version {
        id: version_id(number),
        prompt_id: prompt,
        number: numbered.parse().expect("a version number"),
        model: Some("m".into()),
        message: format!("Message {number}\nof two lines, Ünïcödé and \0"),
        author: format!("author {number}"),
        base: None,
        created_at: moment(number),
        blob: BlobId::of(body),
        size: body.len() as u64,
        // The first ones have none, as if they had partials.
        contract: (number > 2).then(|| ContractDigest::from_bytes(u64::from(number).to_be_bytes())),
        environments: Vec::new(),
    }
}

/// Returns the change that creates, deletes or changes a prompt.
#[must_use]
pub fn prompt_change(
    prompt: PromptId,
    before: Option<PromptState>,
    after: Option<PromptState>,
) -> Change {
    Change::Prompt {
        id: prompt,
        before,
        after,
    }
}

/// Returns the change that creates a version.
#[must_use]
pub fn version_created(version: Version) -> Change {
    Change::VersionCreated(Box::new(version))
}

/// Returns the change that restores a deleted version.
#[must_use]
pub fn version_restored(prompt: PromptId, id: VersionId) -> Change {
    Change::VersionRestored { prompt, id }
}

/// Returns the change that deletes a version.
#[must_use]
pub fn version_deleted(prompt: PromptId, id: VersionId) -> Change {
    Change::VersionDeleted { prompt, id }
}

/// Returns the change that sets, moves or removes an environment.
#[must_use]
pub fn environment_change(
    prompt: PromptId,
    name: &str,
    before: Option<VersionId>,
    after: Option<VersionId>,
) -> Change {
    Change::Environment {
        prompt,
        name: environment(name),
        before,
        after,
        reason: None,
    }
}

/// Returns the change that sets, changes or removes the environment list.
#[must_use]
pub fn environment_list_change(before: Option<&[&str]>, after: Option<&[&str]>) -> Change {
    let list = |names: &[&str]| names.iter().map(|name| environment(name)).collect();
    Change::EnvironmentList {
        before: before.map(list),
        after: after.map(list),
    }
}
