//! The text of the schema, and its statements.

/// The tables of the newest format.
const SOURCE: &[u8] = include_bytes!("schema.sql");

/// The text without comments and line breaks, so that opening an index does not remove them.
const CODE: [u8; code(SOURCE).1] = {
    let mut text = [0; code(SOURCE).1];
    let (code, length) = code(SOURCE);
    text.copy_from_slice(code.split_at(length).0);
    text
};

/// Returns the statements of the schema, without comments and line breaks.
pub(super) fn statements() -> impl Iterator<Item = &'static str> {
    // The constant is text: only whole lines and blanks are missing.
    let code = std::str::from_utf8(&CODE).unwrap_or_default();
    let statements = code.split(';').map(str::trim_ascii);
    statements.filter(|statement| !statement.is_empty())
}

/// Removes comments, and replaces each run of white space by one space.
///
/// Returns the text that is left, at the start of a buffer, and its length.
const fn code(source: &[u8]) -> ([u8; SOURCE.len()], usize) {
    let mut code = [0; SOURCE.len()];
    let (mut read, mut length) = (0, 0);
    let mut is_after_space = true;
    while read < source.len() {
        if source[read] == b'-' && read + 1 < source.len() && source[read + 1] == b'-' {
            while read < source.len() && source[read] != b'\n' {
                read += 1;
            }
        } else if source[read].is_ascii_whitespace() {
            if !is_after_space {
                code[length] = b' ';
                length += 1;
            }
            is_after_space = true;
            read += 1;
        } else {
            code[length] = source[read];
            length += 1;
            is_after_space = false;
            read += 1;
        }
    }
    (code, length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_have_no_comments_and_line_breaks() {
        let first = "CREATE TABLE setting ( name TEXT PRIMARY KEY, value TEXT NOT NULL ) STRICT, WITHOUT ROWID";
        assert_eq!(statements().next(), Some(first));
        for statement in statements() {
            assert!(statement.starts_with("CREATE ") || statement.starts_with("INSERT "));
            for left in ["--", "\n", "  "] {
                assert!(!statement.contains(left), "{statement}");
            }
        }
    }
}
