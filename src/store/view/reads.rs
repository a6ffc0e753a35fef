//! TODO

use std::fmt;
use std::sync::Arc;

use crate::engine::history::{Holding, Moment, Past, PastPrompts, find_moment, holders};
use crate::engine::{find_prompt, find_prompt_ever};
use crate::model::error::{Error, Result};
use crate::model::id::{EnvironmentName, PromptId};
use crate::model::record::{Environment, Operation, OperationFilter, Prompt, PromptFilter};
use crate::model::version_number::PromptRef;
use crate::storage::Snapshot;
use crate::store::handle::Inner;

/// What is read of a store: as it is now, which every [`Store`](crate::Store) derefs to, or as it was, which
/// [`at`](Self::at) gives.
///
/// Cheap to clone, and usable from any number of threads. A view of an earlier moment never changes, as history does not;
/// it holds nothing open and nobody up. What it answers is replayed from the operations: of one prompt for what is asked
/// of a prompt by its id, of all for lists.
///
/// ```
/// use promptbook::{Expected, NewPrompt, NewVersion, Store};
///
/// let store = Store::in_memory()?;
/// store.create_prompt(NewPrompt::new("greeting", r#"{"messages": []}"#)?)?;
/// let new = NewVersion::new("greeting", r#"{"messages": [], "seed": 1}"#)?;
/// store.commit(new.environment("production".parse::<promptbook::EnvironmentName>()?))?;
///
/// let before = store.at(1)?; // the first operation: the prompt was made
/// assert_eq!(before.version("greeting@production")?.number.to_string(), "1.0");
/// assert_eq!(store.version("greeting@production")?.number.to_string(), "1.1");
/// # Ok::<(), promptbook::Error>(())
/// ```
#[derive(Clone)]
pub struct View {
    pub(crate) inner: Arc<Inner>,
    /// None for the store as it is.
    pub(crate) past: Option<Arc<PastMoment>>,
}

/// An earlier moment, and what was replayed of it so far.
pub(crate) struct PastMoment {
    until: u64,
    prompts: PastPrompts,
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
    /// The store as it is, whenever it is asked.
    pub(crate) fn of_the_present(inner: Arc<Inner>) -> Self {
        Self { inner, past: None }
    }

    /// This view's store as it was at a moment. A view of an earlier moment reaches back only.
    ///
    /// # Errors
    ///
    /// [`OperationNotFound`](Error::OperationNotFound) for an operation that the view does not have. A time before the first operation is the
    /// empty store. A clock that was ahead counts: from an operation that tells a time yet to come on, nothing belongs to
    /// an earlier time, see [`Moment::Time`].
    pub fn at(&self, moment: impl Into<Moment>) -> Result<Self> {
        let moment = moment.into();
        let until = self.look(|snapshot| find_moment(snapshot, &moment))?;
        Ok(Self {
            inner: Arc::clone(&self.inner),
            past: Some(Arc::new(PastMoment {
                until,
                prompts: PastPrompts::default(),
            })),
        })
    }

    /// The number of the operation that this view is as of, 0 for before the first; none for the present.
    #[must_use]
    pub fn operation(&self) -> Option<u64> {
        self.past.as_ref().map(|past| past.until)
    }

    /// Looks at one moment, bodies included.
    pub(crate) fn look<T>(&self, look: impl Fn(&dyn Snapshot) -> Result<T>) -> Result<T> {
        let attempt = || loop {
            let present = self.inner.index.snapshot()?;
            let answer = match &self.past {
                None => look(&**present),
                Some(past) => look(&Past::new(&**present, past.until, &past.prompts)),
            };
            if present.is_consistent() {
                return answer;
            }
            if let Some(past) = &self.past {
                past.prompts.forget();
            }
        };
        match (attempt(), &self.past) {
            // The body may have been collected after the snapshot was taken: a newer one tells, and then
            // what was deleted is not found, and what is damaged still is.
            (Err(Error::Damaged { .. }), None) => attempt(),
            // Of an earlier moment a newer snapshot tells just whether the body is still stored.
            (Err(Error::Damaged { blob, reason }), Some(_)) => {
                Err(match self.inner.index.snapshot()?.blob(blob)? {
                    None => Error::BodyCollected { blob },
                    Some(_) => Error::Damaged { blob, reason },
                })
            }
            (answer, _) => answer,
        }
    }

