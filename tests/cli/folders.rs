use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::json;

use crate::support::{BREAKING, Desk, GREETING, REWORDED, members};

/// Returns all files below a folder by path.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(below) = folders.pop() {
        for entry in fs::read_dir(below).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path
                    .strip_prefix(folder)
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned();
                found.insert(name, fs::read(path).unwrap());
            }
        }
    }
    found
}

fn prompt_names(desk: &Desk) -> Vec<String> {
    let listed = desk.json(&["ls"]);
    let prompts = listed["prompts"].as_array().unwrap().iter();
    let mut names: Vec<String> = prompts
        .map(|prompt| prompt["name"].as_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn a_folder_is_imported_once() {
    let desk = Desk::new();
    desk.write("in/greeting.json", GREETING);
    desk.write("in/team/a b.json", GREETING);
    for other in ["in/notes.txt", "in/.hidden.json", "in/.git/x.json"] {
        desk.write(other, "no prompt");
    }
    let imported = desk.json(&["import", "in"]);
    assert_eq!(
        members(&imported),
        ["created", "committed", "unchanged", "files"]
    );
    assert_eq!(
        members(&imported["files"][0]),
        ["file", "prompt", "prompt_id", "number", "effect"]
    );
    assert_eq!(imported["created"], 2);
    assert_eq!(prompt_names(&desk), ["greeting", "team/a b"]);

    assert_eq!(
        desk.run(&["import", "in"]).ok(),
        "0 created, 0 committed, 2 unchanged\n"
    );
    assert_eq!(desk.json(&["stats"])["operations"], 2);

    desk.write("in/greeting.json", REWORDED);
    let told = desk.run(&["import", "in", "--env", "staging"]).ok();
    assert!(
        told.ends_with("0 created, 1 committed, 1 unchanged\n") && told.contains("greeting  1.1"),
        "{told}"
    );
    let log = desk.json(&["log", "greeting"]);
    assert_eq!(log["versions"][0]["message"], "Import greeting.json");
    assert_eq!(log["versions"][0]["environments"], json!(["staging"]));
    assert_eq!(log["versions"][1]["environments"], json!(["production"]));

    desk.write("in/greeting.json", BREAKING);
    desk.write("in/new.json", GREETING);
    desk.run(&["import", "in", "-m", "Take over", "--no-env"])
        .ok();
    let log = desk.json(&["log", "-n", "2"]);
    for version in log["versions"].as_array().unwrap() {
        assert_eq!(
            (&version["message"], &version["environments"]),
            (&json!("Take over"), &json!([]))
        );
    }
}

#[test]
fn an_import_is_all_or_nothing_and_names_every_bad_file() {
    let desk = Desk::new();
    desk.write("in/good.json", GREETING);
    desk.write("in/list.json", "[]");
    desk.write("in/cut.json", "{\"a\": ");
    desk.write("in/a b.json", GREETING);
    desk.write("in/a%20b.json", GREETING);
    let told = desk.run(&["import", "in"]).fails(2);
    for name in ["list.json", "cut.json", "a b.json"] {
        assert!(told.contains(name), "{name}: {told}");
    }
    assert!(prompt_names(&desk).is_empty());

    // A problem that only the store can detect is reported as well, and undoes the rest.
    let desk = Desk::new();
    for _ in 0..2 {
        desk.run_with(&["create", "twice", "--allow-duplicate-name"], GREETING)
            .ok();
    }
    desk.write("in/good.json", GREETING);
    desk.write("in/twice.json", GREETING);
    let told = desk.run(&["import", "in"]).fails(2);
    assert!(
        told.contains("twice.json") && !told.contains("- good.json"),
        "{told}"
    );
    assert_eq!(prompt_names(&desk), ["twice", "twice"]);
}

#[test]
fn a_path_that_is_not_a_folder_is_not_imported() {
    let desk = Desk::new();
    desk.run(&["import", "missing"]).fails(3);
    fs::create_dir(desk.path().join("empty")).unwrap();
    assert!(
        desk.run(&["import", "empty"])
            .aside()
            .contains("no .json files")
    );
}

/// Names that are problematic for file systems or careless programs.
const ODD: [&str; 20] = [
    "plain",
    "a/b",
    "a.json/b",
    "../../escape",
    "/abs//olute/",
    ".hidden",
    "..",
    "50% off%20",
    "CON",
    "tail. ",
    "{\"quoted\"} <x> | y?*:\\",
    "日本語/🎭",
    "twice",
    "twice",
    "Twice",
    "e\u{301}",
    "",
    "",
    "%",
    "\u{1b}[0m\n ",
];

#[test]
fn an_export_can_be_imported_without_changes() {
    let desk = Desk::new();
    for (position, name) in ODD.iter().enumerate() {
        let body = format!(" {{ \"n\" :{position}.0 }}\r\n");
        let create = ["create", name, "--allow-duplicate-name"];
        desk.run_with(&create, &body).ok();
    }
    let long = format!("{}/{}", "ü".repeat(200), "%".repeat(600));
    desk.run_with(&["create", &long], "{}").ok();

    let exported = desk.json(&["export", "out"]);
    assert_eq!(members(&exported), ["written", "unchanged", "files"]);
    assert_eq!(
        members(&exported["files"][0]),
        ["file", "prompt", "prompt_id", "number", "effect"]
    );
    let all = ODD.len() + 1;
    assert_eq!(exported["written"], all);
    let written = files(&desk.path().join("out"));
    let names = written.keys().filter(|file| file.ends_with(".name"));
    assert_eq!(names.count(), 1, "one name is too long for a path");
    assert_eq!(written.len(), all + 1);
    assert_eq!(written["plain.json"], b" { \"n\" :0.0 }\r\n");
    assert_eq!(
        files(desk.path())
            .keys()
            .filter(|file| file.contains("escape"))
            .count(),
        1
    );

    let unchanged = format!("0 created, 0 committed, {all} unchanged\n");
    assert_eq!(desk.run(&["import", "out"]).ok(), unchanged);
    assert_eq!(
        desk.run(&["export", "out"]).ok(),
        format!("0 written, {all} unchanged\n")
    );

    // Another store created from it is the same.
    desk.run(&["init", "--store", "other"]).ok();
    assert_eq!(
        desk.json(&["import", "out", "--store", "other"])["created"],
        all
    );
    assert_eq!(
        desk.run(&["import", "out", "--store", "other"]).ok(),
        unchanged
    );
    desk.run(&["export", "again", "--store", "other"]).ok();
    assert_eq!(files(&desk.path().join("again")), written);
}

#[test]
fn the_file_of_a_long_name_is_part_of_the_export() {
    let desk = Desk::new();
    let long = "a long name ".repeat(1000);
    desk.run_with(&["create", &long, "--id", "abc123"], "{}")
        .ok();
    desk.run(&["export", "out"]).ok();
    let out = desk.path().join("out");
    let file = files(&out)
        .keys()
        .find(|file| file.ends_with(".name"))
        .cloned();
    let file = out.join(file.unwrap());
    assert!(
        file.to_str().unwrap().ends_with("%~abc123.name"),
        "{file:?}"
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), long);

    // A changed name file is a difference; a missing one is written again.
    fs::write(&file, "mine").unwrap();
    let told = desk.run(&["export", "out"]).fails(4);
    assert!(told.contains("%~abc123.name"), "{told}");
    fs::remove_file(&file).unwrap();
    desk.run(&["init", "--store", "other"]).ok();
    let told = desk.run(&["import", "out", "--store", "other"]).fails(2);
    assert!(told.contains("%~abc123.name"), "{told}");
    assert_eq!(desk.json(&["export", "out"])["written"], 1);
    desk.run(&["import", "out", "--store", "other"]).ok();
    let found = desk.json(&["ls", "--store", "other"]);
    assert_eq!(found["prompts"][0]["name"], long);
}

#[test]
fn an_export_takes_an_environment() {
    let desk = Desk::greeting();
    desk.run_with(&["create", "other", "--no-env"], GREETING)
        .ok();
    desk.run_with(&["commit", "greeting", "-m", "x"], REWORDED)
        .ok();
    desk.run(&["export", "out", "--env", "production"]).ok();
    let expected = BTreeMap::from([("greeting.json".to_owned(), GREETING.as_bytes().to_vec())]);
    assert_eq!(files(&desk.path().join("out")), expected);
}

#[test]
fn an_export_overwrites_only_by_force_and_deletes_nothing() {
    let desk = Desk::greeting();
    desk.run_with(&["create", "other"], GREETING).ok();
    desk.write("out/greeting.json", "{\"mine\": 1}");
    desk.write("out/notes.txt", "mine");
    let told = desk.run(&["export", "out"]).fails(4);
    assert!(
        told.contains("greeting.json") && told.contains("--force"),
        "{told}"
    );
    assert_eq!(files(&desk.path().join("out")).len(), 2);

    desk.run(&["export", "out", "--force"]).ok();
    let found = files(&desk.path().join("out"));
    assert_eq!(found["greeting.json"], GREETING.as_bytes());
    assert_eq!(found["notes.txt"], b"mine");
    assert_eq!(found["other.json"], GREETING.as_bytes());
}

/// Files elsewhere do not belong to the folder, even if a link in it leads to them.
#[cfg(unix)]
#[test]
fn an_export_writes_through_no_link() {
    use std::os::unix::fs::symlink;
    let desk = Desk::greeting();
    desk.run_with(&["create", "team/other"], GREETING).ok();
    let mine = desk.write("elsewhere/mine.json", "mine");
    let out = desk.path().join("out");
    std::fs::create_dir(&out).unwrap();
    symlink(&mine, out.join("greeting.json")).unwrap();
    symlink(desk.path().join("elsewhere"), out.join("team")).unwrap();
    for force in [&[][..], &["--force"]] {
        let told = desk.run(&[&["export", "out"], force].concat()).fails(4);
        assert!(told.contains("greeting.json"), "{told}");
    }
    let told = desk.run(&["export", "out", "--force"]).fails(4);
    assert!(
        told.contains("out/team") && told.contains("2 links"),
        "{told}"
    );
    let elsewhere = BTreeMap::from([("mine.json".to_owned(), b"mine".to_vec())]);
    assert_eq!(files(&desk.path().join("elsewhere")), elsewhere);
    // The folder itself may be a link, because the user named it.
    symlink(desk.path().join("elsewhere"), desk.path().join("linked")).unwrap();
    desk.run(&["export", "linked"]).ok();
    assert_eq!(files(&desk.path().join("elsewhere")).len(), 3);
    // A link to a file with the same contents is left as it is.
    std::fs::write(&mine, GREETING).unwrap();
    std::fs::remove_file(out.join("team")).unwrap();
    desk.run(&["export", "out", "--force"]).ok();
    assert!(out.join("greeting.json").is_symlink());
    assert!(out.join("team/other.json").is_file());
}
