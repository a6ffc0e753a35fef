//! Prompts to create, and the results of creating them.

use serde::{Deserialize, Serialize};

use super::limits::{check_body, check_tags};
use crate::engine::contract::{ContractDigest, digest_of};
use crate::model::arguments::{Draft, IntoBody, IntoEnvironmentName, IntoPromptId, IntoPromptName};
use crate::model::body::Body;
use crate::model::error::Result;
use crate::model::id::{EnvironmentName, PromptId, PromptName};
use crate::model::record::{Prompt, Version};

/// A prompt to create, with its first version.
///
/// Arguments are parsed when they are given. If one is not accepted, the call that uses the value
/// fails with the first such error.
///
/// ```
/// use promptbook::{NewPrompt, Store};
///
/// let store = Store::in_memory()?;
/// let new = NewPrompt::new("greeting", r#"{"messages": []}"#).tag("mail").environment("staging");
/// assert_eq!(store.create_prompt(new)?.version.number.to_string(), "1.0");
/// assert!(store.create_prompt(NewPrompt::new("other", "no JSON")).is_err());
/// # Ok::<(), promptbook::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct NewPrompt(Draft<PromptDraft>);

/// The fields of a [`NewPrompt`].
#[derive(Clone, Debug)]
pub(crate) struct PromptDraft {
    pub(crate) name: PromptName,
    pub(crate) body: Body,
    /// The digest of the body's contract.
    pub(crate) contract: Option<ContractDigest>,
    pub(crate) tags: Vec<String>,
    pub(crate) message: String,
    pub(crate) environment: FirstEnvironment,
    /// If there is none, an id is drawn at random.
    pub(crate) id: Option<PromptId>,
    pub(crate) allow_duplicate_name: bool,
}

/// The environment that points to the first version of a new prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FirstEnvironment {
    /// Production, unless the store has an environment list without it: no environment was chosen.
    Production,
    Named(EnvironmentName),
    Nothing,
}

impl NewPrompt {
    /// Describes a prompt without tags, with the message "Initial version", in `production`.
    ///
    /// In a store whose [environment list](crate::View::environment_list) does not contain
    /// `production`, no environment points to the first version.
    ///
    /// If the name or the body is not accepted, creating the prompt fails with
    /// [`InvalidArgument`](crate::Error::InvalidArgument) or
    /// [`InvalidBody`](crate::Error::InvalidBody).
    #[must_use]
    pub fn new(name: impl IntoPromptName, body: impl IntoBody) -> Self {
        let draft = || {
            Ok(PromptDraft {
                name: name.into_prompt_name()?,
                body: body.into_body()?,
                contract: None,
                tags: Vec::new(),
                message: "Initial version".into(),
                environment: FirstEnvironment::Production,
                id: None,
                allow_duplicate_name: false,
            })
        };
        Self(Draft::new(draft()))
    }

    /// Adds a tag.
    #[must_use]
    pub fn tag(self, tag: impl Into<String>) -> Self {
        Self(self.0.set(|draft| draft.tags.push(tag.into())))
    }

    /// Adds tags.
    #[must_use]
    pub fn tags(self, tags: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let tags = tags.into_iter().map(Into::into);
        Self(self.0.set(|draft| draft.tags.extend(tags)))
    }

    /// Sets the commit message of the first version.
    #[must_use]
    pub fn message(self, message: impl Into<String>) -> Self {
        Self(self.0.set(|draft| draft.message = message.into()))
    }

    /// Sets the environment that is pointed to the first version, instead of `production`.
    #[must_use]
    pub fn environment(self, name: impl IntoEnvironmentName) -> Self {
        let name = name.into_environment_name();
        Self(self.0.set_parsed(name, |draft, name| {
            draft.environment = FirstEnvironment::Named(name);
        }))
    }

    /// Points no environment to the first version.
    #[must_use]
    pub fn without_environment(self) -> Self {
        Self(
            self.0
                .set(|draft| draft.environment = FirstEnvironment::Nothing),
        )
    }

    /// Sets the id. Without one, it is drawn at random.
    #[must_use]
    pub fn id(self, id: impl IntoPromptId) -> Self {
        let id = id.into_prompt_id();
        Self(self.0.set_parsed(id, |draft, id| draft.id = Some(id)))
    }

    /// Creates the prompt even if another live prompt has the same name.
    ///
    /// That name is then ambiguous, and both prompts can only be referred to by their ids.
    #[must_use]
    pub fn allow_duplicate_name(self) -> Self {
        Self(self.0.set(|draft| draft.allow_duplicate_name = true))
    }

    /// Returns the fields, after everything was checked that can be checked without a store.
    pub(crate) fn finish(self) -> Result<PromptDraft> {
        let mut draft = self.0.finish()?;
        check_tags(&draft.tags)?;
        check_body(&draft.body)?;
        draft.contract = digest_of(&draft.body);
        Ok(draft)
    }
}

/// A prompt that was created, and its first version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CreatedPrompt {
    /// The prompt.
    pub prompt: Prompt,
    /// Its first version.
    pub version: Version,
}

/// A prompt that was looked up by its name, and created if there was none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EnsuredPrompt {
    /// The prompt.
    pub prompt: Prompt,
    /// Whether this call created it.
    pub created: bool,
}
