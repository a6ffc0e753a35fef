use std::fs::File;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Desk, GREETING, REWORDED};

/// Takes a lock of the store, as another process would.
fn hold(desk: &Desk, name: &str) -> File {
    let file = File::open(desk.path().join(".promptbook").join(name)).unwrap();
    file.lock().unwrap();
    file
}

#[test]
fn a_command_says_what_it_waits_for_and_ends() {
    let desk = Desk::greeting();
    let held = hold(&desk, "write.lock");
    let commit = ["commit", "greeting", "-m", "x", "--wait"];
    let began = Instant::now();
    let told = desk
        .run_with(&[&commit[..], &["2"]].concat(), REWORDED)
        .fails(1);
    let waited = began.elapsed();
    assert!(
        waited >= Duration::from_secs(2) && waited < Duration::from_secs(5),
        "{waited:?}"
    );
    let lines: Vec<&str> = told.lines().collect();
    assert!(lines[0].starts_with("waiting for the lock on "), "{told}");
    assert!(lines[0].contains("write.lock"), "{told}");
    assert!(lines[1].starts_with("error: waited 2.0 s for "), "{told}");
    assert!(
        told.contains("\nhint: repeat the command, or wait longer with --wait SECONDS"),
        "{told}"
    );
    if cfg!(target_os = "linux") {
        let holder = format!(", held by process {} (", std::process::id());
        assert!(lines[0].contains(&holder), "{told}");
    }
    // A short wait is not reported.
    let told = desk
        .run_with(&[&commit[..], &["0.1"]].concat(), REWORDED)
        .fails(1);
    assert!(told.starts_with("error: waited 0.1 s"), "{told}");
    let began = Instant::now();
    desk.run_with(&[&commit[..], &["0"]].concat(), REWORDED)
        .fails(1);
    assert!(began.elapsed() < Duration::from_secs(2));
    // Programs get a single JSON object.
    let told = desk
        .run_with(&[&commit[..], &["1.5", "--json"]].concat(), REWORDED)
        .fails(1);
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["error"]["kind"], "busy");
    // Reads wait for no lock.
    assert_eq!(desk.run(&["resolve", "greeting"]).ok(), GREETING);
    drop(held);
    desk.run_with(&commit[..4], REWORDED).ok();
}

#[test]
fn a_command_that_has_made_its_change_ends() {
    let desk = Desk::greeting();
    desk.run(&["checkpoint"]).ok();
    let _held = hold(&desk, "blobs.gate");
    let began = Instant::now();
    desk.run_with(&["commit", "greeting", "-m", "x"], REWORDED)
        .ok();
    assert!(began.elapsed() < Duration::from_secs(4));
    let told = desk.run(&["checkpoint", "--wait", "0.2"]).fails(1);
    assert!(told.contains("blobs.gate"), "{told}");
}

#[test]
fn a_wait_is_a_number_of_seconds() {
    let desk = Desk::greeting();
    for wrong in ["x", "-1", "NaN", "1e30", ""] {
        let told = desk.run(&["ls", &format!("--wait={wrong}")]).fails(2);
        assert!(told.contains("--wait"), "{told}");
    }
    desk.run(&["ls", "--wait", "86400"]).ok();
}
