//! Reading: lists that say that there is more, filters, texts, and the history of lines.

use serde_json::{Value, json};

use crate::support::{Desk, GREETING, REWORDED, members};

/// Returns a store with three prompts whose texts contain `greet`.
fn three_prompts() -> Desk {
    let desk = Desk::new();
    for name in ["greet-a", "greet-b", "greet-c"] {
        desk.run_with(&["create", name], GREETING).ok();
    }
    desk
}

#[test]
fn a_list_that_is_cut_says_so() {
    let desk = three_prompts();
    for (list, member) in [
        (&["ls"][..], "prompts"),
        (&["search", "greet"], "hits"),
        (&["log"], "versions"),
        (&["ops"], "operations"),
    ] {
        let cut = [list, &["-n", "2"]].concat();
        let answer = desk.run(&cut);
        assert!(
            answer.aside().contains("-n N or --all shows them"),
            "{list:?}"
        );
        let cut = desk.json(&cut);
        assert_eq!(cut[member].as_array().unwrap().len(), 2, "{list:?}");
        assert_eq!(cut["more"], true, "{list:?}");

        let all = [list, &["--all"]].concat();
        assert_eq!(desk.run(&all).aside(), "", "{list:?}");
        let all = desk.json(&all);
        assert_eq!(all[member].as_array().unwrap().len(), 3, "{list:?}");
        assert_eq!(all["more"], false, "{list:?}");
        // Exactly as many as requested.
        let exact = desk.json(&[list, &["-n", "3"]].concat());
        assert_eq!(exact["more"], false, "{list:?}");
    }
}

#[test]
fn a_log_is_filtered_by_message_and_time() {
    let desk = Desk::greeting();
    desk.run_with(&["commit", "greeting", "-m", "Be WARM"], REWORDED)
        .ok();
    let numbers = |arguments: &[&str]| {
        let log = desk.json(arguments);
        let versions = log["versions"].as_array().unwrap().clone();
        let numbers = versions.iter().map(|version| version["number"].clone());
        json!(numbers.collect::<Vec<_>>())
    };
    assert_eq!(
        numbers(&["log", "greeting", "--grep", "warm"]),
        json!(["1.1"])
    );
    assert_eq!(numbers(&["log", "--grep", "initial"]), json!(["1.0"]));
    assert_eq!(numbers(&["log", "--grep", "cold"]), json!([]));
    assert_eq!(numbers(&["log", "--since", "2h"]), json!(["1.1", "1.0"]));
    assert_eq!(numbers(&["log", "greeting", "--since", "now"]), json!([]));
    // A limit counts what is shown.
    assert_eq!(
        numbers(&["log", "--grep", "initial", "-n", "1"]),
        json!(["1.0"])
    );
    desk.run(&["log", "--since", "12"]).fails(2);
}

#[test]
fn a_log_shows_what_each_version_changed() {
    let desk = Desk::greeting();
    desk.run_with(
        &["commit", "greeting", "-m", "Other words\n\nWhy."],
        REWORDED,
    )
    .ok();
    let log = desk.run(&["log", "greeting", "-p"]).ok();
    for part in [
        "greeting 1.1",
        "    Other words\n",
        "    Why.\n",
        "[-Hi-]{+Hello+}",
        "the first version",
    ] {
        assert!(log.contains(part), "{part}: {log}");
    }
    let log = desk.json(&["log", "greeting", "-p"]);
    assert_eq!(log["versions"][0]["difference"]["verdict"], "minor");
    assert_eq!(log["versions"][1]["difference"], Value::Null);
}

#[test]
fn texts_have_real_line_breaks() {
    let desk = Desk::new();
    let body = json!({"model": "m", "messages": [
        {"role": "system", "content": "Be brief.\nBe kind."},
        {"role": "user", "content": "Hi"},
    ]});
    desk.run_with(&["create", "greeting"], &body.to_string())
        .ok();
    let shown = desk.run(&["show", "greeting", "--text"]).ok();
    assert!(
        shown.contains("[system]\nBe brief.\nBe kind.\n\n[user]\nHi\n"),
        "{shown}"
    );
    let shown = desk.json(&["show", "greeting", "--text"]);
    assert_eq!(members(&shown), ["prompt", "version", "texts"]);
    assert_eq!(
        shown["texts"][0],
        json!({"pointer": "/messages/0/content", "role": "system", "text": "Be brief.\nBe kind."})
    );
}

