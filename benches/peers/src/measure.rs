//! Times and sizes, measured.

use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;

/// Calls that take less are timed in blocks: by then the clock's own cost is nothing.
const SHORT: Duration = Duration::from_micros(10);
pub const BLOCK: u32 = 32;
/// So many samples are taken whatever they cost.
pub const ENOUGH: usize = 20;

/// What an operation took.
#[derive(Clone, Copy)]
pub struct Timing {
    pub median: Duration,
    pub p99: Duration,
}

impl Timing {
    fn of(mut samples: Vec<Duration>) -> Self {
        samples.sort_unstable();
        let at = |part: f64| samples[((samples.len() - 1) as f64 * part).round() as usize];
        Self {
            median: at(0.5),
            p99: at(0.99),
        }
    }
}

/// How long an operation goes on being measured.
#[derive(Clone, Copy)]
pub struct Limits {
    pub samples: usize,
    pub budget: Duration,
}

/// The samples that an operation gives, which times itself: what it prepares is not counted.
pub fn sample(
    limits: Limits,
    mut operation: impl FnMut(usize) -> Result<Duration>,
) -> Result<Timing> {
    let start = Instant::now();
    let mut samples = Vec::with_capacity(limits.samples);
    while samples.len() < limits.samples
        && (samples.len() < ENOUGH || start.elapsed() < limits.budget)
    {
        samples.push(operation(samples.len())?);
    }
    Ok(Timing::of(samples))
}

/// Times calls that need no preparation: one by one, or in blocks if they are short.
pub fn sample_calls(limits: Limits, mut call: impl FnMut(usize) -> Result<()>) -> Result<Timing> {
    let probe = timed(|| (0..BLOCK as usize).try_for_each(&mut call))?.0;
    let block = if probe / BLOCK < SHORT { BLOCK } else { 1 };
    let limits = Limits {
        samples: limits.samples / block as usize,
        ..limits
    };
    sample(limits, |at| {
        let first = at * block as usize;
        let (time, ()) = timed(|| (first..first + block as usize).try_for_each(&mut call))?;
        Ok(time / block)
    })
}

pub fn timed<T>(operation: impl FnOnce() -> Result<T>) -> Result<(Duration, T)> {
    let start = Instant::now();
    let result = operation()?;
    Ok((start.elapsed(), result))
}

/// What the disk takes to flush a file that grew by 4 KB, whoever else is using it.
pub fn flush(place: &Path) -> Result<Timing> {
    const PROBES: usize = 20;
    let mut file = tempfile::tempfile_in(place)?;
    let limits = Limits {
        samples: PROBES,
        budget: Duration::ZERO,
    };
    sample(limits, |_| {
        file.write_all(&[1; 4096])?;
        Ok(timed(|| Ok(file.sync_data()?))?.0)
    })
}

/// What a store takes on disk.
#[derive(Clone, Copy, Default)]
pub struct Disk {
    /// The blocks of its files and directories.
    pub allocated: u64,
    /// The lengths of its files.
    pub apparent: u64,
}

impl Disk {
    pub fn of(directory: &Path) -> Result<Self> {
        let mut disk = Self::default();
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            let metadata = entry.metadata()?;
            disk.allocated += metadata.blocks() * 512;
            if metadata.is_dir() {
                let below = Self::of(&entry.path())?;
                disk.allocated += below.allocated;
                disk.apparent += below.apparent;
            } else {
                disk.apparent += metadata.len();
            }
        }
        Ok(disk)
    }
}
