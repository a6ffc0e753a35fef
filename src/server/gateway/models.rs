//! The models that a request may be answered by.

use serde_json::Value;

/// Returns the models of a list such as `gpt-4o,claude-sonnet-4`, in the order in which they are
/// tried.
///
/// An entry such as `!openai` excludes a provider, and names no model.
pub(super) fn models(list: Option<&Value>) -> Vec<String> {
    let list = list.and_then(Value::as_str).unwrap_or_default();
    let names = list.split(',').map(str::trim);
    names
        .filter(|name| !name.is_empty() && !name.starts_with('!'))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_list_has_fallbacks_and_exclusions() {
        assert_eq!(models(Some(&json!("gpt-4o"))), ["gpt-4o"]);
        assert_eq!(models(Some(&json!("!openai, a , b/c,"))), ["a", "b/c"]);
        for none in [json!("!openai"), json!(""), json!(5), json!(null)] {
            assert_eq!(models(Some(&none)), [""; 0]);
        }
        assert_eq!(models(None), [""; 0]);
    }
}
