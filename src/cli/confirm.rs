//! Questions that a command asks before it removes something that is in use.

use std::io::{self, IsTerminal};

use super::error::{CommandResult, Failure};
use super::exit::Exit;
use super::output::write_stderr;
use super::typed_command;

/// The maximum number of consequences that a question lists.
const MAX_LISTED: usize = 20;

/// A question whether to do something, and what follows from it.
pub(crate) struct Question {
    /// The action, such as `delete version 1.1 of "greeting"`.
    action: String,
    /// What the action removes or breaks besides its object, one sentence each.
    consequences: Vec<String>,
    /// Another way to reach the goal, as a hint.
    alternative: Option<String>,
}

impl Question {
    pub(crate) fn new(action: impl Into<String>) -> Self {
        Self {
            action: action.into(),
            consequences: Vec::new(),
            alternative: None,
        }
    }

    pub(crate) fn consequences(mut self, consequences: impl IntoIterator<Item = String>) -> Self {
        self.consequences.extend(consequences);
        self
    }

    pub(crate) fn alternative(mut self, alternative: impl Into<String>) -> Self {
        self.alternative = Some(alternative.into());
        self
    }

    /// Asks, and returns whether the answer is yes.
    ///
    /// Without a terminal nothing can be asked. Then the command fails with a hint of the option
    /// `--yes`, which answers the question in advance.
    pub(crate) fn ask(self) -> CommandResult<bool> {
        if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            return Err(self.unanswered());
        }
        let listed = self.listed();
        let lines: String = listed.iter().map(|line| format!("  - {line}\n")).collect();
        write_stderr(&format!("{lines}{}? [y/N] ", capitalized(&self.action)));
        let mut answer = String::new();
        io::stdin()
            .read_line(&mut answer)
            .map_err(|error| Failure::io("the answer cannot be read", &error))?;
        if !answer.ends_with('\n') {
            // The input ended, so the terminal is still in the line of the question.
            write_stderr("\n");
        }
        Ok(["y", "yes"].contains(&answer.trim().to_lowercase().as_str()))
    }

    fn unanswered(self) -> Failure {
        let command = typed_command::with_option("--yes");
        let hint = match &self.alternative {
            Some(alternative) => format!("{command} does it; or {alternative}"),
            None => format!("{command} does it"),
        };
        let message = format!(
            "not confirmed: {}; without a terminal, the command cannot ask",
            self.action
        );
        let details = self.listed();
        Failure::new(Exit::Usage, "unconfirmed", message)
            .details(details)
            .hint(hint)
    }

    fn listed(&self) -> Vec<String> {
        let mut listed: Vec<String> = self.consequences.iter().take(MAX_LISTED).cloned().collect();
        let rest = self.consequences.len() - listed.len();
        if rest > 0 {
            listed.push(format!("and {rest} more"));
        }
        listed
    }
}

fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(chars).collect()
    })
}
