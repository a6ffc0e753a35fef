use serde_json::json;

use crate::support::{BREAKING, Desk, GREETING, REWORDED, members};

/// Versions 1.0 and 1.1; operation 3 moved production to 1.1.
fn desk() -> Desk {
    let desk = Desk::greeting();
    let commit = ["commit", "greeting", "-m", "Say hello"];
    desk.run_with(&commit, REWORDED).ok();
    let set = ["env", "set", "greeting", "production", "1.1"];
    let because = ["--reason", "Ann asked for it", "--author", "Bob"];
    desk.run(&[&set[..], &because].concat()).ok();
    desk
}

fn number(desk: &Desk, arguments: &[&str]) -> serde_json::Value {
    desk.json(arguments)["version"]["number"].clone()
}

#[test]
fn an_operation_is_undone_and_redone() {
    let desk = desk();
    let production = ["resolve", "greeting@production"];
    let moved = desk.json(&["ops", "-n", "1"])["operations"][0]["at"].clone();
    let at = moved.as_str().unwrap()[..16].replace('T', " ");
    let told = desk.run(&["undo"]).ok();
    assert_eq!(
        told,
        format!(
            "Undid operation 3 (move by Bob, {at}) by operation 4\n  greeting  production: 1.1 → 1.0\n"
        )
    );
    assert_eq!(number(&desk, &production), "1.0");
    let undone = desk.json(&["undo", "4"]);
    assert_eq!(members(&undone), ["operation", "undone"]);
    assert_eq!(
        members(&undone["undone"][0]),
        ["number", "author", "at", "kind"]
    );
    assert_eq!(undone["undone"][0]["number"], 4);
    assert_eq!(undone["operation"]["kind"], "undo");
    assert_eq!(undone["operation"]["undoes"], json!([4]));
    assert_eq!(number(&desk, &production), "1.1");
    let told = desk.run(&["ops", "-n", "2"]).ok();
    assert!(told.contains("undo 4") && told.contains("undo 3"), "{told}");
}

#[test]
fn an_undo_that_later_operations_depend_on_is_refused() {
    let desk = desk();
    let told = desk.run(&["undo", "2"]).fails(4);
    assert!(
        told.contains("operation 3 depends on it") && told.contains("--also-later"),
        "{told}"
    );
    desk.run(&["undo", "--also-later"]).fails(2);
    let told = desk.run(&["undo", "2", "--also-later"]).ok();
    assert!(
        told.starts_with("Undid operations 3, 2 (by Bob and "),
        "{told}"
    );
    assert_eq!(number(&desk, &["resolve", "greeting"]), "1.0");
    let told = desk.run(&["undo", "2"]).fails(4);
    assert!(told.contains("promptbook undo 4 redoes it"), "{told}");
    desk.run(&["undo", "99"]).fails(3);
    desk.run(&["undo", "it"]).fails(2);
    desk.run(&["undo", "--yes"]).ok();
    assert_eq!(desk.json(&["ls"])["prompts"], json!([]));
    assert_eq!(
        desk.json(&["undo"]),
        json!({"operation": null, "undone": []})
    );
}

#[test]
fn a_deleted_prompt_comes_back_with_all_it_had() {
    let desk = desk();
    let before = desk.json(&["log", "greeting"]);
    desk.run(&["rm", "greeting", "--yes"]).ok();
    desk.run(&["undo"]).ok();
    assert_eq!(desk.json(&["log", "greeting"]), before);
}

#[test]
fn reads_of_the_past_show_the_past() {
    let desk = desk();
    let commit = [
        "commit",
        "greeting",
        "-m",
        "More",
        "--env",
        "production",
        "--breaking",
    ];
    desk.run_with(&commit, BREAKING).ok();
    desk.run(&["rename", "greeting", "hello"]).ok();
    desk.run(&["tag", "set", "hello", "new"]).ok();

    let at = |at: &str, arguments: &[&str]| desk.run(&[arguments, &["--at", at]].concat());
    assert_eq!(at("1", &["resolve", "greeting@production"]).ok(), GREETING);
    assert_eq!(at("3", &["resolve", "greeting@production"]).ok(), REWORDED);
    at("3", &["resolve", "hello@production"]).fails(3);
    assert_eq!(at("4", &["resolve", "greeting"]).ok(), BREAKING);
    assert!(at("2", &["log", "greeting"]).ok().contains("Say hello"));
    assert!(!at("1", &["log"]).ok().contains("Say hello"));
    assert!(at("3", &["ls"]).ok().contains("greeting"));
    assert!(at("3", &["env", "list", "greeting"]).ok().contains("1.1"));
    assert!(at("1", &["show", "greeting"]).ok().contains("Hi {{hc"));
    assert!(at("4", &["vars", "greeting"]).ok().contains("number"));
    assert!(!at("3", &["vars", "greeting"]).ok().contains("number"));
    let rendered = at("3", &["render", "greeting@production", "name=Ann"]).ok();
    assert!(rendered.contains("Hello Ann"), "{rendered}");
    assert_eq!(at("2", &["ops"]).ok().lines().count(), 3);

    assert!(at("1 hour ago", &["ls"]).ok().is_empty());
    let now = chrono::Utc::now().to_rfc3339();
    assert!(at(&now, &["ls"]).ok().contains("hello"));
    at("99", &["ls"]).fails(3);
    let told = at("tomorrow", &["ls"]).fails(2);
    assert!(told.contains("2 days ago"), "{told}");
    at("1", &["rename", "hello", "other"]).fails(2);
}

