//! `lint`, and the warnings of `create`, `commit`, `rename` and `env set`.

use serde_json::{Value, json};

use crate::support::{Desk, GREETING};

const NOT_FILLED: &str = include_str!("../cases/tags-not-filled.json");
const HIDDEN: &str = include_str!("../cases/hidden-2.json");

#[test]
fn a_tag_that_nothing_fills_is_a_warning_at_commit_and_an_error_at_render() {
    let desk = Desk::greeting();
    let answer = desk.run_with(&["commit", "greeting", "-m", "two", "--major"], NOT_FILLED);
    let warning =
        "warning: messages[0].content[1].image_url.url: {{hc:image:string}} is not filled here";
    assert!(answer.aside().contains(warning), "{}", answer.aside());
    assert_eq!(answer.aside().matches("warning: ").count(), 4);
    answer.ok();
    let told = desk.run(&["render", "greeting", "question=why"]).fails(7);
    assert!(
        told.contains("{{hc:image:string}} is not filled here"),
        "{told}"
    );
    assert_eq!(told.matches("\n  - ").count(), 4, "{told}");
    // Helicone's client leaves them, and so does that mode.
    let helicone = ["render", "greeting", "question=why", "--mode", "helicone"];
    let rendered = desk.json(&helicone);
    assert_eq!(rendered["unfilled"].as_array().unwrap().len(), 4);
}

#[test]
fn a_name_that_is_empty_or_reads_as_a_version_is_a_warning() {
    let desk = Desk::greeting();
    let answer = desk.run_with(&["create", "greeting@2", "-"], GREETING);
    let warning = "warning: prompt \"greeting@2\": the part after @ reads as a version; \
                   greeting@2@latest is its latest version";
    assert!(answer.aside().contains(warning), "{}", answer.aside());
    answer.ok();
    desk.run(&["show", "greeting@2@latest"]).ok();
    let answer = desk.run_with(&["create", "", "-"], GREETING);
    let warning = "warning: prompt \"\": the name is empty; promptbook rename changes it";
    assert!(answer.aside().contains(warning), "{}", answer.aside());
    answer.ok();
    let told = desk.run(&["lint"]).ok();
    assert!(told.contains("reads as a version"), "{told}");
}

#[test]
fn lint_examines_a_version_a_file_or_the_whole_store() {
    let desk = Desk::greeting();
    assert_eq!(desk.run(&["lint"]).ok(), "0 findings in 1 body\n");
    desk.write("body.json", NOT_FILLED);
    let answer = desk.run(&["lint", "body.json"]);
    assert!(answer.fails(7).contains("4 tags are not filled"));
    desk.run_with(&["lint", "-"], NOT_FILLED).fails(7);

    let near = GREETING.replace("Hi", "{{hc:name}} {{ hc:x:strng }}");
    let created = desk.run_with(&["create", "near"], &near);
    assert_eq!(created.aside().matches("warning: ").count(), 2);
    created.ok();
    desk.run_with(
        &["commit", "near", "-m", "two"],
        &near.replace("strng", "string"),
    )
    .ok();
    let told = desk.run(&["lint", "near"]).ok();
    assert_eq!(
        told,
        "near@1.1: warning: messages[0].content: {{hc:name}} is no tag: write {{hc:NAME:TYPE}} or \
         {{hcp:ID:INDEX}}\n1 finding in 1 body\n"
            .replace("1.1", told.split(['@', ':']).nth(1).unwrap())
    );
    // The latest version, and the one in production.
    assert!(
        desk.run(&["lint"])
            .ok()
            .ends_with("3 findings in 3 bodies\n")
    );
    let found = desk.json(&["lint", "near@production"]);
    assert_eq!(found["findings"][1]["kind"], "unknown_type");
    assert_eq!(found["findings"][1]["severity"], "warning");
    assert_eq!(found["findings"][1]["place"], "messages[0].content");
    desk.run(&["lint", "missing"]).fails(3);
}

#[test]
fn hidden_characters_are_shown_and_warned_of() {
    let desk = Desk::new();
    desk.run_with(&["create", "p"], include_str!("../cases/hidden-1.json"))
        .ok();
    let answer = desk.run_with(&["commit", "p", "-m", "typo\u{200b}"], HIDDEN);
    assert!(
        answer.aside().contains("hidden characters: \\u{e0069}"),
        "{}",
        answer.aside()
    );
    answer.ok();
    let difference = desk.run(&["diff", "p"]).ok();
    assert!(difference.contains("\\u{e0069}\\u{e0067}"), "{difference}");
    assert!(difference.contains("\\u{200b}"), "{difference}");
    for command in ["show", "blame", "log", "diff"] {
        let shown = desk.run(&[command, "p"]).ok();
        let hidden = ['\u{e0069}', '\u{200b}'];
        assert!(!shown.contains(hidden), "{command}: {shown}");
    }
    // JSON escapes characters beyond 16 bits in two parts.
    let shown = desk.run(&["show", "p"]).ok();
    assert!(shown.contains("\\udb40\\udc69"), "{shown}");
    // Bytes stay as they are.
    assert_eq!(
        desk.run(&["resolve", "p"]).ok().trim_end(),
        HIDDEN.trim_end()
    );
    assert!(desk.run(&["lint", "p"]).ok().contains("hidden characters"));
    let commits = desk.run(&["log", "p"]).ok();
    assert!(commits.contains("typo\\u{200b}"), "{commits}");
}

#[test]
fn what_a_script_or_an_emoji_needs_is_shown_as_it_is() {
    let desk = Desk::new();
    let text = "\u{645}\u{6cc}\u{200c}\u{62e}\u{648}\u{627}\u{647}\u{645} 👨\u{200d}👩\u{200d}👧 ❤\u{fe0f}";
    let body = json!({"messages": [{"role": "user", "content": text}]});
    let created = desk.run_with(&["create", "p"], &body.to_string());
    assert!(!created.aside().contains("warning"), "{}", created.aside());
    created.ok();
    assert!(desk.run(&["blame", "p"]).ok().contains(text));
}

#[test]
fn names_that_are_hard_to_tell_apart_are_warned_of() {
    let desk = Desk::new();
    desk.run_with(&["create", "caf\u{e9}"], GREETING).ok();
    let alike =
        "warning: prompt \"Cafe\u{301}\" looks like prompt \"caf\u{e9}\", and is another one";
    let created = desk.run_with(&["create", "Cafe\u{301}"], GREETING);
    assert!(created.aside().contains(alike), "{}", created.aside());
    created.ok();
    let hidden = desk.run_with(&["create", "a\u{200b}b"], GREETING);
    assert!(
        hidden.aside().contains("the name has hidden characters"),
        "{}",
        hidden.aside()
    );
    hidden.ok();
    let renamed = desk.run(&["rename", "a\u{200b}b", "CAF\u{e9}"]);
    assert!(
        renamed.aside().contains("looks like prompt"),
        "{}",
        renamed.aside()
    );
    renamed.ok();
    let moved = desk.run(&["env", "set", "caf\u{e9}", "Production", "1.0"]);
    assert!(
        moved
            .aside()
            .contains("environment \"Production\" looks like environment \"production\""),
        "{}",
        moved.aside()
    );
    moved.ok();
    let names = desk.json(&["lint"])["names"].clone();
    let count = |names: &Value| names.as_array().unwrap().len();
    // Two prompts look like the first, and two environments like each other.
    assert_eq!(count(&names), 4, "{names}");
}
