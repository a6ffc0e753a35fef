//! Reads of versions together with the bodies that their partials refer to.

use super::reads::View;
use crate::engine::Resolved;
use crate::model::arguments::IntoVersionSpec;
use crate::model::error::Result;
use crate::template::{Partials, Uses};

impl View {
    /// Returns the version that a spec selects, with its body and the bodies of its partials.
    ///
    /// All are of one moment. [`merge`](crate::template::merge()) fills the body with them:
    ///
    /// ```
    /// use promptbook::template::{merge, partial_texts};
    /// use promptbook::{NewPrompt, Store};
    /// use serde_json::json;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let store = Store::in_memory()?;
    /// let body = r#"{"messages": [{"role": "system", "content": "Greet {{hc:name:string}}."}]}"#;
    /// store.create_prompt(NewPrompt::new("greeting", body))?;
    ///
    /// let params = json!({"inputs": {"name": "Ada"}, "messages": [{"role": "user", "content": "Hi"}]});
    /// let (resolved, partials) = store.resolve_with_partials("greeting@production")?;
    /// let texts = partial_texts(resolved.body.json(), &partials)?;
    /// let merged = merge(resolved.body.json(), params.as_object().unwrap(), &texts)?;
    /// assert_eq!(merged.body["messages"][0]["content"], "Greet Ada.");
    /// assert_eq!(merged.body["messages"][1]["content"], "Hi");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// A partial whose prompt or environment does not exist is left out.
    ///
    /// # Errors
    ///
    /// As [`resolve`](Self::resolve).
    pub fn resolve_with_partials(
        &self,
        spec: impl IntoVersionSpec,
    ) -> Result<(Resolved, Partials)> {
        let spec = spec.into_version_spec()?;
        let resolved = self.resolve(&spec)?;
        // Most bodies have no partials, and are in memory.
        if Uses::of(resolved.body.json()).partials.is_empty() {
            return Ok(((*resolved).clone(), Partials::new()));
        }
        let (version, body, partials) = self.read_with_partials(&spec)?;
        let resolved = Resolved {
            prompt_name: resolved.prompt_name.clone(),
            version: version.into(),
            body,
        };
        Ok((resolved, partials))
    }
}
