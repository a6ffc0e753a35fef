//! Changes that remove or break something in use: they are asked for, or refused.

use serde_json::json;

use crate::support::{BREAKING, Desk, GREETING, REWORDED, members};

/// Version 1.0 is in production, 2.0 breaks its callers.
fn two_majors() -> Desk {
    let desk = Desk::greeting();
    desk.run_with(&["commit", "greeting", "-m", "x"], BREAKING)
        .ok();
    desk
}

fn production(desk: &Desk) -> serde_json::Value {
    desk.json(&["env", "list", "greeting"])["environments"][0]["number"].clone()
}

/// Adds a prompt whose body uses an environment of `greeting` as a partial.
fn add_user(desk: &Desk, environment: &str) {
    let id = desk.json(&["show", "greeting"])["prompt"]["id"].clone();
    let tag = format!("{{{{hcp:{}:0:{environment}}}}}", id.as_str().unwrap());
    let body = json!({"messages": [{"role": "user", "content": tag}]});
    desk.run_with(&["create", "welcome"], &body.to_string())
        .ok();
}

#[test]
fn an_environment_does_not_move_to_a_breaking_version_unasked() {
    let desk = two_majors();
    let told = desk
        .run(&["env", "set", "greeting", "production", "2.0"])
        .fails(5);
    assert!(
        told.contains("production of \"greeting\" stays at 1.0"),
        "{told}"
    );
    assert!(told.contains("\n  - ") && told.contains("age"), "{told}");
    let command = "promptbook env set greeting production 2.0 --breaking";
    assert!(told.contains(command), "{told}");
    assert_eq!(production(&desk), "1.0");
    // An environment that holds nothing yet has no callers.
    desk.run(&["env", "set", "greeting", "dev", "2.0"]).ok();

    let moved = desk.run(&["env", "set", "greeting", "production", "2.0", "--breaking"]);
    assert!(moved.aside().contains("warning: "), "{}", moved.aside());
    moved.ok();
    assert_eq!(production(&desk), "2.0");
    // Back, and forth again: both versions were there before.
    desk.run(&["env", "set", "greeting", "production", "1.0"])
        .ok();
    let moved = desk.json(&["env", "set", "greeting", "production", "2.0"]);
    assert_eq!(
        members(&moved),
        [
            "prompt_id",
            "environment",
            "before",
            "after",
            "breaking",
            "changed"
        ]
    );
    assert_eq!(moved["breaking"].as_array().unwrap().len(), 1);
}

