//! `fixtures`.

use std::fs;
use std::io::ErrorKind;

use serde_json::json;

use crate::cli::args::fake::Fixtures as Arguments;
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::output::{self, NAME, paint};
use crate::cli::session::Session;
use crate::cli::text;
use crate::server::{Fixtures, FixturesError};

pub(super) fn fixtures(args: &Arguments, session: &Session) -> Outcome {
    let fixtures = Fixtures::of(&session.reader()?)?;
    let Some(path) = &args.out else {
        return output::bytes(fixtures.to_json().as_bytes());
    };
    let shown = path.to_string_lossy();
    fs::write(path, fixtures.to_json())
        .map_err(|error| Failure::io(format!("{shown} can't be written"), &error))?;
    session.answer(
        || json!({"file": shown, "prompts": fixtures.len()}),
        || {
            let prompts = text::count(fixtures.len() as u64, "prompt", "prompts");
            format!("Wrote {prompts} to {}\n", paint(NAME, text::line(&shown)))
        },
    )
}

impl From<FixturesError> for Failure {
    fn from(error: FixturesError) -> Self {
        let told = error.to_string();
        match error {
            FixturesError::Store(error) => error.into(),
            FixturesError::Refused { source, .. } => Self::from(source).about(&told),
            FixturesError::Unreadable { source, .. } => {
                let exit = match source.kind() {
                    ErrorKind::NotFound => Exit::NotFound,
                    _ => Exit::Failure,
                };
                Self::new(exit, "io", told).because(&source)
            }
            _ => Self::new(Exit::Usage, "fixtures", told),
        }
    }
}
