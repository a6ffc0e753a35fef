//! Folders of files in several formats.

use std::fs;

use serde_json::{Value, json};

use crate::support::{Desk, GREETING, REWORDED};

const MARKDOWN: &str = "---\nmodel: gpt-4o\n---\n\n## user\n\nHi {{hc:name:string}}\n";

const PROMPT_YML: &str =
    "name: x\nmodel: gpt-4o\nmessages:\n  - role: user\n    content: Hi {{name}}\n";

const PROMPTY: &str = "---\nmodel:\n  api: chat\n  configuration:\n    type: openai\n    name: gpt-4o\n---\nuser:\nHi {{name}}\n";

#[test]
fn files_of_all_formats_are_imported_and_unchanged() {
    let desk = Desk::new();
    desk.write("in/a.json", GREETING);
    desk.write("in/b.md", MARKDOWN);
    desk.write("in/team/c.prompt.yml", PROMPT_YML);
    desk.write("in/list.json", r#"[{"role": "user", "content": "Hi"}]"#);
    desk.write("in/d.prompty", PROMPTY);
    desk.write("in/e.prompt", "---\nmodel: gpt-4o\n---\nHi {{name}}\n");
    desk.write("in/README.md", "# Prompts\n");
    let ran = desk.run(&["import", "in"]);
    for part in [
        "README.md (a .md file without front matter)",
        "team/c.prompt.yml: line 1: name stays in the file only",
    ] {
        assert!(ran.aside().contains(part), "{}", ran.aside());
    }
    assert!(ran.ok().ends_with("6 created, 0 committed, 0 unchanged\n"));
    for name in ["b", "team/c", "d", "e"] {
        let text = desk.run(&["resolve", name]).ok();
        assert_eq!(
            text,
            r#"{"model":"gpt-4o","messages":[{"role":"user","content":"Hi {{hc:name:string}}"}]}"#
        );
    }
    let told = desk.run(&["import", "in"]).ok();
    assert_eq!(told, "0 created, 0 committed, 6 unchanged\n");
    // An export writes each prompt in the format of its file.
    let told = desk.run(&["export", "in"]).ok();
    assert_eq!(told, "0 written, 6 unchanged\n");
    desk.run_with(&["commit", "b", "-m", "x"], REWORDED).ok();
    desk.run(&["export", "in", "--force"]).ok();
    let found = fs::read_to_string(desk.path().join("in/b.md")).unwrap();
    assert_eq!(found, MARKDOWN.replace("Hi", "Hello"));
    assert!(!desk.path().join("in/b.json").exists());
}

#[test]
fn an_export_in_a_format_is_imported_without_changes() {
    let desk = Desk::new();
    let bodies = [
        GREETING,
        r#"{"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}], "n": 1.50}"#,
        r#"{"x": 12345678901234567890123, "messages": []}"#,
    ];
    for (name, body) in ["a", "team/b", "c.md"].into_iter().zip(bodies) {
        desk.run_with(&["create", name], body).ok();
    }
    for format in [
        "md",
        "prompt-yml",
        "langfuse",
        "prompty",
        "dotprompt",
        "json",
    ] {
        let exported = desk.json(&["export", format, "--format", format]);
        assert_eq!(
            (&exported["written"], &exported["files"][0]["format"]),
            (&json!(3), &json!(format))
        );
        assert_eq!(
            desk.run(&["import", format]).ok(),
            "0 created, 0 committed, 3 unchanged\n",
            "{format}"
        );
        let store = format!("{format}-store");
        desk.run(&["init", "--store", &store]).ok();
        desk.run(&["import", format, "--store", &store]).ok();
        assert_eq!(
            desk.run(&["import", "md", "--store", &store]).ok(),
            "0 created, 0 committed, 3 unchanged\n",
            "{format}"
        );
    }
    let told = desk.run(&["export", "md", "--format", "json"]).fails(4);
    assert!(
        told.contains("a.md is the file of the same prompt in another format"),
        "{told}"
    );
}

#[test]
fn a_format_without_an_ending_of_its_own_is_named() {
    let desk = Desk::new();
    desk.write("in/a.yaml", "- role: user\n  content: Hi {{ name }}\n");
    let ran = desk.run(&["import", "in"]);
    assert!(
        ran.aside()
            .contains("a.yaml (not a file of a known format)")
    );
    desk.run(&["import", "in", "--format", "promptfoo"]).ok();
    let text = desk.run(&["resolve", "a"]).ok();
    assert!(text.contains("{{hc:name:string}}"), "{text}");
    desk.run(&["export", "out", "--format", "promptfoo"]).ok();
    let found = fs::read_to_string(desk.path().join("out/a.promptfoo.yaml")).unwrap();
    assert_eq!(found, "- role: user\n  content: \"Hi {{name}}\"\n");
    assert_eq!(
        desk.run(&["import", "out"]).ok(),
        "0 created, 0 committed, 1 unchanged\n"
    );
}

#[test]
fn an_export_names_what_it_overwrites() {
    let desk = Desk::new();
    desk.write("in/a.prompt.yml", format!("{PROMPT_YML}testData: []\n"));
    desk.run(&["import", "in"]).ok();
    desk.run_with(&["commit", "a", "-m", "x"], REWORDED).ok();
    desk.run(&["export", "in"]).fails(4);
    let ran = desk.run(&["export", "in", "--force"]);
    let part = "a.prompt.yml: line 6: testData was in the file only, and is overwritten";
    assert!(ran.aside().contains(part), "{}", ran.aside());
}

#[test]
fn one_prompt_in_two_files_is_refused() {
    let desk = Desk::new();
    desk.write("in/a.json", GREETING);
    desk.write("in/a.md", MARKDOWN);
    let told = desk.run(&["import", "in"]).fails(2);
    assert!(
        told.contains("a.md: it is the same prompt as a.json"),
        "{told}"
    );
    desk.run(&["import", "in", "--format", "md"]).ok();
}

#[test]
fn what_is_not_carried_is_refused_or_kept() {
    let desk = Desk::new();
    let file = PROMPT_YML.replace("Hi {{name}}", "\"Hi {{#if name}}\"");
    desk.write("in/a.prompt.yml", &file);
    let told = desk.run(&["import", "in"]).fails(2);
    assert!(
        told.contains("a.prompt.yml:5: {{#if name}} is no variable"),
        "{told}"
    );
    let kept = desk.json(&["import", "in", "--keep-as-text"]);
    assert_eq!(kept["files"][0]["findings"][1]["line"], 5);
    let body = r#"{"messages": [{"role": "user", "content": "{{name}}"}]}"#;
    desk.run_with(&["create", "b"], body).ok();
    let told = desk
        .run(&["export", "out", "--format", "prompt-yml"])
        .fails(2);
    assert!(told.contains("b.prompt.yml: a text has braces"), "{told}");
    assert!(!desk.path().join("out").exists());
    desk.run(&["export", "out", "--format", "md"]).ok();
}

#[test]
fn a_renamed_file_may_have_another_format() {
    let desk = Desk::new();
    desk.run_with(&["create", "a"], GREETING).ok();
    desk.write("in/b.md", MARKDOWN);
    let found = desk.json(&["status", "in"]);
    assert_eq!(found["files"][0]["renamed_from"], "a");
    assert_eq!(found["files"][0]["bump"], json!(null));
}

const LANGFUSE: &str = r#"[
  {"name": "critic", "version": 1, "type": "text", "prompt": "Review {{film}}", "config": {},
   "labels": ["staging"], "tags": ["films"]},
  {"name": "critic", "version": 3, "type": "chat", "config": {"model": "gpt-4o"},
   "prompt": [{"role": "user", "content": "Review {{film}} briefly"}],
   "labels": ["latest", "production"], "tags": ["films"], "commitMessage": "Be brief"}
]"#;

