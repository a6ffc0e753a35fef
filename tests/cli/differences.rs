use serde_json::json;

use crate::support::{BREAKING, Desk, GREETING, PROMPT, REWORDED, VERSION, command, members, run};

const DIFFERENCE: [&str; 6] = ["from", "to", "edits", "variables", "breakages", "verdict"];

/// `greeting` in 1.0 (production), 1.1 (staging) and 2.0.
fn desk() -> Desk {
    let desk = Desk::greeting();
    let commit = ["commit", "greeting", "-m", "reword", "--env", "staging"];
    desk.run_with(&commit, REWORDED).ok();
    desk.run_with(&["commit", "greeting", "-m", "ask more"], BREAKING)
        .ok();
    desk
}

#[test]
fn two_versions_are_compared() {
    let desk = desk();
    let told = desk
        .run(&["diff", "greeting@production", "greeting@staging"])
        .ok();
    assert_eq!(
        told,
        "greeting 1.0 → 1.1\n\nmessage 0 (user)\n  [-Hi-]{+Hello+} {{hc:name:string}}\n\nminor: no caller of 1.0 breaks\n"
    );
    let told = desk.run(&["diff", "greeting@1.1", "greeting"]).ok();
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(
        lines[..8],
        [
            "greeting 1.1 → 2.0",
            "",
            "message 0 (user)",
            "  [-Hello-]{+Hi+} {{hc:name:string}}{+, {{hc:age:number}}+}",
            "",
            "variables",
            "  + age (number)",
            "",
        ]
    );
    assert_eq!(lines[8], "major: callers of 1.1 break");
    assert!(
        lines[9].starts_with("  - messages[0].content: variable \"age\""),
        "{told}"
    );

    let told = desk.json(&["diff", "greeting@1.0", "greeting@2.0"]);
    assert_eq!(members(&told), DIFFERENCE);
    assert_eq!(members(&told["from"]), VERSION);
    assert_eq!(told["to"]["number"], "2.0");
    let edit = &told["edits"][0];
    assert_eq!(
        members(edit),
        [
            "kind",
            "section",
            "old_pointer",
            "new_pointer",
            "old",
            "new",
            "text"
        ]
    );
    assert_eq!(edit["new_pointer"], "/messages/0/content");
    let section = json!({"member": "messages", "old_index": 0, "new_index": 0});
    assert_eq!(edit["section"], section);
    assert_eq!(
        edit["text"],
        json!([
            {"kind": "equal", "text": "Hi {{hc:name:string}}"},
            {"kind": "added", "text": ", {{hc:age:number}}"},
        ])
    );
    assert_eq!(
        told["variables"],
        json!([{"name": "age", "before": null, "after": "number"}])
    );
    assert_eq!(told["verdict"], "major");
    assert_eq!(members(&told["breakages"][0]), ["reason", "place"]);
}

#[test]
fn one_version_is_compared_to_its_base() {
    let desk = desk();
    let told = desk.run(&["diff", "greeting"]).ok();
    assert!(told.starts_with("greeting 1.1 → 2.0\n"), "{told}");
    let told = desk.run(&["diff", "greeting@1.0"]).fails(3);
    assert!(told.contains("version 1.0 has no base"), "{told}");
    desk.run(&["rm", "greeting@1.0", "--yes"]).ok();
    let told = desk.run(&["diff", "greeting@1.1"]).fails(3);
    assert!(
        told.contains("the base of version 1.1 is deleted") && told.contains("--at N"),
        "{told}"
    );
    desk.run(&["diff", "greeting@1.1", "--at", "3"]).ok();
}

#[test]
fn a_version_is_compared_to_a_file() {
    let desk = desk();
    desk.write("new.json", GREETING);
    let told = desk
        .run(&["diff", "greeting@1.1", "--file", "new.json"])
        .ok();
    assert!(told.starts_with("greeting 1.1 → new.json\n"), "{told}");
    let told = desk.run_with(&["diff", "greeting@1.0", "--file", "-"], GREETING);
    assert_eq!(
        told.ok(),
        "greeting 1.0 → standard input\n\nunchanged: the bodies are equal\n"
    );
    let told = desk.json(&["diff", "greeting@1.1", "--file", "new.json"]);
    assert_eq!(members(&told), DIFFERENCE);
    assert_eq!(told["to"], json!(null));
}

