//! Inputs: the values that a caller passes for the variables of a body.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::model::invalid_argument::InvalidArgument;

/// The values that a caller passes for the variables of a body, by name.
///
/// Methods that take inputs accept everything that converts into them: an array of pairs, a
/// `serde_json` object, or inputs by value or by reference. As JSON, inputs are an object.
///
/// ```
/// use promptbook::Inputs;
/// use serde_json::json;
///
/// let inputs = Inputs::from([("name", "Ada")]);
/// assert_eq!(Inputs::try_from(json!({"name": "Ada"}))?, inputs);
/// assert_eq!(["name"].map(|name| (name, "Ada")).into_iter().collect::<Inputs>(), inputs);
///
/// #[derive(serde::Serialize)]
/// struct Greeting {
///     name: &'static str,
/// }
/// assert_eq!(Inputs::from_serialize(&Greeting { name: "Ada" })?, inputs);
/// assert!(Inputs::try_from(json!(["Ada"])).is_err());
/// # Ok::<(), promptbook::error::InvalidArgument>(())
/// ```
///
/// Inputs can contain 64-bit integers and doubles. Any other number is exact only as a string, such
/// as `"1.50"`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Inputs(Map<String, Value>);

impl Inputs {
    /// Returns inputs without a value.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Converts the fields of a struct, or the entries of a map, into inputs.
    ///
    /// # Errors
    ///
    /// [`InvalidArgument`] if the value cannot be converted to JSON, or is no object in JSON.
    pub fn from_serialize(value: &impl Serialize) -> Result<Self, InvalidArgument> {
        match serde_json::to_value(value) {
            Ok(json) => Self::try_from(json),
            Err(error) => Err(InvalidArgument::new(
                "object of inputs",
                "",
                error.to_string(),
            )),
        }
    }

    /// Sets the value of a variable, and returns the value that it had.
    pub fn insert(&mut self, name: impl Into<String>, value: impl Into<Value>) -> Option<Value> {
        self.0.insert(name.into(), value.into())
    }

    /// Returns the value of a variable.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// Returns the inputs as a JSON object.
    #[must_use]
    pub fn as_map(&self) -> &Map<String, Value> {
        &self.0
    }

    /// Returns the inputs as a JSON object, without a copy.
    #[must_use]
    pub fn into_map(self) -> Map<String, Value> {
        self.0
    }
}

impl<K: Into<String>, V: Into<Value>, const N: usize> From<[(K, V); N]> for Inputs {
    fn from(pairs: [(K, V); N]) -> Self {
        pairs.into_iter().collect()
    }
}

impl<K: Into<String>, V: Into<Value>> FromIterator<(K, V)> for Inputs {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let mut inputs = Self::new();
        inputs.extend(pairs);
        inputs
    }
}

impl<K: Into<String>, V: Into<Value>> Extend<(K, V)> for Inputs {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, pairs: I) {
        let pairs = pairs.into_iter();
        self.0
            .extend(pairs.map(|(name, value)| (name.into(), value.into())));
    }
}

impl From<Map<String, Value>> for Inputs {
    fn from(object: Map<String, Value>) -> Self {
        Self(object)
    }
}

impl From<&Map<String, Value>> for Inputs {
    fn from(object: &Map<String, Value>) -> Self {
        Self(object.clone())
    }
}

impl From<&Inputs> for Inputs {
    fn from(inputs: &Inputs) -> Self {
        inputs.clone()
    }
}

impl From<Inputs> for Value {
    fn from(inputs: Inputs) -> Self {
        Self::Object(inputs.0)
    }
}

impl TryFrom<Value> for Inputs {
    type Error = InvalidArgument;

    /// Converts a JSON object into inputs. Any other value is an error.
    fn try_from(json: Value) -> Result<Self, InvalidArgument> {
        match json {
            Value::Object(object) => Ok(Self(object)),
            other => {
                let reason = "expected a JSON object with a member for each variable";
                Err(InvalidArgument::new(
                    "object of inputs",
                    &other.to_string(),
                    reason,
                ))
            }
        }
    }
}

impl TryFrom<&Value> for Inputs {
    type Error = InvalidArgument;

    fn try_from(json: &Value) -> Result<Self, InvalidArgument> {
        Self::try_from(json.clone())
    }
}