#[test]
fn an_environment_has_a_log_of_its_versions() {
    let desk = desk();
    let log = ["log", "--env", "production", "greeting"];
    let told = desk.run(&log).ok();
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines.len(), 3, "{told}");
    assert!(lines[0].starts_with("VERSION  FROM"), "{told}");
    assert!(
        lines[1].starts_with("1.1") && lines[1].contains("now"),
        "{told}"
    );
    assert!(lines[1].contains("Bob") && lines[1].ends_with("Ann asked for it"));
    assert!(lines[2].starts_with("1.0") && lines[2].ends_with("Initial version"));

    let held = desk.json(&log);
    assert_eq!(members(&held), ["environment_log", "more"]);
    assert_eq!(
        members(&held["environment_log"][0]),
        [
            "version_id",
            "number",
            "from",
            "until",
            "author",
            "reason",
            "operation",
            "kind"
        ]
    );
    assert_eq!(held["environment_log"][0]["until"], json!(null));
    let first = desk.json(&[&log[..], &["-n", "1"]].concat());
    assert_eq!(first["more"], true);
    assert!(desk.run(&["log", "--env", "production"]).fails(2).len() > 1);
    assert_eq!(
        desk.json(&["log", "--env", "x", "greeting"])["environment_log"],
        json!([])
    );
}

#[test]
fn changes_are_printed_as_they_occur() {
    let desk = desk();
    let told = desk
        .run(&["watch", "--from", "start", "-n", "2", "--json"])
        .ok();
    let lines: Vec<serde_json::Value> = told
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2, "{told}");
    assert_eq!(members(&lines[0]), ["position", "operation", "affected"]);
    let position = lines[1]["position"].as_str().unwrap();
    let told = desk
        .run(&["watch", "--from", position, "--for", "1ms"])
        .ok();
    assert!(
        told.contains("move") && told.contains("production: 1.0 → 1.1"),
        "{told}"
    );
    assert_eq!(desk.run(&["watch", "--for", "1ms"]).ok(), "");
    desk.run(&["watch", "--from", "12"]).fails(2);
    let elsewhere = Desk::greeting();
    let told = elsewhere.run(&["watch", "--from", position]).fails(3);
    assert!(
        told.contains("not a position in this store's history"),
        "{told}"
    );
}

#[test]
fn the_environment_log_of_a_deleted_prompt_is_found_by_id() {
    let desk = desk();
    let id = desk.json(&["show", "greeting"])["version"]["prompt_id"].clone();
    let id = id.as_str().unwrap();
    desk.run(&["undo"]).ok();
    let told = desk.run(&["log", "greeting", "--env", "production"]).ok();
    assert!(told.lines().nth(1).unwrap().ends_with("  undo"), "{told}");
    desk.run(&["rm", "greeting", "--yes"]).ok();
    let held = desk.json(&["log", id, "--env", "production"]);
    assert_eq!(held["environment_log"].as_array().unwrap().len(), 3);
    assert!(!held["environment_log"][0]["until"].is_null());
    for nobody in ["nobody", "greeting"] {
        desk.run(&["log", nobody, "--env", "production"]).fails(3);
    }
}

/// With `-n 0`, the output does not claim that there is nothing.
#[test]
fn a_limit_of_zero_does_not_claim_that_there_is_nothing() {
    let desk = desk();
    let lists = [
        &["log", "greeting", "--env", "production"][..],
        &["log", "greeting"],
        &["log"],
        &["ops"],
        &["search", "hello"],
    ];
    for list in lists {
        let told = desk.run(&[list, &["-n", "0"]].concat());
        for lie in ["never", "no ", "nothing"] {
            assert!(!told.aside().contains(lie), "{list:?}: {}", told.aside());
        }
    }
    let told = desk.run(&["log", "greeting", "--env", "nowhere", "-n", "0"]);
    assert!(
        told.aside()
            .contains("the environment never pointed to a version")
    );
}

#[test]
fn a_prompt_is_watched_by_its_current_name() {
    let desk = Desk::greeting();
    desk.run(&["tag", "set", "greeting", "new"]).ok();
    desk.run(&["rename", "greeting", "hello"]).ok();
    let told = desk.run(&["watch", "--from", "start", "--limit", "3"]).ok();
    assert_eq!(told.matches("\n  hello  ").count(), 5, "{told}");
}

#[test]
fn an_import_is_taken_back_at_once() {
    let desk = desk();
    for name in ["a", "b"] {
        desk.write(&format!("in/{name}.json"), r#"{"messages": []}"#);
    }
    desk.run(&["import", "in"]).ok();
    let operations = desk.json(&["ops", "-n", "3"])["operations"].clone();
    let group = operations[0]["group"].as_str().unwrap();
    assert_eq!(operations[1]["group"], group);
    assert_eq!(operations[2].get("group"), None);
    desk.run(&["undo", "1", "--group", group]).fails(2);
    desk.run(&["undo", "--group", "it"]).fails(2);
    let told = desk.run(&["undo", "--group", group]).fails(2);
    assert!(
        told.contains("\n  - a is deleted\n") && told.contains("--yes"),
        "{told}"
    );
    let told = desk.run(&["undo", "--group", group, "--yes"]).ok();
    assert!(told.starts_with("Undid operations 5, 4 (by "), "{told}");
    let prompts = || desk.json(&["ls"])["prompts"].as_array().unwrap().len();
    assert_eq!(prompts(), 1);
    // The newest operation is undone with its group.
    desk.run(&["import", "in"]).ok();
    assert_eq!(prompts(), 3);
    desk.run(&["undo", "--yes"]).ok();
    assert_eq!(prompts(), 1);
    desk.run(&["undo", "--group", &"0".repeat(32)]).fails(3);
}
