//! Variables of other template languages, as tags of a body and back.
//!
//! `{{name}}` of another language is `{{hc:name:type}}`. Everything else in double braces, and the
//! blocks of Jinja, are parts that a body has no equivalent of.

use std::collections::BTreeMap;

use super::finding::FormatFinding;
use super::unsupported::Unsupported;
use crate::template::cut_at_tags;

/// The template language of a format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum VariableSyntax {
    /// Only `{{name}}`, without a way to write anything else.
    Mustache,
    /// Handlebars: a backslash makes `{{name}}` a text.
    Handlebars,
    /// Jinja and Nunjucks: also `{% … %}` and `{# … #}`.
    Jinja,
}

/// The conversion of the texts of one file.
#[derive(Debug)]
pub(super) struct VariableReader<'a> {
    syntax: VariableSyntax,
    /// The types of variables. One that is missing is a string.
    types: &'a BTreeMap<String, String>,
    /// What is not carried.
    pub(super) findings: Vec<FormatFinding>,
}

impl<'a> VariableReader<'a> {
    pub(super) fn new(syntax: VariableSyntax, types: &'a BTreeMap<String, String>) -> Self {
        Self {
            syntax,
            types,
            findings: Vec::new(),
        }
    }

    /// Returns a text with its variables as tags. Parts that are not carried remain as they are.
    pub(super) fn read(&mut self, text: &str, first_line: usize) -> String {
        let mut out = String::with_capacity(text.len());
        let mut line = first_line;
        for (piece, is_tag) in cut_at_tags(text) {
            if is_tag {
                out.push_str(piece);
            } else {
                self.read_piece(piece, line, &mut out);
            }
            line += piece.matches('\n').count();
        }
        out
    }

    fn read_piece(&mut self, piece: &str, first_line: usize, out: &mut String) {
        let mut rest = piece;
        while let Some((at, end)) = self.next_braces(rest) {
            let (before, braces) = (&rest[..at], &rest[at..end]);
            out.push_str(before);
            let passed = piece.len() - rest.len() + at;
            let line = first_line + piece[..passed].matches('\n').count();
            let name = braces
                .strip_prefix("{{")
                .and_then(|inner| inner.strip_suffix("}}"))
                .map(str::trim)
                .filter(|name| is_name(name));
            let is_escaped = self.syntax == VariableSyntax::Handlebars && before.ends_with('\\');
            match name.filter(|_| !is_escaped) {
                Some(name) => {
                    let kind = self.types.get(name).map_or("string", String::as_str);
                    out.push_str(&format!("{{{{hc:{name}:{kind}}}}}"));
                }
                None => {
                    let shown: String = braces.chars().take(60).collect();
                    let text = format!("{shown} is no variable, and a body has nothing like it");
                    self.findings.push(FormatFinding::new(line, text));
                    out.push_str(braces);
                }
            }
            rest = &rest[end..];
        }
        out.push_str(rest);
    }

    /// Returns the next part in double braces, or the next block of the language.
    fn next_braces(&self, text: &str) -> Option<(usize, usize)> {
        let pairs: &[(&str, &str)] = match self.syntax {
            VariableSyntax::Mustache | VariableSyntax::Handlebars => &[("{{", "}}")],
            VariableSyntax::Jinja => &[("{{", "}}"), ("{%", "%}"), ("{#", "#}")],
        };
        let found = pairs.iter().filter_map(|(open, close)| {
            let at = text.find(open)?;
            let length = text[at + open.len()..].find(close)?;
            Some((at, at + open.len() + length + close.len()))
        });
        found.min()
    }
}

/// Returns an error with the findings, or the findings, which are then kept as text.
pub(super) fn settle(
    findings: Vec<FormatFinding>,
    unsupported: Unsupported,
) -> Result<Vec<FormatFinding>, Vec<FormatFinding>> {
    if findings.is_empty() || unsupported == Unsupported::KeepAsText {
        let kept = findings.into_iter().map(|finding| FormatFinding {
            text: format!("{}; it is kept as text", finding.text),
            ..finding
        });
        return Ok(kept.collect());
    }
    Err(findings)
}

