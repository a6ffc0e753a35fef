use promptbook::Store;
use serde_json::json;

use crate::support::{BREAKING, Desk, GREETING, REWORDED, VERSION, members};

fn numbers(log: &serde_json::Value) -> Vec<&str> {
    let versions = log["versions"].as_array().unwrap().iter();
    versions
        .map(|version| version["number"].as_str().unwrap())
        .collect()
}

#[test]
fn a_commit_takes_the_smallest_bump_that_the_rules_allow() {
    let desk = Desk::greeting();
    let minor = desk.json_with(&["commit", "greeting", "-m", "reword"], REWORDED);
    assert_eq!(
        members(&minor),
        ["prompt", "version", "base", "bump", "breaking", "findings"]
    );
    assert_eq!(members(&minor["version"]), VERSION);
    assert_eq!(
        (&minor["bump"], &minor["version"]["number"]),
        (&json!("minor"), &json!("1.1"))
    );
    assert_eq!(minor["breaking"], json!([]));
    assert_eq!(minor["base"]["number"], "1.0");
    assert_eq!(minor["prompt"]["latest"], "1.1");

    let major = desk.json_with(
        &["commit", "greeting", "-m", "ask more", "--auto"],
        BREAKING,
    );
    assert_eq!(
        (&major["bump"], &major["version"]["number"]),
        (&json!("major"), &json!("2.0"))
    );
    assert_eq!(members(&major["breaking"][0]), ["reason", "place"]);
    assert_eq!(major["breaking"][0]["place"], "messages[0].content");
}

#[test]
fn a_major_chosen_by_the_policy_says_why() {
    let desk = Desk::greeting();
    desk.write("new.json", BREAKING);
    let told = desk
        .run(&[
            "commit", "greeting", "new.json", "-m", "x", "--env", "staging",
        ])
        .ok();
    let lines: Vec<&str> = told.lines().collect();
    assert!(
        lines[0].starts_with("Committed 2.0 of greeting (")
            && lines[0].ends_with("), now in staging"),
        "{told}"
    );
    assert_eq!(
        lines[2],
        "A major version, because it breaks callers of 1.0:"
    );
    assert!(
        lines[3].contains("\"age\"") && lines[3].starts_with("  - messages[0].content: "),
        "{told}"
    );
}

#[test]
fn a_breaking_minor_is_refused_with_remedies() {
    let desk = Desk::greeting();
    let told = desk
        .run_with(&["commit", "greeting", "-m", "x", "--minor"], BREAKING)
        .fails(5);
    assert!(
        told.starts_with("error: not a minor version of 1.0"),
        "{told}"
    );
    assert!(
        told.contains("\n  - ") && told.contains("messages[0].content"),
        "{told}"
    );
    assert!(
        told.contains("--major") && told.contains("--force"),
        "{told}"
    );
    assert_eq!(numbers(&desk.json(&["log", "greeting"])), ["1.0"]);

    let told = desk
        .run_with(
            &["commit", "greeting", "-m", "x", "--minor", "--force"],
            BREAKING,
        )
        .ok();
    assert!(
        told.contains("Committed 1.1") && told.contains("as requested"),
        "{told}"
    );
    let told = desk
        .run_with(&["commit", "greeting", "-m", "x", "--major"], BREAKING)
        .ok();
    assert!(
        told.contains("Committed 2.0") && told.contains("same as that of 1.1"),
        "{told}"
    );
}

#[test]
fn a_commit_has_one_bump_at_most() {
    let desk = Desk::greeting();
    for bumps in [
        ["--minor", "--major"],
        ["--auto", "--minor"],
        ["--force", "--major"],
    ] {
        let arguments = [&["commit", "greeting", "-m", "x"], &bumps[..]].concat();
        desk.run_with(&arguments, GREETING).fails(2);
    }
    desk.run_with(&["commit", "greeting"], GREETING).fails(2);
}

#[test]
fn a_commit_is_based_on_the_given_version() {
    let desk = Desk::greeting();
    desk.run_with(&["commit", "greeting", "-m", "x"], BREAKING)
        .ok();
    let version = desk.json_with(&["commit", "greeting", "-m", "x", "--base", "^1"], REWORDED);
    assert_eq!(version["version"]["number"], "1.1");
}

#[test]
fn a_commit_may_expect_a_head() {
    let desk = Desk::greeting();
    let commit = |expected| {
        let arguments = ["commit", "greeting", "-m", "x", "--expect-head", expected];
        desk.run_with(&arguments, REWORDED)
    };
    commit("1.0").ok();
    commit("1.0").fails(4);
    commit("none").fails(4);
    commit("production").fails(4);
    commit("9.9").fails(3);
    commit("latest").ok();
}

