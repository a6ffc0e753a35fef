//! The lockfile: the contents of a frozen file, as JSON that people compare.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::file::Frozen;
use crate::fs::checksummed_file::{FileError, FileKind};
use crate::fs::text_file::without_byte_order_mark;
use crate::model::error::{Error, Result};
use crate::model::id::{BlobId, EnvironmentName, PromptId, PromptName, Seal, VersionId};
use crate::model::version_number::VersionNumber;

/// The format number is the member `promptbook_lock`.
const KIND: FileKind = FileKind {
    name: "lock",
    format: 1,
};

/// The contents of a frozen file: the environment, the file's seal, and each prompt's name, number
/// and hashes.
///
/// As JSON, the prompts are sorted by name and then id, and each member has its own line, so that a
/// difference of two lockfiles is easy to read:
///
/// ```json
/// {
///   "promptbook_lock": 1,
///   "environment": "production",
///   "frozen": "<seal of the frozen file>",
///   "prompts": [
///     {
///       "id": "abc123",
///       "name": "greeting",
///       "number": "1.0",
///       "version": "01970000-0000-7000-8000-000000000000",
///       "hash": "<address of the frozen body>",
///       "source": "<address of the stored body>"
///     }
///   ]
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lockfile {
    environment: EnvironmentName,
    frozen: Seal,
    prompts: Vec<LockedPrompt>,
}

/// The entry of one prompt in a [`Lockfile`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct LockedPrompt {
    /// The prompt's id.
    pub id: PromptId,
    /// The prompt's name.
    pub name: PromptName,
    /// The version's number.
    pub number: VersionNumber,
    /// The version's id.
    pub version: VersionId,
    /// The address of the frozen body.
    pub hash: BlobId,
    /// The address of the stored body.
    pub source: BlobId,
}

/// The JSON form.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LockDocument {
    promptbook_lock: u32,
    environment: EnvironmentName,
    frozen: Seal,
    prompts: Vec<LockedPrompt>,
}

impl Lockfile {
    /// Creates the lockfile of this frozen file.
    #[must_use]
    pub fn of(frozen: &Frozen) -> Self {
        let prompts = frozen.prompts().map(|prompt| LockedPrompt {
            id: prompt.id(),
            name: prompt.name().clone(),
            number: prompt.number(),
            version: prompt.version(),
            hash: prompt.hash(),
            source: prompt.source(),
        });
        let (environment, prompts) = (frozen.environment().clone(), prompts.collect());
        Self::new(environment, frozen.seal(), prompts)
    }

    fn new(environment: EnvironmentName, frozen: Seal, mut prompts: Vec<LockedPrompt>) -> Self {
        prompts.sort_by(|one, other| (&one.name, one.id).cmp(&(&other.name, other.id)));
        Self {
            environment,
            frozen,
            prompts,
        }
    }

    /// Parses a lockfile.
    ///
    /// # Errors
    ///
    /// [`File`](Error::File) if the text is not a lockfile, or has a newer format; if members are
    /// missing, unknown or malformed; or if a prompt occurs twice.
    pub fn from_json(text: &str) -> Result<Self> {
        let malformed = |error: serde_json::Error| KIND.malformed(error.to_string());
        let value: Value = serde_json::from_str(text).map_err(malformed)?;
        let format = value.get("promptbook_lock").and_then(Value::as_u64);
        match format.and_then(|format| u32::try_from(format).ok()) {
            Some(found) if found == KIND.format => {}
            Some(found) if found > KIND.format => {
                return Err(FileError::NewerFormat {
                    kind: KIND.name,
                    found,
                    supported: KIND.format,
                }
                .into());
            }
            _ => return Err(FileError::Foreign { kind: KIND.name }.into()),
        }
        // The text is parsed again, so that errors contain the line.
        let document: LockDocument = serde_json::from_str(text).map_err(malformed)?;
        let mut ids: Vec<PromptId> = document.prompts.iter().map(|prompt| prompt.id).collect();
        ids.sort();
        if let Some(pair) = ids.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(KIND
                .malformed(format!("prompt {} occurs twice", pair[0]))
                .into());
        }
        let LockDocument {
            environment,
            frozen,
            prompts,
            ..
        } = document;
        Ok(Self::new(environment, frozen, prompts))
    }

    /// Reads a lockfile from the disk.
    ///
    /// # Errors
    ///
    /// As [`from_json`](Self::from_json). Also [`File`](Error::File) if the file cannot be read, or
    /// is not UTF-8.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let bytes = fs::read(path).map_err(|source| FileError::Unreadable {
            path: path.into(),
            source,
        })?;
        let bytes = without_byte_order_mark(bytes);
        match std::str::from_utf8(&bytes) {
            Ok(text) => Self::from_json(text),
            Err(error) => {
                let reason = format!("not UTF-8 at byte {}", error.valid_up_to());
                Err(Error::File(KIND.malformed(reason)))
            }
        }
    }

    /// Returns the lockfile as text. The same prompts yield the same bytes.
    #[must_use]
    pub fn to_json(&self) -> String {
        let document = LockDocument {
            promptbook_lock: KIND.format,
            environment: self.environment.clone(),
            frozen: self.frozen,
            prompts: self.prompts.clone(),
        };
        // The document has only string keys, so serialization cannot fail.
        let text = serde_json::to_string_pretty(&document).unwrap_or_default();
        text + "\n"
    }

    /// Returns the environment that was frozen.
    #[must_use]
    pub fn environment(&self) -> &EnvironmentName {
        &self.environment
    }

    /// Returns the seal of the frozen file.
    #[must_use]
    pub fn frozen(&self) -> Seal {
        self.frozen
    }

    /// Returns the prompts, by name and then id.
    #[must_use]
    pub fn prompts(&self) -> &[LockedPrompt] {
        &self.prompts
    }
}
