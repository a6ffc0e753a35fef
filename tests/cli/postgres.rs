//! The command on a store in Postgres.

use std::collections::BTreeSet;

use crate::postgres_server::new_url;
use crate::support::{Answer, Desk, GREETING, REWORDED, command, run};

/// Runs the command on a store.
fn on(desk: &Desk, url: &str, arguments: &[&str], input: &str) -> Answer {
    let all: Vec<&str> = ["--store", url].iter().chain(arguments).copied().collect();
    desk.run_with(&all, input)
}

/// Each command with arguments with which it succeeds, in this order.
const SUCCEED: &[(&[&str], &str)] = &[
    (&["create", "greeting"], GREETING),
    (&["commit", "greeting", "-m", "reworded"], REWORDED),
    (&["env", "set", "greeting", "production", "latest"], ""),
    (&["env", "list", "greeting"], ""),
    (&["show", "greeting@production"], ""),
    (&["log", "greeting"], ""),
    (&["diff", "greeting@1.0", "greeting@1.1"], ""),
    (&["blame", "greeting"], ""),
    (&["ls"], ""),
    (&["search", "hello"], ""),
    (&["resolve", "greeting"], ""),
    (&["resolve", "greeting@production", "--at", "2"], ""),
    (&["vars", "greeting"], ""),
    (&["render", "greeting", "name=Ada"], ""),
    (&["lint"], ""),
    (&["environments", "add", "production", "staging"], ""),
    (&["promote", "production", "staging", "greeting"], ""),
    (&["watch", "--from", "start", "-n", "1"], ""),
    (&["tag", "add", "greeting", "mail"], ""),
    (&["rename", "greeting", "renamed"], ""),
    (&["undo"], ""),
    (&["ops"], ""),
    (&["verify"], ""),
    (&["checkpoint"], ""),
    (&["gc"], ""),
    (&["stats"], ""),
    (&["export", "out"], ""),
    (&["status", "out"], ""),
    (&["import", "out"], ""),
    (&["export", "--bundle", "store.bundle"], ""),
    (&["import", "--bundle", "store.bundle"], ""),
    (&["freeze", "prompts.frozen"], ""),
    (&["fixtures"], ""),
    (&["rm", "greeting", "--yes"], ""),
];

/// Each command that needs files, and what its error says.
const REFUSED: &[(&[&str], &str)] = &[
    (&["backup", "copy"], "pg_dump --schema="),
    (&["restore", "copy"], "needs a directory"),
    (&["remote", "list"], "not in a directory"),
    (&["push"], "not in a directory"),
    (&["sync-status"], "not in a directory"),
];

#[test]
fn every_command_works_on_a_store_in_postgres_or_says_why_not() {
    let Some(url) = new_url() else { return };
    let desk = Desk::bare();
    every_command_works(&desk, &url);
}

/// With its bodies in S3, too. The URL is then required to say so.
#[cfg(feature = "s3")]
#[test]
fn the_command_works_with_bodies_in_s3() {
    let Some(server) = crate::s3_server::s3_server() else {
        return;
    };
    let Some(tables) = new_url() else { return };
    let url = format!("{tables}&{}", server.new_parameters());
    let desk = Desk::bare();
    every_command_works(&desk, &url);
    on(&desk, &url, &["checkpoint"], "").ok();
    let stats = on(&desk, &url, &["stats"], "").ok();
    assert!(stats.contains("journal       0 bodies"), "{stats}");
    assert!(stats.contains("packs         1: 2 bodies"), "{stats}");
    on(&desk, &url, &["gc", "--aggressive"], "").ok();
    on(&desk, &url, &["verify"], "").ok();
    let told = desk.run(&["copy", &url, "copied"]).ok();
    assert!(told.contains("Copied to copied"), "{told}");
    let copied = format!("{}&{}", new_url().unwrap(), server.new_parameters());
    let told = desk.run(&["copy", "copied", &copied]).ok();
    assert!(!told.contains("secret"), "{told}");
    let head = |store: &str| desk.json(&["verify", "--store", store])["head"].clone();
    assert_eq!(head(&url), head("copied"));
    assert_eq!(head(&url), head(&copied));
    let refused = on(&desk, &tables, &["ls"], "").fails(1);
    assert!(
        refused.contains("add blobs=s3://") && !refused.contains("secret"),
        "{refused}"
    );
    let elsewhere = url.replace("@bucket/", "@elsewhere/");
    let refused = on(&desk, &elsewhere, &["ls"], "").fails(1);
    assert!(
        refused.contains("blobs_moved=1") && !refused.contains("secret"),
        "{refused}"
    );
    let plain = format!("{tables}&blobs=s3://bucket&endpoint=http://s3.example.com");
    let refused = on(&desk, &plain, &["ls"], "").fails(2);
    assert!(refused.contains("allow_http=1"), "{refused}");
}

