//! [`View`], the reads of a store at one moment.

use std::fmt;
use std::sync::Arc;

use crate::engine::history::{
    EnvironmentLogEntry, HistoricalSnapshot, Moment, ReplayCache, environment_log, find_moment,
};
use crate::engine::{find_prompt, find_prompt_or_deleted};
use crate::model::arguments::{IntoEnvironmentName, IntoPromptRef};
use crate::model::error::{Error, Result};
use crate::model::id::EnvironmentName;
use crate::model::record::{Environment, Prompt};
use crate::model::version_spec::PromptRef;
use crate::storage::Snapshot;
use crate::store::shared::StoreShared;

/// Reads of a store, as it is now or as it was at an earlier moment.
///
/// [`Store::as_view`](crate::Store::as_view) returns the view of the present, whose methods a store
/// has itself. [`at`](Self::at) returns a view of an earlier moment.
///
/// No method of a view changes the store, whether it fails or not. A read that failed can be
/// repeated, unless the [kind](crate::ErrorKind) of the error says otherwise.
///
/// A view is cheap to clone and can be used from any number of threads. A view of an earlier moment
/// never changes, because history does not. It holds no lock and blocks no writer. Its answers are
/// a replay of the operations: of one prompt's operations if the prompt is given by its id, of all
/// operations for lists.
///
/// ```
/// use promptbook::{NewPrompt, NewVersion, Store};
///
/// let store = Store::in_memory()?;
/// store.create_prompt(NewPrompt::new("greeting", r#"{"messages": []}"#))?;
/// let new = NewVersion::new("greeting", r#"{"messages": [], "seed": 1}"#);
/// store.commit(new.environment("production"))?;
///
/// let before = store.at(1)?; // operation 1 created the prompt
/// assert_eq!(before.version("greeting@production")?.number.to_string(), "1.0");
/// assert_eq!(store.version("greeting@production")?.number.to_string(), "1.1");
/// # Ok::<(), promptbook::Error>(())
/// ```
#[derive(Clone)]
pub struct View {
    pub(crate) inner: Arc<StoreShared>,
    /// None for the present.
    pub(crate) past: Option<Arc<HistoricalMoment>>,
}

/// An earlier moment, and the prompts that were replayed for it so far.
pub(crate) struct HistoricalMoment {
    until: u64,
    prompts: ReplayCache,
}

impl fmt::Debug for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View")
            .field("inner", &self.inner)
            .field("operation", &self.operation())
            .finish()
    }
}

impl View {
    /// Creates a view that always shows the current state.
    pub(crate) fn of_the_present(inner: Arc<StoreShared>) -> Self {
        Self { inner, past: None }
    }

    /// Returns the store as it was at a moment.
    ///
    /// A view of an earlier moment can only go further back.
    ///
    /// A time selects the state after the last operation whose own time is not later, see
    /// [`Moment::Time`]. A time before that of every operation selects the empty store.
    ///
    /// # Errors
    ///
    /// [`OperationNotFound`](Error::OperationNotFound) if the view does not contain the operation;
    /// [`Storage`](Error::Storage) if the index failed.
    pub fn at(&self, moment: impl Into<Moment>) -> Result<Self> {
        let moment = moment.into();
        let until = self.look(|snapshot| find_moment(snapshot, &moment))?;
        Ok(Self {
            inner: Arc::clone(&self.inner),
            past: Some(Arc::new(HistoricalMoment {
                until,
                prompts: ReplayCache::default(),
            })),
        })
    }

    /// Returns the number of the last operation that this view contains.
    ///
    /// It is 0 before the first operation, and none for the view of the present.
    #[must_use]
    pub fn operation(&self) -> Option<u64> {
        self.past.as_ref().map(|past| past.until)
    }

