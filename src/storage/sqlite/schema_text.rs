//! The text of the schema, and its statements.

/// The tables of the newest format.
pub(super) const SCHEMA: &str = include_str!("schema.sql");

/// Splits a text into its statements, without comments and line breaks.
pub(super) fn statements(text: &str) -> impl Iterator<Item = String> {
    let lines = text
        .lines()
        .map(|line| line.split_once("--").map_or(line, |(code, _)| code));
    let words: Vec<&str> = lines.flat_map(str::split_whitespace).collect();
    let code = words.join(" ");
    let statements: Vec<String> = code
        .split(';')
        .map(|statement| statement.trim().to_owned())
        .filter(|statement| !statement.is_empty())
        .collect();
    statements.into_iter()
}
