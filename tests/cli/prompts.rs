use serde_json::json;

use crate::support::{Desk, GREETING, PROMPT, VERSION, members};

#[test]
fn a_prompt_is_created_with_all_options() {
    let desk = Desk::new();
    desk.write("body.json", GREETING);
    let arguments = [
        "create",
        "greeting",
        "body.json",
        "-m",
        "Begin",
        "--tag",
        "a",
        "--tag",
        "b",
        "--env",
        "staging",
        "--id",
        "abc123",
        "--author",
        "Ann",
    ];
    let created = desk.json(&arguments);
    assert_eq!(members(&created), ["prompt", "version", "findings"]);
    let (prompt, version) = (&created["prompt"], &created["version"]);
    assert_eq!(members(prompt), PROMPT);
    assert_eq!(members(version), VERSION);
    assert_eq!(prompt["id"], "abc123");
    assert_eq!(prompt["tags"], json!(["a", "b"]));
    assert_eq!(version["number"], "1.0");
    assert_eq!(version["message"], "Begin");
    assert_eq!(version["author"], "Ann");
    assert_eq!(version["environments"], json!(["staging"]));
    assert_eq!(version["size"], GREETING.len());
}

#[test]
fn a_new_prompt_is_in_production_by_default() {
    let desk = Desk::new();
    let told = desk.run_with(&["create", "a", "-"], GREETING).ok();
    assert!(
        told.starts_with("Created a (") && told.contains("version 1.0 in production\n"),
        "{told}"
    );
    let created = desk.json_with(&["create", "b", "--no-env"], GREETING);
    assert_eq!(created["version"]["environments"], json!([]));
}

