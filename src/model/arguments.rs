//! Traits of arguments: the types that methods accept for a prompt, a version, a name, a body or
//! inputs.
//!
//! They only give names to conversions, and cannot be implemented outside of this crate. Text is
//! parsed, so a method that takes `impl IntoVersionSpec` can be called with `"greeting@^2"`, with a
//! `String`, with a pair such as `("greeting", "production")`, or with a
//! [`VersionSpec`].

use crate::model::body::{Body, InvalidBody};
use crate::model::error::{Error, Result};
use crate::model::id::{EnvironmentName, PromptId, PromptName};
use crate::model::inputs::Inputs;
use crate::model::invalid_argument::InvalidArgument;
use crate::model::selector::Selector;
use crate::model::version_spec::{PromptRef, VersionSpec};

mod sealed {
    pub trait Argument<T> {}
}

/// Defines the trait of everything that converts into a type, or fails with a given error.
macro_rules! argument {
    ($(#[$doc:meta])* $name:ident, $convert:ident, $type:ty, $error:ty) => {
        $(#[$doc])*
        pub trait $name: sealed::Argument<$type> {
            #[doc(hidden)]
            fn $convert(self) -> std::result::Result<$type, $error>;
        }

        impl<T: TryInto<$type, Error: Into<$error>>> sealed::Argument<$type> for T {}

        impl<T: TryInto<$type, Error: Into<$error>>> $name for T {
            fn $convert(self) -> std::result::Result<$type, $error> {
                self.try_into().map_err(Into::into)
            }
        }
    };
}

argument! {
    /// A reference to a prompt: text, a [`PromptId`], a [`PromptName`], or a [`PromptRef`].
    IntoPromptRef, into_prompt_ref, PromptRef, InvalidArgument
}

argument! {
    /// A version of a prompt: text such as `greeting@^2`, a pair of a prompt and a selector, a
    /// version's id, or a [`VersionSpec`].
    IntoVersionSpec, into_version_spec, VersionSpec, InvalidArgument
}

argument! {
    /// A selector of a version: text such as `^2`, a number, a version's id, the name of an
    /// environment, or a [`Selector`].
    IntoSelector, into_selector, Selector, InvalidArgument
}

argument! {
    /// The id of a prompt, as a [`PromptId`] or as text.
    IntoPromptId, into_prompt_id, PromptId, InvalidArgument
}

argument! {
    /// The name of a prompt, as a [`PromptName`] or as text.
    IntoPromptName, into_prompt_name, PromptName, InvalidArgument
}

argument! {
    /// The name of an environment, as an [`EnvironmentName`] or as text.
    IntoEnvironmentName, into_environment_name, EnvironmentName, InvalidArgument
}

argument! {
    /// Inputs: an array of pairs, a JSON object, or [`Inputs`].
    IntoInputs, into_inputs, Inputs, InvalidArgument
}

argument! {
    /// A body: text, bytes, a JSON value, or a [`Body`].
    IntoBody, into_body, Body, Error
}

impl<P: IntoPromptRef, S: IntoSelector> TryFrom<(P, S)> for VersionSpec {
    type Error = InvalidArgument;

    fn try_from((prompt, selector): (P, S)) -> Result<Self, InvalidArgument> {
        Ok(Self::new(
            prompt.into_prompt_ref()?,
            selector.into_selector()?,
        ))
    }
}

/// A value that a builder makes, or the first error of its arguments.
///
/// The error is kept until the call that uses the builder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Draft<T>(std::result::Result<T, DraftError>);

/// An error of a builder's argument. Unlike [`Error`], it can be cloned and compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DraftError {
    Argument(InvalidArgument),
    Body(InvalidBody),
}

impl<T> Draft<T> {
    pub(crate) fn new(value: Result<T>) -> Self {
        Self(value.map_err(DraftError::from))
    }

    /// Sets a part of the value.
    pub(crate) fn set(mut self, set: impl FnOnce(&mut T)) -> Self {
        if let Ok(value) = &mut self.0 {
            set(value);
        }
        self
    }

    /// Sets a part of the value to a converted argument, or keeps its error.
    pub(crate) fn set_parsed<P>(
        self,
        argument: std::result::Result<P, InvalidArgument>,
        set: impl FnOnce(&mut T, P),
    ) -> Self {
        match (self.0, argument) {
            (Ok(mut value), Ok(argument)) => {
                set(&mut value, argument);
                Self(Ok(value))
            }
            (Ok(_), Err(error)) => Self(Err(DraftError::Argument(error))),
            (Err(first), _) => Self(Err(first)),
        }
    }

    /// Returns the value, or the first error of the arguments.
    pub(crate) fn finish(self) -> Result<T> {
        self.0.map_err(Error::from)
    }
}

impl From<Error> for DraftError {
    fn from(error: Error) -> Self {
        match error {
            Error::InvalidArgument(error) => Self::Argument(error),
            Error::InvalidBody(error) => Self::Body(error),
            // Only a conversion outside of this crate fails with another error.
            other => Self::Body(InvalidBody {
                reason: other.to_string(),
            }),
        }
    }
}

impl From<DraftError> for Error {
    fn from(error: DraftError) -> Self {
        match error {
            DraftError::Argument(error) => Self::InvalidArgument(error),
            DraftError::Body(error) => Self::InvalidBody(error),
        }
    }
}
