//! [`Store`], the handle of an open store.

#[cfg(feature = "cli")]
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;

use super::View;
use super::shared::{StoreLocation, StoreShared};
use crate::engine::WriteTransaction;
use crate::model::error::Result;
use crate::model::id::GroupId;
use crate::model::record::{BumpPolicy, Settings};

/// A store of prompts, in a directory or in memory.
///
/// A `Store` is cheap to clone and can be used from any number of threads. Any number of processes
/// can have the same directory open. When the last clone is dropped, bodies in the journal are
/// written to files. This may take some milliseconds, or up to about a second if other handles
/// write at the same time. If it never happens, nothing is lost.
///
/// ```
/// use promptbook::{NewPrompt, NewVersion, Store};
///
/// # fn main() -> promptbook::Result<()> {
/// let store = Store::in_memory()?;
/// let body = r#"{"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi {{hc:name:string}}"}]}"#;
/// let created = store.create_prompt(NewPrompt::new("greeting", body))?;
///
/// let body = body.replace("Hi", "Hello");
/// let version = store.commit(NewVersion::new(created.prompt.id, &body).message("Say hello"))?;
/// assert_eq!(version.number.to_string(), "1.1");
///
/// assert_eq!(store.resolve("greeting@latest")?.body.text(), body);
/// assert_eq!(store.resolve("greeting@production")?.version.number.to_string(), "1.0");
/// # Ok(())
/// # }
/// ```
///
/// The path is resolved only once, so a later change of the working directory or of a link does not
/// lead to another store. If the store's files are moved, removed or replaced while it is open, for
/// example by a restored copy, the handle refuses all further work with the kind
/// [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable). Changes are refused immediately, and
/// answers from memory after about a second. In this case, open the store again.
///
/// A store's reads are those of the [`View`] of the present, which [`as_view`](Self::as_view)
/// returns. They change nothing, whether they fail or not. The documentation of every other method
/// says what a failure leaves behind; without such a sentence, nothing was changed, as
/// [`Error`](crate::Error) says.
///
/// # Who can read it
///
/// A store's files get the permissions that the process's umask gives to any file. With most
/// umasks, all users of the machine can read them, and thereby all prompts, their history and
/// recorded inputs. To prevent this, put the store into a directory that only its owner may enter.
/// The secrets of a server, which are its API key and the key with which it signs URLs, are in the
/// file `secrets`, which only its owner can read. They are in no backup, bundle or other copy that
/// this crate creates. Root can read everything, and a copy of the whole directory by other means
/// contains the secrets too.
///
/// # Its files
///
/// A process that has a store open must not open the store's files by other means, for example to
/// copy them. When it closes `index.db` or `index.db-shm`, the system drops the locks that SQLite
/// has on them ([POSIX
/// locks](https://sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled_by_a_separate_thread_doing_close_)).
/// If another process then opens the store, it truncates the shared memory, and the first process
/// ends by SIGBUS. An app that copies its own data should call [`backup`](Self::backup) and leave
/// out the store's directory.
///
/// On a file system that copies on write, such as btrfs, a full disk can also end a process by
/// SIGBUS, even a process that only reads, because SQLite's shared memory is a mapped file.
/// Therefore the directory of a new store, if it is empty, gets the attribute "no copy on write"
/// (`chattr +C`). `blobs/` does not get it and keeps the checksums of btrfs. With the attribute,
/// reads succeed and changes are refused as [`Full`](crate::ErrorKind::Full). This was tested on
/// Linux 6.18. On a full disk, SIGBUS is still possible with older kernels, after a snapshot of the
/// subvolume, in a directory that contained other files, and in a store that was created without
/// the attribute. A [`restore`](Self::restore) of the store's backup has the attribute. On ext4 and
/// xfs a full disk never caused more than an error.
#[derive(Clone, Debug)]
pub struct Store {
    view: View,
    /// The author of the changes that are made through this handle.
    pub(super) author: Arc<str>,
    /// The group of the operations that are made through this handle.
    pub(super) group: Option<GroupId>,
    /// Whether changes may use environments that are not in the environment list.
    pub(super) accepts_unlisted: bool,
}

impl Store {
    /// Returns a handle of the present, with the author of the state's context and without a group.
    pub(super) fn new(shared: StoreShared) -> Self {
        let author = Arc::clone(&shared.context.author);
        Self {
            view: View::of_the_present(Arc::new(shared)),
            author,
            group: None,
            accepts_unlisted: false,
        }
    }

    /// Returns the view of the present, for code that reads any [`View`].
    ///
    /// The view always shows the current state.
    #[must_use]
    pub fn as_view(&self) -> &View {
        &self.view
    }

    /// Returns the state that all handles and views of this store share.
    pub(super) fn shared(&self) -> &StoreShared {
        &self.view.inner
    }

