//! A limit on the bytes that filling may add to a body.
//!
//! A short body can ask for a long value many times, and nested partials grow exponentially.

use serde_json::Value;

/// Maximum number of bytes that filling may add to a body.
pub(super) const MAX_ADDED_BYTES: usize = 64 << 20;

/// The part of [`MAX_ADDED_BYTES`] that is not yet spent.
#[derive(Debug)]
pub(super) struct FillBudget(usize);

/// The error that filling would add more than [`MAX_ADDED_BYTES`] bytes.
#[derive(Debug)]
pub(super) struct TooLarge;

impl FillBudget {
    pub(super) fn new() -> Self {
        Self(MAX_ADDED_BYTES)
    }

    /// Deducts the cost of a text of this many bytes.
    pub(super) fn spend(&mut self, bytes: usize) -> Result<(), TooLarge> {
        self.0 = self.0.checked_sub(bytes).ok_or(TooLarge)?;
        Ok(())
    }

    /// Deducts the cost of a copy of a value, which is about the memory that it needs.
    pub(super) fn spend_value(&mut self, value: &Value) -> Result<(), TooLarge> {
        self.spend(size_of::<Value>())?;
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
            Value::String(text) => self.spend(text.len()),
            Value::Array(items) => items.iter().try_for_each(|item| self.spend_value(item)),
            Value::Object(members) => members.iter().try_for_each(|(name, value)| {
                self.spend(name.len())?;
                self.spend_value(value)
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_budget_is_spent_to_the_last_byte() {
        let mut budget = FillBudget::new();
        assert!(budget.spend(MAX_ADDED_BYTES - 1).is_ok());
        assert!(budget.spend(1).is_ok());
        assert!(budget.spend(1).is_err());
    }

    #[test]
    fn values_cost_their_contents() {
        let cost = |value: &Value| {
            let mut budget = FillBudget::new();
            budget.spend_value(value).unwrap();
            MAX_ADDED_BYTES - budget.0
        };
        assert_eq!(cost(&json!(1)), size_of::<Value>());
        assert_eq!(cost(&json!([{ "abc": "de" }])), 3 * size_of::<Value>() + 5);
    }
}
