//! Printing of errors to standard error, as text or JSON.

use serde_json::{Value, json};

use super::error::Failure;
use super::exit::Exit;
use super::output::{ERROR, HINT, paint, write_stderr};
use super::text::{self, line, lines};

impl Failure {
    /// Prints the error to standard error, as text or JSON.
    ///
    /// Prints nothing if the exit code is success.
    pub(crate) fn print(&self, as_json: bool) {
        if self.exit == Exit::Success {
            return;
        }
        if as_json {
            return write_stderr(&text::json(&self.json()));
        }
        let mut text = format!("{}: {}\n", paint(ERROR, "error"), lines(&self.message));
        for detail in &self.details {
            text.push_str(&format!("  - {}\n", line(detail)));
        }
        for cause in &self.causes {
            text.push_str(&format!("  because: {}\n", line(cause)));
        }
        if let Some(hint) = &self.hint {
            text.push_str(&format!("{}: {}\n", paint(HINT, "hint"), lines(hint)));
        }
        write_stderr(&text);
    }

    /// Returns the error as JSON.
    pub(crate) fn json(&self) -> Value {
        json!({"error": {
            "kind": self.kind,
            "code": self.exit as u8,
            "message": self.message,
            "details": self.details,
            "causes": self.causes,
            "hint": self.hint,
            "fields": self.facts.fields,
        }})
    }
}
