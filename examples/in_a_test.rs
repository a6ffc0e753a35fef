//! A test with a store in memory: `cargo test --example in_a_test`.

use promptbook::{Result, Store};

/// The function of the app that is tested.
pub fn welcome(store: &Store, name: &str) -> Result<String> {
    let rendered = store.render("welcome@production", [("name", name)])?;
    let text = rendered.body["messages"][0]["content"].as_str();
    Ok(text.unwrap_or_default().to_owned())
}

#[allow(clippy::print_stdout)] // This program prints for its user.
fn main() -> Result<()> {
    let directory = std::env::args().nth(1).unwrap_or_else(|| "prompts".into());
    println!("{}", welcome(&Store::open(directory)?, "Ada")?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use promptbook::{Error, NewPrompt, StoreOptions};
    use serde_json::json;

    use super::*;

    /// Creates a store in memory whose ids and times are the same in each run.
    fn store_with(text: &str) -> Result<Store> {
        let options = StoreOptions::new().seed(7).clock(|| DateTime::UNIX_EPOCH);
        let store = options.in_memory()?;
        let body = json!({"messages": [{"role": "user", "content": text}]});
        store.create_prompt(NewPrompt::new("welcome", body))?;
        Ok(store)
    }

    #[test]
    fn names_the_guest() -> Result<()> {
        let store = store_with("Welcome {{hc:name:string}}")?;
        assert_eq!(welcome(&store, "Ada")?, "Welcome Ada");
        Ok(())
    }

    #[test]
    fn fails_if_the_prompt_requires_another_input() -> Result<()> {
        let store = store_with("{{hc:name:string}}, {{hc:age:number}}")?;
        assert!(matches!(welcome(&store, "Ada"), Err(Error::Render { .. })));
        Ok(())
    }
}
