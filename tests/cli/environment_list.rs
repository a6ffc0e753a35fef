//! The environment list: the commands that change it, and those that follow it.

use serde_json::json;

use crate::support::{Desk, GREETING, REWORDED, members};

/// Returns a desk whose store has the list dev, staging, production, and the prompt `greeting`.
fn desk() -> Desk {
    let desk = Desk::bare();
    let told = desk
        .run(&["init", "--environments", "dev,staging,production"])
        .ok();
    assert!(
        told.contains("environments [dev, staging, production]"),
        "{told}"
    );
    desk.run_with(&["create", "greeting"], GREETING).ok();
    desk
}

fn list(desk: &Desk) -> serde_json::Value {
    desk.json(&["environments", "list"])["environments"].clone()
}

#[test]
fn the_list_is_shown_with_its_use() {
    let desk = desk();
    let listed = desk.json(&["environments", "list"]);
    assert_eq!(members(&listed), ["environments", "in_use"]);
    assert_eq!(
        listed["environments"],
        json!(["dev", "staging", "production"])
    );
    assert_eq!(
        listed["in_use"][2],
        json!({"environment": "production", "prompts": 1, "listed": true})
    );
    let told = desk.run(&["environments", "list"]).ok();
    assert!(told.contains("production   1"), "{told}");

    let free = Desk::greeting();
    assert_eq!(list(&free), json!(null));
    let listed = free.run(&["environments", "list"]);
    assert!(
        listed.aside().contains("environments add"),
        "{}",
        listed.aside()
    );
    assert!(listed.ok().contains("production   1"));
}

#[test]
fn every_command_refuses_an_environment_that_is_not_in_the_list() {
    let desk = desk();
    desk.write("folder/other.json", REWORDED);
    for command in [
        &["env", "set", "greeting", "prodution", "1.0"][..],
        &["commit", "greeting", "--env", "prodution", "-m", "x"],
        &["create", "other", "--env", "prodution"],
        &["promote", "production", "prodution", "greeting"],
        &["import", "folder", "--env", "prodution"],
    ] {
        let told = desk.run_with(command, REWORDED).fails(5);
        assert!(
            told.contains("\"prodution\" is not in the environment list"),
            "{told}"
        );
        assert!(told.contains("dev, staging, production"), "{told}");
        assert!(told.contains("did you mean production?"), "{told}");
        assert!(
            told.contains("promptbook environments add prodution"),
            "{told}"
        );
        let told = desk.run_with(&[&["--json"], command].concat(), REWORDED);
        let told: serde_json::Value = serde_json::from_str(&told.fails(5)).unwrap();
        assert_eq!(told["error"]["kind"], "environment_not_listed");
        assert_eq!(told["error"]["fields"]["environment"], "prodution");
        assert_eq!(
            told["error"]["fields"]["environments"],
            json!(["dev", "staging", "production"])
        );
    }
    assert_eq!(
        desk.json(&["ls"])["prompts"].as_array().unwrap().len(),
        1,
        "a refused command changed something"
    );
    // A name of the list is no news.
    let set = desk.run(&["env", "set", "greeting", "dev", "1.0"]);
    assert_eq!(set.aside(), "");
    set.ok();
}

