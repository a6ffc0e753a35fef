//! Export of a bundle.

use std::collections::{HashMap, HashSet};
use std::io::{BufWriter, Write};
use std::ops::ControlFlow;

use super::format::{BUFFER_BYTES, BundleHead, KIND, MAX_OPERATION_BYTES};
use super::summary::BundleSummary;
use crate::engine::read::bodies::BodyReader;
use crate::engine::read::lookup::version_label;
use crate::engine::visit;
use crate::fs::checksummed_file::ChecksumWriter;
use crate::model::error::{Error, Result};
use crate::model::id::{BlobId, OperationId, PromptId, VersionId};
use crate::model::log_position::LogPosition;
use crate::model::operation_text;
use crate::model::progress::Reporter;
use crate::model::record::Change;
use crate::storage;
use crate::storage::{Snapshot, StorageErrorKind, read_operation};

/// The operations that an export writes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ExportRange {
    /// The position after which they begin; none for the first one.
    pub(crate) after: Option<LogPosition>,
    /// The size in bytes of operations and bodies after which they end; none for all.
    pub(crate) bytes: Option<u64>,
}

/// Writes operations of a snapshot and their stored bodies.
///
/// The caller must ensure that no body is garbage collected meanwhile.
pub(crate) fn export_bundle(
    snapshot: &dyn Snapshot,
    bodies: &BodyReader,
    range: ExportRange,
    to: impl Write,
    progress: &mut Reporter<'_>,
) -> Result<BundleSummary> {
    progress.report()?;
    // The second line contains totals, so everything is visited twice instead of kept in memory.
    let mut head = BundleHead {
        after: range.after.filter(|after| *after != LogPosition::START),
        ..BundleHead::default()
    };
    let blobs = {
        let mut versions = match (head.after, range.bytes) {
            (None, None) => history(snapshot, &mut head, progress)?,
            (_, bytes) => part(snapshot, bytes.unwrap_or(u64::MAX), &mut head, progress)?,
        };
        versions.sort_unstable();
        versions.dedup();
        stored(snapshot, &versions, &mut head, progress)?
    };
    let last = head.last_number();
    progress.expect(head.operations + head.bodies);
    let failed = |error| Error::from(KIND.unwritten(error));
    let sealer = ChecksumWriter::new(to, KIND).map_err(failed)?;
    let mut out = BufWriter::with_capacity(BUFFER_BYTES, sealer);
    let line = serde_json::to_string(&head).map_err(|error| {
        storage::StorageError::new(StorageErrorKind::Other, "writing the head of a bundle")
            .because(error)
    })?;
    writeln!(out, "{line}").map_err(failed)?;
    visit::operations(snapshot, head.start().number, |number, _, text| {
        if number > last {
            return Ok(ControlFlow::Break(()));
        }
        writeln!(out, "{text}").map_err(failed)?;
        progress.advance(1)?;
        Ok(ControlFlow::Continue(()))
    })?;
    for (id, size) in blobs {
        let bytes = bodies.read_checked(snapshot, id)?.into_bytes();
        if bytes.len() as u64 != size {
            return Err(Error::CorruptBody {
                version: None,
                blob: id,
                reason: format!("it has {} bytes, the index says {size}", bytes.len()),
            });
        }
        writeln!(out, "{id} {size}")
            .and_then(|()| out.write_all(&bytes))
            .and_then(|()| out.write_all(b"\n"))
            .map_err(failed)?;
        progress.advance(1)?;
    }
    let sealer = out
        .into_inner()
        .map_err(|error| failed(error.into_error()))?;
    let (_, seal) = sealer.finish().map_err(failed)?;
    Ok(BundleSummary {
        operations: head.operations,
        head: head.head,
        bodies: head.bodies,
        bytes: head.bytes,
        seal,
    })
}

