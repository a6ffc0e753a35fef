//! Prompt names that break careless programs; each of them is a valid prompt name.

/// All of the names except the longest ones.
const SHORT: [&str; 34] = [
    "",
    " ",
    "  two  spaces  ",
    "\u{a0}",
    "\0",
    "a\0b",
    "two\nlines",
    "\r\n",
    "tab\tbed",
    "\u{1b}[31mred\u{1b}[0m\u{1b}]0;title\u{7}",
    "\u{9b}31m\u{7f}",
    "\u{202e}exe.txt\u{2066}",
    "\u{2028}\u{85}",
    "\u{200b}",
    "\u{301}",
    "e\u{301}",
    "👨\u{200d}👩\u{200d}👧 🎭",
    "@",
    "a@1.0",
    "a@env:staging",
    "id:abc123",
    "abc123",
    "latest",
    "..",
    "../../escape",
    "/",
    "a//b/",
    "CON.json",
    "\"quoted\"",
    "'",
    "back\\slash",
    "%",
    "%00%s%@abc123",
    "--help",
];

/// Returns all names. The last two have the maximum length of a name.
pub(crate) fn names() -> Vec<String> {
    let mut names: Vec<String> = SHORT.iter().map(|name| (*name).to_owned()).collect();
    names.push("x".repeat(LONGEST));
    names.push("\n\u{301}/".repeat(LONGEST / 4));
    names
}

/// The maximum length of a name in bytes.
pub(crate) const LONGEST: usize = 64 * 1024;
