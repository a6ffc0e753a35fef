//! The table of processor times by operation and size, and the prediction of calls that would take too long.

use std::fmt;
use std::time::Duration;

#[cfg(not(unix))]
use std::time::Instant;

use promptbook::Store;

/// The maximum duration of one call.
pub(crate) const MAX_CALL_TIME: Duration = Duration::from_secs(60);

/// In seconds; a shorter time does not show how it grows.
const MIN_SIGNIFICANT_TIME: f64 = 0.002;

/// The start of a call, in processor time of this thread, so that other programs do not affect it.
///
/// Calls make no flush, so a quiet machine takes hardly longer.
struct Moment(
    #[cfg(unix)] rustix::time::Timespec,
    #[cfg(not(unix))] Instant,
);

impl Moment {
    #[cfg(unix)]
    fn now() -> Self {
        use rustix::time::{ClockId, clock_gettime};
        Self(clock_gettime(ClockId::ThreadCPUTime))
    }

    #[cfg(unix)]
    fn seconds(&self) -> f64 {
        let (start, end) = (self.0, Self::now().0);
        (end.tv_sec - start.tv_sec) as f64 + (end.tv_nsec - start.tv_nsec) as f64 / 1e9
    }

    #[cfg(not(unix))]
    fn now() -> Self {
        Self(Instant::now())
    }

    #[cfg(not(unix))]
    fn seconds(&self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}

struct Row {
    section: &'static str,
    place: &'static str,
    what: &'static str,
    /// By size, in seconds; `None` for a call that was not made.
    times: Vec<Option<f64>>,
}

pub(crate) struct Table {
    sizes: Vec<usize>,
    rows: Vec<Row>,
}

/// A store of one size, whose calls are timed.
pub(crate) struct Case<'a> {
    pub(crate) store: &'a Store,
    pub(crate) size: usize,
    section: &'static str,
    place: &'static str,
    table: &'a mut Table,
}

impl Table {
    pub(crate) fn new(sizes: &[usize]) -> Self {
        Self {
            sizes: sizes.to_vec(),
            rows: Vec::new(),
        }
    }

    pub(crate) fn case<'a>(
        &'a mut self,
        section: &'static str,
        place: &'static str,
        size: usize,
        store: &'a Store,
    ) -> Case<'a> {
        Case {
            store,
            size,
            section,
            place,
            table: self,
        }
    }
}

impl Case<'_> {
    /// Makes a call and records its duration. Returns `None` if it would take too long.
    pub(crate) fn time<T>(&mut self, what: &'static str, call: impl FnOnce() -> T) -> Option<T> {
        let at = self.table.sizes.iter().position(|size| *size == self.size);
        let at = at.unwrap();
        let row = self.row(what);
        if row
            .expected(at)
            .is_some_and(|seconds| seconds > MAX_CALL_TIME.as_secs_f64())
        {
            row.note(at, None);
            return None;
        }
        let start = Moment::now();
        let answer = call();
        let took = start.seconds();
        row.note(at, Some(took));
        Some(answer)
    }

    fn row(&mut self, what: &'static str) -> &mut Row {
        let (section, place) = (self.section, self.place);
        let is_it = |row: &Row| (row.section, row.place, row.what) == (section, place, what);
        let rows = &mut self.table.rows;
        let at = rows.iter().position(is_it).unwrap_or_else(|| {
            rows.push(Row {
                section,
                place,
                what,
                times: Vec::new(),
            });
            rows.len() - 1
        });
        &mut rows[at]
    }
}

impl Row {
    /// Returns the predicted time at the next size: it grows by the same factor, or quadratically
    /// after one size.
    fn expected(&self, at: usize) -> Option<f64> {
        match self.times[..at.min(self.times.len())] {
            [] => None,
            [Some(one)] => (one > MIN_SIGNIFICANT_TIME).then_some(one * 100.0),
            [.., before, Some(last)] => match before {
                Some(before) if before > MIN_SIGNIFICANT_TIME => Some(last * last / before),
                _ => None,
            },
            [.., None] => Some(f64::INFINITY),
        }
    }

    fn note(&mut self, at: usize, seconds: Option<f64>) {
        self.times.resize(at + 1, None);
        self.times[at] = seconds;
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut section = "";
        for row in &self.rows {
            if row.section != section {
                section = row.section;
                write!(f, "\n{section:<46}")?;
                for size in &self.sizes {
                    write!(f, "{size:>12}")?;
                }
                writeln!(f)?;
            }
            write!(f, "{:<9} {:<36}", row.place, row.what)?;
            for time in &row.times {
                match time {
                    Some(seconds) => write!(f, "{:>12}", in_units(*seconds))?,
                    None => write!(f, "{:>12}", "too long")?,
                }
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

fn in_units(seconds: f64) -> String {
    match seconds {
        s if s < 0.000_1 => format!("{:.1} us", s * 1e6),
        s if s < 0.1 => format!("{:.2} ms", s * 1e3),
        s => format!("{s:.2} s"),
    }
}
