//! Verification of bodies against their addresses, on as many threads as the machine has.

use std::collections::{HashMap, HashSet};
use std::error::Error as _;
use std::io;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};
use std::thread;

use super::report::{Depth, VerifyReport, Violation, damage};
use crate::engine::search::{ExpectedIndex, may_name_partials};
use crate::engine::visit;
use crate::model::error::Result;
use crate::model::id::BlobId;
use crate::model::progress::Reporter;
use crate::model::verified_bytes::VerifiedBytes;
use crate::storage;
use crate::storage::{Blobs, Index, Snapshot, StorageErrorKind, StoredBlob};

/// A check of all bodies of a store.
pub(super) struct BodyCheck<'a> {
    pub(super) index: &'a dyn Index,
    pub(super) blobs: &'a dyn Blobs,
    pub(super) depth: Depth,
}

/// The uses of bodies, which a check of all bodies compares with the bodies.
pub(super) trait BodyUses {
    /// Notes the row of a body that counts this number of live versions.
    ///
    /// Returns what is wrong with the number, if that is known already.
    fn row(&mut self, id: BlobId, counted: u64) -> Option<String>;

    /// Returns whether the bytes of a body are needed, if they may name partials.
    fn wants(&self, id: BlobId) -> bool;

    /// Notes the verified bytes of a body that is wanted.
    fn body(&mut self, id: BlobId, bytes: &[u8]);

    /// Returns the bodies of live versions for which there was no row.
    fn without_row(&mut self) -> Vec<BlobId>;
}

/// The uses of each body, by which a violation is named.
pub(super) struct NamedUses<'a> {
    /// The number of live versions of each body; `None` if they were not counted.
    pub(super) live: Option<HashMap<BlobId, u64>>,
    pub(super) search: &'a mut Option<ExpectedIndex>,
}

impl BodyUses for NamedUses<'_> {
    fn row(&mut self, id: BlobId, counted: u64) -> Option<String> {
        let versions = self.live.as_mut()?.remove(&id).unwrap_or_default();
        (versions != counted)
            .then(|| format!("{counted} live versions are counted, but there are {versions}"))
    }

    fn wants(&self, id: BlobId) -> bool {
        self.search.as_ref().is_some_and(|search| search.wants(id))
    }

    fn body(&mut self, id: BlobId, bytes: &[u8]) {
        if let Some(search) = &mut self.search {
            search.body(id, bytes);
        }
    }

    fn without_row(&mut self) -> Vec<BlobId> {
        let live = self.live.take().into_iter().flatten();
        live.map(|(id, _)| id).collect()
    }
}

/// The number of bodies in one unit of work. Adjacent bodies usually are in the same pack.
const JOB_BATCH: usize = 256;

/// A body to check.
struct BodyJob {
    /// The body's position in the order in which the index lists them.
    number: u64,
    id: BlobId,
    stored: StoredBlob,
    /// Whether the bytes are needed after the check, if they may name partials.
    keeps_bytes: bool,
}

/// The result of a job.
struct BodyOutcome {
    number: u64,
    id: BlobId,
    found: Result<BodyState>,
}

enum BodyState {
    Sound { size: u64, bytes: Vec<u8> },
    OtherSize { size: u64, recorded_size: u64 },
    Unreadable { reason: String },
    Missing,
}

