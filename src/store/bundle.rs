//! A store's history as one file, and back.

use std::io::{Read, Seek, Write};

use super::handle::Store;
use crate::engine::{Bundle, BundleSummary, Imported, export_bundle};
use crate::model::error::Result;
use crate::storage;
use crate::storage::ErrorKind;

impl Store {
    /// Writes the whole store as one file that [`import_bundle`](Self::import_bundle) takes: its history, and every body
    /// that is stored. The same store gives the same bytes.
    ///
    /// All of it is of one moment, whoever writes meanwhile. Nobody waits for it to commit; bodies are neither settled nor
    /// collected until it is through. Memory holds hashes, and one body or operation at a time.
    ///
    /// # The file
    ///
    /// ```text
    /// promptbook bundle 1
    /// {"operations":2,"head":"09fe…","bodies":1,"bytes":16}
    /// {"at":"2026-01-01T00:00:00Z","author":"ann","kind":"create","changes":[…]}
    /// {"at":"2026-01-01T00:00:01Z","author":"ann","kind":"rename","changes":[…]}
    /// 3c4f… 16
    /// {"messages": []}
    /// blake3 77aa…
    /// ```
    ///
    /// 1. What it is, and its format.
    /// 2. One line of JSON: how many operations there are, the last one's id (null where there is none), how many bodies,
    ///    and their bytes in sum.
    /// 3. Each operation's content, a line each and oldest first: the text exactly as its
    ///    [`OperationId`](crate::OperationId) was hashed, so the ids follow from it. Replaying them gives the prompts, the
    ///    versions and the pointers.
    /// 4. Each body, by ascending address: a line with its address and its length in bytes, then its bytes, then a line
    ///    break.
    /// 5. The BLAKE3 of all bytes before the last line.
    ///
    /// Lines end with a line feed. The bodies are those of all versions, deleted ones too until they are collected. Recorded
    /// inputs, secrets and settings are not part of the history, and not in the file.
    ///
    /// # Errors
    ///
    /// [`File`](crate::Error::File) where `to` fails; [`Damaged`](crate::Error::Damaged) for a body that is not what was stored, which is
    /// never exported; [`Backend`](crate::Error::Backend), also where the history itself is damaged. What was written until then
    /// is no bundle.
    pub fn export_bundle(&self, to: impl Write) -> Result<BundleSummary> {
        self.inner.queue.refuse_within()?;
        let bodies = &self.inner.bodies;
        // Before the snapshot is taken: what it shows stays there.
        let hold = bodies.blobs().hold();
        let _hold = match hold {
            // One who may only read can't take it.
            Err(error) if self.inner.read_only && error.kind() != ErrorKind::Busy => None,
            hold => Some(hold?),
        };
        let snapshot = self.inner.index.snapshot()?;
        let exported = export_bundle(&**snapshot, bodies, to);
        match snapshot.is_consistent() {
            true => exported,
            // What was written can't be taken back.
            false => Err(storage::Error::new(
                ErrorKind::Busy,
                "the store was written while it was exported; export it again",
            )
            .into()),
        }
    }

    /// Brings a bundle into this store, which may be empty or have a history of its own. All of it or nothing:
    ///
    /// - A store whose history the bundle's goes on from is given the rest of it: the same operations of the same ids.
    /// - A store that has all of the bundle's operations is left as it is.
    /// - Where both went on from what they have in common, or have nothing in common, the operations that the store does
    ///   not have are appended behind its own. They keep author, moment and changes, and get ids and numbers of their
    ///   own; those that [undo](crate::OperationKind::Undo) others name these by their numbers here. Bringing in the same bundle again
    ///   changes nothing, and two stores that bring in each other's bundles hold the same.
    ///
    /// Prompts and versions keep their ids. What both sides did behind what they have in common must not meet, or the bundle
    /// is refused:
    ///
    /// - Both gave the same id or number.
    /// - Both moved the same pointer, changed the name or tags of the same prompt, or deleted or brought back the same
    ///   prompt or version. It is no matter what it is now: moved and moved back is moved.
    /// - One deleted or brought back a prompt or version that the other changed, committed to, or pointed to.
    /// - Both took the same operation back, or brought it back.
    ///
    /// What both have of the same content, as from an earlier import, is not told against either. So of two stores that
    /// bring in each other's bundles, both refuse, or both hold the same. The bump rules do not apply: what was committed
    /// elsewhere is not judged.
    ///
    /// The whole file is checked before anything is written: its hash, the chain of its operations' ids, each body against
    /// its address. Then it is brought in by one transaction, which others who write wait for. Reading starts where
    /// `from` is.
    ///
    /// ```
    /// use std::io::Cursor;
    ///
    /// use promptbook::{NewPrompt, Store};
    ///
    /// let store = Store::in_memory()?;
    /// store.create_prompt(NewPrompt::new("greeting", r#"{"messages": []}"#)?)?;
    /// let mut file = Vec::new();
    /// store.export_bundle(&mut file)?;
    ///
    /// let copy = Store::in_memory()?;
    /// assert_eq!(copy.import_bundle(Cursor::new(&file))?.appended, 1);
    /// assert_eq!(copy.resolve("greeting@production")?, store.resolve("greeting@production")?);
    /// let mut again = Vec::new();
    /// copy.export_bundle(&mut again)?;
    /// assert_eq!(again, file);
    /// # Ok::<(), promptbook::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`File`](crate::Error::File) where the bundle is none, or damaged, or can't be read;
    /// [`Contradiction`](crate::Error::Contradiction) where it can't be one history with the store's;
    /// [`ReadOnly`](crate::Error::ReadOnly); [`OutcomeUnknown`](crate::Error::OutcomeUnknown); [`Backend`](crate::Error::Backend).
    pub fn import_bundle(&self, from: impl Read + Seek) -> Result<Imported> {
        self.writable()?;
        let mut bundle = Bundle::open(from)?;
        self.batch(|batch| batch.writer().import_bundle(&mut bundle))
    }
}

#[cfg(test)]
#[path = "bundle_tests/mod.rs"]
mod tests;
