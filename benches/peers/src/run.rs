//! All measurements of one peer.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::measure::{Disk, Limits, Timing, flush, sample, sample_calls, timed};
use crate::peer::{History, Peer, message};
use crate::workload::{LISTED, Workload};

/// What was measured of one peer.
pub struct Measured {
    /// The disk's own flush, before and after the commits and moves.
    pub flush: [Timing; 2],
    pub commit: Timing,
    pub release: Timing,
    pub warm: Timing,
    pub changed: Timing,
    pub list: Timing,
    pub open: Timing,
    pub import: Import,
    /// After the import, and after what made it smaller.
    pub stored: Vec<Stored>,
}

/// An import, durable at its end.
pub struct Import {
    pub versions: usize,
    pub time: Duration,
}

/// What a closed store takes on disk, and for how much.
pub struct Stored {
    /// What was done to it before.
    pub after: Option<&'static str>,
    pub disk: Disk,
    pub versions: usize,
    pub body_bytes: usize,
}

/// Measures a peer, on stores in new directories of this one.
pub fn measure<P: Peer>(workload: &Workload, place: &Path) -> Result<Measured> {
    let flush_before = flush(place)?;
    let (commit, release) = changes::<P>(workload, place)?;
    let flush = [flush_before, flush(place)?];

    let directory = tempfile::tempdir_in(place)?;
    let directory = directory.path();
    let (import, imported) = import::<P>(workload, directory)?;
    let open = open::<P>(workload, directory)?;
    let peer = P::open(directory)?;
    let prompts = named::<P>(workload.imported::<P>())?;
    let warm = warm(&peer, &prompts, workload)?;
    let list = list(&peer, workload)?;
    let changed = changed(&peer, &prompts, workload, directory)?;
    peer.checkpoint()?;
    drop(peer);

    let mut stored = vec![imported];
    if let Some(after) = P::compact(directory)? {
        let more = workload.long.iter().flat_map(|history| &history.bodies);
        let more: Vec<&String> = more.chain(&workload.changes[..changed.1]).collect();
        let imported = &stored[0];
        stored.push(Stored {
            after: Some(after),
            disk: Disk::of(directory)?,
            versions: imported.versions + more.len(),
            body_bytes: imported.body_bytes + more.iter().map(|body| body.len()).sum::<usize>(),
        });
    }
    Ok(Measured {
        flush,
        commit,
        release,
        warm,
        changed: changed.0,
        list,
        open,
        import,
        stored,
    })
}

fn named<P: Peer>(histories: &[History]) -> Result<Vec<P::Prompt>> {
    histories
        .iter()
        .map(|history| P::prompt(&history.name))
        .collect()
}

/// The body that an import left in production.
fn last(history: &History) -> &[u8] {
    history.bodies.last().map_or(b"", |body| body.as_bytes())
}

fn limits(workload: &Workload, samples: usize) -> Limits {
    Limits {
        samples,
        budget: workload.sizes.budget,
    }
}

/// Durable commits, and moves of production between what they made, one by one.
fn changes<P: Peer>(workload: &Workload, place: &Path) -> Result<(Timing, Timing)> {
    let directory = tempfile::tempdir_in(place)?;
    let peer = P::create(directory.path())?;
    peer.import(&workload.started)?;
    let prompts = named::<P>(&workload.started)?;
    let mut made: Vec<P::Version> = Vec::new();
    let commit = sample(limits(workload, workload.sizes.commits), |at| {
        let (prompt, body) = (&prompts[at % prompts.len()], &workload.commits[at]);
        let message = message(2 + at / prompts.len());
        let (time, version) = timed(|| peer.commit(prompt, body, &message))?;
        made.push(version);
        Ok(time)
    })?;
    let release = sample(limits(workload, workload.sizes.moves), |at| {
        let at = at % made.len();
        let prompt = &prompts[at % prompts.len()];
        let (time, ()) = timed(|| peer.release(prompt, &made[at]))?;
        let right = peer.resolve(prompt, |body| body == workload.commits[at].as_bytes())?;
        ensure!(right, "production did not move to what was committed");
        Ok(time)
    })?;
    Ok((commit, release))
}