#[test]
fn a_log_is_newest_first_and_cut_at_its_limit() {
    let desk = Desk::greeting();
    for body in [REWORDED, BREAKING] {
        desk.run_with(&["commit", "greeting", "-m", "x"], body).ok();
    }
    desk.run_with(&["create", "other"], GREETING).ok();

    let log = desk.json(&["log", "greeting"]);
    assert_eq!(members(&log), ["versions", "more"]);
    assert_eq!(
        members(&log["versions"][0]),
        [&VERSION[..], &["prompt"]].concat()
    );
    assert_eq!(numbers(&log), ["2.0", "1.1", "1.0"]);
    assert_eq!(log["more"], false);

    let cut = desk.json(&["log", "greeting", "-n", "2"]);
    assert_eq!(
        (numbers(&cut), &cut["more"]),
        (vec!["2.0", "1.1"], &json!(true))
    );
    assert!(
        desk.run(&["log", "greeting", "-n", "2"])
            .aside()
            .contains("--all")
    );
    assert_eq!(
        numbers(&desk.json(&["log", "greeting", "--major", "1"])),
        ["1.1", "1.0"]
    );
    assert_eq!(
        numbers(&desk.json(&["log", "greeting", "--select", ">=1.1, <2"])),
        ["1.1"]
    );

    let all = desk.json(&["log", "--all"]);
    assert_eq!(numbers(&all), ["1.0", "2.0", "1.1", "1.0"]);
    assert_eq!(all["versions"][0]["prompt"], "other");
    assert_eq!(all["versions"][3]["environments"], json!(["production"]));
    // Deleted versions are only in the operations.
    desk.run(&["rm", "greeting", "--yes"]).ok();
    assert_eq!(desk.json(&["log"])["versions"].as_array().unwrap().len(), 1);
}

#[test]
fn control_characters_of_messages_do_not_reach_the_terminal() {
    let desk = Desk::greeting();
    let message = "red \u{1b}[31m \u{202e}\nsecond line";
    desk.run_with(&["commit", "greeting", "-m", message], REWORDED)
        .ok();
    for arguments in [
        &["log"][..],
        &["log", "greeting"],
        &["show", "greeting"],
        &["ops"],
        &["log", "--json"],
    ] {
        let told = desk.run(arguments).ok();
        assert!(!told.contains(['\u{1b}', '\u{202e}']), "{told}");
        assert!(told.contains("[31m"), "{told}");
    }
    assert_eq!(desk.json(&["log"])["versions"][0]["message"], message);
}

#[test]
fn show_prints_everything_about_a_version() {
    let desk = Desk::greeting();
    let body = r#"{"model": "m", "messages": [{"role": "user", "content": "{{hc:n:number}}"}],
        "tools": [{"type": "function", "function": {"name": "look"}}], "response_format": {"type": "json_object"}}"#;
    desk.run_with(&["commit", "greeting", "-m", "tools"], body)
        .ok();
    let shown = desk.json(&["show", "greeting@latest"]);
    assert_eq!(members(&shown), ["prompt", "version", "contract", "body"]);
    let contract = &shown["contract"];
    assert_eq!(
        members(contract),
        [
            "variables",
            "partials",
            "problems",
            "tools",
            "functions",
            "response_format",
            "text_format",
            "answers"
        ]
    );
    assert_eq!(
        members(&contract["variables"][0]),
        ["name", "accepts", "uses"]
    );
    assert_eq!(
        members(&contract["tools"][0]),
        ["name", "place", "definition"]
    );
    assert_eq!(shown["body"]["model"], "m");
    let told = desk.run(&["show", "greeting"]).ok();
    for part in [
        "version 2.0",
        "n (number)",
        "look",
        "json_object",
        "tools",
        "base          1.0",
        "\"model\": \"m\"",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
}

#[test]
fn resolve_gives_the_bytes_and_nothing_else() {
    let desk = Desk::new();
    let large = format!("{{\"a\" :\t\"{}\"}}", "x\u{7f}é ".repeat(1 << 18));
    let bodies = [
        "{}",
        " \r\n{ \"b\":1.0e1 ,\"b\":2}\n\n",
        "{\"u\":\"\\u00e9\\n\"}\t",
        &large,
    ];
    for (position, body) in bodies.iter().enumerate() {
        let name = format!("body {position}");
        desk.run_with(&["create", &name], body).ok();
        assert!(
            desk.run(&["resolve", &name]).bytes() == body.as_bytes(),
            "{name}"
        );
        let json = desk.json(&["resolve", &name]);
        assert_eq!(members(&json), ["version", "text"]);
        assert!(json["text"] == **body, "{name}");
    }
}

#[test]
fn a_spec_selects_a_version_in_every_form() {
    let desk = Desk::greeting();
    let minor = desk.json_with(&["commit", "greeting", "-m", "x"], REWORDED);
    desk.run_with(&["commit", "greeting", "-m", "x"], BREAKING)
        .ok();
    // The command refuses such a name, the library accepts it.
    let store = Store::open(desk.path().join(".promptbook")).unwrap();
    store.set_environment("greeting", "latest", "2.0").unwrap();
    drop(store);
    let id = minor["version"]["id"].as_str().unwrap();
    let prompt = minor["prompt"]["id"].as_str().unwrap();
    for (spec, number) in [
        ("greeting", "2.0"),
        ("greeting@latest", "2.0"),
        ("greeting@env:latest", "2.0"),
        ("greeting@production", "1.0"),
        ("greeting@1.1", "1.1"),
        ("greeting@^1", "1.1"),
        ("greeting@>=1.0, <1.1", "1.0"),
        (id, "1.1"),
        (&format!("{prompt}@{id}"), "1.1"),
        (&format!("id:{prompt}@1.0"), "1.0"),
    ] {
        assert_eq!(
            desk.json(&["show", spec])["version"]["number"],
            number,
            "{spec}"
        );
    }
}