#[test]
fn prompts_are_listed_by_tag_and_by_a_part_of_their_name() {
    let desk = Desk::new();
    for (name, tag) in [("Grüße", "x"), ("Begrüßung", "y"), ("日本語", "x")] {
        desk.run_with(&["create", name, "--tag", tag], GREETING)
            .ok();
    }
    let names = |arguments: &[&str]| {
        let found = desk.json(arguments);
        let prompts = found["prompts"].as_array().unwrap().iter();
        prompts
            .map(|prompt| prompt["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&["ls"]), ["日本語", "Begrüßung", "Grüße"]);
    assert_eq!(names(&["ls", "--tag", "x"]), ["日本語", "Grüße"]);
    assert_eq!(names(&["ls", "-n", "1"]), ["日本語"]);
    assert_eq!(names(&["ls", "--name", "GRÜ"]), ["Begrüßung", "Grüße"]);
    assert_eq!(names(&["ls", "--name", "GRÜ", "--tag", "x"]), ["Grüße"]);
    assert!(names(&["ls", "--name", "nothing"]).is_empty());

    let listed = desk.json(&["ls"]);
    let first = &listed["prompts"][0];
    assert_eq!(members(first), [&PROMPT[..], &["environments"]].concat());
    let environment = ["name", "prompt_id", "version_id", "number", "moved_at"];
    assert_eq!(members(&first["environments"][0]), environment);
}

#[test]
fn lists_align_with_wide_characters() {
    let desk = Desk::new();
    for (name, id) in [("日本語", "aaaaaa"), ("plain", "bbbbbb")] {
        desk.run_with(&["create", name, "--id", id], GREETING).ok();
    }
    let expected = "\
ID      NAME    LATEST  VERSIONS  ENVIRONMENTS    TAGS
bbbbbb  plain   1.0     1         production=1.0
aaaaaa  日本語  1.0     1         production=1.0
";
    assert_eq!(desk.run(&["ls"]).ok(), expected);
}

#[test]
fn tags_are_added_removed_set_and_listed() {
    let desk = Desk::greeting();
    let set = desk.json(&["tag", "set", "greeting", "a", "b"]);
    assert_eq!(members(&set), ["prompt", "before"]);
    assert_eq!(set["prompt"]["tags"], json!(["a", "b"]));
    assert_eq!(set["before"], json!([]));
    assert_eq!(desk.run(&["tag", "list", "greeting"]).ok(), "a\nb\n");

    let told = desk.run(&["tag", "add", "greeting", "b", "c"]).ok();
    assert!(told.starts_with("The tags of greeting ("), "{told}");
    assert!(
        told.ends_with(") are now [a, b, c], they were [a, b]\n"),
        "{told}"
    );
    let told = desk.run(&["tag", "add", "greeting", "c"]).ok();
    assert!(told.ends_with(") are already [a, b, c]\n"), "{told}");
    let told = desk.run(&["tag", "remove", "greeting", "a", "x"]).ok();
    assert!(
        told.ends_with(") are now [b, c], they were [a, b, c]\n"),
        "{told}"
    );
    let told = desk.run(&["tag", "set", "greeting"]).ok();
    assert!(
        told.ends_with(") are now none, they were [b, c]\n"),
        "{told}"
    );

    desk.run(&["tag", "add", "greeting"]).fails(2);
    desk.run(&["tag", "greeting", "a"]).fails(2);
    assert_eq!(desk.run(&["tag", "list", "greeting"]).ok(), "");
}

#[test]
fn a_prompt_is_renamed() {
    let desk = Desk::greeting();
    assert!(
        desk.run(&["rename", "greeting", "welcome"])
            .ok()
            .starts_with("Renamed to welcome (")
    );
    assert_eq!(
        desk.json(&["rename", "welcome", "hello"])["prompt"]["name"],
        "hello"
    );
    desk.run(&["show", "greeting"]).fails(3);
    desk.run(&["show", "hello"]).ok();
}

#[test]
fn a_whole_prompt_is_deleted_only_with_a_yes() {
    let desk = Desk::greeting();
    let told = desk.run(&["rm", "greeting"]).fails(2);
    assert!(told.contains("--yes"), "{told}");
    let removed = desk.json(&["rm", "greeting", "--yes"]);
    assert_eq!(members(&removed), ["prompt", "version", "users"]);
    assert_eq!(removed["prompt"]["name"], "greeting");
    assert!(removed["version"].is_null());
    desk.run(&["rm", "greeting", "--yes"]).fails(3);
}

#[test]
fn one_version_is_deleted() {
    let desk = Desk::greeting();
    let second = desk.json_with(&["commit", "greeting", "-m", "x"], GREETING);
    let removed = desk.json(&["rm", "greeting@1.0", "--yes"]);
    assert_eq!(removed["version"]["number"], "1.0");
    assert_eq!(removed["prompt"]["versions"], 1);
    // A version's id is not a prompt reference.
    let id = second["version"]["id"].as_str().unwrap();
    assert!(
        desk.run(&["rm", id])
            .ok()
            .starts_with("Deleted version 1.1 of greeting")
    );
}

#[test]
fn two_prompts_with_one_name_are_distinguished_by_id() {
    let desk = Desk::new();
    desk.run_with(&["create", "same", "--id", "aaaaaa"], GREETING)
        .ok();
    let told = desk.run_with(&["create", "same"], GREETING).fails(4);
    assert!(
        told.contains("aaaaaa") && told.contains("--allow-duplicate-name"),
        "{told}"
    );
    desk.run_with(&["create", "unlike", "--id", "bbbbbb"], GREETING)
        .ok();
    desk.run(&["rename", "unlike", "same"]).fails(4);
    desk.run(&["rename", "unlike", "same", "--allow-duplicate-name"])
        .ok();
    let told = desk.run(&["show", "same"]).fails(3);
    assert!(
        told.contains("aaaaaa") && told.contains("bbbbbb") && told.contains("id:ID"),
        "{told}"
    );
    desk.run(&["show", "id:aaaaaa@1.0"]).ok();
    desk.run_with(&["create", "other", "--id", "aaaaaa"], GREETING)
        .fails(4);
}
