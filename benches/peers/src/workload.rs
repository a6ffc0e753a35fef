//! What every peer is given: the same prompts, versions and changes.

use std::time::Duration;

use crate::bodies::Versions;
use crate::peer::{History, Peer};

/// How much is measured.
#[derive(Clone, Copy)]
pub struct Sizes {
    /// Prompts that durable commits go to, one after the other.
    pub committed_prompts: usize,
    pub commits: usize,
    pub moves: usize,
    /// The import, which is then read.
    pub prompts: usize,
    pub versions: usize,
    /// Resolves of what did not change, as many as this time allows.
    pub warm: usize,
    pub changes: usize,
    /// The versions of the prompt whose newest are listed.
    pub long_history: usize,
    pub lists: usize,
    pub opens: usize,
    /// No single measurement goes on for longer, once it has `ENOUGH` samples.
    pub budget: Duration,
}

pub const FULL: Sizes = Sizes {
    committed_prompts: 10,
    commits: 300,
    moves: 300,
    prompts: 1_000,
    versions: 20,
    warm: 50_000,
    changes: 200,
    long_history: 200,
    lists: 500,
    opens: 50,
    budget: Duration::from_secs(8),
};

/// Enough to see that all of it works.
pub const QUICK: Sizes = Sizes {
    committed_prompts: 5,
    commits: 20,
    moves: 20,
    prompts: 40,
    versions: 4,
    warm: 2_000,
    changes: 10,
    long_history: 60,
    lists: 20,
    opens: 5,
    budget: Duration::from_millis(200),
};

/// Who has no batches imports so small a part: it tells the speed, and all would take many minutes.
pub const PART: usize = 20;

/// How many of the newest versions are listed.
pub const LISTED: usize = 50;

pub struct Workload {
    pub sizes: Sizes,
    /// Prompts of one version, for the changes to come.
    pub started: Vec<History>,
    /// What is committed to them, in turn.
    pub commits: Vec<String>,
    imported: Vec<History>,
    /// One prompt with a long history.
    pub long: Vec<History>,
    /// What is committed to the imported prompts, in turn.
    pub changes: Vec<String>,
}

impl Workload {
    /// What a peer imports.
    pub fn imported<P: Peer>(&self) -> &[History] {
        let all = &self.imported;
        match P::BATCHES {
            true => all,
            false => &all[..all.len().div_ceil(PART)],
        }
    }

    pub fn new(sizes: Sizes) -> Self {
        let (started, commits) = prompts('s', sizes.committed_prompts, 1, sizes.commits);
        let (imported, changes) = prompts('p', sizes.prompts, sizes.versions, sizes.changes);
        let (long, _) = prompts('l', 1, sizes.long_history, 0);
        Self {
            sizes,
            started,
            commits,
            imported,
            long,
            changes,
        }
    }
}

/// Prompts with so many versions each, and the bodies of further versions, for one prompt after the other.
fn prompts(
    kind: char,
    count: usize,
    versions: usize,
    further: usize,
) -> (Vec<History>, Vec<String>) {
    let seed = |number| u64::from(kind) << 32 | number as u64;
    let mut generators: Vec<Versions> = (0..count)
        .map(|number| Versions::new(seed(number)))
        .collect();
    let histories = generators
        .iter_mut()
        .enumerate()
        .map(|(number, generator)| History {
            // promptbook's ids have six characters, and are as good a name as any.
            name: format!("{kind}{number:05}"),
            bodies: generator.take(versions).collect(),
        });
    let histories = histories.collect();
    let further = (0..further).filter_map(|at| generators[at % count].next());
    (histories, further.collect())
}
