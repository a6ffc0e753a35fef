use serde_json::json;

use crate::support::{Desk, REWORDED, members};

fn desk() -> Desk {
    let desk = Desk::greeting();
    desk.run_with(&["commit", "greeting", "-m", "x"], REWORDED)
        .ok();
    desk
}

#[test]
fn environments_are_listed() {
    let desk = desk();
    let listed = desk.json(&["env", "list", "greeting"]);
    assert_eq!(members(&listed), ["environments"]);
    let environment = &listed["environments"][0];
    assert_eq!(
        members(environment),
        ["name", "prompt_id", "version_id", "number", "moved_at"]
    );
    assert_eq!(
        (&environment["name"], &environment["number"]),
        (&json!("production"), &json!("1.0"))
    );
    assert!(
        desk.run(&["env", "list", "greeting"])
            .ok()
            .contains("production   1.0")
    );
}

#[test]
fn environments_are_set_and_removed() {
    let desk = desk();
    let moved = desk.json(&["env", "set", "greeting", "production", "^1"]);
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
    assert_eq!(members(&moved["before"]), ["id", "number"]);
    assert_eq!(
        (&moved["before"]["number"], &moved["after"]["number"]),
        (&json!("1.0"), &json!("1.1"))
    );

    let told = desk
        .run(&["env", "set", "greeting", "staging", "production"])
        .ok();
    assert!(
        told.starts_with("staging of greeting") && told.ends_with("is now 1.1\n"),
        "{told}"
    );
    let told = desk.run(&["env", "set", "greeting", "staging", "1.1"]).ok();
    assert!(told.ends_with("is already 1.1\n"), "{told}");
    let told = desk.run(&["env", "remove", "greeting", "staging"]).ok();
    assert!(
        told.starts_with("Removed staging") && told.ends_with("it was 1.1\n"),
        "{told}"
    );
    let moved = desk.json(&["env", "remove", "greeting", "staging"]);
    assert_eq!(
        (&moved["before"], &moved["changed"]),
        (&json!(null), &json!(false))
    );
}

#[test]
fn a_move_can_require_the_current_version() {
    let desk = desk();
    let set =
        |name, expected| desk.run(&["env", "set", "greeting", name, "1.1", "--expect", expected]);
    set("production", "none").fails(4);
    let told = set("production", "1.1").fails(4);
    assert!(told.contains("is 1.0") && told.contains("hint: "), "{told}");
    set("production", "1.0").ok();
    set("new", "1.0").fails(4);
    set("new", "none").ok();
    desk.run(&["env", "remove", "greeting", "new", "--expect", "1.0"])
        .fails(4);
    desk.run(&["env", "remove", "greeting", "new", "--expect", "latest"])
        .ok();
}

#[test]
fn missing_items_are_not_found() {
    let desk = desk();
    desk.run(&["env", "set", "greeting", "production", "7.7"])
        .fails(3);
    desk.run(&["env", "set", "greeting", "production", "nowhere"])
        .fails(3);
    desk.run(&["env", "list", "nobody"]).fails(3);
    let told = desk.run(&["resolve", "greeting@nowhere"]).fails(3);
    assert!(told.contains("promptbook env list"), "{told}");
}