impl BodyCheck<'_> {
    /// Checks that stored bodies match their addresses, and that those of live versions are stored.
    pub(super) fn check(
        self,
        snapshot: &dyn Snapshot,
        uses: &mut dyn BodyUses,
        report: &mut VerifyReport,
        progress: &mut Reporter<'_>,
    ) -> Result<()> {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let (give, given) = sync_channel::<Vec<BodyJob>>(2 * threads);
        let given = Mutex::new(given);
        let (tell, recorded_size) = channel();
        let mut wrong: Vec<(u64, Violation)> = Vec::new();
        let visited = thread::scope(|scope| -> Result<Option<String>> {
            let mut started = 0;
            for _ in 0..threads {
                let (this, given, tell) = (&self, &given, tell.clone());
                let named = thread::Builder::new().name("promptbook-verify".into());
                match named.spawn_scoped(scope, move || this.work(given, &tell)) {
                    Ok(_) => started += 1,
                    // The system has no more threads. If none was started, this thread does the
                    // work itself.
                    Err(_) => break,
                }
            }
            drop(tell);
            // It is dropped on an error too, which ends the threads.
            let give = give;
            let hand_on = |jobs: Vec<BodyJob>| match started {
                0 => self.check_all(jobs),
                _ => {
                    // The threads receive until `give` is dropped, so sending does not fail.
                    let _ = give.send(jobs);
                    Vec::new()
                }
            };
            let mut jobs = Vec::with_capacity(JOB_BATCH);
            let mut number = 0;
            let visited = visit::blobs(snapshot, |id, stored, counted| {
                number += 1;
                if let Some(detail) = uses.row(id, counted) {
                    wrong.push((number, Violation::Body { blob: id, detail }));
                }
                let keeps_bytes = uses.wants(id);
                jobs.push(BodyJob {
                    number,
                    id,
                    stored,
                    keeps_bytes,
                });
                if jobs.len() == JOB_BATCH {
                    let full = std::mem::replace(&mut jobs, Vec::with_capacity(JOB_BATCH));
                    let done = hand_on(full);
                    for outcomes in recorded_size.try_iter().chain([done]) {
                        self.take(outcomes, uses, report, &mut wrong)?;
                        progress.at(report.bodies)?;
                    }
                }
                Ok(())
            });
            let damage = visited.map_or_else(|error| damage(error).map(Some), |()| Ok(None))?;
            let done = hand_on(jobs);
            drop(give);
            for outcomes in recorded_size.into_iter().chain([done]) {
                self.take(outcomes, uses, report, &mut wrong)?;
                progress.at(report.bodies)?;
            }
            Ok(damage)
        })?;
        wrong.sort_by_key(|(number, _)| *number);
        report
            .violations
            .extend(wrong.into_iter().map(|(_, violation)| violation));
        if let Some(damage) = visited {
            report.index_is_damaged(damage);
            // A damaged index does not list all bodies, so the missing ones cannot be determined.
            return match self.depth {
                Depth::Quick => Ok(()),
                Depth::Full => check_loose(self.blobs, report, progress),
            };
        }
        let missing = uses.without_row().into_iter().map(|blob| Violation::Body {
            blob,
            detail: "live versions refer to it, but it is not stored".into(),
        });
        report.violations.extend(missing);
        Ok(())
    }

    fn work(&self, queue: &Mutex<Receiver<Vec<BodyJob>>>, outcomes: &Sender<Vec<BodyOutcome>>) {
        loop {
            let received = match queue.lock() {
                Ok(queue) => queue.recv(),
                Err(_) => return,
            };
            let Ok(jobs) = received else { return };
            if outcomes.send(self.check_all(jobs)).is_err() {
                return;
            }
        }
    }

    fn check_all(&self, jobs: Vec<BodyJob>) -> Vec<BodyOutcome> {
        let outcome = |job: BodyJob| BodyOutcome {
            number: job.number,
            id: job.id,
            found: self.check_body(job.id, job.stored, job.keeps_bytes),
        };
        jobs.into_iter().map(outcome).collect()
    }

    fn check_body(&self, id: BlobId, stored: StoredBlob, keeps_bytes: bool) -> Result<BodyState> {
        let (bytes, recorded_size) = match stored {
            StoredBlob::Journaled(bytes) => {
                let bytes = VerifiedBytes::check(id, bytes);
                (bytes.map(Some).map_err(Into::into), None)
            }
            StoredBlob::Settled(size) if self.depth == Depth::Full => {
                (self.blobs.get(id), Some(size))
            }
            StoredBlob::Settled(size) => {
                if !self.blobs.holds(id)? {
                    return Ok(BodyState::Missing);
                }
                let bytes = Vec::new();
                return Ok(BodyState::Sound { size, bytes });
            }
        };
        let bytes = match bytes {
            Ok(Some(bytes)) => bytes.into_bytes(),
            Ok(None) => return Ok(BodyState::Missing),
            Err(error) if is_damage(&error) => {
                let reason = reason_of(&error);
                return Ok(BodyState::Unreadable { reason });
            }
            Err(error) => return Err(error.into()),
        };
        let size = bytes.len() as u64;
        Ok(
            match recorded_size.filter(|recorded_size| *recorded_size != size) {
                Some(recorded_size) => BodyState::OtherSize {
                    size,
                    recorded_size,
                },
                None if keeps_bytes && may_name_partials(&bytes) => {
                    BodyState::Sound { size, bytes }
                }
                None => BodyState::Sound {
                    size,
                    bytes: Vec::new(),
                },
            },
        )
    }

    fn take(
        &self,
        outcomes: Vec<BodyOutcome>,
        uses: &mut dyn BodyUses,
        report: &mut VerifyReport,
        wrong: &mut Vec<(u64, Violation)>,
    ) -> Result<()> {
        for BodyOutcome { number, id, found } in outcomes {
            report.bodies += 1;
            let mut found = found?;
            if let BodyState::Missing = found {
                // The body was collected after the snapshot was taken and may have been stored
                // again, or it is missing.
                match self.index.snapshot()?.blob(id) {
                    Ok(Some(now)) => found = self.check_body(id, now, true)?,
                    Ok(None) => continue,
                    Err(error) => {
                        let reason = damage(error.into())?;
                        found = BodyState::Unreadable { reason };
                    }
                }
            }
            let detail = match found {
                BodyState::Sound { size, bytes } => {
                    report.bytes += size;
                    if !bytes.is_empty() {
                        uses.body(id, &bytes);
                    }
                    continue;
                }
                BodyState::OtherSize {
                    size,
                    recorded_size,
                } => {
                    format!("it has {size} bytes, but the index says {recorded_size}")
                }
                BodyState::Unreadable { reason } => reason,
                BodyState::Missing => "it is missing".into(),
            };
            wrong.push((number, Violation::Body { blob: id, detail }));
        }
        Ok(())
    }
}

