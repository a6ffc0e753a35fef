//! Whose rules a body is filled by.

use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::template::{self, Merged, Partials};

/// Whose rules a body is filled by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Every variable must be given, with a value of its type, and nothing else; partials are filled at any depth.
    #[default]
    Strict,
    /// Exactly as Helicone's TypeScript client does: what is missing stays a tag, errors are told beside the body.
    Helicone,
}

impl Mode {
    /// Fills a body by these rules. In strict mode there are no errors beside it.
    pub(crate) fn fill(
        self,
        body: &Value,
        inputs: &Map<String, Value>,
        partials: &Partials,
    ) -> Result<Merged> {
        match self {
            Self::Strict => match template::render_strict(body, inputs, partials) {
                Ok(body) => Ok(Merged {
                    body,
                    errors: Vec::new(),
                }),
                Err(problems) => Err(Error::Render { problems }),
            },
            Self::Helicone => {
                template::render_helicone(body, inputs, partials).map_err(Error::Unrenderable)
            }
        }
    }
}