    /// Calls `look` with a consistent snapshot of the view's moment.
    ///
    /// Bodies can be read during the call.
    pub(crate) fn look<T>(&self, look: impl Fn(&dyn Snapshot) -> Result<T>) -> Result<T> {
        let attempt = || loop {
            let present = self.inner.index.snapshot()?;
            let answer = match &self.past {
                None => look(&*present),
                Some(past) => look(&HistoricalSnapshot::new(
                    &*present,
                    past.until,
                    &past.prompts,
                )),
            };
            if present.is_consistent() {
                return answer;
            }
            if let Some(past) = &self.past {
                past.prompts.forget();
            }
        };
        match (attempt(), &self.past) {
            // The body may have been garbage-collected after the snapshot was taken. In a newer
            // snapshot, a deleted version is not found, and a damaged body is still damaged.
            (Err(Error::CorruptBody { .. }), None) => attempt(),
            // For an earlier moment, a newer snapshot only shows whether the body is still stored.
            (
                Err(Error::CorruptBody {
                    blob,
                    version,
                    reason,
                }),
                Some(_),
            ) => Err(match self.inner.index.snapshot()?.blob(blob)? {
                None => Error::BodyCollected { blob, version },
                Some(_) => Error::CorruptBody {
                    blob,
                    version,
                    reason,
                },
            }),
            (answer, _) => answer,
        }
    }

    /// Returns a prompt by its id or exact name.
    ///
    /// # Errors
    ///
    /// [`PromptNotFound`](Error::PromptNotFound) if there is none;
    /// [`AmbiguousPrompt`](Error::AmbiguousPrompt) if several prompts have this name;
    /// [`Storage`](Error::Storage) if the index failed.
    pub fn prompt(&self, prompt: impl IntoPromptRef) -> Result<Prompt> {
        let prompt = prompt.into_prompt_ref()?;
        self.look(|snapshot| {
            let id = match &prompt {
                // The lookup below finds out whether the id exists.
                PromptRef::Id(id) => *id,
                named => find_prompt(snapshot, named)?,
            };
            snapshot.prompt(id)?.ok_or_else(|| Error::PromptNotFound {
                prompt: prompt.to_string(),
            })
        })
    }

    /// Returns every tag in use, sorted.
    ///
    /// # Errors
    ///
    /// [`Storage`](Error::Storage) if the index failed.
    pub fn tags(&self) -> Result<Vec<String>> {
        self.look(|snapshot| Ok(snapshot.tags()?))
    }

    /// Returns the name of every environment in use, sorted.
    ///
    /// # Errors
    ///
    /// [`Storage`](Error::Storage) if the index failed.
    pub fn environment_names(&self) -> Result<Vec<EnvironmentName>> {
        self.look(|snapshot| Ok(snapshot.environment_names()?))
    }

    /// Returns the environment list: the names that environments can have, if they are restricted.
    ///
    /// The names are in the order in which they were added. Changes of a [`Store`](crate::Store) and a
    /// [`Batch`](crate::Batch) refuse to set any other environment. [Imported](crate::Batch::import)
    /// prompts, bundles, an undo, and a server do not follow the list, so prompts can have
    /// environments that are not in it.
    ///
    /// ```
    /// use promptbook::{Store, StoreOptions};
    ///
    /// assert_eq!(Store::in_memory()?.environment_list()?, None);
    /// let store = StoreOptions::new().environments(["dev", "production"]).in_memory()?;
    /// assert_eq!(store.environment_list()?.expect("it was set")[0].as_str(), "dev");
    /// # Ok::<(), promptbook::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Storage`](Error::Storage) if the index failed.
    pub fn environment_list(&self) -> Result<Option<Vec<EnvironmentName>>> {
        self.look(|snapshot| Ok(snapshot.environment_list()?))
    }

    /// Returns a prompt's environments, sorted by name.
    ///
    /// # Errors
    ///
    /// As [`prompt`](Self::prompt).
    pub fn environments(&self, prompt: impl IntoPromptRef) -> Result<Vec<Environment>> {
        let prompt = prompt.into_prompt_ref()?;
        self.look(|snapshot| Ok(snapshot.environments(find_prompt(snapshot, &prompt)?)?))
    }

    /// Returns the versions that an environment pointed to, newest first: at most `limit`.
    ///
    /// This is the environment log.
    ///
    /// Each entry says from when to when, by whom, and why. A deleted prompt has an environment log
    /// too, if it is given by its id.
    ///
    /// # Errors
    ///
    /// As [`prompt`](Self::prompt), unless the prompt is given by its id.
    pub fn environment_log(
        &self,
        prompt: impl IntoPromptRef,
        environment: impl IntoEnvironmentName,
        limit: usize,
    ) -> Result<Vec<EnvironmentLogEntry>> {
        let prompt = prompt.into_prompt_ref()?;
        let environment = environment.into_environment_name()?;
        self.look(|snapshot| {
            let id = find_prompt_or_deleted(snapshot, &prompt)?;
            environment_log(snapshot, id, &environment, limit)
        })
    }
}
