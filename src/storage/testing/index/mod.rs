//! The suite for implementations of [`Index`].

pub mod absent;
pub mod announced;
pub mod bodies;
pub mod contradictions;
pub mod environment_list;
pub mod environments;
pub mod locks;
pub mod lookups;
pub mod marks;
pub mod operations;
pub mod prompts;
pub mod restoring;
pub mod savepoints;
pub mod search;
pub mod transactions;
pub mod versions;
pub mod visits;

use crate::model::record::{BumpPolicy, Settings};
use crate::model::version_number::VersionNumber;
use crate::storage::Index;

/// A function that compares a new and empty index with one sentence of the documentation.
pub type Test = fn(&dyn Index);

/// Runs all tests, each on a new and empty index from `make`.
pub fn all(make: &dyn Fn(Settings) -> Box<dyn Index>) {
    keeps_its_settings(make);
    let topics = [
        transactions::TESTS,
        savepoints::TESTS,
        marks::TESTS,
        locks::TESTS,
        prompts::TESTS,
        versions::TESTS,
        environments::TESTS,
        environment_list::TESTS,
        lookups::TESTS,
        bodies::TESTS,
        absent::TESTS,
        announced::TESTS,
        operations::TESTS,
        visits::TESTS,
        restoring::TESTS,
        search::TESTS,
        contradictions::TESTS,
    ];
    for test in topics.into_iter().flatten() {
        test(&*make(Settings::default()));
    }
}

/// An index returns the settings that it was created with.
pub fn keeps_its_settings(make: &dyn Fn(Settings) -> Box<dyn Index>) {
    for policy in [BumpPolicy::Enforced, BumpPolicy::Free] {
        for first_version in [VersionNumber::new(0, 0), VersionNumber::new(1, 0)] {
            let settings = Settings {
                first_version,
                policy,
            };
            let index = make(settings);
            assert_eq!(
                index.snapshot().unwrap().settings().unwrap(),
                settings,
                "the settings are not those it was created with"
            );
        }
    }
}
