use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::support::{Desk, GREETING, REWORDED, command, members, run};

#[test]
fn a_store_is_created_with_its_options() {
    let desk = Desk::bare();
    let made = desk.json(&["init", "--first-version", "0.0", "--policy", "free"]);
    assert_eq!(members(&made), ["path", "settings", "environments"]);
    assert_eq!(made["environments"], json!(null));
    assert_eq!(
        made["settings"],
        json!({"first_version": "0.0", "policy": "free"})
    );
    assert!(desk.path().join(".promptbook").is_dir());
    let created = desk.json_with(&["create", "a"], GREETING);
    assert_eq!(created["version"]["number"], "0.0");

    let told = desk.run(&["init"]).fails(4);
    assert!(told.contains("is a promptbook store already"), "{told}");
    desk.run(&["init", "--store", "elsewhere/deep"]).ok();
    assert!(desk.path().join("elsewhere/deep/index.db").is_file());
}

#[test]
fn the_store_is_found_upwards_and_by_name() {
    let desk = Desk::greeting();
    fs::create_dir_all(desk.path().join("a/b")).unwrap();
    assert!(desk.run_in("a/b", &["ls"]).ok().contains("greeting"));

    let elsewhere = Desk::bare();
    elsewhere.run(&["ls"]).fails(3);
    let store = desk.path().join(".promptbook");
    let store = store.to_str().unwrap();
    for arguments in [["--store", store, "ls"], ["ls", "--store", store]] {
        assert!(elsewhere.run(&arguments).ok().contains("greeting"));
    }
    let by_variable = |name: &str, arguments: &[&str]| {
        run(
            command(elsewhere.path())
                .env("PROMPTBOOK_STORE", name)
                .args(arguments),
            "",
        )
    };
    by_variable(store, &["ls"]).ok();
    by_variable("", &["ls"]).fails(3);
    by_variable("/nowhere", &["ls"]).fails(3);
    // The option takes precedence over the variable, before or after the subcommand.
    by_variable("/nowhere", &["ls", "--store", store]).ok();
    by_variable("/nowhere", &["--store", store, "ls"]).ok();
}

#[test]
fn the_author_comes_from_the_option_or_the_environment() {
    let desk = Desk::greeting();
    let author = |arguments: &[&str]| {
        let mut command = command(desk.path());
        let arguments = [arguments, &["commit", "greeting", "-m", "x", "--json"]].concat();
        let answer = run(
            command.env("PROMPTBOOK_AUTHOR", "Bea").args(arguments),
            REWORDED,
        );
        answer.json()["version"]["author"].clone()
    };
    assert_eq!(author(&[]), "Bea");
    assert_eq!(author(&["--author", "Ann"]), "Ann");
}

