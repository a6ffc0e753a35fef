//! Power cuts: the moments at which the power may fail, and the unflushed states that survive.
//!
//! Only the moments just before each flush, and the end, are tested. A state that is possible at an
//! earlier moment since the previous flush is possible at the later moment too, and by then the
//! ledger has acknowledged more.

use std::collections::HashSet;
use std::sync::Arc;

use super::disk::{Choice, Disk, Found, Open};
use super::recording::Event;
use crate::ledger::Ledger;

/// A power cut: the part of a disk that survives it, and the answers that the child had by then.
pub struct Cut {
    disk: Arc<Disk>,
    choices: Vec<(Open, Choice)>,
    pub ledger: Arc<Ledger>,
    /// The moment, for failure reports.
    name: String,
}

impl Cut {
    /// Returns the files that survive. They are created on demand, because those of all cuts would
    /// not fit into memory.
    pub fn found(&self) -> Found {
        self.disk.found(&self.choices)
    }
}

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, {}", self.name, lost(&self.disk, &self.choices))
    }
}

/// The number of states that are tried for each moment: all of them if there are at most `all`,
/// otherwise `some`.
#[derive(Clone, Copy, Debug)]
pub struct Amount {
    pub all: usize,
    pub some: usize,
}

/// Returns all cuts of a recording that are tried, without duplicates. `disk` is the state at its
/// start.
pub fn cuts(mut disk: Disk, events: &[Event], amount: Amount, rng: &mut fastrand::Rng) -> Vec<Cut> {
    let mut cuts = Vec::new();
    let mut told = String::new();
    let mut known = HashSet::new();
    let end = events.len();
    for place in 0..=end {
        let event = events.get(place);
        if event.is_none_or(Event::is_flush) && told.starts_with("script") {
            let now = Arc::new(disk.clone());
            let ledger = Arc::new(Ledger::parse(&told));
            for choices in choices(&now.open(), amount, rng) {
                if known.insert(fingerprint(&now.found(&choices), &told)) {
                    cuts.push(Cut {
                        disk: Arc::clone(&now),
                        choices,
                        ledger: Arc::clone(&ledger),
                        name: format!("cut before event {place} of {end}"),
                    });
                }
            }
        }
        match event {
            Some(Event::LedgerLine(line)) => told += line,
            Some(event) => disk.apply(event),
            None => {}
        }
    }
    cuts
}

/// Returns the combinations of states that are tried: nothing lost, everything lost, each item lost
/// alone and kept alone, and more at random; or all combinations.
fn choices(
    open: &[(Open, usize)],
    amount: Amount,
    rng: &mut fastrand::Rng,
) -> Vec<Vec<(Open, Choice)>> {
    let whole = |state| Choice { state, torn: 0 };
    let of = |choose: &mut dyn FnMut(usize, usize) -> Choice| {
        let chosen = open.iter().enumerate();
        let chosen = chosen.map(|(place, (open, states))| (open.clone(), choose(place, *states)));
        chosen.collect::<Vec<_>>()
    };
    let states = open
        .iter()
        .try_fold(1_usize, |product, (_, states)| product.checked_mul(*states));
    let mut tried = Vec::new();
    if let Some(states) = states.filter(|states| *states <= amount.all) {
        for mut number in 0..states {
            tried.push(of(&mut |_, states| {
                let state = number % states;
                number /= states;
                whole(state)
            }));
        }
    } else {
        tried.push(of(&mut |_, states| whole(states - 1)));
        tried.push(of(&mut |_, _| whole(0)));
        let mut singles: Vec<(usize, bool)> = (0..open.len())
            .flat_map(|place| [(place, false), (place, true)])
            .collect();
        rng.shuffle(&mut singles);
        for (single, is_kept) in singles.into_iter().take(amount.some / 2) {
            tried.push(of(&mut |place, states| {
                let is_there = (place == single) == is_kept;
                whole(if is_there { states - 1 } else { 0 })
            }));
        }
        while tried.len() < amount.some {
            // Some cuts lose little, others much.
            let share = rng.f64();
            tried.push(of(&mut |place, states| {
                let is_page = matches!(open[place].0, Open::Page(..));
                Choice {
                    state: if rng.f64() < share {
                        states - 1
                    } else {
                        rng.usize(..states)
                    },
                    torn: if is_page && rng.u8(..4) == 0 {
                        rng.u8(..)
                    } else {
                        0
                    },
                }
            }));
        }
    }
    // Torn pages are tried in addition. There are too many to try all of them.
    for place in 0..open.len().min(amount.some / 4) {
        let single = if open.len() <= amount.some / 4 {
            place
        } else {
            rng.usize(..open.len())
        };
        if matches!(open[single].0, Open::Page(..)) {
            let torn = rng.u8(1..=254);
            tried.push(of(&mut |place, states| Choice {
                state: states - 1,
                torn: if place == single { torn } else { 0 },
            }));
        }
    }
    tried
}

fn lost(disk: &Disk, choices: &[(Open, Choice)]) -> String {
    let counts = disk.open();
    let lost: Vec<String> = choices
        .iter()
        .zip(&counts)
        .filter(|((_, choice), (_, states))| choice.state + 1 < *states || choice.torn != 0)
        .map(|((open, choice), (_, states))| match choice.torn {
            0 => format!("{open:?} as {} of {}", choice.state + 1, states),
            torn => format!("{open:?} torn {torn:08b}"),
        })
        .collect();
    let few: Vec<&str> = lost.iter().take(12).map(String::as_str).collect();
    format!(
        "{} of {} lost: {}",
        lost.len(),
        counts.len(),
        few.join(", ")
    )
}

fn fingerprint(found: &Found, told: &str) -> promptbook::BlobId {
    let mut bytes = told.as_bytes().to_vec();
    for (path, content) in found {
        bytes.extend(path.as_os_str().as_encoded_bytes());
        match content {
            None => bytes.extend(b"/"),
            Some(content) => {
                bytes.extend((content.len() as u64).to_le_bytes());
                bytes.extend(promptbook::BlobId::of(content).to_string().as_bytes());
            }
        }
    }
    promptbook::BlobId::of(&bytes)
}
