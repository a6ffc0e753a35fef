//! A count of the steps of a thread's work, from which tests determine how the work grows.
//!
//! Nothing is counted outside of tests.

/// Counts one step, such as examining a row.
#[inline(always)]
pub(crate) fn step() {
    #[cfg(test)]
    count::add(1);
}

/// Counts several steps.
#[inline(always)]
pub(crate) fn steps_taken(_steps: usize) {
    #[cfg(test)]
    count::add(_steps as u64);
}

#[cfg(test)]
pub(crate) use count::{add, steps};

#[cfg(test)]
mod count {
    use std::cell::Cell;

    thread_local! {
        static STEPS: Cell<u64> = const { Cell::new(0) };
    }

    /// Counts several steps.
    pub(crate) fn add(steps: u64) {
        STEPS.set(STEPS.get() + steps);
    }

    /// Returns the number of steps that this thread takes for a piece of work.
    pub(crate) fn steps(work: impl FnOnce()) -> u64 {
        let before = STEPS.get();
        work();
        STEPS.get() - before
    }
}
