//! Messages and hints: they use the names that were typed, and name the right command.

use serde_json::Value;

use crate::support::{Desk, GREETING, REWORDED, members};

/// Returns the last hint of an error.
#[track_caller]
fn hint(told: &str) -> &str {
    told.split("hint: ")
        .nth(1)
        .unwrap_or_else(|| panic!("no hint: {told}"))
}

#[test]
fn messages_use_the_name_that_was_typed() {
    let desk = Desk::greeting();
    for (arguments, message) in [
        (
            &["show", "greeting@9.9"][..],
            "prompt \"greeting\" has no version 9.9\nhint: promptbook log greeting lists",
        ),
        (
            &["env", "set", "greeting", "production", "9.9"],
            "prompt \"greeting\" has no version 9.9\n",
        ),
        (
            &["show", "greeting@nowhere"],
            "prompt \"greeting\" has no version in environment \"nowhere\"\n\
             hint: promptbook env list greeting lists",
        ),
    ] {
        let told = desk.run(arguments).fails(3);
        assert!(told.contains(message), "{arguments:?}: {told}");
        let id = desk.json(&["show", "greeting"])["prompt"]["id"].clone();
        assert!(!told.contains(id.as_str().unwrap()), "{told}");
    }
}

#[test]
fn a_conflict_has_fields_and_its_own_hint() {
    let desk = Desk::greeting();
    let set = [
        "env",
        "set",
        "greeting",
        "production",
        "1.0",
        "--expect",
        "none",
    ];
    let told = desk.run(&set).fails(4);
    assert!(
        told.starts_with(
            "error: environment production of prompt \"greeting\" is 1.0, expected none\n"
        ),
        "{told}"
    );
    assert!(
        hint(&told).starts_with("promptbook log greeting --env production"),
        "{told}"
    );
    let told = desk.run(&[&set[..], &["--json"]].concat()).fails(4);
    let fields = &serde_json::from_str::<Value>(&told).unwrap()["error"]["fields"];
    assert_eq!(
        members(fields),
        ["prompt", "environment", "expected", "found"]
    );
    assert_eq!(fields["prompt"]["name"], "greeting");
    assert_eq!(fields["environment"], "production");
    assert_eq!(fields["expected"], Value::Null);
    assert_eq!(fields["found"]["number"], "1.0");
}

#[test]
fn hints_fit_what_failed() {
    let desk = Desk::greeting();
    std::fs::create_dir(desk.path().join("empty")).unwrap();
    desk.run(&["backup", "backup"]).ok();
    let pin = "0".repeat(64);
    for (arguments, code, part) in [
        (
            &["verify", "--pin", &pin][..],
            6,
            "the store is sound, but its history was rewritten",
        ),
        (
            &["restore", "empty"],
            3,
            "name a directory that promptbook backup wrote",
        ),
        (&["restore", "backup"], 4, "--store DIR"),
        (&["render", "greeting"], 7, "promptbook vars greeting lists"),
        (
            &["create", "greeting", "-"],
            4,
            "promptbook commit greeting",
        ),
    ] {
        let told = desk.run_with(arguments, GREETING).fails(code);
        assert!(hint(&told).contains(part), "{arguments:?}: {told}");
    }
    let partial = r#"{"messages": [{"role": "user", "content": "{{hcp:zzzzzz:0:production}}"}]}"#;
    desk.run_with(&["create", "uses"], partial).ok();
    let told = desk.run(&["render", "uses"]).fails(7);
    assert!(
        hint(&told).contains("promptbook env set zzzzzz production VERSION"),
        "{told}"
    );
}

#[test]
fn similar_names_are_suggested() {
    let desk = Desk::greeting();
    for (typed, suggestion) in [
        ("greting", "did you mean greeting?"),
        ("Greeting", "did you mean greeting?"),
        ("greet", "did you mean greeting?"),
        ("greeting@v1.0", "did you mean 1.0?"),
        ("greeting@prodution", "did you mean production?"),
    ] {
        let told = desk.run(&["show", typed]).fails(3);
        assert!(hint(&told).starts_with(suggestion), "{typed}: {told}");
    }
    // The store has the name now, and did not have it at that moment.
    for typed in ["greeting", "greeting@production"] {
        let told = desk.run(&["show", typed, "--at", "2h"]).fails(3);
        assert!(hint(&told).starts_with("greeting is newer"), "{told}");
    }
    let told = desk.run(&["diff", "greeting", "1.0"]).fails(3);
    assert!(hint(&told).contains("such as greeting@1.0"), "{told}");
    let told = desk.run(&["log", "greeting@1.0"]).fails(3);
    assert!(hint(&told).starts_with("did you mean greeting?"), "{told}");
    let told = desk.run(&["show", "farewell"]).fails(3);
    assert!(!told.contains("did you mean"), "{told}");
}