#[test]
fn blame_finds_the_origin_of_each_line() {
    let desk = Desk::new();
    let body = |system: &str, user: &str| {
        json!({"model": "m", "messages": [
            {"role": "system", "content": system},
            {"role": "user", "content": user},
        ]})
        .to_string()
    };
    desk.run_with(&["create", "p"], &body("one\ntwo\nthree", "hi"))
        .ok();
    desk.run_with(&["commit", "p", "-m", "b"], &body("one\n2\nthree", "hi"))
        .ok();
    desk.run_with(
        &["commit", "p", "-m", "c"],
        &body("zero\none\n2\nthree", "hi"),
    )
    .ok();
    // A message before the others, so that their indexes change.
    let longer = json!({"model": "m", "messages": [
        {"role": "system", "content": "first"},
        {"role": "system", "content": "zero\none\n2\nthree!"},
        {"role": "user", "content": "hi"},
    ]});
    desk.run_with(&["commit", "p", "-m", "d"], &longer.to_string())
        .ok();

    let blame = desk.json(&["blame", "p", "--lines"]);
    let texts = blame["texts"].as_array().unwrap();
    let lines = |pointer: &str| {
        let text = texts
            .iter()
            .find(|text| text["pointer"] == pointer)
            .unwrap();
        let lines = text["lines"].as_array().unwrap().iter();
        json!(
            lines
                .map(|line| json!([line["origin"]["number"], line["text"]]))
                .collect::<Vec<_>>()
        )
    };
    assert_eq!(lines("/messages/0/content"), json!([["1.3", "first"]]));
    assert_eq!(
        lines("/messages/1/content"),
        json!([
            ["1.2", "zero"],
            ["1.0", "one"],
            ["1.1", "2"],
            ["1.3", "three!"]
        ])
    );
    assert_eq!(lines("/messages/2/content"), json!([["1.0", "hi"]]));
    assert_eq!(lines("/model"), json!([["1.0", "m"]]));
    let text = desk.run(&["blame", "p", "--lines"]).ok();
    assert!(text.contains("/messages/1/content\nVERSION"), "{text}");
}

#[test]
fn a_moment_is_a_duration_before_now_too() {
    let desk = Desk::greeting();
    for moment in ["2h", "2 days", "yesterday"] {
        assert_eq!(
            desk.json(&["ls", "--at", moment])["prompts"],
            json!([]),
            "{moment}"
        );
    }
    assert_eq!(
        desk.json(&["ls", "--at", "now"])["prompts"][0]["name"],
        "greeting"
    );
}

/// On a terminal, long output is shown by the pager.
#[cfg(target_os = "linux")]
#[allow(clippy::print_stderr, reason = "a test that cannot run here says so")]
#[test]
fn a_terminal_gets_a_pager() {
    use std::process::Command;
    let desk = three_prompts();
    let binary = env!("CARGO_BIN_EXE_promptbook");
    let on_terminal = |arguments: &str, pager: &str| {
        let line = format!("{binary} {arguments}");
        let mut command = Command::new("script");
        command.args(["-qec", &line, "/dev/null"]);
        command.current_dir(desk.path()).env("PAGER", pager);
        command.env_remove("PROMPTBOOK_PAGER").env("NO_COLOR", "1");
        command.stdin(std::process::Stdio::null());
        let output = command.output().ok()?;
        Some(String::from_utf8_lossy(&output.stdout).replace('\r', ""))
    };
    let Some(shown) = on_terminal("ls", "sed s/^/paged:/") else {
        eprintln!("not run: no script command");
        return;
    };
    assert!(shown.starts_with("paged:ID"), "{shown}");
    let interrupted = on_terminal("ls", "kill -INT $PPID; sed s/^/paged:/").unwrap();
    assert!(interrupted.contains("paged:ID"), "{interrupted}");
    for (arguments, pager) in [
        ("--no-pager ls", "sed s/^/paged:/"),
        ("ls", "cat"),
        ("ls", ""),
        ("ls", "no-such-pager 2>/dev/null"),
        ("ls --json", "sed s/^/paged:/"),
        ("rename greet-a greet-a", "sed s/^/paged:/"),
    ] {
        let shown = on_terminal(arguments, pager).unwrap();
        assert!(
            shown.contains("greet-a") && !shown.contains("paged:"),
            "{arguments}: {shown}"
        );
    }
}
