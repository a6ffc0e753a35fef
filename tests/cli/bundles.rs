use std::fs;

use serde_json::Value;

use crate::support::{Desk, GREETING, REWORDED, command, members, run_bytes};

/// Returns a directory with a store that has a history, and its bundle.
fn exported() -> Desk {
    let desk = Desk::greeting();
    desk.run_with(&["commit", "greeting", "-m", "Reword"], REWORDED)
        .ok();
    desk.run(&["rename", "greeting", "hello"]).ok();
    desk.run(&["export", "--bundle", "all.bundle"]).ok();
    desk
}

fn bundle(desk: &Desk) -> Vec<u8> {
    fs::read(desk.path().join("all.bundle")).unwrap()
}

#[test]
fn a_bundle_is_exported_and_imported() {
    let desk = exported();
    let elsewhere = Desk::new();
    elsewhere.write("all.bundle", bundle(&desk));
    let imported = elsewhere.json(&["import", "all.bundle"]);
    assert_eq!(
        members(&imported),
        [
            "bundle",
            "operations",
            "present",
            "appended",
            "merged",
            "bodies",
            "head",
            "seal"
        ]
    );
    assert_eq!(imported["appended"], 3);
    assert_eq!(imported["merged"], false);
    assert_eq!(imported["head"], desk.json(&["verify"])["head"]);
    assert_eq!(elsewhere.run(&["resolve", "hello@1.1"]).ok(), REWORDED);
    assert_eq!(
        elsewhere.run(&["import", "--bundle", "all.bundle"]).ok(),
        "0 operations appended, 3 already present; 0 bodies stored\n"
    );
    let told = elsewhere.run(&["export", "--bundle", "again.bundle"]).ok();
    assert_eq!(told, "again.bundle: 3 operations, 2 bodies\n");
    let again = fs::read(elsewhere.path().join("again.bundle")).unwrap();
    assert_eq!(again, bundle(&desk));
    let out = elsewhere
        .run(&["export", "--bundle", "-", "--json"])
        .bytes();
    assert_eq!(out, bundle(&desk));
}

#[test]
fn a_bundle_is_not_overwritten() {
    let desk = exported();
    let before = bundle(&desk);
    desk.run(&["rename", "hello", "greeting"]).ok();
    let told = desk.run(&["export", "--bundle", "all.bundle"]).fails(4);
    assert!(
        told.contains("all.bundle already exists") && told.contains("--force"),
        "{told}"
    );
    assert_eq!(bundle(&desk), before);
    let exported = desk.json(&["export", "--bundle", "all.bundle", "--force"]);
    assert_eq!(
        members(&exported),
        ["bundle", "operations", "head", "bodies", "bytes", "seal"]
    );
    assert_eq!(exported["operations"], 4);
    assert_ne!(bundle(&desk), before);
    let left: Vec<_> = fs::read_dir(desk.path())
        .unwrap()
        .map(|entry| entry.unwrap())
        .collect();
    assert_eq!(left.len(), 2, "the store, and the bundle: {left:?}");
    desk.run(&["export", "--bundle", "missing/all.bundle"])
        .fails(1);
    desk.run(&["export", "--bundle", "new.bundle", "folder"])
        .fails(2);
    desk.run(&["export", "--bundle", "new.bundle", "--env", "production"])
        .fails(2);
    desk.run(&["export"]).fails(2);
}

/// A bundle has the default mode of new files, and is readable by others than its owner.
#[cfg(unix)]
#[test]
fn a_bundle_has_the_default_mode() {
    use std::os::unix::fs::PermissionsExt;
    let desk = exported();
    let mode = |file: &str| {
        fs::metadata(desk.path().join(file))
            .unwrap()
            .permissions()
            .mode()
    };
    desk.write("other", "");
    assert_eq!(mode("all.bundle"), mode("other"));
}

fn failure(desk: &Desk, arguments: &[&str], code: i32) -> Value {
    let told = desk.run(&[arguments, &["--json"]].concat()).fails(code);
    serde_json::from_str::<Value>(&told).unwrap()["error"]["kind"].take()
}

#[test]
fn invalid_bundles_are_refused() {
    let desk = exported();
    let mut altered = bundle(&desk);
    altered[200] ^= 1;
    desk.write("altered", altered);
    desk.write("cut", &bundle(&desk)[..300]);
    desk.write("foreign", GREETING);
    assert_eq!(failure(&desk, &["import", "altered"], 6), "altered_file");
    assert_eq!(failure(&desk, &["import", "cut"], 6), "altered_file");
    assert_eq!(failure(&desk, &["import", "foreign"], 2), "foreign_file");
    assert_eq!(
        failure(&desk, &["import", "--bundle", "missing"], 3),
        "file_not_found"
    );
    assert_eq!(failure(&desk, &["import", "missing"], 3), "file_not_found");
    let told = desk.run(&["import", "altered"]).fails(6);
    assert!(
        told.contains("altered: the bundle file was altered"),
        "{told}"
    );
    for option in ["--no-env", "--message=x", "--env=x"] {
        desk.run(&["import", "all.bundle", option]).fails(2);
        desk.run(&["import", "--bundle", "all.bundle", option])
            .fails(2);
    }
    assert_eq!(desk.json(&["stats"])["operations"], 3);
}

