//! Names, tags and messages of any text, through every command: found, stored exactly, and harmless
//! to a terminal.

use promptbook::frozen::Frozen;
use promptbook::{
    EnvironmentName, NewPrompt, NewVersion, PromptId, PromptRef, Selector, Store, VersionSpec,
};
use serde_json::{Value, json};

use crate::names::{LONGEST, names};
use crate::support::{Answer, BREAKING, Desk, GREETING, REWORDED};

/// Returns a desk whose store has a prompt of each name, with the name also as a tag and as the
/// message.
fn desk() -> (Desk, Vec<(String, PromptId)>) {
    desk_of(names())
}

/// Does the same with these names.
fn desk_of(names: impl IntoIterator<Item = String>) -> (Desk, Vec<(String, PromptId)>) {
    let desk = Desk::new();
    let store = Store::open(desk.path().join(".promptbook")).unwrap();
    let create = |(number, name): (usize, String)| {
        let new = NewPrompt::new(name.as_str(), GREETING);
        let new = new.tag(&name).tag("tag").message(&name);
        let new = new.id(format!("h{number:05}"));
        let created = store.create_prompt(new).unwrap();
        (name, created.prompt.id)
    };
    let made = names.into_iter().enumerate().map(create).collect();
    (desk, made)
}

/// Returns whether a terminal would interpret this character, or show it in another place.
fn is_obeyed(c: char) -> bool {
    c.is_control()
        || ['\u{61c}', '\u{200e}', '\u{200f}'].contains(&c)
        || ('\u{2028}'..='\u{202e}').contains(&c)
        || ('\u{2066}'..='\u{2069}').contains(&c)
}

/// Returns the output of a successful run, after checking that it is harmless to a terminal and
/// that its lines are not too long.
#[track_caller]
fn harmless(answer: Answer) -> String {
    let aside = answer.aside().to_owned();
    let told = answer.ok();
    for line in told.lines().chain(aside.lines()) {
        assert!(!line.contains(is_obeyed), "{line:?}");
        assert!(
            line.chars().count() < 1500,
            "a line of {} bytes: {line:.200}…",
            line.len()
        );
    }
    told
}

/// Returns the JSON of a successful run, after checking that it is harmless to a terminal.
#[track_caller]
fn json_of(desk: &Desk, arguments: &[&str]) -> Value {
    let told = desk.run(&[&["--json"], arguments].concat()).ok();
    assert!(!told.replace('\n', "").contains(is_obeyed), "{told:.200}");
    serde_json::from_str(&told).unwrap()
}

/// The number of stores among which the names are distributed, so that every processor has work.
const STORES: usize = 4;

/// Calls a function with the names of each of several stores, all at the same time.
fn for_each_store(names: Vec<String>, test: impl Fn(&[String]) + Sync) {
    std::thread::scope(|scope| {
        for first in 0..STORES {
            // The longest names are next to each other.
            let some: Vec<String> = names.iter().skip(first).step_by(STORES).cloned().collect();
            let test = &test;
            scope.spawn(move || test(&some));
        }
    });
}

#[test]
fn every_command_that_takes_a_prompt_takes_one_of_any_name() {
    for_each_store(names(), every_command_takes_prompts_of_these_names);
}

fn every_command_takes_prompts_of_these_names(names: &[String]) {
    let (desk, made) = desk_of(names.iter().cloned());
    for (name, id) in &made {
        let id = format!("id:{id}");
        let id = id.as_str();
        let second = desk.json_with(&["commit", id, "-m", "\u{1b}c"], REWORDED);
        assert_eq!(second["prompt"]["name"], *name);
        harmless(desk.run_with(&["commit", id, "-m", "third"], BREAKING));
        let shown = harmless(desk.run(&["show", id]));
        let title = shown.lines().next().unwrap();
        assert!(
            !title.starts_with(' ') && !title.starts_with('('),
            "{title}"
        );
        for command in [
            &["log", id][..],
            &["log", id, "--env", "production"],
            &["vars", id],
            &["diff", id],
            &["blame", id],
            &["env", "list", id],
            &["env", "set", id, "staging", "1.1"],
            &["env", "remove", id, "staging"],
            &["ops", id],
            &["tag", "list", id],
            &["rename", id, "other name"],
            &["undo", "--yes"],
        ] {
            harmless(desk.run(command));
        }
        harmless(desk.run(&["render", &format!("{id}@1.0"), "name=Ann"]));
        assert_eq!(desk.run(&["resolve", &format!("{id}@1.0")]).ok(), GREETING);
        let found = json_of(&desk, &["show", &format!("{id}@1.0")]);
        assert_eq!(found["prompt"]["name"], *name);
        assert_eq!(found["prompt"]["tags"], json!([name, "tag"]));
        assert_eq!(found["version"]["message"], *name);
        harmless(desk.run(&["rm", "--yes", id]));
        harmless(desk.run(&["undo", "--yes"]));
    }
    for (name, id) in &made {
        let prompt = &json_of(&desk, &["tag", "list", &format!("id:{id}")])["prompt"];
        assert_eq!(
            (&prompt["name"], &prompt["versions"]),
            (&json!(name), &json!(3))
        );
    }
    harmless(desk.run(&["verify"]));
}

