//! The command line as it was typed, for hints that repeat it with another option.

use std::env;

use super::text::shell_word;

/// The maximum size in bytes of a command that a hint repeats.
const MAX_COMMAND_BYTES: usize = 400;

/// Returns this process's command with an option added, or says so if it is too long to repeat.
pub(crate) fn with_option(option: &str) -> String {
    let arguments: Option<Vec<String>> = env::args_os()
        .skip(1)
        .map(|argument| argument.into_string().ok())
        .collect();
    let command = arguments.and_then(|arguments| added("promptbook", &arguments, option));
    command.unwrap_or_else(|| format!("the same command with {option}"))
}

fn added(program: &str, arguments: &[String], option: &str) -> Option<String> {
    let mut words = vec![program.to_owned()];
    let quoted = arguments.iter().map(|argument| {
        // An option is a word of the command, not a name that looks like one.
        let (hyphens, rest) =
            argument.split_at(argument.len() - argument.trim_start_matches('-').len());
        if rest.is_empty() {
            hyphens.to_owned()
        } else {
            format!("{hyphens}{}", shell_word(rest))
        }
    });
    words.extend(quoted);
    // Everything after `--` is a name.
    let end = words.iter().position(|word| word == "--");
    words.insert(end.unwrap_or(words.len()), option.to_owned());
    let command = words.join(" ");
    (command.len() <= MAX_COMMAND_BYTES && !command.contains(char::is_control)).then_some(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|&word| word.to_owned()).collect()
    }

    #[test]
    fn an_option_is_added_before_the_names() {
        let plain = words(&["env", "set", "my prompt", "production", "^2"]);
        assert_eq!(
            added("promptbook", &plain, "--breaking").unwrap(),
            "promptbook env set 'my prompt' production ^2 --breaking"
        );
        let names = words(&["rm", "--", "-x"]);
        assert_eq!(
            added("promptbook", &names, "--yes").unwrap(),
            "promptbook rm --yes -- -x"
        );
    }

    #[test]
    fn long_commands_and_control_characters_are_not_repeated() {
        assert_eq!(added("p", &words(&[&"x".repeat(500)]), "-y"), None);
        assert_eq!(added("p", &words(&["a\u{1b}b"]), "-y"), None);
    }
}
