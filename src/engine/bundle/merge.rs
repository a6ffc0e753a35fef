//! Import of a bundle into a store, in one transaction.

use std::collections::{HashMap, HashSet};
use std::io::{Read, Seek};

use super::append::{BundleAppend, OperationChunk};
use super::check::BundleCheck;
use super::format::{KIND, malformed};
use super::local_changes::LocalChanges;
use super::manifest::{Bundle, Manifest};
use super::shared_history::SharedHistory;
use super::summary::ImportSummary;
use crate::engine::visit;
use crate::engine::write::bulk_bodies::own_delta_group;
use crate::engine::write::writer::WriteTransaction;
use crate::model::body::Body;
use crate::model::error::{Error, Result};
use crate::model::id::{BlobId, PromptId, VersionId};
use crate::model::progress::Reporter;
use crate::model::version_number::VersionNumber;
use crate::storage::{AnnouncedIds, StorageErrorKind, read_operation};

/// The number of bodies that are announced together.
const MAX_ANNOUNCED: usize = 16 * 1024;

/// How a bundle is merged with a store.
#[derive(Debug, Default)]
pub(crate) struct BundleRules {
    /// Whether the bundle must continue the store's last operation.
    pub(crate) refuses_merges: bool,
    /// The numbers that new versions of the bundle get instead of their own.
    pub(crate) numbers: HashMap<VersionId, VersionNumber>,
}

/// The bodies that the missing operations need.
#[derive(Default)]
struct NeededBodies {
    /// The bodies to take from the bundle.
    in_bundle: HashSet<BlobId>,
    /// The garbage collected bodies that neither the bundle nor the store contains, with their sizes.
    collected: HashMap<BlobId, u64>,
}

