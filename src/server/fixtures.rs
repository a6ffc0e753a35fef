//! Prompts as JSON: what a store, or a fake of the service, is filled with.

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

/// Prompts with their versions, environments and recorded inputs, to fill a store with or to take from one.
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
/// A JSON object whose one member `prompts` is a list; or one prompt's object alone. A member that is not named here is
/// refused.
///
/// | of a prompt | | without it |
/// |---|---|---|
/// | `name` | any text of at most 64 KiB | refused |
/// | `versions` | a list, in the order they were committed; may be empty | refused |
/// | `id` | 6 characters of `0-9A-Za-z` | drawn |
/// | `tags` | a list of texts of at most 64 KiB each | none |
/// | `created_at` | a moment from 1970 to 9999 as in RFC 3339, kept to the microsecond | now |
///
/// | of a version | | without it |
/// |---|---|---|
/// | `body` | an object, kept byte for byte; or a string that is the object's text, which keeps the white space around it too | refused |
/// | `id` | a UUID | drawn |
/// | `number` | `"MAJOR.MINOR"`; one that is used twice is refused, gaps are none's business | the minor after the version before it; the store's first |
/// | `message` | a text of at most 64 KiB | empty |
/// | `author` | a text | the store's |
/// | `created_at` | as above | the prompt's |
/// | `environments` | a list of names that point to it; each points to one version of the prompt | none |
/// | `inputs` | a list of recorded inputs, each with `request_id`, `inputs` (an object), at will `environment` and `recorded_at` | none |
///
/// Deleted prompts and versions are not part of it, nor is the history: what is loaded has one operation a prompt, and
/// each version's base is the one before it. The bump rules do not apply.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fixtures {
    prompts: Vec<ImportedPrompt>,
}

/// The object around all prompts.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object of prompts")]
struct Whole {
    #[serde(deserialize_with = "crate::engine::objects")]
    prompts: Vec<ImportedPrompt>,
}

impl Fixtures {
    /// Reads a JSON file; or every file `*.json` in a folder and the folders below, in the order of their paths. Hidden
    /// files and folders are left out, and links to folders, as they may lead in circles.
    ///
    /// # Errors
    ///
    /// [`Unreadable`](FixturesError::Unreadable) with the path; [`Malformed`](FixturesError::Malformed) with the file and
    /// the place in it.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, FixturesError> {
        let mut prompts = Vec::new();
        for file in files::all(path.as_ref())? {
            let text = files::text(&file)?;
            prompts.extend(parse(&text, Some(&file))?);
        }
        Ok(Self { prompts })
    }

    /// Reads JSON text.
    ///
    /// # Errors
    ///
    /// [`Malformed`](FixturesError::Malformed) with the place in the text.
    pub fn from_json(text: &str) -> Result<Self, FixturesError> {
        let prompts = parse(text, None)?;
        Ok(Self { prompts })
    }

    /// All prompts of a store and their versions, oldest first, but deleted ones: as they are at one moment.
    ///
    /// # Errors
    ///
    /// [`Damaged`](crate::Error::Damaged), [`Backend`](crate::Error::Backend).
    pub fn of(store: &Store) -> Result<Self> {
        let prompts = store.export()?;
        Ok(Self { prompts })
    }

    /// JSON text that [`from_json`](Self::from_json) reads, the same for the same prompts: indented but for the bodies,
    /// which are as they were given.
    #[must_use]
    pub fn to_json(&self) -> String {
        #[derive(Serialize)]
        struct Whole<'a> {
            prompts: &'a [ImportedPrompt],
        }
        let prompts = &self.prompts;
        // It can't fail: every part is text, a list or a map of text, and bodies are JSON.
        let mut text = serde_json::to_string_pretty(&Whole { prompts }).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Brings all prompts into a store, beside those that it has: all of them or none.
    ///
    /// # Errors
    ///
    /// [`Refused`](FixturesError::Refused) with the prompt, where it contradicts itself or the store, such as by an id
    /// that is taken; [`Store`](FixturesError::Store) where the store can't be written.
    pub fn load(&self, store: &Store) -> Result<(), FixturesError> {
        let mut refused = None;
        let loaded = store.batch(|batch| {
            // A prompt without an id is not to be given one that a later prompt brings.
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

    /// How many prompts these are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.prompts.len()
    }

    /// Whether there is no prompt.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.prompts.is_empty()
    }
}

fn parse(text: &str, file: Option<&Path>) -> Result<Vec<ImportedPrompt>, FixturesError> {
    // serde would take an array for an object, member by member.
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
