//! Render modes: the rules by which a body is rendered.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::json::Json;
use crate::model::error::{Error, Result};
use crate::template;
use crate::template::unfilled::{UnfilledTag, all_tags};
use crate::template::{Merged, Partials, ValidationError};

/// The rules by which a body is rendered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RenderMode {
    /// Requires a value of the right type for every variable, and no other input.
    ///
    /// Partials are rendered at any depth. Everything except the tags is preserved byte for byte.
    #[default]
    Strict,
    /// Renders exactly as Helicone's TypeScript client does.
    ///
    /// A tag without an input remains in the body and is reported, and errors are returned along
    /// with the body. The
    /// client parses bodies, so numbers become those of [`Json::json`], and white space is lost.
    Helicone,
}

impl RenderMode {
    /// Renders a body. `text` is the body's text, and `json` is the same text parsed.
    ///
    /// In strict mode every problem is an error. In Helicone mode validation errors are returned
    /// along with the body.
    pub(crate) fn fill(
        self,
        text: &str,
        json: &Value,
        inputs: &Map<String, Value>,
        partials: &Partials,
    ) -> Result<RenderedBody> {
        match self {
            Self::Strict => match template::render_text(text, json, inputs, partials) {
                Ok(text) => Ok(RenderedBody {
                    body: Json::new(text),
                    errors: Vec::new(),
                    unfilled: Vec::new(),
                }),
                Err(problems) => Err(Error::Render { problems }),
            },
            Self::Helicone => {
                let merged = template::render_helicone(json, inputs, partials);
                let Merged { body, errors } = merged.map_err(Error::HeliconeRender)?;
                let unfilled = all_tags(&body);
                let body = body.into();
                Ok(RenderedBody {
                    body,
                    errors,
                    unfilled,
                })
            }
        }
    }
}

/// A body with its variables filled in.
///
/// As JSON: `{body, errors, unfilled: [{tag, place}]}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RenderedBody {
    /// The filled body.
    pub body: Json,
    /// The problems that [`RenderMode::Helicone`] found. Empty in strict mode, which fails instead.
    pub errors: Vec<ValidationError>,
    /// The tags that [`RenderMode::Helicone`] left in the body, those inside values included. Empty
    /// in strict mode.
    pub unfilled: Vec<UnfilledTag>,
}

impl RenderedBody {
    /// Returns the filled body's text.
    ///
    /// In strict mode, everything except the tags is as in the unfilled body, byte for byte.
    #[must_use]
    pub fn text(&self) -> &str {
        self.body.text()
    }

    /// Returns the filled body, parsed. This is lossy: numbers are 64-bit integers or doubles.
    #[must_use]
    pub fn json(&self) -> &Value {
        self.body.json()
    }
}
