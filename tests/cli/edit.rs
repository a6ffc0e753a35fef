//! `edit`: drafts in an editor.
#![cfg(unix)]

use serde_json::json;

use crate::support::{Answer, Desk, command, run};

const BODY: &str = "{\n  \"model\": \"gpt-4o\",\n  \"messages\": [\n    {\"role\": \"user\", \"content\": \"Hi {{hc:name:string}}\"}\n  ]\n}\n";

/// Creates a directory with a store that has the prompt `greeting`.
fn desk() -> Desk {
    let desk = Desk::new();
    desk.run_with(&["create", "greeting"], BODY).ok();
    desk
}

/// Runs the command with this editor. Its drafts are in the folder `drafts`.
fn edit(desk: &Desk, editor: &str, arguments: &[&str]) -> Answer {
    let drafts = desk.path().join("drafts");
    std::fs::create_dir_all(&drafts).unwrap();
    let mut command = command(desk.path());
    let command = command.arg("edit").args(arguments);
    let command = command.env_remove("VISUAL").env("EDITOR", editor);
    run(command.env("TMPDIR", drafts), "")
}

fn drafts(desk: &Desk) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(desk.path().join("drafts")).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn an_edited_body_is_shown_and_committed() {
    let desk = desk();
    let told = edit(&desk, "sed -i s/Hi/Hello/", &["greeting", "-m", "Be kind"]).ok();
    for part in ["Hi", "Hello", "Committed 1.1 of greeting"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(drafts(&desk).is_empty());
    let shown = desk.json(&["show", "greeting"]);
    assert_eq!(shown["version"]["message"], "Be kind");
    // The layout is that of the body before: indented.
    let text = desk.run(&["resolve", "greeting"]).ok();
    assert!(text.starts_with("{\n  \"model\": \"gpt-4o\",\n"), "{text}");

    let arguments = ["greeting", "--json", "--format", "json"];
    let found = edit(&desk, "sed -i s/name:string/age:number/", &arguments).json();
    assert_eq!(
        (&found["bump"], &found["difference"]["verdict"]),
        (&json!("major"), &json!("major"))
    );
    assert_eq!(found["version"]["message"], "Edit");
}

#[test]
fn an_unchanged_body_is_not_committed() {
    let desk = desk();
    for format in ["md", "json", "prompt-yml"] {
        let told = edit(&desk, "true", &["greeting", "--format", format]).ok();
        assert!(told.contains("nothing was committed"), "{told}");
        let found = edit(&desk, "touch", &["greeting", "--format", format, "--json"]).json();
        assert_eq!(found["bump"], json!(null));
    }
    assert!(drafts(&desk).is_empty());
    assert_eq!(desk.json(&["stats"])["operations"], 1);
}

#[test]
fn a_bad_draft_is_kept_and_continued() {
    let desk = desk();
    let told = edit(&desk, "sed -i 's/## user/## User/'", &["greeting"]).fails(2);
    let [draft] = &drafts(&desk)[..] else {
        panic!("{told}")
    };
    let draft = draft.to_str().unwrap();
    for part in [
        format!("{draft}:5: ## User is no role"),
        format!("promptbook edit greeting --draft {draft} continues with it"),
    ] {
        assert!(told.contains(&part), "{part}: {told}");
    }
    let mend = "sed -i -e 's/## User/## user/' -e s/Hi/Hello/";
    let told = edit(&desk, mend, &["greeting", "--draft", draft]).ok();
    assert!(told.contains("Committed 1.1"), "{told}");
    assert!(drafts(&desk).is_empty());
}

#[test]
fn a_refused_commit_keeps_the_draft() {
    let desk = desk();
    let breaking = "sed -i s/name:string/age:number/";
    let arguments = ["greeting", "--env", "production"];
    let told = edit(&desk, breaking, &arguments).fails(5);
    assert!(told.contains("--draft"), "{told}");
    let kept = drafts(&desk);
    assert!(
        std::fs::read_to_string(&kept[0])
            .unwrap()
            .contains("age:number")
    );
    // Another version was committed while the editor was open.
    let desk = self::desk();
    let other = format!(
        "sed -i s/Hi/Hello/ \"$1\"; {} commit greeting body.json -m other; true",
        env!("CARGO_BIN_EXE_promptbook")
    );
    desk.write("body.json", BODY.replace("Hi", "Hey"));
    desk.write("editor.sh", other);
    let told = edit(&desk, "sh editor.sh", &["greeting"]).fails(4);
    assert!(told.contains("--draft"), "{told}");
    assert_eq!(drafts(&desk).len(), 1);
    assert_eq!(desk.json(&["show", "greeting"])["version"]["number"], "1.1");
}

#[test]
fn an_editor_that_fails_is_named() {
    let desk = desk();
    let told = edit(&desk, "false", &["greeting"]).fails(1);
    assert!(told.contains("the editor false failed"), "{told}");
    assert!(drafts(&desk).is_empty());
    edit(&desk, "no-such-editor", &["greeting"]).fails(1);
    let told = edit(&desk, "echo x >> \"$1\"; false", &["greeting"]);
    assert!(told.code() != Some(0));
    edit(&desk, "true", &["missing"]).fails(3);
    assert_eq!(desk.json(&["stats"])["operations"], 1);
}
