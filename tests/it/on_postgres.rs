//! The tests of this binary on a Postgres server: a test starts the binary again, with
//! `PROMPTBOOK_TEST_STORE=postgres`, so that every `Place` is a schema.

use std::process::Command;

#[path = "../shared/postgres_server.rs"]
mod postgres_server;

/// The variable that chooses where the tests' stores are.
const TEST_STORE: &str = "PROMPTBOOK_TEST_STORE";

/// The modules whose tests run on Postgres.
const MODULES: [&str; 18] = [
    "batches::",
    "breaking::",
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
    is_on_postgres().then(|| postgres_server::new_url().expect("a Postgres server"))
}

/// Returns whether the tests' stores are in Postgres.
pub fn is_on_postgres() -> bool {
    std::env::var(TEST_STORE).as_deref() == Ok("postgres")
}

#[test]
fn the_tests_pass_on_postgres() {
    // The tests themselves are not meant to start the tests.
    if is_on_postgres() || postgres_server::new_url().is_none() {
        return;
    }
    let mut run = Command::new(std::env::current_exe().unwrap());
    // They mostly wait for the server.
    run.args(MODULES)
        .arg("--test-threads=8")
        .env(TEST_STORE, "postgres");
    for test in ABOUT_FILES {
        run.args(["--skip", test]);
    }
    postgres_server::run_tests(&mut run);
}
