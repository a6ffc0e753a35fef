//! Fixtures: prompts as JSON, to fill a store or a fake with.

mod error;
mod files;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::Path;

use serde::de::{DeserializeOwned, Error as _, IgnoredAny};
use serde::{Deserialize, Serialize};

pub use self::error::FixturesError;
use crate::Store;
use crate::engine::ImportedPrompt;
use crate::error::Result;

/// Prompts with their versions, environments and recorded inputs, as JSON.
///
/// Fixtures are loaded into a store, or taken from one.
///
/// ```
/// use promptbook::Store;
/// use promptbook::server::Fixtures;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let fixtures = Fixtures::from_json(
///     r#"{"prompts": [{
///         "id": "abc123", "name": "greeting", "tags": ["friendly"], "created_at": "2025-01-01T00:00:00Z",
///         "versions": [
///             {"body": {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi {{hc:name:string}}"}]}},
///             {"id": "0194206e-3c00-7000-8000-000000000001", "number": "2.0",
///              "message": "Be warm", "author": "ada", "created_at": "2025-01-02T00:00:00Z",
///              "environments": ["production"],
///              "inputs": [{"request_id": "r1", "inputs": {"name": "Ada"}, "environment": "production"}],
///              "body": {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello {{hc:name:string}}!"}]}}
///         ]
///     }]}"#,
/// )?;
/// let store = Store::in_memory()?;
/// fixtures.load(&store)?;
/// assert_eq!(store.resolve("greeting@production")?.version.number.to_string(), "2.0");
/// assert_eq!(Fixtures::of(&store)?.len(), 1);
/// # Ok(())
/// # }
/// ```
///
/// # The format
///
/// The text is a JSON object whose only member `prompts` is a list, or the object of a single
/// prompt. A member that is not listed here is refused.
///
/// | member of a prompt | value | default |
/// |---|---|---|
/// | `name` | any text of at most 64 KiB | required |
/// | `versions` | a list in the order of commits; may be empty | required |
/// | `id` | 6 characters of `0-9A-Za-z` | generated |
/// | `tags` | a list of texts of at most 64 KiB each | none |
/// | `created_at` | a time from 1970 to 9999 in RFC 3339, stored in microseconds | now |
///
/// | member of a version | value | default |
/// |---|---|---|
/// | `body` | an object, stored byte for byte; or a string that contains the object's text, which preserves white space around it | required |
/// | `id` | a UUID | generated |
/// | `number` | `"MAJOR.MINOR"`, unique within the prompt; gaps are allowed | the next minor number after the previous version; first the store's first number |
/// | `message` | a text of at most 64 KiB | empty |
/// | `author` | a text | the store's author |
/// | `created_at` | as above | the prompt's `created_at` |
/// | `environments` | a list of names of environments that point to the version; each points to one version of the prompt | none |
/// | `inputs` | a list of recorded inputs, each with `request_id`, `inputs` (an object), and optionally `environment` and `recorded_at` | none |
///
/// Fixtures contain neither deleted prompts and versions nor the history. A loaded prompt has one
/// operation, and each of its versions is based on the previous one. The bump policy does not
/// apply.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fixtures {
    prompts: Vec<ImportedPrompt>,
}

/// The object that contains all prompts.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object of prompts")]
struct Whole {
    #[serde(deserialize_with = "crate::engine::objects")]
    prompts: Vec<ImportedPrompt>,
}