/// Checks the indexes of packs, and in full depth all their bytes.
pub(super) fn check_packs(
    blobs: &dyn Blobs,
    depth: Depth,
    report: &mut VerifyReport,
) -> Result<()> {
    let wrong = blobs.check_packs(depth == Depth::Full)?.into_iter();
    let details = wrong.map(|detail| Violation::Pack { detail });
    report.violations.extend(details);
    Ok(())
}

/// Returns whether a read error concerns this body alone.
///
/// This is the case if the stored bytes are corrupt, if the file's name belongs to a directory, or
/// if the medium fails at this place. Any other error concerns the process or the whole store.
fn is_damage(error: &storage::StorageError) -> bool {
    /// EIO on Unix, ERROR_CRC on Windows.
    const MEDIUM: i32 = if cfg!(windows) { 23 } else { 5 };
    let cause = error.source().and_then(|cause| cause.downcast_ref());
    error.kind() == StorageErrorKind::Corrupt
        || cause.is_some_and(|cause: &io::Error| {
            cause.raw_os_error() == Some(MEDIUM) || cause.kind() == io::ErrorKind::IsADirectory
        })
}

/// Returns why a body is damaged. Its address is not repeated.
fn reason_of(error: &storage::StorageError) -> String {
    let mismatch = error.hash_mismatch();
    mismatch.map_or_else(|| error.to_string(), |mismatch| mismatch.to_string())
}

/// Checks the loose bodies, without an index that lists them.
///
/// A body for which the report already has a violation gets no second one.
pub(super) fn check_loose(
    blobs: &dyn Blobs,
    report: &mut VerifyReport,
    progress: &mut Reporter<'_>,
) -> Result<()> {
    let bodies = report
        .violations
        .iter()
        .filter_map(|violation| match violation {
            Violation::Body { blob, .. } => Some(*blob),
            _ => None,
        });
    let known: HashSet<BlobId> = bodies.collect();
    (report.bodies, report.bytes) = (0, 0);
    visit::stoppable(|keep| {
        blobs.list(&mut |id| {
            report.bodies += 1;
            let detail = match blobs.get(id) {
                Ok(Some(bytes)) => {
                    report.bytes += bytes.as_bytes().len() as u64;
                    None
                }
                // The body was removed after it was listed.
                Ok(None) => None,
                Err(error) if is_damage(&error) => Some(reason_of(&error)),
                Err(error) => return Err(error),
            };
            if let Some(detail) = detail.filter(|_| !known.contains(&id)) {
                report.violations.push(Violation::Body { blob: id, detail });
            }
            keep(progress.at(report.bodies))
        })
    })
}
