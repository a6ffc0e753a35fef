//! Bodies held against their addresses, by as many threads as the machine has.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};
use std::thread;

use super::{Depth, Report, Violation};
use crate::backend::{self, Blobs, ErrorKind, Index, Snapshot, StoredBlob};
use crate::engine::search::Expected;
use crate::error::Result;
use crate::id::BlobId;

/// What bodies are held against.
pub(super) struct BodyCheck<'a> {
    pub(super) index: &'a dyn Index,
    pub(super) blobs: &'a dyn Blobs,
    pub(super) depth: Depth,
    /// How many live versions each body has; nothing where that was not counted.
    pub(super) live: Option<HashMap<BlobId, u64>>,
}

/// Bodies that a thread is given at once: neighbours, which lie together in a pack.
const AT_ONCE: usize = 256;

/// A body to be looked at.
struct Job {
    /// Its place among all.
    number: u64,
    id: BlobId,
    stored: StoredBlob,
    /// Whether its bytes are wanted, too.
    wanted: bool,
}

/// What came of it.
struct Outcome {
    number: u64,
    id: BlobId,
    found: Result<Found>,
}

enum Found {
    Sound { size: u64, bytes: Vec<u8> },
    OtherSize { size: u64, told: u64 },
    OtherHash { size: usize },
    Unreadable { reason: String },
    Missing,
}

impl BodyCheck<'_> {
    /// Every body that is stored matches its address, and every live version's body is stored.
    pub(super) fn check(
        mut self,
        snapshot: &dyn Snapshot,
        search: &mut Option<Expected>,
        report: &mut Report,
        progress: &mut dyn FnMut(u64),
    ) -> Result<()> {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let (give, given) = sync_channel::<Vec<Job>>(2 * threads);
        let given = Mutex::new(given);
        let (tell, told) = channel();
        let mut wrong: Vec<(u64, Violation)> = Vec::new();
        let mut live = self.live.take();
        thread::scope(|scope| -> Result<()> {
            for _ in 0..threads {
                let (this, given, tell) = (&self, &given, tell.clone());
                scope.spawn(move || this.work(given, &tell));
            }
            drop(tell);
            // Dropped at an error too, which ends the threads.
            let give = give;
            let mut jobs = Vec::with_capacity(AT_ONCE);
            let mut number = 0;
            snapshot.each_blob(&mut |id, stored, counted| {
                number += 1;
                if let Some(live) = &mut live {
                    let versions = live.remove(&id).unwrap_or_default();
                    if versions != counted {
                        let detail =
                            format!("{counted} live versions are counted, there are {versions}");
                        wrong.push((number, Violation::Body { blob: id, detail }));
                    }
                }
                let wanted = search.as_ref().is_some_and(|search| search.wants(id));
                jobs.push(Job {
                    number,
                    id,
                    stored,
                    wanted,
                });
                if jobs.len() == AT_ONCE {
                    // The threads go on until this is dropped.
                    let _ = give.send(std::mem::replace(&mut jobs, Vec::with_capacity(AT_ONCE)));
                    for outcomes in told.try_iter() {
                        self.take(outcomes, search, report, &mut wrong)?;
                        progress(report.bodies);
                    }
                }
                Ok(())
            })?;
            let _ = give.send(jobs);
            drop(give);
            for outcomes in told {
                self.take(outcomes, search, report, &mut wrong)?;
                progress(report.bodies);
            }
            Ok(())
        })?;
        wrong.sort_by_key(|(number, _)| *number);
        report
            .violations
            .extend(wrong.into_iter().map(|(_, violation)| violation));
        let missing = live.into_iter().flatten().map(|(blob, _)| Violation::Body {
            blob,
            detail: "live versions have it, and it is not stored".into(),
        });
        report.violations.extend(missing);
        Ok(())
    }

    fn work(&self, given: &Mutex<Receiver<Vec<Job>>>, tell: &Sender<Vec<Outcome>>) {
        loop {
            let jobs = match given.lock() {
                Ok(given) => given.recv(),
                Err(_) => return,
            };
            let Ok(jobs) = jobs else { return };
            let outcome = |job: Job| Outcome {
                number: job.number,
                id: job.id,
                found: self.look(job.id, job.stored, job.wanted),
            };
            if tell.send(jobs.into_iter().map(outcome).collect()).is_err() {
                return;
            }
        }
    }

    fn look(&self, id: BlobId, stored: StoredBlob, wanted: bool) -> Result<Found> {
        let (bytes, told) = match stored {
            StoredBlob::Journaled(bytes) => (Some(bytes), None),
            StoredBlob::Settled(size) if self.depth == Depth::Quick => {
                return Ok(match self.blobs.holds(id)? {
                    true => Found::Sound {
                        size,
                        bytes: Vec::new(),
                    },
                    false => Found::Missing,
                });
            }
            StoredBlob::Settled(size) => match self.read_settled(id) {
                Ok(bytes) => (bytes, Some(size)),
                Err(error) if error.kind() == ErrorKind::Corrupt => {
                    let reason = error.to_string();
                    return Ok(Found::Unreadable { reason });
                }
                Err(error) => return Err(error.into()),
            },
        };
        Ok(match bytes {
            None => Found::Missing,
            Some(bytes) if BlobId::of(&bytes) != id => Found::OtherHash { size: bytes.len() },
            Some(bytes) => {
                let size = bytes.len() as u64;
                match told.filter(|told| *told != size) {
                    Some(told) => Found::OtherSize { size, told },
                    None if wanted => Found::Sound { size, bytes },
                    None => Found::Sound {
                        size,
                        bytes: Vec::new(),
                    },
                }
            }
        })
    }

    /// A sound copy of a body; where there is none, what lies in its place.
    fn read_settled(&self, id: BlobId) -> backend::Result<Option<Vec<u8>>> {
        let mut found = None;
        self.blobs.get(id, &mut |bytes| {
            let is_sound = BlobId::of(&bytes) == id;
            found = Some(bytes);
            is_sound
        })?;
        Ok(found)
    }

    fn take(
        &self,
        outcomes: Vec<Outcome>,
        search: &mut Option<Expected>,
        report: &mut Report,
        wrong: &mut Vec<(u64, Violation)>,
    ) -> Result<()> {
        for Outcome { number, id, found } in outcomes {
            report.bodies += 1;
            let mut found = found?;
            if let Found::Missing = found {
                // Collected since the snapshot was taken, perhaps to come back; or missing.
                match self.index.snapshot()?.blob(id)? {
                    Some(now) => found = self.look(id, now, true)?,
                    None => continue,
                }
            }
            let detail = match found {
                Found::Sound { size, bytes } => {
                    report.bytes += size;
                    if let Some(search) = search {
                        search.body(id, &bytes);
                    }
                    continue;
                }
                Found::OtherSize { size, told } => {
                    format!("it has {size} bytes, the index says {told}")
                }
                Found::OtherHash { size } => format!("its {size} bytes have another hash"),
                Found::Unreadable { reason } => reason,
                Found::Missing => "it is missing".into(),
            };
            wrong.push((number, Violation::Body { blob: id, detail }));
        }
        Ok(())
    }
}