    /// A prompt by id or exact name.
    ///
    /// # Errors
    ///
    /// [`PromptNotFound`](Error::PromptNotFound), or [`AmbiguousPrompt`](Error::AmbiguousPrompt) where several have
    /// the name.
    pub fn prompt<P>(&self, prompt: P) -> Result<Prompt>
    where
        P: TryInto<PromptRef>,
        Error: From<P::Error>,
    {
        let prompt = prompt.try_into()?;
        self.look(|snapshot| {
            let id = match &prompt {
                // An id that is right needs no look of its own.
                PromptRef::Id(id) => *id,
                named => find_prompt(snapshot, named)?,
            };
            snapshot.prompt(id)?.ok_or_else(|| Error::PromptNotFound {
                prompt: prompt.to_string(),
            })
        })
    }

    /// Prompts newest first: those made before the prompt `before`, `limit` at most. The last one's id is where the
    /// next page goes on, also if that prompt is deleted meanwhile.
    ///
    /// # Errors
    ///
    /// [`PromptNotFound`](Error::PromptNotFound) where `before` never was a prompt.
    pub fn prompts(
        &self,
        filter: &PromptFilter,
        before: Option<PromptId>,
        limit: usize,
    ) -> Result<Vec<Prompt>> {
        self.look(|snapshot| match before {
            Some(id) if !snapshot.prompt_id_taken(id)? => Err(Error::PromptNotFound {
                prompt: id.to_string(),
            }),
            before => Ok(snapshot.prompts(filter, before, limit)?),
        })
    }

    /// How many prompts there are.
    ///
    /// # Errors
    ///
    /// [`Backend`](Error::Backend).
    pub fn prompt_count(&self) -> Result<u64> {
        self.look(|snapshot| Ok(snapshot.prompt_count()?))
    }

    /// Every tag in use, sorted.
    ///
    /// # Errors
    ///
    /// [`Backend`](Error::Backend).
    pub fn tags(&self) -> Result<Vec<String>> {
        self.look(|snapshot| Ok(snapshot.tags()?))
    }

    /// The name of every environment in use, sorted.
    ///
    /// # Errors
    ///
    /// [`Backend`](Error::Backend).
    pub fn environment_names(&self) -> Result<Vec<EnvironmentName>> {
        self.look(|snapshot| Ok(snapshot.environment_names()?))
    }

    /// A prompt's environments, sorted by name.
    ///
    /// # Errors
    ///
    /// As [`prompt`](Self::prompt).
    pub fn environments<P>(&self, prompt: P) -> Result<Vec<Environment>>
    where
        P: TryInto<PromptRef>,
        Error: From<P::Error>,
    {
        let prompt = prompt.try_into()?;
        self.look(|snapshot| Ok(snapshot.environments(find_prompt(snapshot, &prompt)?)?))
    }

    /// The versions that an environment pointed to, newest first, `limit` at most: from when to when, by whom, why.
    /// A prompt that is deleted has them too, by its id.
    ///
    /// # Errors
    ///
    /// As [`prompt`](Self::prompt), unless it is named by its id.
    pub fn holders<P, E>(&self, prompt: P, environment: E, limit: usize) -> Result<Vec<Holding>>
    where
        P: TryInto<PromptRef>,
        E: TryInto<EnvironmentName>,
        Error: From<P::Error> + From<E::Error>,
    {
        let (prompt, environment) = (prompt.try_into()?, environment.try_into()?);
        self.look(|snapshot| {
            let id = find_prompt_ever(snapshot, &prompt)?;
            holders(snapshot, id, &environment, limit)
        })
    }

    /// Operations newest first: those of a number below `before`, `limit` at most. The last one's number is where
    /// the next page goes on.
    ///
    /// # Errors
    ///
    /// [`Backend`](Error::Backend).
    pub fn operations(
        &self,
        filter: &OperationFilter,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Operation>> {
        self.look(|snapshot| Ok(snapshot.operations(filter, before, limit)?))
    }
}
