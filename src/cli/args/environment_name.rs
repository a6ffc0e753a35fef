//! Names of environments that a command may create.

use crate::error::InvalidArgument;
use crate::{EnvironmentName, Selector};

/// Parses the name of an environment that the command may create.
///
/// The library accepts any name. The command refuses names that a selector reads as something else,
/// because `PROMPT@NAME` would never mean them.
pub(crate) fn environment_name(text: &str) -> Result<EnvironmentName, InvalidArgument> {
    let name: EnvironmentName = text.parse()?;
    let reading = match text.parse() {
        Ok(Selector::Environment(read)) if read == name => return Ok(name),
        Ok(Selector::Number(_)) => "a version number",
        Ok(Selector::Latest) => "the latest version",
        Ok(Selector::Id(_)) => "the id of a version",
        Ok(Selector::Environment(_)) => "the environment after the prefix env:",
        Ok(Selector::Requirement(_)) | Err(_) => "a range of versions",
    };
    let reason = format!("it reads as {reading}; choose another name");
    Err(InvalidArgument::new("environment", text, reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_read_as_something_else_are_refused() {
        for text in [
            "1.0",
            "2",
            "^2",
            ">=1.2, <3",
            "latest",
            "env:production",
            "01890a5d-ac96-774b-bcce-b302099a8057",
            "*",
            "1x",
            "",
        ] {
            assert!(environment_name(text).is_err(), "{text}");
        }
        for text in ["production", "v1.0", "Latest", "two words", "eu-1"] {
            assert_eq!(environment_name(text).unwrap().as_str(), text);
        }
    }
}