/// Labels that were moved in Langfuse move environments, and the import says which.
#[test]
fn moved_labels_of_langfuse_move_environments() {
    let desk = Desk::new();
    desk.write("in/critic.langfuse.json", LANGFUSE);
    desk.run(&["import", "in"]).ok();
    let places = |desk: &Desk| {
        let found = desk.json(&["env", "list", "critic"]);
        let found = found["environments"].as_array().unwrap().iter();
        let place = |one: &Value| {
            format!(
                "{}={}",
                one["name"].as_str().unwrap(),
                one["number"].as_str().unwrap()
            )
        };
        found.map(place).collect::<Vec<_>>()
    };
    assert_eq!(places(&desk), ["production=3.0", "staging=1.0"]);

    let moved = LANGFUSE
        .replace(
            r#""labels": ["staging"]"#,
            r#""labels": ["qa", "production"]"#,
        )
        .replace(
            r#""labels": ["latest", "production"]"#,
            r#""labels": ["latest", "staging"]"#,
        );
    desk.write("in/critic.langfuse.json", &moved);
    let found = desk.json(&["status", "in"]);
    assert_eq!(found["files"][0]["state"], "moved", "{found}");
    let told = desk.run(&["status", "in"]).ok();
    assert!(told.contains("production 3.0 → 1.0"), "{told}");
    let told = desk.run(&["diff", "in", "--format", "langfuse"]).ok();
    assert!(told.contains("production 3.0 → 1.0"), "{told}");
    let told = desk.run(&["import", "in", "--dry-run"]).ok();
    assert!(
        told.contains("qa new → 1.0, production 3.0 → 1.0, staging 1.0 → 3.0"),
        "{told}"
    );
    assert_eq!(places(&desk), ["production=3.0", "staging=1.0"]);
    // Without labels, nothing is moved.
    desk.run(&["import", "in", "--no-env"]).ok();
    assert_eq!(places(&desk), ["production=3.0", "staging=1.0"]);
    let told = desk.run(&["import", "in"]).ok();
    assert!(
        told.contains("production 3.0 → 1.0") && told.contains("3 environments moved"),
        "{told}"
    );
    assert_eq!(places(&desk), ["production=1.0", "qa=1.0", "staging=3.0"]);
    let again = desk.json(&["import", "in"]);
    assert_eq!(again["files"][0]["moved"], json!([]));

    // The label of a version that is not in the store is named.
    desk.run(&["rm", "critic@1.0", "--yes"]).ok();
    let last = desk.json(&["status", "in"]);
    assert_eq!(
        last["files"][0]["unplaced"],
        json!(["qa", "production"]),
        "{last}"
    );
    desk.run(&["undo", "--yes"]).ok();

    // A new version takes a label with it.
    let newer = moved.replace(r#""labels": ["latest", "staging"]"#, r#""labels": []"#).replace(
        "\n]",
        ",\n  {\"name\": \"critic\", \"version\": 4, \"prompt\": [{\"role\": \"user\", \"content\": \"Rate {{film}}\"}], \"config\": {}, \"labels\": [\"latest\", \"staging\"], \"tags\": []}\n]",
    );
    desk.write("in/critic.langfuse.json", newer);
    let told = desk.run(&["status", "in"]).ok();
    assert!(told.contains("staging 3.0 → the new version"), "{told}");
    let told = desk.run(&["import", "in"]).ok();
    assert!(told.contains("committed, staging 3.0 → 3.1"), "{told}");
}