#[test]
fn merge_conflicts_are_refused() {
    let desk = exported();
    let other = Desk::new();
    other.write("all.bundle", bundle(&desk));
    other.run(&["import", "all.bundle"]).ok();
    desk.run(&["rename", "hello", "one"]).ok();
    other.run(&["rename", "hello", "other"]).ok();
    other
        .run(&["export", "--bundle", "all.bundle", "--force"])
        .ok();
    desk.write("all.bundle", bundle(&other));
    let before = desk.json(&["ops"]);
    let told = desk.run(&["import", "all.bundle"]).fails(4);
    assert!(
        told.contains("operation 4 of the bundle contradicts the store")
            && told.contains("\"one\""),
        "{told}"
    );
    assert_eq!(
        failure(&desk, &["import", "all.bundle"], 4),
        "merge_conflict"
    );
    assert_eq!(desk.json(&["ops"]), before);
}

#[test]
fn two_stores_become_one() {
    let (desk, other) = (exported(), exported());
    other.write("other.bundle", bundle(&desk));
    assert_eq!(
        other.run(&["import", "other.bundle"]).ok(),
        "3 operations appended after the store's own operations, 0 already present; 0 bodies stored\n"
    );
    assert_eq!(other.json(&["verify"])["violations"], serde_json::json!([]));
}

/// The target of a link is written and keeps its mode; a path that is not a regular file is
/// refused.
#[cfg(unix)]
#[test]
fn a_bundle_is_written_to_the_target_of_a_link() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let desk = exported();
    let at = |file: &str| desk.path().join(file);
    desk.write("real", "");
    fs::set_permissions(at("real"), PermissionsExt::from_mode(0o600)).unwrap();
    symlink("real", at("link")).unwrap();
    desk.run(&["export", "--bundle", "link", "--force"]).ok();
    assert!(fs::symlink_metadata(at("link")).unwrap().is_symlink());
    assert_eq!(fs::read(at("real")).unwrap(), bundle(&desk));
    let mode = fs::metadata(at("real")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    symlink("nowhere", at("dangling")).unwrap();
    symlink("/dev/full", at("device")).unwrap();
    for place in ["dangling", "device"] {
        let told = desk.run(&["export", "--bundle", place, "--force"]).fails(1);
        assert!(told.contains("is not a regular file"), "{told}");
        assert!(fs::symlink_metadata(at(place)).unwrap().is_symlink());
    }
    assert!(!at("nowhere").exists());
}

#[test]
fn a_bundle_is_read_from_standard_input() {
    let desk = exported();
    let elsewhere = Desk::new();
    let import = |arguments: &[&str], input: &[u8]| {
        let mut command = command(elsewhere.path());
        run_bytes(command.arg("import").args(arguments), input)
    };
    let told = import(&["-"], &bundle(&desk)).ok();
    assert!(told.starts_with("3 operations appended"), "{told}");
    for arguments in [&["--bundle", "-"][..], &["/dev/stdin"]] {
        if cfg!(unix) || arguments.len() == 2 {
            let told = import(arguments, &bundle(&desk)).ok();
            assert!(
                told.starts_with("0 operations appended, 3 already present"),
                "{told}"
            );
        }
    }
    let told = import(&["-"], b"no bundle").fails(2);
    assert!(told.contains("standard input: "), "{told}");
    import(&["-", "--no-env"], &bundle(&desk)).fails(2);
    #[cfg(unix)]
    import(&["/dev/zero"], b"").fails(2);
    let told = import(&["nofile.pb"], b"").fails(3);
    assert!(told.contains("no file or folder nofile.pb"), "{told}");
}

#[cfg(feature = "remote")]
#[test]
fn own_versions_get_other_numbers_if_the_bundle_has_used_theirs() {
    let desk = exported();
    let other = Desk::new();
    other.write("all.bundle", bundle(&desk));
    other.run(&["import", "all.bundle"]).ok();
    desk.run_with(&["commit", "hello", "-m", "own"], GREETING)
        .ok();
    other
        .run_with(&["commit", "hello", "-m", "theirs"], GREETING)
        .ok();
    other
        .run(&["export", "--bundle", "all.bundle", "--force"])
        .ok();
    desk.write("all.bundle", bundle(&other));
    let told = desk.run(&["import", "all.bundle"]).fails(4);
    assert!(told.contains("import --renumber gives"), "{told}");
    let answer = desk.run(&["import", "all.bundle", "--renumber"]);
    assert_eq!(answer.code(), Some(0));
    let told = answer.text() + answer.aside();
    for words in [
        "renumbered hello 1.2 → 1.3",
        "1 operation appended, 3 already present; 0 bodies stored",
        "now lead to the bundle's versions: hello 1.2 is now 1.3",
        "index.previous.db",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
    let again = desk.json(&["import", "--renumber", "--bundle", "all.bundle"]);
    assert_eq!(
        (&again["appended"], &again["reassigned"]),
        (&0.into(), &serde_json::json!([]))
    );
    assert_eq!(again["previous_index"], Value::Null);
    let log = desk.run(&["log", "hello"]).ok();
    assert!(log.contains("own") && log.contains("theirs"), "{log}");
    let told = desk.run(&["import", ".", "--renumber"]).fails(2);
    assert!(told.contains("--renumber is for a bundle"), "{told}");
}
