//! A count of the steps that a thread's work takes, by which tests see how it grows. Nothing is counted outside of tests.

/// Counts one step, such as a row that is looked at.
#[inline(always)]
pub(crate) fn step() {
    #[cfg(test)]
    count::add(1);
}

/// Counts this many steps.
#[inline(always)]
pub(crate) fn many(_steps: usize) {
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

    /// Counts this many steps.
    pub(crate) fn add(steps: u64) {
        STEPS.set(STEPS.get() + steps);
    }

    /// The steps that this thread takes for a piece of work.
    pub(crate) fn steps(work: impl FnOnce()) -> u64 {
        let before = STEPS.get();
        work();
        STEPS.get() - before
    }
}
