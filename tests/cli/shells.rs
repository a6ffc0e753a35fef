//! What the command gives to shells: help, completions, manual pages, and files for git.

use std::collections::BTreeSet;
use std::path::Path;

use crate::support::{Desk, GREETING, REWORDED, command, run};

/// Returns the answer to a completion, as the script for fish asks for it.
fn completed(desk: &Desk, words: &[&str]) -> String {
    let mut command = command(desk.path());
    command
        .env("PROMPTBOOK_COMPLETE", "fish")
        .arg("--")
        .arg("promptbook")
        .args(words);
    run(&mut command, "").ok()
}

/// Returns the names of the files of a directory.
fn files(directory: &Path) -> BTreeSet<String> {
    let files = std::fs::read_dir(directory).unwrap();
    files
        .map(|file| file.unwrap().file_name().to_string_lossy().into_owned())
        .collect()
}

#[test]
fn names_of_the_store_are_completed() {
    let desk = Desk::greeting();
    desk.run_with(&["create", "other"], GREETING).ok();
    desk.run_with(
        &["commit", "greeting", "-m", "b", "--env", "staging"],
        REWORDED,
    )
    .ok();
    for (words, expected) in [
        (&["log", "gre"][..], &["greeting"][..]),
        (
            &["show", "greeting@"],
            &[
                "greeting@latest",
                "greeting@production",
                "greeting@staging",
                "greeting@1.1",
                "greeting@1.0",
            ],
        ),
        (&["env", "set", "greeting", "s"], &["staging"]),
        (&["env", "set", "other", "s"], &[]),
        (
            &["env", "set", "greeting", "staging", "1."],
            &["1.1", "1.0"],
        ),
        (&["commit", "greeting", "--env", "st"], &["staging"]),
        (&["diff", "oth"], &["other"]),
        (&["rm", "greeting@1.1"], &["greeting@1.1"]),
    ] {
        let answer = completed(&desk, words);
        let found: Vec<&str> = answer
            .lines()
            .map(|line| line.split('\t').next().unwrap_or(line))
            .filter(|line| !line.starts_with('-'))
            .collect();
        assert_eq!(found, expected, "{words:?}");
    }
}

#[test]
fn a_completion_creates_no_file() {
    let desk = Desk::greeting();
    let store = desk.path().join(".promptbook");
    let before = files(&store);
    assert!(completed(&desk, &["log", "gre"]).contains("greeting"));
    assert_eq!(files(&store), before);

    // Reading this store would create files.
    for name in ["index.db-wal", "index.db-shm"] {
        let _ = std::fs::remove_file(store.join(name));
    }
    let before = files(&store);
    assert!(!completed(&desk, &["log", "gre"]).contains("greeting"));
    assert_eq!(files(&store), before);

    let bare = Desk::bare();
    assert!(!completed(&bare, &["log", "gre"]).contains("greeting"));
    assert!(files(bare.path()).is_empty());
}

#[test]
fn the_script_of_each_shell_asks_the_command() {
    let desk = Desk::bare();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = desk.run(&["completions", shell]).ok();
        assert!(script.contains("PROMPTBOOK_COMPLETE"), "{shell}: {script}");
        assert_eq!(desk.json(&["completions", shell])["script"], script);
    }
}

#[test]
fn manual_pages_are_written() {
    let desk = Desk::bare();
    let page = desk.run(&["man"]).ok();
    assert!(page.contains(".TH promptbook 1"), "{page}");
    desk.run(&["man", "--dir", "pages/man1"]).ok();
    let pages = files(&desk.path().join("pages/man1"));
    for page in [
        "promptbook.1",
        "promptbook-commit.1",
        "promptbook-env-set.1",
    ] {
        assert!(pages.contains(page), "{pages:?}");
    }
}

#[test]
fn each_help_has_examples() {
    let desk = Desk::bare();
    for command in [&["commit"][..], &["env", "set"], &["show"]] {
        for help in ["-h", "--help"] {
            let told = desk.run(&[command, &[help]].concat()).ok();
            let example = format!("\nExamples:\n  promptbook {} ", command.join(" "));
            assert!(told.contains(&example), "{told}");
        }
    }
}

#[test]
fn the_command_alone_prints_its_help() {
    let desk = Desk::bare();
    let told = desk.run(&[]).ok();
    assert!(
        told.contains("Usage: promptbook") && told.contains("Commands:"),
        "{told}"
    );
}