#[test]
fn words_of_other_tools_are_answered_with_the_right_command() {
    let desk = Desk::greeting();
    for (word, command) in [
        ("st", "promptbook status"),
        ("list", "promptbook ls"),
        ("cat", "promptbook show"),
        ("modify", "promptbook edit"),
        ("add", "promptbook create"),
        ("get", "promptbook show"),
        ("checkout", "promptbook show"),
        ("branch", "promptbook env list"),
        ("merge", "promptbook export --bundle"),
        ("fetch", "promptbook pull"),
        ("revert", "promptbook help undo"),
        ("delete", "promptbook help rm"),
        ("stash", "promptbook commit"),
    ] {
        let told = desk.run(&[word]).fails(2);
        assert!(
            told.starts_with(&format!("error: there is no command {word}\n")),
            "{told}"
        );
        assert!(hint(&told).contains(command), "{word}: {told}");
        assert!(!told.contains("tip:"), "{told}");
    }
    // A prompt in the place of a command.
    for (group, command) in [
        ("tag", "promptbook tag list PROMPT"),
        ("env", "promptbook env list PROMPT"),
        ("environments", "promptbook environments list"),
    ] {
        let told = desk.run(&[group, "greeting"]).fails(2);
        assert!(hint(&told).contains(command), "{group}: {told}");
        let told = desk.run(&[group, "lst"]).fails(2);
        assert!(told.contains("tip:") && told.contains("'list'"), "{told}");
    }
    // Words that are no command of anything.
    for word in ["rmm", "gcc", "und", "greet"] {
        let told = desk.run(&[word]).fails(2);
        for destructive in ["'rm'", "'gc'", "'undo'"] {
            assert!(!told.contains(destructive), "{told}");
        }
    }
    let told = desk
        .run(&["env", "set", "greeting", "production", "--all"])
        .fails(2);
    assert!(!told.contains("--allow-network"), "{told}");
}

#[test]
fn escape_characters_of_an_argument_are_not_echoed() {
    let desk = Desk::greeting();
    for arguments in [
        &["\u{1b}[31mred"][..],
        &["show", "greeting@\u{1b}[31m"],
        &["--\u{1b}[31m"],
        &["env", "set", "greeting", "\u{1b}[31m", "1.0"],
        &["show", "\u{202e}x"],
    ] {
        let told = desk.run(arguments).text_of_failure();
        assert!(
            !told.contains('\u{1b}') && !told.contains('\u{202e}'),
            "{told:?}"
        );
        assert!(told.contains("\\u{"), "{told:?}");
    }
}

#[test]
fn force_is_a_minor_version() {
    let desk = Desk::greeting();
    let breaking = GREETING.replace("Hi", "{{hc:other:string}}");
    let told = desk
        .run_with(&["commit", "greeting", "-m", "x", "--force"], &breaking)
        .ok();
    assert!(told.contains("Committed 1.1"), "{told}");
    desk.run_with(
        &["commit", "greeting", "-m", "x", "--force", "--major"],
        REWORDED,
    )
    .fails(2);
}

#[test]
fn a_file_in_place_of_a_store_is_named() {
    let desk = Desk::bare();
    desk.write("g.json", GREETING);
    let told = desk.run(&["--store", "g.json", "init"]).fails(1);
    assert_eq!(told, "error: g.json is not a directory\n");
}

#[test]
fn numbers_names_and_positions_are_explained() {
    let desk = Desk::greeting();
    for (arguments, part) in [
        (&["gc", "--retention", "1h"][..], "expected a whole number"),
        (&["log", "-n", "many"], "expected a whole number"),
        (
            &["promote"],
            "promptbook promote [OPTIONS] <FROM> <TO> <PROMPT>...",
        ),
    ] {
        let told = desk.run(arguments).fails(2);
        assert!(told.contains(part), "{arguments:?}: {told}");
    }
    let told = desk.run(&["rm", "greeting"]).fails(2);
    assert!(hint(&told).ends_with("such as greeting@1.0\n"), "{told}");
    let told = desk.run(&["lint", "nowhere.json"]).fails(3);
    assert!(
        told.starts_with("error: no file and no prompt \"nowhere.json\"\n"),
        "{told}"
    );
}