#[test]
fn two_environments_are_compared() {
    let desk = desk();
    desk.run_with(&["create", "same", "--env", "staging"], GREETING)
        .ok();
    desk.run(&["env", "set", "same", "production", "1.0"]).ok();
    desk.run_with(&["create", "other"], GREETING).ok();

    let told = desk.run(&["diff", "--env", "production", "staging"]).ok();
    assert_eq!(
        told,
        "other - 1.0 in production only\n\n\
         greeting 1.0 → 1.1 (production → staging)\n\nmessage 0 (user)\n  [-Hi-]{+Hello+} {{hc:name:string}}\n\n\
         minor: no caller of 1.0 breaks\n"
    );
    let told = desk
        .run(&["diff", "greeting", "--env", "staging", "production"])
        .ok();
    assert!(told.starts_with("greeting 1.1 → 1.0\n"), "{told}");

    let other = ["diff", "other", "--env", "staging", "production"];
    assert_eq!(desk.run(&other).ok(), "other + 1.0 in production only\n");
    let told = desk.json(&["diff", "--env", "staging", "production"]);
    assert_eq!(desk.json(&other)["prompts"], json!([told["prompts"][0]]));
    assert_eq!(told["prompts"].as_array().unwrap().len(), 2);
    let [other, greeting] = [&told["prompts"][0], &told["prompts"][1]];
    assert_eq!(members(other), ["prompt", "from", "to", "difference"]);
    assert_eq!(members(&other["prompt"]), PROMPT);
    assert_eq!(other["from"], json!(null));
    assert_eq!(other["to"]["number"], "1.0");
    assert_eq!(other["difference"], json!(null));
    assert_eq!(members(&greeting["difference"]), DIFFERENCE);

    let equal = desk.run(&["diff", "--env", "staging", "staging"]);
    assert!(equal.aside().contains("equal"), "{}", equal.aside());
    assert_eq!(equal.ok(), "");
    let told = desk.run(&["diff", "--env", "staging", "nowhere"]).fails(3);
    assert!(told.contains("\"nowhere\""), "{told}");
    desk.run(&["diff", "same", "--env", "staging", "nowhere"])
        .fails(3);
}

#[test]
fn invalid_diff_arguments_are_refused() {
    let desk = desk();
    for arguments in [
        &["diff"][..],
        &["diff", "a", "b", "c"],
        &["diff", "greeting", "greeting", "--file", "x"],
        &["diff", "greeting", "--file", "x", "--env", "a", "b"],
        &["diff", "a", "b", "--env", "c", "d"],
        &["diff", "--env", "a"],
        &["diff", "greeting@^x"],
    ] {
        desk.run(arguments).fails(2);
    }
    desk.run(&["diff", "greeting@1.0", "nobody@1.0"]).fails(3);
    desk.run(&["diff", "greeting", "--file", "none.json"])
        .fails(3);
}

#[test]
fn a_short_list_names_what_changed() {
    let desk = Desk::greeting();
    let new = r#"{"model": "gpt-4.1", "messages": [{"role": "system", "content": "x"}, {"role": "user", "content": "Hi {{hc:name:string}}"}]}"#;
    desk.write("new.json", new);
    let told = desk
        .run(&["diff", "greeting", "--file", "new.json", "--stat"])
        .ok();
    assert_eq!(
        told,
        "greeting 1.0 → new.json\n  model\n  + message 0 (system)\n"
    );
}

#[test]
fn colours_replace_the_signs() {
    let desk = desk();
    let mut colourful = command(desk.path());
    colourful.env("CLICOLOR_FORCE", "1").env_remove("NO_COLOR");
    let told = run(colourful.args(["diff", "greeting@1.0", "greeting@1.1"]), "").ok();
    assert!(
        told.contains("\u{1b}[31mHi\u{1b}[0m\u{1b}[32mHello\u{1b}[0m {{hc:name:string}}"),
        "{told:?}"
    );
}

