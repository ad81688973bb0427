//! Where the tags of a text stand, and the words inside them.

use std::ops::Range;

/// What a tag is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TagKind {
    /// `{{ … }}`
    Print,
    /// `{% … %}`
    Statement,
    /// `{# … #}`
    Comment,
}

/// A tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tag {
    pub(super) kind: TagKind,
    /// Bytes of the text, braces included.
    pub(super) span: Range<usize>,
}

impl Tag {
    /// The bytes between the braces, without the dashes and plus signs that only rule blanks.
    pub(super) fn inside(&self, source: &str) -> Range<usize> {
        let (mut start, mut end) = (self.span.start + 2, self.span.end.saturating_sub(2));
        let bytes = source.as_bytes();
        if start < end && matches!(bytes[start], b'-' | b'+') {
            start += 1;
        }
        if start < end && matches!(bytes[end - 1], b'-' | b'+') {
            end -= 1;
        }
        start..end.max(start)
    }
}

/// All tags of a text that end; what does not end is left to the template engine to complain of.
pub(super) fn tags(source: &str) -> Vec<Tag> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(start) = source[from..].find('{').map(|at| from + at) {
        let kind = match source.as_bytes().get(start + 1) {
            Some(b'{') => TagKind::Print,
            Some(b'%') => TagKind::Statement,
            Some(b'#') => TagKind::Comment,
            _ => {
                from = start + 1;
                continue;
            }
        };
        let Some(end) = end_of(source, start + 2, kind) else { break };
        found.push(Tag { kind, span: start..end });
        from = end;
    }
    found
}

/// The byte behind the tag whose inside begins at `from`.
fn end_of(source: &str, from: usize, kind: TagKind) -> Option<usize> {
    let bytes = source.as_bytes();
    if kind == TagKind::Comment {
        return source[from..].find("#}").map(|at| from + at + 2);
    }
    let (mut at, mut depth) = (from, 0_usize);
    while at < bytes.len() {
        match bytes[at] {
            quote @ (b'"' | b'\'') => at = end_of_string(bytes, at + 1, quote)?,
            b'}' if depth == 0 && kind == TagKind::Print && bytes.get(at + 1) == Some(&b'}') => return Some(at + 2),
            b'%' if depth == 0 && kind == TagKind::Statement && bytes.get(at + 1) == Some(&b'}') => {
                return Some(at + 2);
            }
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    None
}

/// The byte of the quote that closes a string.
fn end_of_string(bytes: &[u8], mut at: usize, quote: u8) -> Option<usize> {
    while *bytes.get(at)? != quote {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    Some(at)
}

/// A word or sign inside a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token<'s> {
    /// A name or keyword.
    Word(&'s str),
    /// A string or number.
    Literal,
    /// Anything else, one byte.
    Sign(u8),
}

/// The words and signs of a range of a text, each with its bytes.
pub(super) fn tokens(source: &str, range: Range<usize>) -> Vec<(Token<'_>, Range<usize>)> {
    let bytes = &source.as_bytes()[..range.end];
    let mut found = Vec::new();
    let mut at = range.start;
    while at < bytes.len() {
        let start = at;
        let byte = bytes[at];
        at += 1;
        let token = match byte {
            _ if byte.is_ascii_whitespace() => continue,
            b'"' | b'\'' => {
                at = end_of_string(bytes, at, byte).map_or(bytes.len(), |end| end + 1);
                Token::Literal
            }
            _ if is_word(byte) => {
                at += bytes[at..].iter().take_while(|byte| is_word(**byte)).count();
                if byte.is_ascii_digit() { Token::Literal } else { Token::Word(&source[start..at]) }
            }
            _ => Token::Sign(byte),
        };
        found.push((token, start..at));
    }
    found
}

/// Bytes beyond ASCII count as letters, so that no character is cut.
const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

#[cfg(test)]
mod tests {
    use super::{TagKind, Token, tags, tokens};

    #[test]
    fn tags_end_where_the_engine_ends_them() {
        let source = "a {{ x or '}}' }} {% if {'a': {}} %} {# {{ #} {b} {{- {'k': 1}.k -}} {{ open";
        let found = tags(source);
        let texts: Vec<_> = found.iter().map(|tag| &source[tag.span.clone()]).collect();
        assert_eq!(texts, ["{{ x or '}}' }}", "{% if {'a': {}} %}", "{# {{ #}", "{{- {'k': 1}.k -}}"]);
        assert_eq!(found[2].kind, TagKind::Comment);
        assert_eq!(&source[found[3].inside(source)], " {'k': 1}.k ");
    }

    #[test]
    fn words_are_told_from_strings_and_numbers() {
        let source = "a.b | f('x', 12)";
        let words: Vec<_> = tokens(source, 0..source.len())
            .into_iter()
            .filter_map(|(token, _)| if let Token::Word(word) = token { Some(word) } else { None })
            .collect();
        assert_eq!(words, ["a", "b", "f"]);
    }
}
