//! Differences of realistic pairs of bodies, compared with the reviewed answers of `diff` in
//! `tests/diff`, which has one folder for each pair. `PROMPTBOOK_WRITE_PAIRS` writes the answers
//! again; a person must then review them.

use std::fs;
use std::path::{Path, PathBuf};

use promptbook::Json;
use promptbook::diff::diff;
use serde_json::Value;

use crate::support::Desk;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/diff");

fn pairs() -> Vec<PathBuf> {
    let folders = fs::read_dir(FOLDER).unwrap();
    let mut pairs: Vec<_> = folders.map(|folder| folder.unwrap().path()).collect();
    pairs.sort();
    assert!(pairs.len() >= 20);
    pairs
}

fn name(pair: &Path) -> String {
    pair.file_name().unwrap().to_str().unwrap().to_owned()
}

fn body(pair: &Path, side: &str) -> Json {
    fs::read_to_string(pair.join(side))
        .unwrap()
        .parse()
        .unwrap()
}

/// Compares an answer with the file, or writes it.
fn check(pair: &Path, file: &str, answer: &str) -> Option<String> {
    let path = pair.join(file);
    if std::env::var_os("PROMPTBOOK_WRITE_PAIRS").is_some() {
        fs::write(path, answer).unwrap();
        return None;
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    (answer != expected).then(|| format!("{}:\n{answer}", path.display()))
}

#[test]
fn each_pair_has_the_reviewed_diff() {
    let desk = Desk::new();
    let mut wrong = Vec::new();
    for pair in pairs() {
        let name = name(&pair);
        let side = |side: &str| pair.join(side).to_str().unwrap().to_owned();
        desk.run(&["create", &name, &side("before.json")]).ok();
        desk.write("new.json", fs::read(side("after.json")).unwrap());
        let people = desk.run(&["diff", &name, "--file", "new.json"]).ok();
        wrong.extend(check(&pair, "people.txt", &people));
        let told = desk.json(&["diff", &name, "--file", "new.json"]);
        assert_eq!(told["to"], Value::Null);
        let members = ["edits", "variables", "breakages", "verdict"];
        let members = members.map(|member| (member.to_owned(), told[member].clone()));
        let told = Value::Object(members.into_iter().collect());
        let told = serde_json::to_string_pretty(&told).unwrap() + "\n";
        wrong.extend(check(&pair, "diff.json", &told));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn applying_each_diff_to_the_old_body_gives_the_new_one() {
    for pair in pairs() {
        let (before, after) = (body(&pair, "before.json"), body(&pair, "after.json"));
        for (before, after) in [(&before, &after), (&after, &before)] {
            let applied = diff(before, after).apply(before);
            assert_eq!(applied.as_ref(), Ok(after), "{}", name(&pair));
        }
    }
}