/// Checks the chain of operations, and returns the versions that they created, with their bodies.
fn history(
    snapshot: &dyn Snapshot,
    head: &mut BundleHead,
    progress: &mut Reporter<'_>,
) -> Result<Vec<(BlobId, VersionId)>> {
    let mut versions = Vec::new();
    let mut last = OperationId::ROOT;
    visit::operations(snapshot, 0, |number, id, text| {
        progress.pulse()?;
        check_operation(head, last, number, id, text)?;
        let created = operation_text::created_versions(text)
            .map_err(|error| damaged(number, "its content cannot be read").because(error))?;
        versions.extend(created);
        last = id;
        head.operations += 1;
        head.head = Some(id);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(versions)
}

/// Checks the next operation of a chain.
fn check_operation(
    head: &BundleHead,
    last: OperationId,
    number: u64,
    id: OperationId,
    text: &str,
) -> Result<()> {
    if number != head.last_number() + 1 || last.followed_by(text.as_bytes()) != id {
        return Err(damaged(number, "its id does not match the history up to it").into());
    }
    if text.len() as u64 > MAX_OPERATION_BYTES {
        return Err(KIND
            .malformed(format!("operation {number} is too long for a bundle"))
            .into());
    }
    Ok(())
}

fn damaged(operation: u64, reason: &str) -> storage::StorageError {
    storage::StorageError::new(
        StorageErrorKind::Corrupt,
        format!("operation {operation}: {reason}"),
    )
}

/// Checks the chain of a part of the operations, and returns the versions that they created or
/// restored, with their bodies.
///
/// The part ends after the first operation with which it has `bytes` bytes, if a store that ends
/// there has the bodies of all live versions. Some may have been removed since, together with their
/// versions: the part then continues to the deletion of those.
fn part(
    snapshot: &dyn Snapshot,
    bytes: u64,
    head: &mut BundleHead,
    progress: &mut Reporter<'_>,
) -> Result<Vec<(BlobId, VersionId)>> {
    let mut versions = Vec::new();
    let mut last = head.start().id;
    let mut size = 0;
    // The live versions without a body, with their prompts.
    let mut without: HashMap<VersionId, PromptId> = HashMap::new();
    let mut known: HashSet<BlobId> = HashSet::new();
    visit::operations(snapshot, head.start().number, |number, id, text| {
        progress.pulse()?;
        if size >= bytes && without.is_empty() {
            return Ok(ControlFlow::Break(()));
        }
        check_operation(head, last, number, id, text)?;
        size += text.len() as u64;
        for change in read_operation(number, text)?.changes {
            let (version, prompt, blob) = match change {
                Change::VersionCreated(version) => (version.id, version.prompt_id, version.blob),
                Change::VersionRestored { prompt, id } => {
                    let Some(row) = snapshot.version_even_deleted(id)? else {
                        return Err(damaged(number, "it restores an unknown version").into());
                    };
                    (id, prompt, row.version.blob)
                }
                Change::VersionDeleted { id, .. } => {
                    without.remove(&id);
                    continue;
                }
                Change::Prompt {
                    id, after: None, ..
                } => {
                    without.retain(|_, prompt| *prompt != id);
                    continue;
                }
                _ => continue,
            };
            match snapshot.blob(blob)? {
                Some(stored) if known.insert(blob) => size += stored.size(),
                Some(_) => {}
                None => drop(without.insert(version, prompt)),
            }
            versions.push((blob, version));
        }
        last = id;
        head.operations += 1;
        head.head = Some(id);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(versions)
}

/// Returns the addresses and sizes of the stored bodies of these versions, ordered by address.
fn stored(
    snapshot: &dyn Snapshot,
    versions: &[(BlobId, VersionId)],
    head: &mut BundleHead,
    progress: &mut Reporter<'_>,
) -> Result<Vec<(BlobId, u64)>> {
    let mut blobs = Vec::new();
    for of_one in versions.chunk_by(|(one, _), (other, _)| one == other) {
        let Some((id, _)) = of_one.first().copied() else {
            continue;
        };
        progress.pulse()?;
        let Some(blob) = snapshot.blob(id)? else {
            refuse_live(snapshot, of_one)?;
            continue;
        };
        let size = blob.size();
        blobs.push((id, size));
        head.bodies += 1;
        head.bytes += size;
    }
    Ok(blobs)
}

/// Checks that a body that is not stored belongs to no live version.
fn refuse_live(snapshot: &dyn Snapshot, versions: &[(BlobId, VersionId)]) -> Result<()> {
    for (blob, version) in versions {
        if let Some(version) = snapshot.version(*version)? {
            return Err(Error::CorruptBody {
                blob: *blob,
                version: Some(version_label(snapshot, &version)?),
                reason: "the index does not contain it".into(),
            });
        }
    }
    Ok(())
}
