//! A tool that shows the changes of a store, made by any process: `cargo run --example watch -- prompts`.

use std::time::Duration;

use promptbook::{Result, Store};

#[allow(clippy::print_stdout)] // This program prints for its user.
fn main() -> Result<()> {
    let directory = std::env::args().nth(1).unwrap_or_else(|| "prompts".into());
    let store = Store::open(directory)?;
    let mut position = store.position()?;
    loop {
        for event in store.wait_for_changes(position, 100, Duration::from_secs(60))? {
            let operation = &event.operation;
            println!("{} {}", operation.number, operation.content.author);
            position = event.position;
        }
    }
}