#[test]
fn control_characters_of_bodies_do_not_reach_the_terminal() {
    let desk = Desk::new();
    let evil = |word: &str| {
        let text = format!("{word} \u{1b}[31m\u{202e} \u{9b}m\r\n{word}");
        let other = json!({&text: {&text: [&text]}, "long": [&text, "y".repeat(80)]});
        let message = json!({"role": &text, "content": &text, &text: &text, "other": other});
        let tool = json!({"type": &text, "function": {"name": &text, "description": &text}});
        json!({"model": &text, &text: &text, "messages": [message], "tools": [tool, {"type": text}]})
            .to_string()
    };
    desk.run_with(&["create", "evil"], &evil("a")).ok();
    desk.run_with(&["commit", "evil", "-m", "b"], &evil("b"))
        .ok();
    for arguments in [
        &["diff", "evil"][..],
        &["diff", "evil", "--stat"],
        &["diff", "evil", "--json"],
        &["blame", "evil"],
        &["blame", "evil", "--json"],
    ] {
        let told = desk.run(arguments).ok();
        let is_obeyed = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
        assert!(!told.contains(is_obeyed), "{arguments:?}: {told:?}");
    }
}

#[test]
fn blame_names_the_version_that_introduced_each_part() {
    let desk = Desk::new();
    let body = |system: &str, temperature: f64| {
        json!({
            "model": "gpt-4o",
            "temperature": temperature,
            "messages": [
                {"role": "system", "content": system},
                {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
            ],
            "tools": [{"type": "function", "function": {"name": "end_call", "description": "Hang up."}}],
        })
        .to_string()
    };
    let by = |author: &'static str| ["--author", author];
    let create = [&["create", "p"][..], &by("Ann")].concat();
    desk.run_with(&create, &body("Be brief.", 1.0)).ok();
    let commit = [&["commit", "p", "-m", "colder"][..], &by("Bob")].concat();
    desk.run_with(&commit, &body("Be brief.", 0.5)).ok();
    desk.run_with(&commit, &body("Be very brief.", 0.5)).ok();

    let told = desk.run(&["blame", "p"]).ok();
    let short = told.lines().map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        // Without the date.
        [&words[..1], &words[words.len().min(3)..]]
            .concat()
            .join(" ")
    });
    assert_eq!(
        short.collect::<Vec<_>>(),
        [
            "VERSION PART TEXT",
            "1.0 Ann model \"gpt-4o\"",
            "1.1 Bob temperature 0.5",
            "1.2 Bob message 0 (system) Be very brief.",
            "1.0 Ann message 1 (user) Hi",
            "1.0 Ann tool end_call Hang up.",
        ]
    );

    let told = desk.json(&["blame", "p@1.1"]);
    assert_eq!(members(&told), ["version", "entries"]);
    let entry = &told["entries"][2];
    assert_eq!(members(entry), ["pointer", "value", "origin", "boundary"]);
    assert_eq!(entry["pointer"], "/messages/0");
    assert_eq!(entry["value"]["content"], "Be brief.");
    assert_eq!(
        members(&entry["origin"]),
        ["id", "number", "author", "created_at", "message"]
    );
    assert_eq!(entry["origin"]["author"], "Ann");
    assert_eq!(entry["boundary"], false);

    desk.run(&["rm", "p@1.0", "--yes"]).ok();
    let told = desk.run(&["blame", "p"]).ok();
    assert!(told.contains("1.0") && told.contains("Ann"), "{told}");
    desk.run(&["gc", "--retention", "0", "--yes"]).ok();
    let told = desk.run(&["blame", "p", "--ids"]).ok();
    assert!(told.contains(" ^1.1 ") && told.contains(" 1.2 "), "{told}");
    assert!(told.lines().all(|line| !line.contains("Ann")), "{told}");
}
