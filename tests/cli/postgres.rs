//! The command on a store in Postgres.

use crate::postgres_server::new_url;
use crate::support::{Desk, GREETING, REWORDED};

#[test]
fn the_command_works_on_a_store_in_postgres() {
    let Some(url) = new_url() else { return };
    let desk = Desk::bare();
    let run = |arguments: &[&str], input: &str| {
        let all: Vec<&str> = ["--store", &url].iter().chain(arguments).copied().collect();
        desk.run_with(&all, input)
    };
    run(&["ls"], "").fails(3);
    let told = run(&["init"], "").ok();
    assert!(
        told.contains("postgres://") && !told.contains("tests@"),
        "{told}"
    );
    run(&["init"], "").fails(4);
    run(&["create", "greeting"], GREETING).ok();
    run(&["commit", "greeting", "-m", "reworded"], REWORDED).ok();
    run(&["env", "set", "greeting", "production", "latest"], "").ok();
    let shown = run(&["show", "greeting@production"], "").ok();
    assert!(
        shown.contains("version 1.1") && shown.contains("Hello {{hc:name:string}}"),
        "{shown}"
    );
    assert!(run(&["log"], "").ok().contains("reworded"));
    assert!(run(&["search", "reworded"], "").text().contains("greeting"));
    run(&["undo"], "").ok();
    run(&["verify"], "").ok();
    for arguments in [&["stats"][..], &["ops"], &["checkpoint"], &["gc"]] {
        run(arguments, "").ok();
    }
    assert_eq!(
        std::fs::read_dir(desk.path()).unwrap().count(),
        0,
        "no file is created"
    );
}