    /// Returns a snapshot of the index.
    #[cfg(feature = "remote")]
    pub(crate) fn index_snapshot(&self) -> Result<Box<dyn crate::storage::Snapshot + '_>> {
        Ok(self.shared().index.snapshot()?)
    }

    /// Returns the absolute path of the store's directory, or none for a store in memory.
    ///
    /// The path contains no links.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match &self.shared().place {
            StoreLocation::Directory { location, .. } => Some(location.directory()),
            #[cfg(feature = "postgres")]
            StoreLocation::Postgres(_) => None,
            StoreLocation::Memory(_) | StoreLocation::Given { .. } => None,
        }
    }

    /// Makes closing the store skip all outstanding work, such as writing bodies to files.
    ///
    /// It is for a store that is about to be [removed](Self::remove), and for a program that must
    /// end immediately. It applies to all clones of this handle. Nothing is lost: bodies stay in the
    /// journal, and the next handle that writes moves them.
    pub fn abandon(&self) {
        self.shared().settler.abandon();
    }

    /// Returns the settings that the store was created with.
    #[must_use]
    pub fn settings(&self) -> Settings {
        self.shared().context.settings
    }

    /// Returns the bump policy of this handle.
    ///
    /// It is the store's policy, unless the handle was opened with another.
    #[must_use]
    pub fn policy(&self) -> BumpPolicy {
        self.shared().context.policy
    }

    /// Returns a handle of the same store whose changes have another author.
    ///
    /// It shares everything with this handle: files, locks, caches and the write queue. An app with
    /// many users opens its store once, and calls this for each request.
    ///
    /// ```
    /// use promptbook::{NewPrompt, Store};
    ///
    /// let store = Store::in_memory()?;
    /// let new = NewPrompt::new("greeting", r#"{"messages": []}"#);
    /// let created = store.with_author("bob").create_prompt(new)?;
    /// assert_eq!(created.version.author, "bob");
    /// # Ok::<(), promptbook::Error>(())
    /// ```
    #[must_use]
    pub fn with_author(&self, author: impl Into<String>) -> Self {
        Self {
            author: author.into().into(),
            ..self.clone()
        }
    }

    /// Returns the author of the changes that are made through this handle.
    #[must_use]
    pub fn author(&self) -> &str {
        &self.author
    }

    /// Returns a handle of the same store whose operations form a new group.
    ///
    /// It shares everything with this handle: files, locks, caches and the write queue. What a
    /// command or a script changes through it can be undone by one [`undo_group`](Self::undo_group).
    ///
    /// ```
    /// use promptbook::{NewPrompt, Store};
    ///
    /// let store = Store::in_memory()?;
    /// let grouped = store.grouped();
    /// for name in ["a", "b"] {
    ///     grouped.create_prompt(NewPrompt::new(name, r#"{"messages": []}"#))?;
    /// }
    /// let group = grouped.group().expect("it has a group");
    /// assert_eq!(store.undo_group(group)?.content.undoes, [2, 1]);
    /// assert_eq!(store.prompts().count()?, 0);
    /// # Ok::<(), promptbook::Error>(())
    /// ```
    #[must_use]
    pub fn grouped(&self) -> Self {
        self.with_group(self.shared().context.draw_group())
    }

    /// Returns a handle as [`grouped`](Self::grouped) does, for a group that may exist already.
    #[must_use]
    pub fn with_group(&self, group: GroupId) -> Self {
        Self {
            group: Some(group),
            ..self.clone()
        }
    }

    /// Returns the group of the operations that are made through this handle.
    #[must_use]
    pub fn group(&self) -> Option<GroupId> {
        self.group
    }

    /// Returns a handle of the same store whose changes may use environments that are not in the
    /// [environment list](View::environment_list).
    ///
    /// It shares everything with this handle: files, locks, caches and the write queue. It is for
    /// programs that mirror another service, as the server does.
    ///
    /// ```
    /// use promptbook::{NewPrompt, StoreOptions};
    ///
    /// let store = StoreOptions::new().environments(["production"]).in_memory()?;
    /// store.create_prompt(NewPrompt::new("greeting", r#"{"messages": []}"#))?;
    /// assert!(store.set_environment("greeting", "staging", "1.0").is_err());
    /// store.accepting_unlisted().set_environment("greeting", "staging", "1.0")?;
    /// # Ok::<(), promptbook::Error>(())
    /// ```
    #[must_use]
    pub fn accepting_unlisted(&self) -> Self {
        Self {
            accepts_unlisted: true,
            ..self.clone()
        }
    }

    /// Returns the operations of the last transaction that was committed through this handle.
    #[cfg(feature = "cli")]
    pub(crate) fn operations_made(&self) -> Option<RangeInclusive<u64>> {
        self.shared().made.get()
    }

    /// Makes a change in a transaction that it may share with other changes.
    pub(super) fn write<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut WriteTransaction<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (author, group) = (Arc::clone(&self.author), self.group);
        let accepts_unlisted = self.accepts_unlisted;
        self.shared().queue.write(self.shared(), move |writer| {
            writer.set_author(&author);
            writer.set_group(group);
            writer.accept_unlisted(accepts_unlisted);
            change(writer)
        })
    }
}