#[test]
fn names_are_added_and_removed() {
    let desk = desk();
    let told = desk.run(&["environments", "add", "qa", "dev"]).ok();
    assert_eq!(
        told,
        "The environments are now [dev, staging, production, qa], \
         they were [dev, staging, production]\n"
    );
    let told = desk.run(&["environments", "add", "qa"]).ok();
    assert!(told.starts_with("The environments are already ["), "{told}");
    let changed = desk.json(&["environments", "remove", "qa", "dev"]);
    assert_eq!(changed["environments"], json!(["staging", "production"]));
    assert_eq!(
        changed["before"],
        json!(["dev", "staging", "production", "qa"])
    );
    let told = desk.run(&["environments", "remove", "production"]).fails(4);
    assert!(told.contains("production, of \"greeting\""), "{told}");
    assert!(told.contains("promptbook help env remove"), "{told}");
    let told = desk
        .run(&["environments", "remove", "staging", "production"])
        .fails(2);
    assert!(told.contains("environments remove --all"), "{told}");
    let told = desk.run(&["environments", "remove", "--all"]).ok();
    assert!(told.contains("are now any"), "{told}");
    assert_eq!(list(&desk), json!(null));
    desk.run(&["env", "set", "greeting", "prodution", "1.0"])
        .ok();
    let told = desk.run(&["environments", "add", "dev"]).fails(4);
    assert!(
        told.contains("prodution, of \"greeting\"\n")
            && told.contains("environments add dev production prodution"),
        "{told}"
    );
    for wrong in ["latest", "1.0", ""] {
        desk.run(&["environments", "add", wrong]).fails(2);
    }
    desk.run(&["environments", "remove"]).fails(2);
    for (typed, right) in [
        (["environments", "rm"], "help environments remove"),
        (["tag", "rm"], "help tag remove"),
    ] {
        let told = desk.run(&typed).fails(2);
        assert!(told.contains(right), "{told}");
    }
    desk.run(&["environments", "remove", "x", "--all"]).fails(2);
    desk.run(&["init", "--store", "x", "--environments", "dev,dev"])
        .fails(2);
    assert!(!desk.path().join("x").exists());
}

#[test]
fn the_list_is_in_the_history() {
    let desk = desk();
    desk.run(&["--author", "ann", "environments", "add", "qa"])
        .ok();
    let told = desk.run(&["ops"]).ok();
    assert!(told.contains("environment list"), "{told}");
    assert!(
        told.contains("[dev, staging, production] → [dev, staging, production, qa]"),
        "{told}"
    );
    let told = desk.run(&["ops", "--author", "ann"]).ok();
    assert_eq!(told.lines().count(), 2, "{told}");
    let told = desk.run(&["watch", "--from", "start", "-n", "3"]).ok();
    assert!(
        told.contains("environment list  any → [dev, staging, production]"),
        "{told}"
    );
    let earlier = desk.json(&["environments", "list", "--at", "1"]);
    assert_eq!(
        earlier["environments"],
        json!(["dev", "staging", "production"])
    );
    desk.run(&["env", "set", "greeting", "qa", "1.0"]).ok();
    let undone = desk.run(&["undo", "3"]);
    assert!(
        undone.aside().contains("not in the list: [qa]"),
        "{}",
        undone.aside()
    );
    undone.ok();
    let told = desk.run(&["environments", "list"]).ok();
    assert!(told.contains("qa") && told.contains("not in the list"));
    desk.run(&["env", "remove", "greeting", "qa"]).ok();
    desk.run(&["verify"]).ok();
}

#[test]
fn a_new_prompt_goes_to_production_only_if_the_list_contains_it() {
    let desk = Desk::bare();
    desk.run(&["init", "--environments", "dev"]).ok();
    desk.write("folder/filed.json", REWORDED);
    desk.run_with(&["create", "greeting"], GREETING).ok();
    desk.run(&["import", "folder"]).ok();
    for prompt in ["greeting", "filed"] {
        let listed = desk.json(&["env", "list", prompt]);
        assert_eq!(listed["environments"], json!([]), "{prompt}");
    }
}

#[test]
fn copies_have_the_list() {
    let desk = desk();
    desk.run(&["backup", "backup"]).ok();
    desk.run(&["restore", "backup", "--store", "restored"]).ok();
    desk.run(&["export", "--bundle", "all.bundle"]).ok();
    desk.run(&["init", "--store", "bundled"]).ok();
    desk.run(&["import", "all.bundle", "--store", "bundled"])
        .ok();
    for store in ["backup", "restored", "bundled"] {
        let listed = desk.json(&["environments", "list", "--store", store]);
        assert_eq!(
            listed["environments"],
            json!(["dev", "staging", "production"])
        );
        desk.run(&["verify", "--store", store]).ok();
    }
}
