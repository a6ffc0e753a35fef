//! Generator of a large store for experiments: `cargo bench --bench generate -- DIRECTORY [PROMPTS
//! [VERSIONS]]`.
//!
//! The default is 10,000 prompts of 50 versions. Without a directory, as in a plain `cargo bench`,
//! it does nothing.

#![allow(clippy::print_stdout, clippy::unwrap_used)] // A tool for developers, which prints and may panic.

mod support;

use std::time::Instant;

use promptbook::Store;
use support::{new_prompt, new_version};

fn main() {
    let mut arguments = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench");
    let Some(directory) = arguments.next() else {
        println!("generate: no directory given, so nothing is done");
        return;
    };
    let mut number = |default: u64| {
        arguments
            .next()
            .map_or(default, |text| text.parse().unwrap())
    };
    let (prompts, versions) = (number(10_000), number(50));
    let store = Store::create(directory).unwrap();
    let start = Instant::now();
    // A batch is a transaction, so its size is limited to what fits into memory.
    for first in (0..prompts).step_by(100) {
        store
            .batch(|batch| {
                for prompt in first..(first + 100).min(prompts) {
                    let id = batch.create_prompt(new_prompt(prompt))?.prompt.id;
                    for version in 1..versions {
                        batch.commit(new_version(id, prompt, version))?;
                    }
                }
                Ok(())
            })
            .unwrap();
    }
    println!(
        "{} versions imported in {:.1?}",
        prompts * versions,
        start.elapsed()
    );
    let start = Instant::now();
    let checkpointed = store.checkpoint().unwrap();
    println!(
        "checkpoint of {} bodies after that in {:.1?}",
        checkpointed.bodies,
        start.elapsed()
    );
}
