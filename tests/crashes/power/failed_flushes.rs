//! Power cuts after a flush that failed, in a process that opens the store again.
//!
//! The system takes the pages of a failed flush for written, so they are in the file, but a power
//! cut loses them. What was acknowledged since then must survive nevertheless.

use std::collections::HashMap;

use super::cuts::{Amount, cuts};
use super::recording::{Event, Node, failing_wrapper};
use super::{Recorded, record_by, survives};
use crate::child::Manner;
use crate::scratch;
use crate::script::Script;
use crate::strace;

const SCRIPTS: [&str; 4] = [
    "closed: open commit close open commit",
    "closed: open commit close open move commit close open commit",
    "crashed: open move close open commit checkpoint close",
    "long-log: open move close open commit checkpoint close open move",
];

/// The flushes that fail, by number.
const FLUSHES: std::ops::RangeInclusive<usize> = 1..=3;

fn record(script: &str, flush: usize) -> Recorded {
    let script: Script = script.parse().unwrap();
    record_by(&script, Manner::Honest, |to| failing_wrapper(to, flush))
}

pub fn what_follows_a_failed_flush_survives_a_power_cut() {
    if !strace::is_there() {
        return;
    }
    let amount = Amount { all: 12, some: 8 };
    let mut rng = scratch::rng();
    let mut tried = 0;
    for script in SCRIPTS {
        for flush in FLUSHES {
            let recorded = record(script, flush);
            let cuts = cuts(recorded.before, &recorded.events, amount, &mut rng);
            tried += cuts.len();
            scratch::all_hold(&cuts, |cut| survives(cut, &recorded.root));
        }
    }
    println!("{tried} states after a failed flush and a power cut tried");
}

/// Control: if the frames of the failed flush are not written again, a loss is found.
pub fn a_log_that_is_not_written_again_is_caught() {
    if !strace::is_there() {
        return;
    }
    let mut recorded = record(SCRIPTS[0], 1);
    let mut bytes: HashMap<Node, Vec<u8>> = HashMap::new();
    recorded.events.retain(|event| changes(&mut bytes, event));
    let amount = Amount { all: 64, some: 64 };
    let cuts = cuts(
        recorded.before,
        &recorded.events,
        amount,
        &mut scratch::rng(),
    );
    let caught = scratch::failures(&cuts, |cut| survives(cut, &recorded.root));
    println!("{} of {} states lost something", caught.len(), cuts.len());
    assert!(!caught.is_empty(), "nothing was caught");
}

/// Returns whether an event is something other than a repetition of bytes that were written since
/// the recording began.
fn changes(known: &mut HashMap<Node, Vec<u8>>, event: &Event) -> bool {
    let Event::Write(node, at, bytes) = event else {
        return true;
    };
    let known = known.entry(*node).or_default();
    let at = usize::try_from(*at).unwrap();
    let end = at + bytes.len();
    known.resize(known.len().max(end), 0);
    // The bytes before the recording are not known, so only the end of a repetition is compared.
    let is_repeated = known[at..end].ends_with(&bytes[bytes.len().saturating_sub(4096)..]);
    known[at..end].copy_from_slice(bytes);
    !is_repeated
}