#[test]
fn every_command_that_takes_a_name_takes_any_name() {
    let mut typed = names();
    // An argument of a program cannot contain NUL.
    typed.retain(|name| !name.contains('\0'));
    for_each_store(typed, every_command_takes_these_names);
}

fn every_command_takes_these_names(names: &[String]) {
    let desk = Desk::new();
    for name in names {
        let (tag, message) = (format!("--tag={name}"), format!("--message={name}"));
        harmless(desk.run_with(&["create", &tag, &message, "--", name], GREETING));
        let id = json_of(&desk, &["ls", "-n", "1"])["prompts"][0]["id"].clone();
        let id = id.as_str().unwrap();
        let found = desk.run(&["--json", "tag", "list", "--", name]);
        match name.parse::<PromptRef>().unwrap() {
            // A text in the form of an id is parsed as an id.
            PromptRef::Id(_) => drop(found.fails(3)),
            _ => {
                let found = found.json();
                assert_eq!(found["prompt"]["id"], id, "{name:?}");
                assert_eq!(found["prompt"]["tags"], json!([name]));
            }
        }
        let spec = format!("{name}@1.0");
        match spec.parse::<VersionSpec>().unwrap() {
            VersionSpec {
                prompt: Some(PromptRef::Id(_)),
                ..
            } => {}
            // The text is split in another place.
            VersionSpec {
                selector: Selector::Environment(_),
                ..
            } => drop(desk.run(&["resolve", "--", &spec]).fails(3)),
            _ => assert_eq!(desk.run(&["resolve", "--", &spec]).ok(), GREETING),
        }
        harmless(desk.run(&["rename", "--", id, "other"]));
        harmless(desk.run(&["tag", "set", id, "--", name, ""]));
        harmless(desk.run(&["rename", "--", id, name]));
        let listed = json_of(&desk, &["ls", &tag, &format!("--name={name}")]);
        assert_eq!(listed["prompts"][0]["name"], *name);
        harmless(desk.run(&["search", "--", name]));
    }
    let listed = json_of(&desk, &["ls"]);
    assert_eq!(listed["prompts"].as_array().unwrap().len(), names.len());
}

#[test]
fn every_command_that_lists_prompts_lists_those_of_any_name() {
    let (desk, made) = desk();
    for command in [
        &["ls"][..],
        &["log", "--all"],
        &["log", "--ids", "--all"],
        &["ops", "--all"],
        &["watch", "--from", "start", "-n", "36"],
        &["search", "hi"],
        &["search", "red"],
        &["stats"],
        &["freeze", "file.frozen"],
        &["freeze", "file.frozen", "--check"],
        &["checkpoint"],
        &["gc"],
        &["verify"],
    ] {
        harmless(desk.run(command));
    }
    let all: Vec<&str> = made.iter().map(|(name, _)| name.as_str()).collect();
    let newest_first: Vec<&str> = all.iter().rev().copied().collect();
    assert_eq!(listed(&desk, &["ls"], "prompts", "name"), newest_first);
    assert_eq!(
        listed(&desk, &["log", "--all"], "versions", "prompt"),
        newest_first
    );
    assert_eq!(
        listed(&desk, &["log", "--all"], "versions", "message"),
        newest_first
    );
    let frozen = Frozen::open(desk.path().join("file.frozen")).unwrap();
    let frozen: Vec<&str> = frozen
        .prompts()
        .map(|prompt| prompt.name().as_str())
        .collect();
    assert_eq!(frozen, all);

    // Two environments differ.
    let store = Store::open(desk.path().join(".promptbook")).unwrap();
    let staging: EnvironmentName = "staging".parse().unwrap();
    for (_, id) in &made {
        let new = NewVersion::new(*id, REWORDED).environment(staging.clone());
        store.commit(new).unwrap();
    }
    harmless(desk.run(&["diff", "--env", "production", "staging"]));
    harmless(desk.run(&["diff", "--env", "production", "staging", "--stat"]));

    // A lockfile names the prompts that have changed since.
    for (_, id) in &made {
        let id = format!("id:{id}");
        desk.run(&["rename", &id, "another", "--allow-duplicate-name"])
            .ok();
    }
    let drifted = desk.run(&["freeze", "file.frozen", "--check"]).fails(4);
    assert!(
        !drifted.replace('\n', "").contains(is_obeyed) && drifted.len() < 20_000,
        "{drifted}"
    );
    harmless(desk.run(&["freeze", "file.frozen"]));
}