#[test]
fn all_versions_of_langfuse_come_in_and_go_out() {
    let desk = Desk::new();
    desk.write("in/critic.langfuse.json", LANGFUSE);
    desk.run(&["import", "in"]).ok();
    let log = desk.json(&["log", "critic"]);
    let versions = log["versions"].as_array().unwrap().iter();
    let versions: Vec<_> = versions
        .map(|one| json!([one["number"], one["message"], one["environments"]]))
        .collect();
    assert_eq!(
        versions,
        [
            json!(["3.0", "Be brief", ["production"]]),
            json!(["1.0", "Langfuse version 1", ["staging"]]),
        ]
    );
    assert_eq!(
        desk.json(&["show", "critic"])["prompt"]["tags"],
        json!(["films"])
    );
    assert!(desk.run(&["import", "in"]).ok().ends_with("1 unchanged\n"));

    // A newer version of the file is committed after the ones that the store has.
    let newer = LANGFUSE.replace("\n]", ",\n  {\"name\": \"critic\", \"version\": 4, \"prompt\": [{\"role\": \"user\", \"content\": \"Rate {{film}}\"}], \"config\": {}, \"labels\": [\"qa\"], \"tags\": []}\n]");
    desk.write("in/critic.langfuse.json", newer);
    desk.run(&["import", "in"]).ok();
    let shown = desk.json(&["show", "critic@qa"]);
    assert_eq!(
        (&shown["version"]["number"], &shown["version"]["message"]),
        (&json!("3.1"), &json!("Langfuse version 4"))
    );

    let exported = desk.json(&["export", "out", "--format", "langfuse"]);
    assert_eq!(exported["files"][0]["file"], "critic.langfuse.json");
    desk.run(&["init", "--store", "other"]).ok();
    desk.run(&["import", "out", "--store", "other"]).ok();
    assert_eq!(
        desk.json(&["env", "list", "critic", "--store", "other"])["environments"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
    assert_eq!(
        desk.run(&["export", "out"]).ok(),
        "0 written, 1 unchanged\n"
    );
    desk.run(&["env", "remove", "critic", "qa", "--yes"]).ok();
    desk.run(&["export", "out"]).fails(4);
    // The environment list holds for labels too.
    desk.run(&["init", "--store", "strict", "--environments", "production"])
        .ok();
    let told = desk.run(&["import", "in", "--store", "strict"]).fails(2);
    assert!(told.contains("not in the environment list"), "{told}");
    desk.run(&["import", "in", "--store", "strict", "--no-env"])
        .ok();
}
