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
        [
            "dry_run",
            "created",
            "committed",
            "unchanged",
            "renamed",
            "files",
            "skipped",
            "deleted",
            "not_in_folder"
        ]
    );
    assert_eq!(
        imported["skipped"],
        json!([{"file": "notes.txt", "reason": "not a file of a known format"}])
    );
    assert_eq!(
        members(&imported["files"][0]),
        [
            "file",
            "format",
            "prompt",
            "prompt_id",
            "number",
            "effect",
            "renamed_from",
            "moved",
            "unplaced",
            "findings"
        ]
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
            .contains("no files of prompts")
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
        [
            "file",
            "format",
            "prompt",
            "prompt_id",
            "number",
            "effect",
            "findings"
        ]
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
fn an_export_says_what_is_in_its_way() {
    let desk = Desk::greeting();
    desk.run_with(&["create", "team/greeting"], GREETING).ok();
    desk.run_with(&["create", "other"], GREETING).ok();
    desk.write("prompts.json", "{}");
    let told = desk.run(&["export", "prompts.json"]).fails(4);
    assert!(told.contains("prompts.json is not a folder"), "{told}");
    assert!(told.contains("export --bundle FILE"), "{told}");
    desk.write("folder/team", "a file");
    desk.write("folder/greeting.json/x", "in a folder");
    let told = desk.run(&["export", "folder"]).fails(4);
    assert!(told.contains("2 entries are in the way"), "{told}");
    for line in [
        "folder/team is a file, where a folder would be created",
        "folder/greeting.json is a folder, where a file would be written",
    ] {
        assert!(told.contains(line), "{told}");
    }
    // Force overwrites files, and removes nothing.
    desk.run(&["export", "folder", "--force"]).fails(4);
    assert!(!desk.path().join("folder/other.json").exists());
    assert_eq!(
        fs::read(desk.path().join("folder/team")).unwrap(),
        b"a file"
    );
}

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

/// Editors write byte order marks, and git converts line ends.
#[test]
fn byte_order_marks_and_line_ends_make_no_version() {
    let desk = Desk::new();
    let body = "{\n  \"messages\": []\n}\n";
    desk.write("in/a.json", body);
    desk.run(&["import", "in"]).ok();
    let converted = body.replace('\n', "\r\n");
    for text in [
        converted.clone(),
        format!("\u{feff}{body}"),
        format!("\u{feff}{converted}"),
    ] {
        desk.write("in/a.json", &text);
        assert_eq!(
            desk.run(&["import", "in"]).ok(),
            "0 created, 0 committed, 1 unchanged\n",
            "{text:?}"
        );
        assert_eq!(
            desk.run(&["export", "in"]).ok(),
            "0 written, 1 unchanged\n",
            "{text:?}"
        );
    }
    // Another layout is another text.
    desk.write("in/a.json", "{\"messages\": []}\r\n");
    desk.run(&["export", "in"]).fails(4);
    assert_eq!(desk.json(&["import", "in"])["committed"], 1);
    let marked = format!("\u{feff}{GREETING}");
    desk.run_with(&["create", "b"], &marked).ok();
    assert_eq!(desk.run(&["resolve", "b"]).ok(), GREETING);
    let inputs = desk.write("inputs.json", "\u{feff}{\"name\": \"Ada\"}");
    let render = ["render", "b", "--inputs", inputs.to_str().unwrap()];
    assert!(desk.run(&render).ok().contains("Hi Ada"));
    let utf16: Vec<u8> = "\u{feff}{}"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    desk.write("utf16.json", utf16);
    let told = desk.run(&["create", "c", "utf16.json"]).fails(2);
    assert!(told.contains("it is UTF-16"), "{told}");
}

#[cfg(unix)]
#[test]
fn an_import_names_what_it_leaves_out() {
    let desk = Desk::greeting();
    desk.run_with(&["create", "old name"], REWORDED).ok();
    desk.write("in/new name.json", REWORDED);
    for other in ["notes.md", "tone.yaml", "UP.JSON"] {
        desk.write(&format!("in/{other}"), GREETING);
    }
    std::os::unix::fs::symlink("nowhere", desk.path().join("in/link.json")).unwrap();
    let ran = desk.run(&["import", "in", "--no-renames"]);
    let notes = ran.aside();
    for part in [
        "4 skipped: ",
        "UP.JSON (its ending is not in lower case)",
        "link.json (a link that leads nowhere)",
        "tone.yaml (not a file of a known format)",
        "2 prompts not in the folder, and unchanged: ",
        "old name (the new prompt new name has its body)",
    ] {
        assert!(notes.contains(part), "{part}: {notes}");
    }
    for at in 0..30 {
        desk.write(&format!("in/{at}.txt"), "");
    }
    let ran = desk.run(&["import", "in"]);
    assert!(ran.aside().contains(" and 24 more; --json names all"));
    let all = desk.json(&["import", "in"]);
    assert_eq!(all["skipped"].as_array().unwrap().len(), 34);
    assert_eq!(all["not_in_folder"][1]["prompt"], "old name");
}

#[test]
fn one_file_can_be_imported() {
    let desk = Desk::greeting();
    desk.write("in/other.json", GREETING);
    desk.write("in/third.json", GREETING);
    let imported = desk.json(&["import", "in/other.json"]);
    assert_eq!(
        (&imported["created"], &imported["not_in_folder"]),
        (&json!(1), &json!([]))
    );
    assert_eq!(prompt_names(&desk), ["greeting", "other"]);
}

/// The folder may be on a file system that ignores letter case or the normal form.
#[test]
fn folders_that_differ_in_case_or_normal_form_stay_apart() {
    let names = [
        "Team/x",
        "team/y",
        "caf\u{e9}/x",
        "cafe\u{301}/y",
        "\u{c5}",
        "A\u{30a}",
    ];
    let desk = Desk::new();
    for name in names {
        desk.run_with(&["create", name], GREETING).ok();
    }
    desk.run(&["export", "out"]).ok();
    use unicode_normalization::UnicodeNormalization;
    let written = files(&desk.path().join("out"));
    let same = |path: &str| path.to_lowercase().nfc().collect::<String>();
    let mut folders: Vec<String> = written
        .keys()
        .filter_map(|path| Some(same(path.rsplit_once('/')?.0)))
        .collect();
    let mut paths: Vec<String> = written.keys().map(|path| same(path)).collect();
    folders.sort();
    folders.dedup();
    paths.sort();
    paths.dedup();
    assert_eq!(
        (folders.len(), paths.len()),
        (4, names.len()),
        "{written:?}"
    );
    desk.run(&["init", "--store", "other"]).ok();
    desk.run(&["import", "out", "--store", "other"]).ok();
    let again = desk.json(&["ls", "--store", "other"]);
    let mut found: Vec<&str> = again["prompts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|prompt| prompt["name"].as_str().unwrap())
        .collect();
    let mut expected = names.to_vec();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
}

#[test]
fn a_commit_says_that_only_line_ends_differ() {
    let desk = Desk::new();
    let body = "{\"messages\": [\n{\"role\": \"user\", \"content\": \"Hi\"}\n]}\n";
    desk.run_with(&["create", "greeting"], body).ok();
    let committed = desk.run_with(
        &["commit", "greeting", "-m", "x"],
        &body.replace('\n', "\r\n"),
    );
    let told = committed.ok();
    assert!(
        told.contains("The body differs from that of 1.0 only in its line ends."),
        "{told}"
    );
}