/// Tries all commands on a new store, in an empty directory.
fn every_command_works(desk: &Desk, url: &str) {
    on(desk, url, &["ls"], "").fails(3);
    let told = on(desk, url, &["init"], "").ok();
    assert!(
        told.contains("postgres://") && told.contains("?schema=") && !told.contains("tests@"),
        "{told}"
    );
    on(desk, url, &["init"], "").fails(4);
    for (arguments, input) in SUCCEED {
        on(desk, url, arguments, input).ok();
    }
    let stats = desk.json(&["stats", "--store", url]);
    let place = stats["path"].as_str().unwrap();
    assert!(
        place.starts_with("postgres://") && !place.contains("tests@"),
        "{place}"
    );
    assert_eq!(
        names_in(desk.path()),
        [
            "out",
            "prompts.frozen",
            "prompts.frozen.lock",
            "store.bundle"
        ]
        .map(str::to_owned)
        .into(),
        "no file is created but those that were asked for"
    );
    desk.run(&["--store", "made", "init"]).ok();
    desk.run(&["--store", "made", "backup", "copy"]).ok();
    for (arguments, words) in REFUSED {
        let told = on(desk, url, arguments, "").fails(2);
        assert!(told.contains(words), "{arguments:?}: {told}");
    }
}

/// Returns the names of the files in a directory.
fn names_in(directory: &std::path::Path) -> BTreeSet<String> {
    let files = std::fs::read_dir(directory).unwrap();
    files
        .map(|file| file.unwrap().file_name().to_string_lossy().into_owned())
        .collect()
}

#[test]
fn names_of_a_store_in_postgres_are_completed() {
    let Some(url) = new_url() else { return };
    let desk = Desk::bare();
    on(&desk, &url, &["init"], "").ok();
    on(&desk, &url, &["create", "greeting"], GREETING).ok();
    let mut completion = command(desk.path());
    completion.env("PROMPTBOOK_COMPLETE", "fish").args([
        "--",
        "promptbook",
        "--store",
        &url,
        "log",
        "gre",
    ]);
    assert_eq!(run(&mut completion, "").ok().trim(), "greeting");
}

/// What the server ensures for a store is checked by `verify`.
#[test]
fn verify_names_what_the_server_no_longer_ensures() {
    let Some(server) = crate::postgres_server::shared() else {
        return;
    };
    let (desk, url) = (Desk::bare(), server.new_url());
    on(&desk, &url, &["init"], "").ok();
    on(&desk, &url, &["create", "greeting"], GREETING).ok();
    on(&desk, &url, &["verify"], "").ok();
    let schema = url.rsplit_once("schema=").unwrap().1;
    server.sql(&format!(
        "ALTER TABLE {schema}.version DROP CONSTRAINT version_blob_fkey"
    ));
    let told = on(&desk, &url, &["verify"], "").text();
    assert!(
        told.contains("constraint version_blob_fkey is missing"),
        "{told}"
    );
}

/// A dump of the schema is a whole copy.
#[test]
fn a_dump_of_the_schema_restores_the_store() {
    let Some(server) = crate::postgres_server::shared() else {
        return;
    };
    let (desk, url) = (Desk::bare(), server.new_url());
    on(&desk, &url, &["init"], "").ok();
    on(&desk, &url, &["create", "greeting"], GREETING).ok();
    let verified = on(&desk, &url, &["verify"], "").ok();
    let (place, schema) = url.rsplit_once("?schema=").unwrap();
    let dump = server.program("pg_dump", &["--schema", schema, "postgres"]);
    server.sql(&format!("DROP SCHEMA {schema} CASCADE"));
    on(&desk, &url, &["ls"], "").fails(3);
    assert!(dump.contains(schema));
    server.sql(&dump);
    assert_eq!(on(&desk, &url, &["verify"], "").ok(), verified);
    on(
        &desk,
        &format!("{place}?schema={schema}"),
        &["show", "greeting"],
        "",
    )
    .ok();
}