#[test]
fn variables_do_not_change_usage_lines() {
    let desk = Desk::bare();
    let mut with = command(desk.path());
    with.env("PROMPTBOOK_AUTHOR", "ann")
        .env("PROMPTBOOK_STORE", "x");
    let with = run(with.arg("log").arg("--nonsense"), "").fails(2);
    let without = desk.run(&["log", "--nonsense"]).fails(2);
    assert_eq!(with, without);
    assert!(!with.contains("--author"), "{with}");
}

#[test]
fn the_author_of_a_change_is_named_by_a_variable() {
    let desk = Desk::greeting();
    for (variable, option, expected) in [("ann", None, "ann"), ("ann", Some("bob"), "bob")] {
        let mut commit = command(desk.path());
        commit.env("PROMPTBOOK_AUTHOR", variable);
        commit.args(["commit", "greeting", "-m", "x", "--json"]);
        commit.args(option.map(|author| format!("--author={author}")));
        let committed = run(&mut commit, REWORDED).json();
        assert_eq!(committed["version"]["author"], expected);
    }
}

#[test]
fn an_unknown_author_is_noted_once() {
    let desk = Desk::new();
    let change = |name: &str, author: Option<&str>| {
        let mut create = command(desk.path());
        for variable in ["USER", "LOGNAME", "USERNAME"] {
            create.env_remove(variable);
        }
        create.envs(author.map(|author| ("PROMPTBOOK_AUTHOR", author)));
        let answer = run(create.args(["create", name]), GREETING);
        assert_eq!(answer.code(), Some(0), "{}", answer.aside());
        answer.aside().to_owned()
    };
    assert_eq!(change("one", Some("ann")), "");
    let note = change("two", None);
    assert!(
        note.contains("set PROMPTBOOK_AUTHOR, or pass --author NAME"),
        "{note}"
    );
    assert_eq!(change("three", None), "");
    assert_eq!(change("four", Some("ann")), "");
    assert_eq!(change("five", None), "");
}

#[test]
fn git_ignores_a_new_store() {
    let desk = Desk::new();
    let ignored = desk.path().join(".promptbook/.gitignore");
    assert_eq!(std::fs::read_to_string(ignored).unwrap(), "*\n");
    desk.run(&["verify"]).ok();
    desk.run(&["backup", "copy"]).ok();
    desk.run(&["--store", "restored", "restore", "copy"]).ok();
    assert!(desk.path().join("restored/.gitignore").is_file());

    // A directory that has other files is not ignored.
    let desk = Desk::bare();
    desk.write("app/main.py", "");
    desk.run(&["--store", "app", "init"]).ok();
    assert!(!desk.path().join("app/.gitignore").exists());
}

#[test]
fn frozen_files_are_checked_without_a_store() {
    let desk = Desk::greeting();
    desk.run(&["freeze", "prompts.frozen"]).ok();
    std::fs::remove_dir_all(desk.path().join(".promptbook")).unwrap();

    let check = ["freeze", "prompts.frozen", "--check"];
    let answer = desk.run(&check);
    assert_eq!(answer.code(), Some(0), "{}", answer.aside());
    assert!(answer.text().contains("1 prompt in production, up to date"));
    assert!(
        answer
            .aside()
            .contains("only the file and its lockfile were compared")
    );
    assert_eq!(desk.json(&check)["effect"], "checked");
    let told = desk
        .run(&[&check[..], &["--env", "staging"]].concat())
        .fails(4);
    assert!(told.contains("its environment is production"), "{told}");

    let other = Desk::new();
    other.run_with(&["create", "greeting"], REWORDED).ok();
    other.run(&["freeze", "prompts.frozen"]).ok();
    let from = other.path().join("prompts.frozen");
    std::fs::copy(from, desk.path().join("prompts.frozen")).unwrap();
    let told = desk.run(&check).fails(4);
    assert!(
        told.starts_with("error: prompts.frozen and prompts.frozen.lock differ"),
        "{told}"
    );

    std::fs::remove_file(desk.path().join("prompts.frozen.lock")).unwrap();
    let told = desk.run(&check).fails(4);
    assert!(
        told.contains("prompts.frozen.lock: it is missing"),
        "{told}"
    );
    // Without --check, a store is required.
    desk.run(&["freeze", "prompts.frozen"]).fails(3);
}
