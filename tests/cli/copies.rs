//! `copy`, from a directory to another one.

use serde_json::json;

use crate::support::{Desk, GREETING, REWORDED};

#[test]
fn a_store_is_copied_and_the_copy_continues() {
    let desk = Desk::bare();
    desk.run(&["init", "--store", "one", "--first-version", "0.0"])
        .ok();
    desk.run_with(&["--store", "one", "create", "greeting"], GREETING)
        .ok();
    let told = desk.run(&["copy", "one", "two"]).ok();
    assert!(
        told.contains("Copied to two") && told.contains("1 operation and 1 body copied"),
        "{told}"
    );
    assert!(desk.path().join("two/.gitignore").is_file());
    desk.run_with(
        &["--store", "one", "commit", "greeting", "-m", "Hello"],
        REWORDED,
    )
    .ok();
    let made = desk.json(&["copy", "one", "two"]);
    assert_eq!(
        (&made["created"], &made["copied"], &made["present"]),
        (&json!(false), &json!(1), &json!(1))
    );
    let head = |store: &str| desk.json(&["verify", "--store", store])["head"].clone();
    assert_eq!(head("one"), head("two"));
    // The settings came along.
    let made = desk
        .run_with(&["--store", "two", "create", "next"], GREETING)
        .ok();
    assert!(made.contains("0.0"), "{made}");
    let told = desk.run(&["copy", "one", "two"]).fails(4);
    assert!(told.contains("has a history of its own"), "{told}");
    desk.run(&["copy", "none", "two"]).fails(3);
    desk.run(&["--store", "one", "copy", "one", "two"]).fails(2);
}
