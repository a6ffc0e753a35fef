//! `status`, `diff FOLDER`, and what an import renames and deletes.

use serde_json::json;

use crate::support::{BREAKING, Desk, GREETING, REWORDED, members};

/// Creates a directory with a store and a folder in which everything changed.
fn changed() -> Desk {
    let desk = Desk::new();
    for name in ["same", "minor", "major", "old name", "gone"] {
        desk.run_with(&["create", name], GREETING).ok();
    }
    let own = r#"{"messages": [{"role": "user", "content": "Only here"}]}"#;
    desk.run_with(&["commit", "old name", "-m", "x"], own).ok();
    desk.write("in/same.json", GREETING);
    desk.write("in/minor.json", REWORDED);
    desk.write("in/major.json", BREAKING);
    desk.write("in/team/new name.json", own);
    desk.write(
        "in/new.json",
        r#"{"messages": [{"role": "user", "content": "New"}]}"#,
    );
    desk.write("in/notes.txt", "");
    desk
}

#[test]
fn the_status_of_a_folder_has_every_state() {
    let desk = changed();
    desk.write("in/bad.json", "{");
    let ran = desk.run(&["status", "in"]);
    let notes = ran.aside().to_owned();
    let told = ran.ok();
    for part in [
        "New:\n  new.json\n",
        "major.json  1.0 → major: it breaks callers",
        "minor.json  1.0 → minor\n",
        "Renamed:\n  old name → team/new name (team/new name.json)",
        "Gone, in the store only:\n  gone  1 version\n",
        "Unreadable:\n  bad.json",
        "1 file unchanged",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(notes.contains("1 skipped: notes.txt"), "{notes}");

    let found = desk.json(&["status", "in"]);
    assert_eq!(members(&found), ["files", "gone", "unreadable", "skipped"]);
    let files = found["files"].as_array().unwrap().iter();
    let states: Vec<_> = files
        .map(|file| {
            json!([
                file["file"],
                file["state"],
                file["bump"],
                file["renamed_from"]
            ])
        })
        .collect();
    assert_eq!(
        states,
        [
            json!(["major.json", "changed", "major", null]),
            json!(["minor.json", "changed", "minor", null]),
            json!(["new.json", "new", null, null]),
            json!(["same.json", "unchanged", null, null]),
            json!(["team/new name.json", "renamed", null, "old name"]),
        ]
    );
    assert_eq!(found["gone"][0]["prompt"], "gone");
    assert_eq!(found["unreadable"][0]["file"], "bad.json");
    assert_eq!(desk.json(&["stats"])["operations"], 6);
}

#[test]
fn the_status_of_one_file_has_no_other_prompts() {
    let desk = changed();
    let found = desk.json(&["status", "in/minor.json"]);
    assert_eq!(found["files"][0]["state"], "changed");
    assert_eq!(found["gone"], json!([]));
    desk.run(&["status", "missing"]).fails(3);
    desk.write("in/minor.json", GREETING);
    let told = desk.run_in("in", &["status"]).ok();
    assert!(told.contains("2 files unchanged"), "{told}");
}

#[test]
fn a_folder_is_compared_with_the_store() {
    let desk = changed();
    let told = desk.run(&["diff", "in"]).ok();
    for part in [
        "minor 1.0 → minor.json",
        "Hello",
        "+ new in the folder only (new.json)",
        "old name → team/new name (team/new name.json)",
        "- gone in the store only",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let found = desk.json(&["diff", "in"]);
    assert_eq!(found["files"][1]["difference"]["verdict"], "minor");
    assert_eq!(found["gone"][0]["prompt"], "gone");
    let one = desk.run(&["diff", "in/minor.json"]).ok();
    assert!(one.contains("Hello") && !one.contains("gone"), "{one}");
    // A prompt comes before a folder of the same name.
    desk.run_with(&["create", "in"], GREETING).ok();
    desk.run(&["diff", "in"]).fails(3);
    assert!(desk.run(&["diff", "./in"]).ok().contains("minor 1.0"));
    desk.run(&["diff", "nothing"]).fails(3);
}

#[test]
fn an_import_asks_before_it_renames_or_deletes() {
    let desk = changed();
    let told = desk.run(&["import", "in"]).fails(2);
    for part in [
        "rename 1 prompt",
        "rename old name to team/new name",
        "--yes",
        "--no-renames",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let told = desk.run(&["import", "in", "--prune"]).fails(2);
    assert!(
        told.contains("delete gone (1 version, in production)"),
        "{told}"
    );
    assert_eq!(desk.json(&["stats"])["operations"], 6);

    let tried = desk.json(&["import", "in", "--prune", "--dry-run"]);
    assert_eq!(
        (&tried["dry_run"], &tried["renamed"], &tried["created"]),
        (&json!(true), &json!(1), &json!(1))
    );
    assert_eq!(desk.json(&["stats"])["operations"], 6);

    let id = desk.json(&["show", "old name"])["prompt"]["id"].clone();
    let told = desk.run(&["import", "in", "--prune", "--yes"]).ok();
    assert!(told.contains("renamed from old name"), "{told}");
    assert!(
        told.ends_with("1 created, 2 committed, 2 unchanged, 1 renamed, 1 deleted\n"),
        "{told}"
    );
    let renamed = desk.json(&["show", "team/new name"]);
    assert_eq!(renamed["prompt"]["id"], id);
    assert_eq!(renamed["version"]["number"], "2.0");
    desk.run(&["show", "gone"]).fails(3);
    assert_eq!(
        desk.run(&["import", "in", "--prune"]).ok(),
        "0 created, 0 committed, 5 unchanged\n"
    );

    // The whole import is one group.
    desk.run(&["undo", "--yes"]).ok();
    assert!(desk.run(&["show", "gone"]).ok().contains("gone"));
    assert_eq!(desk.json(&["show", "old name"])["prompt"]["id"], id);
    let found = desk.json(&["status", "in"]);
    assert_eq!(found["files"][2]["state"], "new");
}

#[test]
fn a_rename_needs_a_body_that_only_one_prompt_and_one_file_have() {
    let desk = Desk::new();
    for name in ["a", "b"] {
        desk.run_with(&["create", name], GREETING).ok();
    }
    desk.write("in/c.json", GREETING);
    let imported = desk.json(&["import", "in"]);
    assert_eq!(
        (&imported["created"], &imported["renamed"]),
        (&json!(1), &json!(0))
    );
    // With `a` and `c` in the folder, two new files have the body of `b`.
    for name in ["a", "c", "d", "e"] {
        desk.write(&format!("in/{name}.json"), GREETING);
    }
    assert_eq!(desk.json(&["status", "in"])["files"][2]["state"], "new");
    std::fs::remove_file(desk.path().join("in/e.json")).unwrap();
    let found = desk.json(&["status", "in"]);
    assert_eq!(found["files"][2]["renamed_from"], "b");
    // One file says nothing about the others.
    let one = desk.json(&["import", "in/d.json"]);
    assert_eq!(one["created"], 1);
}

#[test]
fn a_file_that_names_an_id_renames_its_prompt() {
    let desk = Desk::new();
    desk.run_with(&["create", "a", "--id", "abc123"], GREETING)
        .ok();
    desk.write("in/b%@abc123.json", REWORDED);
    let found = desk.json(&["status", "in"]);
    assert_eq!(
        (
            &found["files"][0]["state"],
            &found["files"][0]["renamed_from"]
        ),
        (&json!("renamed"), &json!("a"))
    );
    desk.run(&["import", "in"]).fails(2);
    let told = desk.run(&["import", "in", "-y"]).ok();
    assert!(told.contains("renamed from a, committed"), "{told}");
    assert_eq!(desk.json(&["show", "b"])["version"]["number"], "1.1");
    // Without renames, only the body counts.
    desk.run(&["undo"]).ok();
    desk.run(&["import", "in", "--no-renames"]).ok();
    assert_eq!(desk.json(&["show", "a"])["version"]["number"], "1.2");
}

#[test]
fn a_dry_run_refuses_what_the_import_refuses() {
    let desk = Desk::greeting();
    desk.write("in/greeting.json", BREAKING);
    let import = ["import", "in", "--env", "production", "--dry-run"];
    let told = desk.run(&import).fails(5);
    assert!(told.contains("greeting.json"), "{told}");
    let tried = desk.run(&["import", "in", "--dry-run"]).ok();
    assert!(
        tried.contains("2.0") && tried.contains("(dry run: nothing was changed)"),
        "{tried}"
    );
    assert_eq!(desk.json(&["stats"])["operations"], 1);
}

#[test]
fn a_long_list_of_gone_prompts_is_cut() {
    let desk = Desk::new();
    for at in 0..22 {
        desk.write(&format!("in/{at}.json"), GREETING);
    }
    desk.run(&["import", "in"]).ok();
    std::fs::create_dir(desk.path().join("empty")).unwrap();
    let told = desk.run(&["status", "empty"]).ok();
    assert!(told.contains("  and 2 more; --json names all\n"), "{told}");
    assert_eq!(
        desk.json(&["status", "empty"])["gone"]
            .as_array()
            .unwrap()
            .len(),
        22
    );
}
