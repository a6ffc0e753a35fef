//! The tests of this binary on a Postgres server: a test starts the binary again, with
//! `PROMPTBOOK_TEST_STORE=postgres`, so that every `Place` is a schema.
//!
//! With `PROMPTBOOK_TEST_STORE=s3` the bodies are in S3 too. The tests of `ALWAYS_ON_S3` always run
//! so; the others only if a developer asks for them, because they take minutes:
//!
//! ```sh
//! PROMPTBOOK_TEST_ALL_ON_S3=1 cargo test --all-features --test it -- the_tests_pass_on_postgres_with
//! ```

use std::process::Command;

#[path = "../shared/postgres_server.rs"]
mod postgres_server;
#[cfg(feature = "s3")]
#[path = "../shared/s3_server.rs"]
mod s3_server;

/// The variable that chooses where the tests' stores are.
const TEST_STORE: &str = "PROMPTBOOK_TEST_STORE";

/// The variable with which all of [`MODULES`] run with bodies in S3 too.
#[cfg(feature = "s3")]
const ALL_ON_S3: &str = "PROMPTBOOK_TEST_ALL_ON_S3";

/// The modules whose tests run on Postgres, and single tests of others.
const MODULES: [&str; 21] = [
    "batches::",
    "bodies::a_body_committed_again_during_verify_is_not_missing",
    "bodies::the_oldest_journaled_body_is_dated_behind_many_other_operations",
    "breaking::",
    "cancelling::a_cancelled_verification_changes_nothing",
    "compare::",
    "concurrency::",
    "copies::",
    "environment_list::",
    "freshness::",
    "groups::",
    "history::",
    "lists::",
    "messages::",
    "model::",
    "numbering::",
    "numbers::",
    "records::",
    "search::",
    "watching::",
    "yardstick::",
];

/// The tests among them that read, checkpoint and collect the most bodies.
#[cfg(feature = "s3")]
const ALWAYS_ON_S3: [&str; 8] = [
    "batches::",
    "bodies::a_body_committed_again_during_verify_is_not_missing",
    "bodies::the_oldest_journaled_body_is_dated_behind_many_other_operations",
    "cancelling::a_cancelled_verification_changes_nothing",
    "concurrency::garbage_collection_never_removes_a_used_body",
    "copies::",
    "freshness::",
    "search::verify_of_two_handles_stays_clean_while_both_write",
];

/// The tests among them that are about a directory, its files and its memory.
const ABOUT_FILES: [&str; 8] = [
    "batches::a_batch_that_hides_a_failure_of_the_index_commits_nothing",
    "environment_list::a_backup_and_a_bundle_contain_the_list",
    "environment_list::an_altered_list_is_named",
    "environment_list::the_list_of_a_new_store_is_its_first_operation",
    "messages::a_damaged_body_is_named_by_its_version",
    "records::reports_and_summaries_are_read_again",
    "yardstick::an_error_of_opening_has_its_own_type_and_converts",
    "yardstick::only_memory_answers_without_blocking",
];

/// Returns the URL of a new store, if the tests' stores are in Postgres.
pub fn url_of_this_run() -> Option<String> {
    if !is_on_postgres() {
        return None;
    }
    let tables = postgres_server::new_url().expect("a Postgres server");
    #[cfg(feature = "s3")]
    if std::env::var(TEST_STORE).as_deref() == Ok("s3") {
        let server = s3_server::s3_server().expect("an S3 server");
        return Some(format!("{tables}&{}", server.new_parameters()));
    }
    Some(tables)
}

/// Returns whether the tests' stores are in Postgres.
pub fn is_on_postgres() -> bool {
    let chosen = std::env::var(TEST_STORE);
    chosen.is_ok_and(|chosen| chosen == "postgres" || chosen == "s3")
}

/// Runs the tests of some modules on stores of one kind, in a process of their own.
fn run(kind: &str, modules: &[&str]) {
    let mut run = Command::new(std::env::current_exe().unwrap());
    // They mostly wait for the server.
    run.args(modules)
        .arg("--test-threads=8")
        .env(TEST_STORE, kind);
    for test in ABOUT_FILES {
        run.args(["--skip", test]);
    }
    postgres_server::run_tests(&mut run);
}

#[test]
fn the_tests_pass_on_postgres() {
    // The tests themselves are not meant to start the tests.
    if is_on_postgres() || postgres_server::new_url().is_none() {
        return;
    }
    run("postgres", &MODULES);
}

#[cfg(feature = "s3")]
#[test]
fn the_tests_pass_on_postgres_with_bodies_in_s3() {
    if is_on_postgres() || postgres_server::new_url().is_none() || s3_server::s3_server().is_none()
    {
        return;
    }
    let is_complete = std::env::var_os(ALL_ON_S3).is_some();
    run("s3", if is_complete { &MODULES } else { &ALWAYS_ON_S3 });
}