/// Returns a member of each object in a list of a command's answer.
fn listed(desk: &Desk, command: &[&str], list: &str, member: &str) -> Vec<String> {
    let answer = json_of(desk, command);
    let objects = answer[list].as_array().unwrap().iter();
    objects
        .map(|one| one[member].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn names_are_unchanged_by_export_and_import() {
    let (desk, made) = desk();
    let mut all: Vec<String> = made.into_iter().map(|(name, _)| name).collect();
    all.sort();
    harmless(desk.run(&["backup", "backup"]));
    harmless(desk.run(&["restore", "backup", "--store", "restored"]));
    harmless(desk.run(&["export", "--bundle", "all.bundle"]));
    harmless(desk.run(&["export", "folder"]));
    let again = harmless(desk.run(&["export", "folder"]));
    assert_eq!(again, format!("0 written, {} unchanged\n", all.len()));
    for (store, source) in [("bundled", "all.bundle"), ("filed", "folder")] {
        desk.run(&["init", "--store", store]).ok();
        harmless(desk.run(&["import", source, "--store", store]));
        harmless(desk.run(&["verify", "--store", store]));
    }
    for store in ["backup", "restored", "bundled", "filed"] {
        let mut found = listed(&desk, &["ls", "--store", store], "prompts", "name");
        found.sort();
        assert_eq!(found, all, "{store}");
    }
    // The second time, nothing is new.
    let again = desk.json(&["import", "folder", "--store", "filed"]);
    assert_eq!(again["unchanged"], all.len());
}

#[cfg(feature = "server")]
#[test]
fn names_are_in_fixtures_unchanged() {
    let (desk, made) = desk();
    let mut all: Vec<String> = made.into_iter().map(|(name, _)| name).collect();
    all.sort();
    let fixtures = desk.run(&["fixtures"]).ok();
    let other = Store::in_memory().unwrap();
    promptbook::server::Fixtures::from_json(&fixtures)
        .unwrap()
        .load(&other)
        .unwrap();
    let loaded = other.prompts().page(None, usize::MAX).unwrap();
    let mut loaded: Vec<String> = loaded
        .into_iter()
        .map(|prompt| prompt.name.into())
        .collect();
    loaded.sort();
    assert_eq!(loaded, all);
}

#[test]
fn a_text_that_is_too_long_is_refused_with_a_short_message() {
    let desk = Desk::greeting();
    let long = "\u{1b}".repeat(LONGEST + 1);
    for arguments in [
        &["create", &long][..],
        &["show", &long],
        &["rename", "greeting", &long],
        &["tag", "set", "greeting", &long],
        &["commit", "greeting", "--message", &long],
        &[
            "env", "set", "greeting", "staging", "1.0", "--reason", &long,
        ],
    ] {
        let told = desk.run_with(arguments, GREETING).fails(2);
        assert!(!told.replace('\n', "").contains(is_obeyed), "{told:.300}");
        assert!(told.contains("65536") && told.len() < 3000, "{told:.300}");
        let told = desk
            .run_with(&[&["--json"], arguments].concat(), GREETING)
            .fails(2);
        let told: Value = serde_json::from_str(&told).unwrap();
        let message = told["error"]["message"].as_str().unwrap();
        assert!(
            message.contains("65536") && message.len() < 3000,
            "{message:.300}"
        );
    }
}