impl WriteTransaction<'_> {
    /// Appends the operations of a bundle that the store does not have, and stores their bodies.
    ///
    /// An operation that contradicts the store, or a bundle that is malformed or was altered since
    /// it was verified, is an error. The transaction must then be rolled back.
    pub(crate) fn import_bundle<R: Read + Seek>(
        &mut self,
        bundle: &mut Bundle<R>,
        rules: &BundleRules,
        progress: &mut Reporter<'_>,
    ) -> Result<ImportSummary> {
        progress.report()?;
        let (shared, local) = SharedHistory::of(bundle, self.transaction.snapshot(), self.last)?;
        let has_more = self.last.number > shared.common();
        let operations = bundle.contents.head.operations;
        let missing = shared.missing();
        let mut imported = ImportSummary {
            operations,
            present: operations - missing,
            appended: missing,
            merged: missing > 0 && has_more,
            bodies: 0,
            head: None,
            seal: bundle.seal,
        };
        if missing > 0 {
            let needed = self.needed(&bundle.contents, &shared)?;
            if rules.refuses_merges && has_more {
                return Err(Error::BundleDiverged {
                    common: shared.common(),
                });
            }
            imported.bodies = self.store_bodies(bundle, &needed, progress)?;
            self.append_operations(bundle, rules, shared, local, &needed, progress)?;
        }
        imported.head = (self.last.number > 0).then_some(self.last.id);
        Ok(imported)
    }

    fn needed(&self, contents: &Manifest, shared: &SharedHistory) -> Result<NeededBodies> {
        let mut needed = NeededBodies::default();
        let is_missing = |number: u64| shared.number(number) == 0;
        for (_, blob) in contents.created.iter().filter(|one| is_missing(one.0)) {
            self.need(
                contents,
                *blob,
                contents.without_body.get(blob).copied(),
                &mut needed,
            )?;
        }
        for (_, version) in contents.restored.iter().filter(|one| is_missing(one.0)) {
            // If the store does not have the version, an earlier missing operation creates it and
            // already accounts for its body.
            if let Some(row) = self.transaction.snapshot().version_even_deleted(*version)? {
                let (blob, size) = (row.version.blob, row.version.size);
                self.need(contents, blob, Some(size), &mut needed)?;
            }
        }
        Ok(needed)
    }

    fn need(
        &self,
        contents: &Manifest,
        blob: BlobId,
        recorded: Option<u64>,
        needed: &mut NeededBodies,
    ) -> Result<()> {
        if contents.bodies.binary_search(&blob).is_ok() {
            needed.in_bundle.insert(blob);
            return Ok(());
        }
        let Some(stored) = self.transaction.snapshot().blob(blob)? else {
            needed.collected.insert(blob, recorded.unwrap_or_default());
            return Ok(());
        };
        let stored = stored.size();
        match recorded {
            Some(recorded) if recorded != stored => Err(malformed(format!(
                "body {blob} is recorded with {recorded} bytes, but has {stored}"
            ))),
            _ => Ok(()),
        }
    }

    /// Stores the bodies that are needed, before the versions that refer to them are created.
    ///
    /// Returns how many of them the store did not have.
    fn store_bodies<R: Read + Seek>(
        &mut self,
        bundle: &mut Bundle<R>,
        needed: &NeededBodies,
        progress: &mut Reporter<'_>,
    ) -> Result<u64> {
        for (blob, size) in &needed.collected {
            self.change(|transaction| transaction.put_absent_body(*blob, *size))
                .map_err(|error| match error {
                    Error::Storage(error) if error.kind() == StorageErrorKind::Corrupt => {
                        malformed(format!(
                            "body {blob} is recorded with {size} bytes: {error}"
                        ))
                    }
                    error => error,
                })?;
        }
        let mut reader = bundle.file.bodies()?;
        let (mut stored, mut found) = (0, 0);
        for ids in bundle.contents.bodies.chunks(MAX_ANNOUNCED) {
            let new = ids.iter().filter(|id| needed.in_bundle.contains(id));
            self.transaction.announce(&AnnouncedIds {
                bodies: new.copied().collect(),
                ..AnnouncedIds::default()
            })?;
            for _ in ids {
                progress.advance(1)?;
                let (id, size) = reader.body_line()?;
                if !needed.in_bundle.contains(&id) {
                    reader.skip_body(size)?;
                    continue;
                }
                found += 1;
                let bytes = reader.body_bytes(id, size)?;
                if self.transaction.snapshot().blob(id)?.is_none() {
                    self.store_body(&Body::from_store(bytes)?, own_delta_group(id))?;
                    stored += 1;
                }
            }
        }
        if found != needed.in_bundle.len() as u64 {
            // The file changed after it was verified.
            return Err(KIND.altered().into());
        }
        Ok(stored)
    }

    fn append_operations<R: Read + Seek>(
        &mut self,
        bundle: &mut Bundle<R>,
        rules: &BundleRules,
        shared: SharedHistory,
        local: LocalChanges,
        needed: &NeededBodies,
        progress: &mut Reporter<'_>,
    ) -> Result<()> {
        let mut append = BundleAppend {
            created: self.created_prompts(bundle)?,
            shared,
            local,
            numbers: &rules.numbers,
            collected: &needed.collected,
            now: self.context.now(),
            check: BundleCheck::default(),
            without_body: Vec::new(),
        };
        let mut chunk = OperationChunk::default();
        bundle.each_operation_after(append.shared.common(), |number, id, text| {
            progress.advance(1)?;
            if append.shared.number(number) != 0 {
                return Ok(());
            }
            chunk.add(number, id, text)?;
            if chunk.is_full() {
                self.append_chunk(&mut append, std::mem::take(&mut chunk))?;
            }
            Ok(())
        })?;
        self.append_chunk(&mut append, chunk)?;
        for version in append.without_body {
            if self.transaction.snapshot().version(version)?.is_some() {
                return Err(malformed(format!(
                    "version {version} is live, but its body is neither in the bundle nor in the store"
                )));
            }
        }
        Ok(())
    }

    /// Returns the number of the operation that created each prompt, of those that the bundle creates.
    fn created_prompts<R: Read + Seek>(
        &self,
        bundle: &mut Bundle<R>,
    ) -> Result<HashMap<PromptId, u64>> {
        let mut first = std::mem::take(&mut bundle.contents.prompts);
        let start = bundle.contents.head.start().number;
        if start == 0 {
            return Ok(first);
        }
        let snapshot = self.transaction.snapshot();
        let mut earlier = Vec::new();
        for prompt in first.keys() {
            let existed = |number, text: &str| {
                let content = read_operation(number, text)?;
                let mut changes = content.changes.iter();
                Ok(changes
                    .any(|change| change.prompt() == Some(*prompt))
                    .then_some(()))
            };
            let found = visit::first(existed, |visit| {
                snapshot.each_operation_of(*prompt, start, visit)
            })?;
            earlier.extend(found.map(|()| *prompt));
        }
        for prompt in earlier {
            first.remove(&prompt);
        }
        Ok(first)
    }
}
