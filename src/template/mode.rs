//! Whose rules a body is filled by.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::json::Json;
use crate::model::error::{Error, Result};
use crate::template;
use crate::template::{Merged, Partials, ValidationError};

/// Whose rules a body is filled by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Every variable must be given, with a value of its type, and nothing else; partials are filled at any depth. What is
    /// no tag stays byte for byte.
    #[default]
    Strict,
    /// Exactly as Helicone's TypeScript client does: what is missing stays a tag, errors are told beside the body. The
    /// client parses bodies, so numbers become those of [`Json::json`], and white space is lost.
    Helicone,
}

impl Mode {
    /// Fills a body's text, which is this JSON, by these rules. In strict mode there are no errors beside it.
    pub(crate) fn fill(
        self,
        text: &str,
        json: &Value,
        inputs: &Map<String, Value>,
        partials: &Partials,
    ) -> Result<Filled> {
        match self {
            Self::Strict => match template::render_text(text, json, inputs, partials) {
                Ok(text) => Ok(Filled {
                    body: Json::new(text),
                    errors: Vec::new(),
                }),
                Err(problems) => Err(Error::Render { problems }),
            },
            Self::Helicone => {
                let merged = template::render_helicone(json, inputs, partials);
                let Merged { body, errors } = merged.map_err(Error::Unrenderable)?;
                let body = body.into();
                Ok(Filled { body, errors })
            }
        }
    }
}

/// A body with its variables filled in.
///
/// As JSON: `{body, errors}`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Filled {
    /// The filled body.
    pub body: Json,
    /// What [`Mode::Helicone`] found wrong; nothing in strict mode, where it is an error instead.
    pub errors: Vec<ValidationError>,
}

impl Filled {
    /// The filled body's text: in strict mode, all but the tags is as it is in the body, byte for byte.
    #[must_use]
    pub fn text(&self) -> &str {
        self.body.text()
    }

    /// The filled body, parsed. It is lossy: numbers are integers of 64 bits or doubles.
    #[must_use]
    pub fn json(&self) -> &Value {
        self.body.json()
    }
}
