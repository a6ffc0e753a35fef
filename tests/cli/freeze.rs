use std::fs;
use std::path::Path;

use promptbook::frozen::{Frozen, Lockfile};
use serde_json::{Value, json};

use crate::support::{Desk, GREETING, REWORDED, members};

/// A store whose greeting has a partial.
fn desk() -> Desk {
    let desk = Desk::new();
    let tone = r#"{"messages": [{"role": "system", "content": "Be {{hc:mood:string}}."}]}"#;
    desk.run_with(&["create", "tone", "--id", "tone00"], tone)
        .ok();
    let greeting =
        r#"{"messages": [{"role": "user", "content": "{{hcp:tone00:0}} Hi {{hc:name:string}}"}]}"#;
    desk.run_with(&["create", "greeting", "--id", "greet1"], greeting)
        .ok();
    desk
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Returns each problem in the failure of a check.
fn details(desk: &Desk, arguments: &[&str]) -> Vec<String> {
    let before = (names(desk.path()), fs::read(desk.path().join("p")).ok());
    let told = desk.run(&[arguments, &["--json"]].concat()).fails(4);
    let after = (names(desk.path()), fs::read(desk.path().join("p")).ok());
    assert_eq!(before, after, "a check wrote something");
    let error = serde_json::from_str::<Value>(&told).unwrap()["error"].clone();
    assert_eq!(error["kind"], "drift");
    let details = error["details"].as_array().unwrap().iter();
    details
        .map(|detail| detail.as_str().unwrap().to_owned())
        .collect()
}

const CHECK: &[&str] = &["freeze", "p", "--check"];

#[test]
fn an_environment_is_written_once() {
    let desk = desk();
    let told = desk.run(&["freeze", "p"]).ok();
    assert_eq!(told, "p: 2 prompts in production, written\n");
    assert_eq!(names(desk.path()), [".promptbook", "p", "p.lock"]);

    let frozen = Frozen::open(desk.path().join("p")).unwrap();
    let inputs = json!({"mood": "warm", "name": "Ada"});
    let rendered = frozen.render("greeting", inputs);
    assert_eq!(
        rendered.unwrap().body["messages"][0]["content"],
        "Be warm. Hi Ada"
    );
    let lock = Lockfile::open(desk.path().join("p.lock")).unwrap();
    assert_eq!(lock, Lockfile::of(&frozen));

    let written = |name: &str| {
        fs::metadata(desk.path().join(name))
            .unwrap()
            .modified()
            .unwrap()
    };
    let before = (written("p"), written("p.lock"));
    let again = desk.json(&["freeze", "p"]);
    assert_eq!((written("p"), written("p.lock")), before);
    assert_eq!(
        members(&again),
        [
            "file",
            "lock",
            "environment",
            "seal",
            "effect",
            "prompts",
            "changes"
        ]
    );
    assert_eq!(
        members(&again["prompts"][0]),
        ["id", "name", "number", "version", "hash", "source"]
    );
    assert_eq!(again["effect"], "unchanged");
    assert_eq!(again["seal"], frozen.seal().to_string());
    assert_eq!(again["prompts"][0]["name"], "greeting", "by name");

    // Do the same in another folder, for another environment, with a lockfile of another name.
    fs::create_dir(desk.path().join("other")).unwrap();
    desk.run(&["env", "set", "tone", "staging", "1.0"]).ok();
    let other = desk.json(&["freeze", "other/p", "--env", "staging", "--lock", "other/l"]);
    assert_eq!(names(&desk.path().join("other")), ["l", "p"]);
    assert_eq!(other["environment"], "staging");
    assert_eq!(other["prompts"].as_array().unwrap().len(), 1);
}

#[test]
fn a_check_reports_drift() {
    let desk = desk();
    assert_eq!(
        details(&desk, CHECK),
        ["p: it is missing", "p.lock: it is missing"]
    );
    desk.run(&["freeze", "p"]).ok();
    assert_eq!(
        desk.run(CHECK).ok(),
        "p: 2 prompts in production, up to date\n"
    );
    assert_eq!(desk.json(CHECK)["effect"], "checked");

    let tone = r#"{"messages": [{"role": "system", "content": "Be very {{hc:mood:string}}."}]}"#;
    desk.run_with(
        &["commit", "tone", "-m", "More", "--env", "production"],
        tone,
    )
    .ok();
    let moved = [
        "the store: greeting (greet1) still has version 1.0, but one of its partials changed",
        "the store: tone (tone00) went from 1.0 to 1.1",
    ];
    assert_eq!(details(&desk, CHECK), moved);
    let told = desk.run(CHECK).fails(4);
    assert!(
        told.starts_with("error: p, p.lock and the store differ\n  - the store: greeting"),
        "{told}"
    );

    let told = desk.run(&["freeze", "p"]).ok();
    assert_eq!(
        told,
        "greeting (greet1) still has version 1.0, but one of its partials changed\n\
         tone (tone00) went from 1.0 to 1.1\n\
         p: 2 prompts in production, written\n"
    );
    desk.run(CHECK).ok();
    let other = ["freeze", "p", "--check", "--env", "staging"];
    let told = desk.run(&other).fails(4);
    assert!(told.contains("--env names another"), "{told}");
    let other = details(&desk, &other);
    assert_eq!(
        other[0],
        "the store: the environment was production and is staging"
    );
}

#[test]
fn a_check_compares_the_two_files() {
    let desk = desk();
    desk.run(&["freeze", "p"]).ok();
    let read = |name: &str| fs::read_to_string(desk.path().join(name)).unwrap();
    let (frozen, lock) = (read("p"), read("p.lock"));
    let altered = "the frozen file was altered: its bytes do not match the hash in its last line";

    desk.write("p", frozen.replace("Hi ", "Ho "));
    assert_eq!(details(&desk, CHECK), [format!("p: {altered}")]);
    fs::remove_file(desk.path().join("p")).unwrap();
    assert_eq!(details(&desk, CHECK), ["p: it is missing"]);

    desk.write("p", &frozen);
    desk.write("p.lock", "{}");
    let told = desk.run(CHECK).fails(4);
    assert!(told.contains("hint: p.lock is in the way"), "{told}");
    desk.run(&["freeze", "p"]).fails(4);
    assert_eq!(
        details(&desk, CHECK),
        ["p.lock: this is not a promptbook lock file"]
    );
    desk.write("p.lock", lock.replacen("greet1", "greet2", 1));
    let both = details(&desk, CHECK);
    for subject in ["the store", "p"] {
        let told = [
            format!("{subject}: greeting (greet2) was removed; it had version 1.0"),
            format!("{subject}: greeting (greet1) was added with version 1.0"),
        ];
        assert!(told.iter().all(|one| both.contains(one)), "{both:?}");
    }

    // First the files agree with each other, but not with the store; then only one of them is new.
    desk.write("p.lock", &lock);
    desk.run(&["rename", "tone", "voice"]).ok();
    let renamed = "tone (tone00) was renamed to voice";
    assert_eq!(details(&desk, CHECK), [format!("the store: {renamed}")]);
    desk.run(&["freeze", "p"]).ok();
    desk.write("p", &frozen);
    assert_eq!(
        details(&desk, CHECK),
        ["p: voice (tone00) was renamed to tone"]
    );
    desk.run(&["freeze", "p"]).ok();
    desk.write("p.lock", &lock);
    assert_eq!(
        details(&desk, CHECK),
        [format!("the store: {renamed}"), format!("p: {renamed}")]
    );
}

#[test]
fn freeze_overwrites_no_other_file_and_writes_no_partial_one() {
    let desk = desk();
    for (frozen, lock, way) in [("mine", "fine", "mine"), ("fine", "mine", "mine")] {
        desk.write("mine", GREETING);
        let told = desk.run(&["freeze", frozen, "--lock", lock]).fails(4);
        assert!(
            told.starts_with(&format!("error: {way} is in the way")),
            "{told}"
        );
        assert_eq!(
            fs::read_to_string(desk.path().join("mine")).unwrap(),
            GREETING
        );
        assert!(!desk.path().join("fine").exists());
    }
    desk.run(&["freeze", "p", "--lock", "p"]).fails(2);
    desk.run(&["freeze", "p", "--lock", ".promptbook/../p"])
        .fails(2);
    desk.run(&["freeze", "p", "--env", "nowhere"]).fails(3);
    desk.run(&["freeze", "no/such/folder"]).fails(1);
    desk.run(&["freeze", "p", "--env", ""]).fails(2);

    let broken =
        r#"{"messages": [{"role": "user", "content": "{{hcp:gone00:0}} {{hcp:tone00:9}}"}]}"#;
    desk.run_with(&["create", "one"], broken).ok();
    desk.run_with(&["create", "two"], broken).ok();
    let told = desk.run(&["freeze", "p"]).fails(7);
    assert_eq!(
        told.matches("has no version in environment").count(),
        2,
        "{told}"
    );
    assert_eq!(told.matches("has no message 9").count(), 2, "{told}");
    desk.run(CHECK).fails(7);
    assert_eq!(names(desk.path()), [".promptbook", "mine"]);
}

/// A truncated or badly merged file of this command is written again. The file gets the default
/// mode, so that others can read it.
#[test]
fn damaged_files_are_written_again() {
    let desk = Desk::greeting();
    desk.run(&["freeze", "p"]).ok();
    let read = |name: &str| fs::read(desk.path().join(name)).unwrap();
    let (frozen, lock) = (read("p"), read("p.lock"));
    desk.write("p", &frozen[..frozen.len() / 2]);
    desk.write("p.lock", [b"<<<<<<< ours\n", &lock[..]].concat());
    desk.run(&["freeze", "p"]).ok();
    assert_eq!((read("p"), read("p.lock")), (frozen, lock));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |name: &str| {
            fs::metadata(desk.path().join(name))
                .unwrap()
                .permissions()
                .mode()
        };
        desk.write("plain", "");
        assert_eq!(mode("p"), mode("plain"));
        assert_eq!(mode("p.lock"), mode("plain"));
    }
    desk.run_with(
        &["commit", "greeting", "-m", "x", "--env", "production"],
        REWORDED,
    )
    .ok();
    let changes = desk.json(&["freeze", "p"])["changes"].clone();
    assert!(
        changes[0]
            .as_str()
            .unwrap()
            .ends_with("went from 1.0 to 1.1"),
        "{changes}"
    );
}

