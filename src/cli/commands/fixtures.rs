//! The command `fixtures`.

use std::io::ErrorKind;

use crate::cli::error::{CommandResult, Failure};
use crate::cli::exit::Exit;
use crate::cli::output;
use crate::cli::session::Session;
use crate::server::{Fixtures, FixturesError};

pub(super) fn fixtures(session: &Session) -> CommandResult {
    let fixtures = Fixtures::of(&session.reader()?)?;
    output::write_bytes(fixtures.to_json().as_bytes())
}

impl From<FixturesError> for Failure {
    fn from(error: FixturesError) -> Self {
        let message = error.to_string();
        match error {
            FixturesError::Store(error) => error.into(),
            FixturesError::Refused { source, .. } => Self::from(source).with_subject(&message),
            FixturesError::Unreadable { source, .. } => {
                let exit = match source.kind() {
                    ErrorKind::NotFound => Exit::NotFound,
                    _ => Exit::Failure,
                };
                Self::new(exit, "io", message).with_causes(&source)
            }
            _ => Self::new(Exit::Usage, "fixtures", message),
        }
    }
}
