//! [`PromptSource`], what a store and a frozen file have in common.

use super::handle::Store;
use super::view::View;
use crate::engine::contract::Contract;
use crate::frozen::Frozen;
use crate::model::arguments::{IntoInputs, IntoVersionSpec};
use crate::model::error::Result;
use crate::model::inputs::Inputs;
use crate::model::version_spec::VersionSpec;
use crate::template::{RenderMode, RenderedBody};

/// A source of prompts to render: a [`Store`], a [`View`] of one, or a [`Frozen`] file.
///
/// An app can fall back from one to the other, and calls the same methods on either. The methods of
/// the trait take parsed arguments, so that it can be used as `dyn PromptSource`, which has
/// [`render`](#method.render), [`render_as`](#method.render_as) and [`contract`](#method.contract)
/// with the arguments of a store's methods.
///
/// ```
/// use promptbook::{NewPrompt, PromptSource, Store};
///
/// # fn main() -> promptbook::Result<()> {
/// let store = Store::in_memory()?;
/// let body = r#"{"messages": [{"role": "user", "content": "Greet {{hc:name:string}}."}]}"#;
/// store.create_prompt(NewPrompt::new("greeting", body))?;
/// let frozen = store.freeze("production")?;
///
/// for source in [&store as &dyn PromptSource, &frozen] {
///     let rendered = source.render("greeting@production", [("name", "Ada")])?;
///     assert_eq!(rendered.body["messages"][0]["content"], "Greet Ada.");
/// }
/// # Ok(())
/// # }
/// ```
pub trait PromptSource: Send + Sync {
    /// Fills a version's body with inputs and partials by the rules of a mode.
    ///
    /// # Errors
    ///
    /// As [`View::render_as`]; of a frozen file, as [`Frozen::render_as`].
    fn render_spec(
        &self,
        spec: &VersionSpec,
        inputs: &Inputs,
        mode: RenderMode,
    ) -> Result<RenderedBody>;

    /// Returns the contract of a version: what it requires of its callers.
    ///
    /// # Errors
    ///
    /// As [`View::contract`].
    fn contract_of(&self, spec: &VersionSpec) -> Result<Contract>;
}

impl dyn PromptSource + '_ {
    /// Fills a version's body, in strict mode.
    ///
    /// # Errors
    ///
    /// As [`render_spec`](PromptSource::render_spec);
    /// [`InvalidArgument`](crate::Error::InvalidArgument) if an argument does not parse.
    pub fn render(
        &self,
        spec: impl IntoVersionSpec,
        inputs: impl IntoInputs,
    ) -> Result<RenderedBody> {
        self.render_as(spec, inputs, RenderMode::Strict)
    }

    /// Fills a version's body by the rules of a mode.
    ///
    /// # Errors
    ///
    /// As `render`.
    pub fn render_as(
        &self,
        spec: impl IntoVersionSpec,
        inputs: impl IntoInputs,
        mode: RenderMode,
    ) -> Result<RenderedBody> {
        self.render_spec(&spec.into_version_spec()?, &inputs.into_inputs()?, mode)
    }

    /// Returns the contract of a version: what it requires of its callers.
    ///
    /// # Errors
    ///
    /// As [`contract_of`](PromptSource::contract_of);
    /// [`InvalidArgument`](crate::Error::InvalidArgument) if the argument does not parse.
    pub fn contract(&self, spec: impl IntoVersionSpec) -> Result<Contract> {
        self.contract_of(&spec.into_version_spec()?)
    }
}

impl PromptSource for View {
    fn render_spec(
        &self,
        spec: &VersionSpec,
        inputs: &Inputs,
        mode: RenderMode,
    ) -> Result<RenderedBody> {
        let rendered = Self::render_as(self, spec, inputs, mode)?;
        Ok(RenderedBody {
            body: rendered.body,
            errors: rendered.errors,
            unfilled: rendered.unfilled,
        })
    }

    fn contract_of(&self, spec: &VersionSpec) -> Result<Contract> {
        self.contract(spec)
    }
}

impl PromptSource for Store {
    fn render_spec(
        &self,
        spec: &VersionSpec,
        inputs: &Inputs,
        mode: RenderMode,
    ) -> Result<RenderedBody> {
        View::render_spec(self.as_view(), spec, inputs, mode)
    }

    fn contract_of(&self, spec: &VersionSpec) -> Result<Contract> {
        View::contract_of(self.as_view(), spec)
    }
}

impl PromptSource for Frozen {
    fn render_spec(
        &self,
        spec: &VersionSpec,
        inputs: &Inputs,
        mode: RenderMode,
    ) -> Result<RenderedBody> {
        Self::render_as(self, spec, inputs, mode)
    }

    fn contract_of(&self, spec: &VersionSpec) -> Result<Contract> {
        self.contract(spec)
    }
}