#[test]
fn operations_list_every_change() {
    let desk = Desk::greeting();
    desk.run_with(
        &["commit", "greeting", "-m", "x", "--env", "staging"],
        REWORDED,
    )
    .ok();
    desk.run(&["rename", "greeting", "hello"]).ok();
    let id = desk.json(&["ls"])["prompts"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    desk.run(&["rm", "hello", "--yes"]).ok();

    let told = desk.json(&["ops"]);
    assert_eq!(members(&told), ["operations", "more"]);
    let operation = ["number", "id", "at", "author", "kind", "changes"];
    assert_eq!(members(&told["operations"][0]), operation);
    let kinds = |arguments: &[&str]| {
        let told = desk.json(arguments);
        let operations = told["operations"].as_array().unwrap().iter();
        operations
            .map(|one| one["kind"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        kinds(&["ops"]),
        ["delete_prompt", "rename", "commit", "create"]
    );
    assert_eq!(kinds(&["ops", &id, "-n", "1"]), ["delete_prompt"]);
    assert_eq!(
        kinds(&["ops", "--env", "staging"]),
        ["delete_prompt", "commit"]
    );
    let words = desk.run(&["ops"]).ok();
    assert!(
        words.contains("\"greeting\" → \"hello\"") && words.contains("staging: none → 1.1"),
        "{words}"
    );
    desk.run(&["ops", "hello"]).fails(3);
}

#[test]
fn a_sound_store_verifies() {
    let desk = Desk::greeting();
    let report = desk.json(&["verify"]);
    let expected = [
        "clean",
        "operations",
        "prompts",
        "versions",
        "bodies",
        "bytes",
        "head",
        "violations",
    ];
    assert_eq!(members(&report), expected);
    assert_eq!(
        (&report["clean"], &report["bodies"]),
        (&json!(true), &json!(1))
    );
    assert!(
        desk.run(&["verify"])
            .ok()
            .ends_with("No violations found.\n")
    );
}

/// Returns the only file below a directory.
fn only_file(directory: &Path) -> PathBuf {
    let entry = fs::read_dir(directory)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    if entry.is_dir() {
        only_file(&entry)
    } else {
        entry
    }
}

#[test]
fn a_damaged_body_is_detected_and_never_returned() {
    let desk = Desk::greeting();
    desk.run(&["checkpoint"]).ok();
    let body = only_file(&desk.path().join(".promptbook/blobs"));
    fs::remove_file(&body).unwrap();
    fs::write(&body, "{}").unwrap();

    let told = desk.run(&["resolve", "greeting"]).fails(6);
    assert!(told.contains("promptbook verify"), "{told}");
    let told = desk.run(&["verify"]).fails(6);
    assert!(told.contains("1 violation found"), "{told}");
    let answer = run(command(desk.path()).args(["verify", "--json"]), "");
    assert!(answer.fails(6).contains("\"kind\": \"violations\""));
}

#[test]
fn bodies_are_settled_and_collected() {
    let desk = Desk::greeting();
    desk.run_with(&["commit", "greeting", "-m", "x"], REWORDED)
        .ok();
    let checkpointed = desk.json(&["checkpoint"]);
    assert_eq!(
        checkpointed,
        json!({"bodies": 2, "bytes": GREETING.len() + REWORDED.len()})
    );
    assert_eq!(
        desk.run(&["checkpoint"]).ok(),
        "Moved 0 bodies of 0 bytes from the journal to the blob store\n"
    );

    desk.run(&["rm", "greeting@1.0", "--yes"]).ok();
    let nothing =
        json!({"bodies": 0, "bytes": 0, "leftovers": 0, "inputs": 0, "packed": 0, "dropped": 0});
    assert_eq!(desk.json(&["gc"]), nothing);
    let collected = desk.json(&["gc", "--retention", "0", "--yes"]);
    assert_eq!(
        collected,
        json!({"bodies": 1, "bytes": GREETING.len(), "leftovers": 0, "inputs": 0, "packed": 0, "dropped": 0})
    );
    desk.run(&["resolve", "greeting"]).ok();
    assert!(desk.run(&["gc"]).ok().starts_with("Removed 0 bodies"));
}

#[test]
fn stats_count_the_contents() {
    let desk = Desk::greeting();
    let stats = desk.json(&["stats"]);
    let expected = [
        "path",
        "prompts",
        "operations",
        "journaled_bodies",
        "journaled_bytes",
        "oldest_journaled",
        "bodies",
        "ratio",
        "settings",
        "diagnostics",
    ];
    assert_eq!(members(&stats), expected);
    assert_eq!(
        (&stats["prompts"], &stats["operations"]),
        (&json!(1), &json!(1))
    );
    assert!(desk.run(&["stats"]).ok().contains("prompts       1\n"));
}

#[test]
fn completions_are_written_for_each_shell() {
    let desk = Desk::bare();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(
            desk.run(&["completions", shell])
                .ok()
                .contains("promptbook"),
            "{shell}"
        );
    }
    assert_eq!(
        members(&desk.json(&["completions", "bash"])),
        ["shell", "script"]
    );
    desk.run(&["completions", "tcl"]).fails(2);
}

#[test]
fn a_store_is_backed_up_restored_and_repaired() {
    let desk = Desk::greeting();
    let head = desk.json(&["verify"])["head"].as_str().unwrap().to_owned();
    let made = desk.json(&["backup", "copy"]);
    assert_eq!(
        members(&made),
        ["path", "copied", "bytes", "kept", "report"]
    );
    assert_eq!(made["report"]["clean"], true);
    assert_eq!(made["report"]["head"], head.as_str());
    let told = desk.run(&["backup", "copy"]).ok();
    assert!(told.contains("Backed up to copy"), "{told}");
    assert!(told.ends_with("No violations found.\n"), "{told}");
    assert!(
        desk.run(&["--store", "copy", "ls"])
            .ok()
            .contains("greeting")
    );
    desk.run(&["backup", ".promptbook/inside"]).fails(2);

    desk.run_with(&["commit", "greeting", "-m", "x"], REWORDED)
        .ok();
    desk.run(&["verify", "--pin", &head]).ok();
    let told = desk.run(&["verify", "--pin", &"0".repeat(64)]).fails(6);
    assert!(told.contains("1 violation found"), "{told}");
    desk.run(&["verify", "--pin", "12"]).fails(2);

    let told = desk.run(&["restore", "copy"]).fails(4);
    assert!(told.contains("is a promptbook store already"), "{told}");
    desk.run(&["restore", "copy", "--store", "again"]).ok();
    desk.run_with(
        &["--store", "again", "commit", "greeting", "-m", "y"],
        REWORDED,
    )
    .ok();
    desk.run(&["backup", "again"]).fails(4);

    desk.run(&["checkpoint"]).ok();
    let body = only_file(&desk.path().join(".promptbook/blobs"));
    fs::write(&body, "damaged").unwrap();
    let told = desk.run(&["verify"]).fails(6);
    assert!(told.contains("verify --repair --from BACKUP"), "{told}");
    desk.run(&["verify", "--repair"]).fails(6);
    let repaired = desk.json(&["verify", "--repair", "--from", "copy", "--from", "again"]);
    assert_eq!(members(&repaired), ["bodies", "report"]);
    assert_eq!(repaired["bodies"].as_array().unwrap().len(), 1);
    assert!(
        desk.run(&["verify"])
            .ok()
            .ends_with("No violations found.\n")
    );
    desk.run(&["verify", "--repair", "--from", "nowhere"])
        .fails(3);
}

#[test]
fn a_dry_run_removes_nothing() {
    let desk = Desk::greeting();
    desk.run_with(&["commit", "greeting", "-m", "x"], REWORDED)
        .ok();
    desk.run(&["checkpoint"]).ok();
    desk.run(&["rm", "greeting@1.1"]).ok();
    let dry = desk.json(&["gc", "--dry-run", "--retention", "0"]);
    assert_eq!(members(&dry), ["dry_run", "bodies", "bytes", "leftovers"]);
    let told = desk.run(&["gc", "--dry-run", "--retention", "0"]).ok();
    assert!(told.starts_with("Would remove 1 body of "), "{told}");
    let kept = desk.run(&["gc", "--dry-run"]).ok();
    assert!(kept.starts_with("Would remove 0 bodies"), "{kept}");
    let done = desk.json(&["gc", "--retention", "0", "--yes"]);
    for member in ["bodies", "bytes", "leftovers"] {
        assert_eq!(done[member], dry[member], "{member}");
    }
    assert_eq!(done["bodies"], 1);
}
