use std::path::Path;

use serde_json::json;

use crate::support::{Desk, PROMPT, VERSION, members};

/// Returns the demo's output with the parts that differ from run to run masked: ids and the
/// directory.
fn masked(told: &str, directory: &Path) -> String {
    let told = told.replace(directory.to_str().unwrap(), "DIR");
    let mut masked = String::new();
    for line in told.lines() {
        let is_id = line.trim_start().len() == 36 && line.matches('-').count() == 4;
        let line = if is_id {
            "  ID".into()
        } else {
            without_prompt_id(line)
        };
        masked.push_str(&line);
        masked.push('\n');
    }
    masked
}

fn without_prompt_id(line: &str) -> String {
    match line.split_once("support-reply (") {
        Some((before, rest)) => format!("{before}support-reply (ID{}", &rest[6..]),
        None => line.to_owned(),
    }
}

#[test]
fn the_demo_prints_its_session() {
    let desk = Desk::bare();
    let told = desk.run(&["demo", "stage", "--author", "Ann"]).ok();
    assert_eq!(masked(&told, Path::new("stage")), include_str!("demo.txt"));
    // The demo leaves an ordinary store.
    let log = desk.run_in("stage", &["log", "support-reply"]).ok();
    assert!(told.contains(&log), "{log}");
    desk.run_in("stage", &["verify"]).ok();
}

#[test]
fn the_demo_in_json() {
    let desk = Desk::bare();
    let demo = desk.json(&["demo", "stage"]);
    let expected = [
        "path",
        "prompt",
        "versions",
        "breaking",
        "production",
        "rendered",
    ];
    assert_eq!(members(&demo), expected);
    assert_eq!(members(&demo["prompt"]), PROMPT);
    let of = |member: &str| {
        let versions = demo["versions"].as_array().unwrap().iter();
        versions
            .map(|version| version[member].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(members(&demo["versions"][0]), VERSION);
    assert_eq!(of("number"), ["2.1", "2.0", "1.0"]);
    assert_eq!(
        of("environments"),
        [json!(["production"]), json!(["staging"]), json!([])]
    );
    assert_eq!(
        of("created_at"),
        [
            "2024-03-11T14:30:00Z",
            "2024-03-10T16:00:00Z",
            "2024-03-10T12:00:00Z"
        ]
    );
    assert_eq!(
        of("message"),
        [
            "Updated temperature and added max_tokens",
            "Major rewrite with new system prompt",
            "Initial version"
        ]
    );
    assert_eq!(demo["production"]["version"]["number"], "2.1");
}

#[test]
fn the_demo_uses_the_given_or_a_new_directory() {
    let desk = Desk::greeting();
    // The demo never uses the current store.
    let demo = desk.json(&["demo"]);
    let made = Path::new(demo["path"].as_str().unwrap());
    assert!(made.join(".promptbook").is_dir());
    std::fs::remove_dir_all(made).unwrap();
    assert_eq!(desk.json(&["stats"])["prompts"], 1);

    desk.run(&["demo", "."]).fails(4);
    desk.write("taken/support-reply.json", "{}");
    desk.run(&["demo", "taken"]).fails(4);
}
