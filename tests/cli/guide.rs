//! The shell session of the guide to the command, run exactly as it is shown.

use crate::support::{Desk, command, run};

const GUIDE: &str = include_str!("../../src/docs/command.md");

fn body(greet: &str, welcome: &str, temperature: &str) -> String {
    format!(
        r#"{{"model": "gpt-4o", "temperature": {temperature},
 "messages": [{{"role": "system", "content": "You welcome {welcome}."}},
              {{"role": "user", "content": "Greet {greet}{{{{hc:name:string}}}}."}}]}}"#
    )
}

/// Returns the guide's greeting: created, changed twice, and released by operation 4.
fn desk() -> Desk {
    let desk = Desk::new();
    let by = |author: &str, arguments: &[&str], input: &str| {
        let author = ["--author", author];
        desk.run_with(&[arguments, &author].concat(), input).ok();
    };
    let first = body("", "guests", "0.7");
    by("ada", &["create", "greeting"], &first);
    let second = body("our guest ", "guests", "0.2");
    by("ada", &["commit", "greeting", "-m", "Be warm"], &second);
    let third = body("our guest ", "the guests of a small hotel", "0.2");
    let commit = [
        "commit",
        "greeting",
        "-m",
        "Say where we are",
        "--env",
        "staging",
    ];
    by("bob", &commit, &third);
    let release = [
        "env",
        "set",
        "greeting",
        "production",
        "staging",
        "--reason",
        "Ann likes it",
    ];
    by("ada", &release, "");
    desk
}

/// Masks times, which differ from run to run.
fn without_moments(text: &str) -> String {
    let is_moment = |text: &str| {
        let shape = "0000-00-00 00:00";
        let alike = |(c, of): (char, char)| {
            if of == '0' {
                c.is_ascii_digit()
            } else {
                c == of
            }
        };
        text.len() == shape.len() && text.chars().zip(shape.chars()).all(alike)
    };
    let mut left = text;
    let mut told = String::new();
    while let Some(next) = left.chars().next() {
        let end = left
            .char_indices()
            .nth(16)
            .map_or(left.len(), |(end, _)| end);
        if is_moment(&left[..end]) {
            told.push_str("MOMENT");
            left = &left[end..];
        } else {
            told.push(next);
            left = &left[next.len_utf8()..];
        }
    }
    told
}

#[test]
fn the_five_commands_print_what_the_guide_says() {
    let (_, rest) = GUIDE.split_once("\n```console\n").unwrap();
    let (session, _) = rest.split_once("\n```\n").unwrap();
    let desk = desk();
    let mut commands = 0;
    for part in format!("\n{session}").split("\n$ promptbook ").skip(1) {
        let (line, expected) = part.split_once('\n').unwrap();
        let arguments: Vec<&str> = line.split(' ').collect();
        let told = run(
            command(desk.path())
                .args(&arguments)
                .env("PROMPTBOOK_AUTHOR", "ada"),
            "",
        )
        .ok();
        assert_eq!(
            without_moments(told.trim_end()),
            without_moments(expected),
            "{line}"
        );
        commands += 1;
    }
    assert_eq!(commands, 5);
}

/// The shell part of the README and the first of the guide can be run as they are written.
#[cfg(unix)]
#[test]
fn the_shell_parts_run_as_they_are_written() {
    use std::path::Path;

    const README: &str = include_str!("../../README.md");
    let binary = Path::new(env!("CARGO_BIN_EXE_promptbook"));
    for (text, heading) in [(README, "## From a shell\n"), (GUIDE, "# The command\n")] {
        let (_, rest) = text.split_once(heading).unwrap();
        let (_, rest) = rest.split_once("```sh\n").unwrap();
        let (script, _) = rest.split_once("```").unwrap();
        let lines = script.lines().filter(|line| !line.starts_with("cargo "));
        let script = lines.collect::<Vec<_>>().join("\n");
        let desk = Desk::bare();
        let mut shell = std::process::Command::new("sh");
        let mut path = binary.parent().unwrap().as_os_str().to_owned();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        shell.current_dir(desk.path()).env("PATH", path);
        for variable in ["PROMPTBOOK_STORE", "PROMPTBOOK_AUTHOR"] {
            shell.env_remove(variable);
        }
        let told = run(shell.args(["-euc", &script]), "").ok();
        assert!(told.contains("Greet Ada warmly."), "{told}");
    }
}
