//! Numbers in the command's answers, which are written as in the bodies.

use crate::support::Desk;

const FIRST: &str = include_str!("../cases/numbers-1.json");
const SECOND: &str = include_str!("../cases/numbers-2.json");
const PART: &str = r#"{"messages": [{"role": "user", "content": "Hi {{hc:id:number}}"}]}"#;

/// Returns a store with a prompt in two versions that differ in the last digit of a number, and its
/// partial.
fn desk() -> Desk {
    let desk = Desk::new();
    desk.run_with(&["create", "part", "--id", "part01"], PART)
        .ok();
    desk.run_with(&["create", "n"], FIRST).ok();
    desk.run_with(&["commit", "n", "-m", "two"], SECOND).ok();
    desk.run(&["env", "set", "n", "production", "1.1"]).ok();
    desk
}

fn told(desk: &Desk, arguments: &[&str]) -> String {
    desk.run(arguments).ok()
}

#[test]
fn a_render_changes_only_the_tags_of_a_body() {
    let desk = desk();
    let filled = SECOND.replace("{{hcp:part01:0}}", "Hi 653247040368672769");
    let input = "id:=653247040368672769";
    assert_eq!(told(&desk, &["render", "n", input]), filled);
    let answer = told(&desk, &["render", "n", input, "--json"]);
    assert!(
        answer.contains("\n    \"seed\": 123456789012345678902,\n    \"temperature\": 1.50\n"),
        "{answer}"
    );
    assert!(answer.contains("Hi 653247040368672769"), "{answer}");
    let answer = told(&desk, &["render", "n", input, "--mode", "helicone"]);
    assert!(answer.contains("\"temperature\":1.5"), "{answer}");
}

#[test]
fn freezing_changes_only_the_partials_of_a_body() {
    let desk = desk();
    desk.run(&["freeze", "n.frozen"]).ok();
    let frozen = std::fs::read_to_string(desk.path().join("n.frozen")).unwrap();
    let filled = SECOND.replace("{{hcp:part01:0}}", "Hi {{hc:id:number}}");
    assert!(frozen.contains(&filled), "{frozen}");
}

#[test]
fn a_difference_shows_all_digits() {
    let desk = desk();
    let words = told(&desk, &["diff", "n@latest"]);
    let edit = "seed: [-123456789012345678901-]{+123456789012345678902+}\n";
    assert!(words.contains(edit), "{words}");
    assert!(
        words.ends_with("minor: no caller of 1.0 breaks\n"),
        "{words}"
    );
    let answer = told(&desk, &["diff", "n@latest", "--json"]);
    let edit = "\"old\": 123456789012345678901,\n      \"new\": 123456789012345678902\n";
    assert!(answer.contains(edit), "{answer}");
    let answer = told(&desk, &["diff", "n@1.0", "n@1.1", "--json"]);
    assert!(answer.contains(edit), "{answer}");

    desk.write("new.json", SECOND.replace("1.50", "1.5"));
    let words = told(&desk, &["diff", "n@latest", "--file", "new.json"]);
    assert!(
        words.contains("temperature: [-1.50-]{+1.5+} (the same value)\n"),
        "{words}"
    );
    assert!(
        words.ends_with("minor: no caller of 1.1 breaks\n"),
        "{words}"
    );
    let answer = told(&desk, &["diff", "n@latest", "--file", "new.json", "--json"]);
    assert!(answer.contains("\"kind\": \"reformatted\""), "{answer}");
    assert!(
        answer.contains("\"old\": 1.50,\n      \"new\": 1.5\n"),
        "{answer}"
    );

    desk.write("new.json", format!(" {SECOND} "));
    let words = told(&desk, &["diff", "n@latest", "--file", "new.json"]);
    assert!(
        words.ends_with(
            "unchanged: the bodies differ in white space, escapes or the order of members only\n"
        ),
        "{words}"
    );
}

#[test]
fn added_and_removed_parts_show_all_digits() {
    let desk = Desk::new();
    let tool = |name: &str, number: &str| {
        format!(
            r#"{{"messages": [], "tools": [{{"type": "function", "function": {{"name": "{name}",
            "parameters": {{"properties": {{"{name}": {{"enum": [{number}, 1.50], "minimum": 1E5}}}}}}}}}}]}}"#
        )
    };
    desk.run_with(&["create", "t"], &tool("refund", "123456789012345678901"))
        .ok();
    desk.write("new.json", tool("weather", "1e-400"));
    let words = told(&desk, &["diff", "t", "--file", "new.json"]);
    for shown in [
        "\"enum\": [123456789012345678901, 1.50]",
        "\"enum\": [1e-400, 1.50]",
        "\"minimum\": 1E5",
    ] {
        assert!(words.contains(shown), "{shown}: {words}");
    }
    let answer = told(&desk, &["show", "t", "--json"]);
    assert_eq!(
        answer.matches(" 123456789012345678901,").count(),
        2,
        "{answer}"
    );
    assert_eq!(answer.matches(" 1E5\n").count(), 2, "{answer}");
    let words = told(&desk, &["show", "t"]);
    assert!(words.contains(" 123456789012345678901,"), "{words}");
}

#[test]
fn origins_show_all_digits() {
    let desk = desk();
    let words = told(&desk, &["blame", "n@latest"]);
    let line = |part: &str| {
        words
            .lines()
            .find(|line| line.contains(part))
            .unwrap()
            .to_owned()
    };
    assert!(
        line("seed").starts_with("1.1 ") && line("seed").ends_with(" 123456789012345678902"),
        "{words}"
    );
    assert!(
        line("temperature").starts_with("1.0 ") && line("temperature").ends_with(" 1.50"),
        "{words}"
    );
    let answer = told(&desk, &["blame", "n@latest", "--json"]);
    assert!(
        answer.contains("\"value\": 123456789012345678902,"),
        "{answer}"
    );
}

/// Inputs are JSON values as most programs represent them. Numbers that they cannot represent are
/// not rounded silently.
#[test]
fn numbers_that_inputs_cannot_represent_are_refused() {
    let desk = desk();
    for number in [
        "123456789012345678901",
        "[1, {\"a\": 1e-400}]",
        "0.1000000000000000055",
    ] {
        let told = desk
            .run(&["render", "n", &format!("id:={number}")])
            .fails(2);
        assert!(told.contains("cannot hold the number"), "{told}");
        assert!(told.contains("give it as text: id="), "{told}");
        desk.write("in.json", format!("{{\"id\": {number}}}"));
        let told = desk.run(&["render", "n", "--inputs", "in.json"]).fails(2);
        assert!(told.contains("cannot hold the number"), "{told}");
    }
    let filled = told(&desk, &["render", "n", "id=123456789012345678901"]);
    assert!(filled.contains("Hi 123456789012345678901\""), "{filled}");
    for number in ["18446744073709551615", "1.50", "-0", "0.1", "1E5"] {
        told(&desk, &["render", "n", &format!("id:={number}")]);
    }
}