fn import<P: Peer>(workload: &Workload, directory: &Path) -> Result<(Import, Stored)> {
    let peer = P::create(directory)?;
    let (time, ()) = timed(|| peer.import(workload.imported::<P>()))?;
    peer.checkpoint()?;
    drop(peer);
    let bodies = || {
        workload
            .imported::<P>()
            .iter()
            .flat_map(|history| &history.bodies)
    };
    let versions = bodies().count();
    let stored = Stored {
        after: None,
        disk: Disk::of(directory)?,
        versions,
        body_bytes: bodies().map(String::len).sum(),
    };
    Ok((Import { versions, time }, stored))
}

/// A new handle, and the first body from it.
fn open<P: Peer>(workload: &Workload, directory: &Path) -> Result<Timing> {
    let histories = workload.imported::<P>();
    sample(limits(workload, workload.sizes.opens), |at| {
        let history = &histories[at % histories.len()];
        let prompt = P::prompt(&history.name)?;
        let (time, (right, _peer)) = timed(|| {
            let peer = P::open(directory)?;
            let right = peer.resolve(&prompt, |body| body == last(history))?;
            Ok((right, peer))
        })?;
        ensure!(right, "{}: not the body that was imported", history.name);
        Ok(time)
    })
}

/// Bodies that did not change, of all prompts in a random order.
fn warm<P: Peer>(peer: &P, prompts: &[P::Prompt], workload: &Workload) -> Result<Timing> {
    let histories = workload.imported::<P>();
    // All of each body is compared before, and while the clock runs, its length and end.
    for (prompt, history) in prompts.iter().zip(histories) {
        let right = peer.resolve(prompt, |body| body == last(history))?;
        ensure!(right, "{}: not the body that was imported", history.name);
    }
    let mut order: Vec<(&P::Prompt, usize, &[u8])> = prompts
        .iter()
        .zip(histories)
        .map(|(prompt, history)| {
            let body = last(history);
            (prompt, body.len(), &body[body.len() - END..])
        })
        .collect();
    fastrand::Rng::with_seed(1).shuffle(&mut order);
    sample_calls(limits(workload, workload.sizes.warm), |at| {
        let (prompt, size, end) = order[at % order.len()];
        let right = peer.resolve(prompt, |body| body.len() == size && body.ends_with(end))?;
        ensure!(right, "not the body that was imported");
        Ok(())
    })
}

/// How much of a body is compared while the clock runs.
const END: usize = 32;

/// The newest versions of a prompt that has many.
fn list<P: Peer>(peer: &P, workload: &Workload) -> Result<Timing> {
    peer.import(&workload.long)?;
    let prompt = P::prompt(&workload.long[0].name)?;
    let newest = message(workload.sizes.long_history);
    let oldest = message(workload.sizes.long_history - LISTED + 1);
    sample(limits(workload, workload.sizes.lists), |_| {
        let (time, versions) = timed(|| peer.newest(&prompt, LISTED))?;
        let messages = [versions.first(), versions.last()].map(|v| v.map(|v| v.1.as_str()));
        let right =
            versions.len() == LISTED && messages == [Some(newest.as_str()), Some(oldest.as_str())];
        ensure!(right, "not the newest versions: {messages:?}");
        Ok(time)
    })
}

/// Bodies that another handle has just changed, or the same one, where there can be no other; and how many it changed.
fn changed<P: Peer>(
    peer: &P,
    prompts: &[P::Prompt],
    workload: &Workload,
    directory: &Path,
) -> Result<(Timing, usize)> {
    let other = P::SHARED.then(|| P::open(directory)).transpose()?;
    let writer = other.as_ref().unwrap_or(peer);
    let mut changes = 0;
    let timing = sample(limits(workload, workload.sizes.changes), |at| {
        let (prompt, body) = (&prompts[at % prompts.len()], &workload.changes[at]);
        let version = writer.commit(prompt, body, "Change")?;
        writer.release(prompt, &version)?;
        changes += 1;
        let (time, right) = timed(|| peer.resolve(prompt, |read| read == body.as_bytes()))?;
        ensure!(right, "not the body that was just released");
        Ok(time)
    })?;
    Ok((timing, changes))
}
