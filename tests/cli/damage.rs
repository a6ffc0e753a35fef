//! Damaged stores: every command reports the damage, and `verify` describes it.

use std::fs;
use std::path::{Path, PathBuf};

use promptbook::{NewPrompt, Store};

use crate::support::{Desk, GREETING, command, run};

const PAGE: usize = 4096;

/// Returns a desk with a store whose write-ahead log is checkpointed, and the path of its index.
fn desk() -> (Desk, PathBuf) {
    let desk = Desk::new();
    let path = desk.path().join(".promptbook");
    let store = Store::open(&path).unwrap();
    for number in 0..30 {
        let body = GREETING.replace("Hi", &format!("Hi {number}"));
        let new = NewPrompt::new(format!("p{number}"), body);
        store.create_prompt(new).unwrap();
    }
    store.checkpoint().unwrap();
    drop(store);
    let index = path.join("index.db");
    let connection = rusqlite::Connection::open(&index).unwrap();
    connection.execute_batch("VACUUM").unwrap();
    let fold = "PRAGMA wal_checkpoint(TRUNCATE)";
    let busy: i64 = connection.query_row(fold, [], |row| row.get(0)).unwrap();
    assert_eq!(busy, 0, "the log is in use");
    (desk, index)
}

fn is_named(desk: &Desk, what: &str) {
    for verify in [
        &["verify"][..],
        &["verify", "--quick"],
        &["--json", "verify"],
    ] {
        let verified = desk.run(verify);
        let (told, aside) = (verified.text(), verified.aside().to_owned());
        assert!(!aside.contains("init"), "{what}: {aside}");
        if verify.contains(&"--quick") && verified.code() == Some(0) {
            // The command reads little, and may not reach the damage.
            continue;
        }
        assert!(
            told.contains('✗') || told.contains("violation"),
            "{what}: {told}"
        );
        verified.fails(6);
    }
    let listed = desk.run(&["ls"]);
    assert!(
        !listed.aside().contains("init"),
        "{what}: {}",
        listed.aside()
    );
    assert!(
        matches!(listed.code(), Some(0 | 6)),
        "{what}: {}",
        listed.aside()
    );
    let made = desk.run(&["init"]);
    let aside = made.aside();
    assert!(!aside.contains("not a promptbook store"), "{what}: {aside}");
    assert!(matches!(made.code(), Some(4 | 6)), "{what}: {aside}");
}

fn write(index: &Path, bytes: &[u8]) {
    for suffix in ["-wal", "-shm"] {
        let _ = fs::remove_file(format!("{}{suffix}", index.display()));
    }
    fs::write(index, bytes).unwrap();
}

#[test]
fn whatever_page_of_the_index_is_zeroed_verify_names_what_is_damaged() {
    let (desk, index) = desk();
    let whole = fs::read(&index).unwrap();
    for at in (0..whole.len()).step_by(PAGE) {
        let mut zeroed = whole.clone();
        zeroed[at..at + PAGE].fill(0);
        write(&index, &zeroed);
        is_named(&desk, &format!("page {}", at / PAGE));
    }
    fs::remove_file(&index).unwrap();
    is_named(&desk, "no index");
    write(&index, &whole);
    desk.run(&["verify"]).ok();
}

/// With a stack size that the system refuses, no second thread can start.
#[test]
fn without_more_threads_the_first_one_does_everything() {
    let (desk, _) = desk();
    let path = desk.path().join(".promptbook");
    let bodies = desk.json(&["stats"])["bodies"]["loose_bodies"].clone();
    let without = |arguments: &[&str]| {
        let mut command = command(desk.path());
        command.env("RUST_MIN_STACK", (1_u64 << 60).to_string());
        run(command.args(arguments).arg("--json"), "")
    };
    let report = without(&["verify"]).json();
    assert_eq!(report["clean"], true);
    assert_eq!(report["bodies"], bodies);
    without(&["backup", "backup"]).ok();
    without(&["restore", "backup", "--store", "restored"]).ok();
    let blob = Store::open(&path).unwrap().version("p3").unwrap().blob;
    let blob = blob.to_string();
    let file = path.join("blobs").join(&blob[..2]).join(&blob[2..]);
    fs::write(&file, "{}").unwrap();
    let report = without(&["verify"]);
    assert!(report.text().contains(&blob), "{}", report.text());
    report.fails(6);
    let repaired = without(&["verify", "--repair", "--from", "backup"]).json();
    assert_eq!(repaired["bodies"], serde_json::json!([blob]));
    without(&["gc", "--aggressive"]).ok();
    without(&["checkpoint"]).ok();
    without(&["verify"]).ok();
}
