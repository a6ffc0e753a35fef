//! The store against a model: any sequence of calls has the results of a few maps, in memory and in
//! a directory.
//!
//! `PROMPTBOOK_MODEL_CASES` sets the number of sequences.

mod book;
mod compare;
pub mod op;
mod perform;
pub mod stage;

use promptbook::BumpPolicy;
use proptest::prelude::*;
use proptest::test_runner::Config;

use self::op::{Op, ops};
use self::stage::Stage;

pub fn config() -> Config {
    let cases = std::env::var("PROMPTBOOK_MODEL_CASES");
    let cases = cases.map_or(24, |cases| {
        cases.parse().expect("PROMPTBOOK_MODEL_CASES is a number")
    });
    // A call of a store in Postgres takes milliseconds.
    #[cfg(feature = "postgres")]
    let cases = if crate::on_postgres::is_on_postgres() {
        u32::div_ceil(cases, 12)
    } else {
        cases
    };
    Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 2000,
        ..Config::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn stores_match_the_model(
        free in any::<bool>(),
        first_major in 0..2_u32,
        ops in ops(),
    ) {
        let policy = if free { BumpPolicy::Free } else { BumpPolicy::Enforced };
        let mut memory = Stage::in_memory(policy, first_major);
        let mut directory = Stage::in_a_place(policy, first_major);
        let mut same_ids = true;
        for op in &ops {
            let answers = (memory.perform(op), directory.perform(op));
            // A reopened handle draws new ids, so from then on the ids of the two stores differ.
            same_ids &= *op != Op::Reopen;
            if same_ids {
                prop_assert_eq!(answers.0, answers.1, "the two stores answer differently to {:?}", op);
            }
            memory.compare();
            directory.compare();
        }
        let heads = (memory.verify(), directory.verify());
        if same_ids {
            prop_assert_eq!(heads.0, heads.1, "the same calls produced different histories");
        }
    }
}

proptest! {
    // A call takes a millisecond, so there are fewer sequences.
    #![proptest_config(Config { cases: config().cases.div_ceil(12), ..config() })]

    /// The engine relies on no order of events that only a fast index has.
    #[test]
    fn a_store_on_slow_backends_matches_the_model(first_major in 0..2_u32, ops in ops()) {
        let mut slow = Stage::on_slow_backends(BumpPolicy::Enforced, first_major);
        for op in &ops {
            slow.perform(op);
            slow.compare();
        }
        slow.verify();
    }
}