impl Fixtures {
    /// Reads a JSON file, or all files `*.json` in a directory tree in the order of their paths.
    ///
    /// Hidden files and directories are ignored. So are links to directories, because they may form
    /// cycles.
    ///
    /// # Errors
    ///
    /// [`Unreadable`](FixturesError::Unreadable) with the path of a file or directory that cannot
    /// be read; [`Malformed`](FixturesError::Malformed) with the file and the location in it.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, FixturesError> {
        let mut prompts = Vec::new();
        for file in files::all(path.as_ref())? {
            let text = files::text(&file)?;
            prompts.extend(parse(&text, Some(&file))?);
        }
        Ok(Self { prompts })
    }

    /// Parses JSON text.
    ///
    /// # Errors
    ///
    /// [`Malformed`](FixturesError::Malformed) with the location in the text.
    pub fn from_json(text: &str) -> Result<Self, FixturesError> {
        let prompts = parse(text, None)?;
        Ok(Self { prompts })
    }

    /// Returns all live prompts and versions of a store, oldest first, from one snapshot.
    ///
    /// # Errors
    ///
    /// [`Damaged`](crate::Error::Damaged) if a body is corrupt; [`Backend`](crate::Error::Backend)
    /// if the store cannot be read.
    pub fn of(store: &Store) -> Result<Self> {
        let prompts = store.export()?;
        Ok(Self { prompts })
    }

    /// Returns JSON text that [`from_json`](Self::from_json) reads.
    ///
    /// The text is the same for the same prompts. It is indented, except for the bodies, which are
    /// written byte for byte.
    #[must_use]
    pub fn to_json(&self) -> String {
        #[derive(Serialize)]
        struct Whole<'a> {
            prompts: &'a [ImportedPrompt],
        }
        let prompts = &self.prompts;
        // Serialization cannot fail: every part is text, or a list or map of text, and bodies are
        // JSON.
        let mut text = serde_json::to_string_pretty(&Whole { prompts }).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Adds all prompts to a store, or none of them.
    ///
    /// # Errors
    ///
    /// [`Refused`](FixturesError::Refused) with a prompt that contradicts itself or the store, for
    /// example because its id is taken; [`Store`](FixturesError::Store) if the store cannot be
    /// written. After an error the store is unchanged, except that the outcome is unknown if the
    /// source is [`OutcomeUnknown`](crate::Error::OutcomeUnknown).
    pub fn load(&self, store: &Store) -> Result<(), FixturesError> {
        let mut refused = None;
        let loaded = store.batch(|batch| {
            // A prompt without an id must not be given an id that a later prompt has.
            batch.reserve(&self.prompts);
            self.prompts.iter().try_for_each(|prompt| {
                let imported = batch.import(prompt);
                imported.map(drop).inspect_err(|_| refused = Some(prompt))
            })
        });
        loaded.map_err(|source| match refused {
            Some(prompt) => FixturesError::Refused {
                name: prompt.name.clone(),
                id: prompt.id,
                source,
            },
            None => FixturesError::Store(source),
        })
    }

    /// Returns the number of prompts.
    #[must_use]
    pub fn len(&self) -> usize {
        self.prompts.len()
    }

    /// Returns whether there are no prompts.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.prompts.is_empty()
    }
}

fn parse(text: &str, file: Option<&Path>) -> Result<Vec<ImportedPrompt>, FixturesError> {
    // serde would accept an array for an object, member by member.
    if text.trim_start().starts_with('[') {
        let error = serde_json::Error::custom("expected an object of prompts, found an array");
        return Err(FixturesError::malformed(file, ".", &error));
    }
    let members: HashMap<String, IgnoredAny> = serde_json::from_str(text).unwrap_or_default();
    let has = |name| members.contains_key(name);
    match !has("prompts") && (has("name") || has("versions")) {
        true => Ok(vec![parse_as(text, file)?]),
        false => parse_as(text, file).map(|whole: Whole| whole.prompts),
    }
}

fn parse_as<T: DeserializeOwned>(text: &str, file: Option<&Path>) -> Result<T, FixturesError> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let parsed = serde_path_to_error::deserialize(&mut deserializer)
        .map_err(|error| (error.path().to_string(), error.into_inner()));
    let ended = |value| match deserializer.end() {
        Ok(()) => Ok(value),
        Err(error) => Err((String::from("."), error)),
    };
    parsed
        .and_then(ended)
        .map_err(|(place, error)| FixturesError::malformed(file, &place, &error))
}
