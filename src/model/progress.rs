//! Progress of long calls: how far a call has come, and the reporter that lets the caller cancel
//! it.

use std::fmt;
use std::ops::ControlFlow;

use crate::model::error::{Error, Result};

/// How far a long call has come.
///
/// The options of each long call say what its steps are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// The number of steps that are done. It never decreases during a call.
    pub done: u64,
    /// The number of all steps, if it is known.
    ///
    /// It is an estimate if others change the store in the meantime.
    pub total: Option<u64>,
}

/// The answer of a progress closure: whether the call continues.
///
/// A closure that returns `()` never cancels. One that returns [`ControlFlow::Break`] cancels the
/// call, which then fails with [`Error::Cancelled`].
pub trait ProgressAnswer {
    /// Returns the answer as control flow.
    fn flow(self) -> ControlFlow<()>;
}

impl ProgressAnswer for () {
    fn flow(self) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

impl ProgressAnswer for ControlFlow<()> {
    fn flow(self) -> ControlFlow<()> {
        self
    }
}

/// The number of steps after which a reporter calls its closure.
const REPORT_STEPS: u64 = 64;

/// The number of units of work that are no steps, after which a reporter calls its closure.
const REPORT_PULSES: u64 = 1024;

/// Counts the steps of a long call, and reports them to the caller's closure, if there is one.
#[derive(Default)]
pub(crate) struct Reporter<'a> {
    closure: Option<Box<dyn FnMut(Progress) -> ControlFlow<()> + 'a>>,
    /// The steps of the phases before the current one.
    before: u64,
    done: u64,
    total: Option<u64>,
    /// The steps, and the other units of work, since the closure was last called.
    steps: u64,
    pulses: u64,
}

impl fmt::Debug for Reporter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reporter")
            .field("is_watched", &self.is_watched())
            .field("done", &self.done)
            .field("total", &self.total)
            .finish_non_exhaustive()
    }
}

impl<'a> Reporter<'a> {
    pub(crate) fn new<A: ProgressAnswer>(mut closure: impl FnMut(Progress) -> A + 'a) -> Self {
        Self {
            closure: Some(Box::new(move |progress| closure(progress).flow())),
            ..Self::default()
        }
    }

    /// Returns whether there is a closure, so that a total is worth counting.
    pub(crate) fn is_watched(&self) -> bool {
        self.closure.is_some()
    }

    /// Sets the number of all steps.
    pub(crate) fn expect(&mut self, total: u64) {
        self.total = Some(total);
    }

    /// Ends a phase: [`at`](Self::at) counts from here on.
    pub(crate) fn next_phase(&mut self) {
        self.before = self.done;
    }

    /// Reports that this many steps of the current phase are done.
    pub(crate) fn at(&mut self, done: u64) -> Result<()> {
        self.done = self.done.max(self.before.saturating_add(done));
        self.report()
    }

    /// Adds steps, and reports them once they are many.
    pub(crate) fn advance(&mut self, steps: u64) -> Result<()> {
        self.done += steps;
        self.steps += steps;
        if self.steps >= REPORT_STEPS {
            return self.report();
        }
        Ok(())
    }

    /// Counts a unit of work that is no step, and gives the closure a chance to cancel in between.
    pub(crate) fn pulse(&mut self) -> Result<()> {
        self.pulses += 1;
        if self.pulses >= REPORT_PULSES {
            return self.report();
        }
        Ok(())
    }

    /// Calls the closure. Fails with [`Error::Cancelled`] if it cancels.
    pub(crate) fn report(&mut self) -> Result<()> {
        (self.steps, self.pulses) = (0, 0);
        let progress = Progress {
            done: self.done,
            total: self.total.map(|total| total.max(self.done)),
        };
        let answer = self.closure.as_mut().map(|closure| closure(progress));
        if answer.is_some_and(|answer| answer.is_break()) {
            return Err(Error::Cancelled);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_reported_in_groups_and_cancelled() {
        let mut seen = Vec::new();
        let mut reporter = Reporter::new(|progress| {
            seen.push((progress.done, progress.total));
            if progress.done < 130 {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        });
        reporter.expect(100);
        let outcomes: Vec<bool> = (0..3).map(|_| reporter.advance(65).is_ok()).collect();
        assert_eq!(outcomes, [true, false, false]);
        assert!(matches!(reporter.at(1), Err(Error::Cancelled)));
        drop(reporter);
        assert_eq!(
            seen,
            [
                (65, Some(100)),
                (130, Some(130)),
                (195, Some(195)),
                (195, Some(195))
            ]
        );
    }

    #[test]
    fn a_phase_continues_the_count_of_the_one_before() {
        let mut last = 0;
        let mut reporter = Reporter::new(|progress: Progress| last = progress.done);
        reporter.at(10).unwrap();
        reporter.next_phase();
        reporter.at(5).unwrap();
        drop(reporter);
        assert_eq!(last, 15);
        Reporter::default().at(3).unwrap();
    }
}