/// A device or pipe would be read forever.
#[cfg(unix)]
#[test]
fn paths_that_are_not_regular_files_are_not_read() {
    let desk = desk();
    for more in [&[][..], &["--check"]] {
        for files in [["/dev/zero", "l"], ["p", "/dev/zero"]] {
            let told = desk.run(&[&["freeze", files[0], "--lock", files[1]], more].concat());
            assert!(told.fails(4).contains("/dev/zero is not a regular file"));
        }
    }
    assert_eq!(names(desk.path()), [".promptbook"]);
}

/// git converts the line ends of text files on some systems.
#[test]
fn converted_line_ends_are_restored_and_other_conversions_named() {
    let desk = desk();
    desk.run_with(&["create", "lines"], "{\n  \"messages\": []\n}\n")
        .ok();
    desk.run(&["freeze", "p"]).ok();
    let path = |name: &str| desk.path().join(name);
    let original = fs::read_to_string(path("p")).unwrap();
    let lock = fs::read_to_string(path("p.lock")).unwrap();
    fs::write(path("p"), original.replace('\n', "\r\n")).unwrap();
    fs::write(
        path("p.lock"),
        format!("\u{feff}{}", lock.replace('\n', "\r\n")),
    )
    .unwrap();
    desk.run(CHECK).ok();
    let frozen = Frozen::open(path("p")).unwrap();
    assert_eq!(frozen.as_bytes(), original.as_bytes());
    desk.run(&["freeze", "p"]).ok();
    assert_eq!(fs::read_to_string(path("p")).unwrap(), original);
    fs::write(path("p"), format!("\u{feff}{original}")).unwrap();
    let drift = details(&desk, CHECK).join("\n");
    assert!(drift.contains("byte order mark"), "{drift}");
    // A file of another program is never overwritten.
    fs::write(path("p"), b"\xff\xfeh\0i\0").unwrap();
    desk.run(&["freeze", "p"]).fails(4);
}