/// Returns a text with its tags of variables as variables of the format.
///
/// The types that are not strings are added to `types`. If the text would not be read as it is now,
/// it is returned with a finding.
pub(super) fn write(
    text: &str,
    syntax: VariableSyntax,
    types: &mut BTreeMap<String, String>,
) -> (String, Option<FormatFinding>) {
    let mut new_types = types.clone();
    let mut out = String::with_capacity(text.len());
    for (piece, is_tag) in cut_at_tags(text) {
        match variable(piece).filter(|_| is_tag) {
            Some((name, kind)) => {
                let known = new_types.entry(name.to_owned()).or_insert(kind.to_owned());
                if known == kind {
                    out.push_str(&format!("{{{{{name}}}}}"));
                } else {
                    // The same name with another type is only unambiguous as a tag.
                    out.push_str(piece);
                }
            }
            None => out.push_str(piece),
        }
    }
    if read_back(&out, syntax, &new_types) == (text.to_owned(), 0) {
        *types = new_types;
        return (out, None);
    }
    // The tags as they are may be read as they are.
    let (found, count) = read_back(text, syntax, types);
    if found == text && count == 0 {
        return (text.to_owned(), None);
    }
    let finding = "a text has braces that this format reads as a variable or a block of its own";
    (out, Some(FormatFinding::new(None, finding)))
}

fn read_back(
    text: &str,
    syntax: VariableSyntax,
    types: &BTreeMap<String, String>,
) -> (String, usize) {
    let mut reader = VariableReader::new(syntax, types);
    let found = reader.read(text, 1);
    (found, reader.findings.len())
}

/// Returns the name and the type of a tag that is written in the shortest way.
fn variable(tag: &str) -> Option<(&str, &str)> {
    let inner = tag.strip_prefix("{{hc:")?.strip_suffix("}}")?;
    let (name, kind) = inner.split_once(':')?;
    (is_name(name) && is_name(kind)).then_some((name, kind))
}

/// Returns whether a text can be the name of a variable of a body.
fn is_name(text: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    !text.is_empty() && !text.starts_with(|c: char| c.is_ascii_digit()) && text.chars().all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (String, Vec<String>) {
        let types = BTreeMap::from([("age".to_owned(), "number".to_owned())]);
        let mut reader = VariableReader::new(VariableSyntax::Jinja, &types);
        let found = reader.read(text, 5);
        let findings = reader.findings.iter().map(ToString::to_string).collect();
        (found, findings)
    }

    #[test]
    fn variables_become_tags_with_their_types() {
        let (found, findings) = read("Hi {{ name }}, {{age}} {{hc:own:boolean}} {x} {{");
        assert_eq!(
            found,
            "Hi {{hc:name:string}}, {{hc:age:number}} {{hc:own:boolean}} {x} {{"
        );
        assert!(findings.is_empty());
    }

    #[test]
    fn everything_else_is_found_with_its_line() {
        let (found, findings) = read("a\n{% if x %}\n{{ name | upper }}{# why #}\n{{#each}}");
        assert_eq!(
            found,
            "a\n{% if x %}\n{{ name | upper }}{# why #}\n{{#each}}"
        );
        let lines: Vec<&str> = findings.iter().map(|text| &text[..6]).collect();
        assert_eq!(lines, ["line 6", "line 7", "line 7", "line 8"]);
    }

    #[test]
    fn a_name_with_two_types_and_braces_at_a_tag_are_kept_as_tags() {
        let mut types = BTreeMap::new();
        let text = "{{hc:a:string}} {{hc:a:number}} {{hc:b:number}}";
        let (found, finding) = write(text, VariableSyntax::Mustache, &mut types);
        assert_eq!(found, "{{a}} {{hc:a:number}} {{b}}");
        assert!(finding.is_none());
        let text = "{{{hc:c:string}}";
        let (found, finding) = write(text, VariableSyntax::Mustache, &mut types);
        assert_eq!((found.as_str(), finding), (text, None));
        let (_, finding) = write("{{c}}", VariableSyntax::Mustache, &mut types);
        assert!(finding.is_some());
    }
}