#[test]
fn a_commit_does_not_bring_a_breaking_version_to_an_environment_unasked() {
    let desk = Desk::greeting();
    let commit = [
        "commit",
        "greeting",
        "-m",
        "Ask for the age",
        "--env",
        "production",
    ];
    let told = desk.run_with(&commit, BREAKING).fails(5);
    assert!(
        told.contains("the new version breaks its callers"),
        "{told}"
    );
    let command = "promptbook commit greeting -m 'Ask for the age' --env production --breaking";
    assert!(told.contains(command), "{told}");
    let failure = desk
        .run_with(&[&commit[..], &["--json"]].concat(), BREAKING)
        .fails(5);
    let failure: serde_json::Value = serde_json::from_str(&failure).unwrap();
    assert_eq!(failure["error"]["kind"], "breaking_move");
    let versions = || {
        desk.json(&["log", "greeting"])["versions"]
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!(versions(), 1);

    desk.run_with(&commit, REWORDED).ok();
    assert_eq!(production(&desk), "1.1");
    desk.run_with(&[&commit[..], &["--major"]].concat(), BREAKING)
        .ok();
    assert_eq!(production(&desk), "2.0");
    desk.run_with(&[&commit[..], &["--breaking"]].concat(), GREETING)
        .ok();
    assert_eq!(production(&desk), "3.0");
    // An undo is not asked for.
    desk.run(&["undo"]).ok();
    assert_eq!(production(&desk), "2.0");
}

#[test]
fn an_import_names_the_files_that_break_an_environment() {
    let desk = Desk::greeting();
    desk.write("in/greeting.json", BREAKING);
    desk.write("in/other.json", GREETING);
    let import = ["import", "in", "--env", "production"];
    let told = desk.run(&import).fails(5);
    assert!(
        told.contains("greeting.json: ") && told.contains("--breaking"),
        "{told}"
    );
    assert_eq!(production(&desk), "1.0");
    desk.run(&[&import[..], &["--breaking"]].concat()).ok();
    assert_eq!(production(&desk), "2.0");
}

#[test]
fn a_store_of_the_free_policy_does_not_ask() {
    let desk = Desk::bare();
    desk.run(&["init", "--policy", "free"]).ok();
    desk.run_with(&["create", "greeting"], GREETING).ok();
    let commit = ["commit", "greeting", "-m", "x", "--env", "production"];
    desk.run_with(&commit, BREAKING).ok();
    assert_eq!(production(&desk), "2.0");
}

#[test]
fn a_version_that_is_in_use_is_not_deleted_unasked() {
    let desk = two_majors();
    add_user(&desk, "production");
    for spec in ["greeting@1.0", "greeting@production"] {
        let told = desk.run(&["rm", spec]).fails(2);
        assert!(told.contains("production points to it"), "{told}");
        assert!(
            told.contains("welcome@1.0 uses production as a partial"),
            "{told}"
        );
        assert!(
            told.contains(&format!("promptbook rm {spec} --yes")),
            "{told}"
        );
        assert!(
            told.contains("promptbook env set greeting production"),
            "{told}"
        );
    }
    for range in ["greeting@^1", "greeting@*", "greeting@2"] {
        let told = desk.run(&["rm", range, "--yes"]).fails(2);
        assert!(told.contains("selects several versions"), "{told}");
    }
    desk.run(&["rm", "greeting@2.0"]).ok();
    let told = desk.run(&["rm", "greeting@1.0", "--yes"]).ok();
    assert!(
        told.contains("removed the environment production"),
        "{told}"
    );
    assert!(told.contains("welcome@1.0 uses production"), "{told}");
}

#[test]
fn a_prompt_that_is_in_use_is_deleted_with_a_list_of_what_breaks() {
    let desk = Desk::greeting();
    add_user(&desk, "production");
    let told = desk.run(&["rm", "greeting"]).fails(2);
    assert!(told.contains("production points to 1.0"), "{told}");
    assert!(
        told.contains("welcome@1.0 uses production as a partial"),
        "{told}"
    );
    let told = desk.run(&["undo", "1", "--also-later"]).fails(2);
    assert!(told.contains("greeting is deleted"), "{told}");
    let told = desk.run(&["rm", "greeting", "--yes"]).ok();
    assert!(told.contains("welcome@1.0 uses production"), "{told}");
}

#[test]
fn an_environment_that_is_used_as_a_partial_is_not_removed_unasked() {
    let desk = Desk::greeting();
    desk.run(&["env", "set", "greeting", "staging", "1.0"]).ok();
    add_user(&desk, "staging");
    let told = desk.run(&["env", "remove", "greeting", "staging"]).fails(2);
    assert!(told.contains("welcome@1.0 uses staging"), "{told}");
    // Undoing the operation that created it removes it too.
    let told = desk.run(&["undo", "2"]).fails(2);
    assert!(told.contains("welcome@1.0 uses staging"), "{told}");
    desk.run(&["env", "remove", "greeting", "production"]).ok();
    desk.run(&["env", "remove", "greeting", "staging", "--yes"])
        .ok();
}

#[test]
fn an_early_collection_is_asked_for_and_its_victims_are_named() {
    let desk = two_majors();
    desk.run(&["rm", "greeting@2.0"]).ok();
    let told = desk.run(&["gc", "--retention", "0"]).fails(2);
    assert!(told.contains("promptbook gc --retention 0 --yes"), "{told}");
    desk.run(&["gc", "--retention", "0", "--dry-run"]).ok();
    desk.run(&["gc", "--retention", "1"]).ok();
    desk.run(&["gc", "--retention", "0", "--yes"]).ok();
    for arguments in [&["undo"][..], &["resolve", "greeting@2.0", "--at", "2"]] {
        let told = desk.run(arguments).fails(3);
        assert!(told.contains("version 2.0 of \"greeting\""), "{told}");
    }
}

#[test]
fn environments_cannot_have_names_that_read_as_something_else() {
    let desk = Desk::greeting();
    for name in ["1.0", "^2", "latest", "2", "env:x"] {
        desk.run(&["env", "set", "greeting", name, "1.0"]).fails(2);
        let commit = ["commit", "greeting", "-m", "x", "--env", name];
        let told = desk.run_with(&commit, REWORDED).fails(2);
        assert!(told.contains("it reads as "), "{told}");
        desk.run_with(&["create", "other", "--env", name], GREETING)
            .fails(2);
        desk.run(&["import", ".", "--env", name]).fails(2);
    }
}

#[test]
fn an_environment_that_is_new_to_the_store_is_named() {
    let desk = Desk::greeting();
    let set = |prompt, name| {
        let answer = desk.run(&["env", "set", prompt, name, "1.0"]);
        let told = answer.aside().to_owned();
        answer.ok();
        told
    };
    assert_eq!(
        set("greeting", "prodution"),
        "new environment \"prodution\"; known: production\n"
    );
    assert_eq!(set("greeting", "prodution"), "");
    let commit = ["commit", "greeting", "-m", "x", "--env", "dev"];
    let committed = desk.run_with(&commit, REWORDED);
    assert!(committed.aside().contains("new environment \"dev\""));
    desk.run_with(&["create", "other", "--no-env"], GREETING)
        .ok();
    assert_eq!(set("other", "dev"), "");
}

#[test]
fn an_author_is_a_filter_of_lists_and_refused_by_other_reads() {
    let desk = Desk::new();
    let by = |author, name| {
        desk.run_with(&["create", name, "--author", author], GREETING)
            .ok()
    };
    by("ann", "a");
    by("bob", "b");
    desk.run_with(&["commit", "a", "-m", "x", "--author", "bob"], REWORDED)
        .ok();
    let numbers = |arguments: &[&str]| -> Vec<String> {
        let versions = desk.json(arguments)["versions"].clone();
        let versions = versions.as_array().unwrap().iter();
        versions
            .map(|one| {
                format!(
                    "{}@{}",
                    one["prompt"].as_str().unwrap(),
                    one["number"].as_str().unwrap()
                )
            })
            .collect()
    };
    assert_eq!(numbers(&["log", "--author", "bob"]), ["a@1.1", "b@1.0"]);
    assert_eq!(numbers(&["log", "a", "--author=ann"]), ["a@1.0"]);
    let operations = desk.json(&["ops", "--author", "ann"]);
    assert_eq!(operations["operations"].as_array().unwrap().len(), 1);
    let held = desk.json(&["log", "a", "--env", "production", "--author", "bob"]);
    assert_eq!(held["environment_log"], json!([]));
    for arguments in [
        &["ls"][..],
        &["show", "a"],
        &["search", "hi"],
        &["env", "list", "a"],
        &["gc"],
    ] {
        let told = desk
            .run(&[arguments, &["--author", "bob"]].concat())
            .fails(2);
        assert!(told.contains("--author"), "{told}");
    }
    desk.run(&["completions", "bash", "--store", "x"]).fails(2);
}

#[test]
fn several_prompts_are_promoted_at_once() {
    let desk = Desk::new();
    for name in ["a", "b", "c"] {
        desk.run_with(&["create", name, "--tag", name], GREETING)
            .ok();
    }
    for (name, body) in [("a", REWORDED), ("b", BREAKING)] {
        let commit = ["commit", name, "-m", "x", "--env", "staging"];
        desk.run_with(&commit, body).ok();
    }
    let all = ["promote", "staging", "production", "--all"];
    let shown = desk.json(&[&all[..], &["--dry-run"]].concat());
    assert_eq!(members(&shown), ["from", "to", "dry_run", "prompts"]);
    let prompts = shown["prompts"].as_array().unwrap();
    assert_eq!(prompts.len(), 2, "c is not in staging");
    assert_eq!(prompts[0]["after"], "2.0");
    assert_eq!(prompts[0]["breaking"].as_array().unwrap().len(), 1);
    assert_eq!(
        desk.json(&["ops"])["operations"].as_array().unwrap().len(),
        5
    );

    let told = desk.run(&all).fails(5);
    assert!(
        told.contains("promptbook promote staging production --all --breaking"),
        "{told}"
    );
    desk.run(&["promote", "staging", "production", "a", "b"])
        .fails(5);
    let told = desk
        .run(&["promote", "staging", "production", "--tag", "a"])
        .ok();
    assert!(
        told.contains("Moved production of 1 prompt to where staging points"),
        "{told}"
    );
    let told = desk.run(&[&all[..], &["--breaking"]].concat()).ok();
    assert!(
        told.contains("1 unchanged") && told.contains("b 2.0 breaks callers of 1.0"),
        "{told}"
    );
    assert_eq!(
        desk.json(&["ops"])["operations"].as_array().unwrap().len(),
        7
    );

    desk.run(&["promote", "staging", "production", "c"])
        .fails(3);
    desk.run(&["promote", "staging", "production"]).fails(2);
    desk.run(&["promote", "staging", "production", "a", "--all"])
        .fails(2);
    desk.run(&["promote", "staging", "latest", "a"]).fails(2);
}
