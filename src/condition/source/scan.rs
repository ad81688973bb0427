//! Tokens with their places, and the characters that do not belong in a condition.

use super::super::Problem;
use super::mend::Slip;
use std::ops::Range;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Name,
    Number,
    Text,
    Symbol,
}

/// One token.
#[derive(Debug, Clone)]
pub(super) struct Token<'s> {
    pub(super) class: Class,
    pub(super) text: &'s str,
    pub(super) start: usize,
}

impl Token<'_> {
    pub(super) fn span(&self) -> Range<usize> {
        self.start..self.start + self.text.len()
    }

    pub(super) fn is(&self, symbol: &str) -> bool {
        self.class == Class::Symbol && self.text == symbol
    }

    pub(super) fn is_name(&self, name: &str) -> bool {
        self.class == Class::Name && self.text == name
    }
}

/// Longest first.
const SYMBOLS: [&str; 36] = [
    "===", "!==", "==", "!=", "<=", ">=", "<>", "=<", "=>", "&&", "||", "//", "/*", "(", ")", "[", "]", "{", "}", ",",
    ".", "?", ":", "+", "-", "*", "/", "%", "<", ">", "!", "=", "&", "|", ";", "^",
];

/// What people type for what they mean.
const MEANT: [(char, &str); 9] = [
    ('≥', "`>=`"),
    ('≤', "`<=`"),
    ('≠', "`!=`"),
    ('−', "`-`"),
    ('–', "`-`"),
    ('—', "`-`"),
    ('×', "`*`"),
    ('÷', "`/`"),
    ('\u{a0}', "a plain space"),
];

/// Marks of quotation that are none here.
const CURLY: &str = "“”„‟‘’‚‛«»‹›`´";

/// The tokens of a text, and a slip for each character that begins none. A comment ends the reading.
pub(super) fn tokens(source: &str) -> (Vec<Token<'_>>, Vec<Slip>) {
    let (mut tokens, mut slips) = (Vec::new(), Vec::new());
    let mut start = 0;
    while let Some(first) = source[start..].chars().next() {
        if first.is_ascii_whitespace() {
            start += 1;
            continue;
        }
        let rest = &source[start..];
        if first == '#' {
            slips.push(comment(start..source.len()));
            break;
        }
        match next(rest, first) {
            Ok((_, "//" | "/*")) => {
                slips.push(comment(start..source.len()));
                break;
            }
            Ok((class, text)) => {
                tokens.push(Token { class, text, start });
                start += text.len();
            }
            Err(Odd { length, problem, meant }) => {
                let span = start..start + length;
                let problem = Problem { span: span.clone(), ..problem };
                slips.push(Slip { problem, meant: meant.map(|meant| (span, meant)) });
                start += length;
            }
        }
    }
    (tokens, slips)
}

/// In a text of several lines a comment is a part of the text.
fn comment(span: Range<usize>) -> Slip {
    let message = "a comment cannot stand inside a condition";
    let help = "put it on a line of its own outside the condition, behind `#`";
    Slip::unclear(Problem::error(span, "comment", message).help(help))
}

/// What begins no token.
struct Odd {
    length: usize,
    problem: Problem,
    /// What was plainly meant.
    meant: Option<String>,
}

impl Odd {
    const fn new(length: usize, problem: Problem) -> Self {
        Self { length, problem, meant: None }
    }
}

/// The token at the beginning of `rest`, or how many bytes to leave out and why.
fn next(rest: &str, first: char) -> Result<(Class, &str), Odd> {
    let word = |class, length: usize| Ok((class, &rest[..length]));
    let while_is = |test: fn(char) -> bool| rest.find(|c| !test(c)).unwrap_or(rest.len());
    if is_quoted(rest) {
        return quoted(rest).map(|length| (Class::Text, &rest[..length])).ok_or_else(|| {
            let problem = plain("this text has no closing quote").help("end it with the quote it began with");
            Odd::new(rest.len(), problem)
        });
    }
    if first.is_ascii_digit() || first == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit()) {
        return word(Class::Number, number(rest));
    }
    if first.is_ascii_alphabetic() || first == '_' {
        return word(Class::Name, while_is(|c| c.is_ascii_alphanumeric() || c == '_'));
    }
    if let Some(symbol) = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
        return word(Class::Symbol, symbol.len());
    }
    let length = first.len_utf8();
    if CURLY.contains(first) {
        return Err(curly(rest, first));
    }
    if let Some((_, meant)) = MEANT.iter().find(|(typed, _)| *typed == first) {
        let problem = plain(format!("`{first}` means nothing in a condition")).help(format!("write {meant}"));
        let meant = if first.is_whitespace() { " " } else { meant.trim_matches('`') };
        return Err(Odd { length, problem, meant: Some(meant.to_owned()) });
    }
    if first.is_alphabetic() {
        let length = while_is(|c| c.is_alphanumeric() || c == '_');
        let problem = plain(format!("`{}` is no name: names are made of a-z, 0-9 and _", &rest[..length]));
        return Err(Odd::new(length, problem.help("put a text into quotes: \"…\"")));
    }
    let problem = plain(format!("`{}` means nothing in a condition", first.escape_debug()));
    Err(Odd::new(length, problem.help("remove it; a text stands in quotes: \"…\"")))
}

/// A text between marks of quotation that are none here, or one such mark.
fn curly(rest: &str, first: char) -> Odd {
    let begin = first.len_utf8();
    let closing = rest[begin..].char_indices().find(|(_, mark)| CURLY.contains(*mark) || matches!(mark, '"' | '\''));
    let Some((at, mark)) = closing else {
        let problem = plain(format!("`{first}` is no quote that a condition understands"));
        return Odd::new(begin, problem.help("write straight quotes: \"text\" or 'text'"));
    };
    let text = &rest[begin..begin + at];
    let length = begin + at + mark.len_utf8();
    let meant = format!("\"{}\"", text.replace('\\', "\\\\"));
    let problem = plain(format!("`{first}` and `{mark}` are no quotes that a condition understands"));
    Odd { length, problem: problem.help(format!("write straight quotes: {meant}")), meant: Some(meant) }
}

/// A syntax error whose place is filled in later.
fn plain(message: impl Into<String>) -> Problem {
    Problem::error(0..0, "syntax", message)
}

/// Whether a text literal begins here.
fn is_quoted(rest: &str) -> bool {
    matches!(rest.as_bytes(), [b'"' | b'\'', ..] | [b'r' | b'R', b'"' | b'\'', ..])
}

/// The length of the text literal at the beginning, quotes included; `None` when it does not end.
fn quoted(rest: &str) -> Option<usize> {
    let skip = usize::from(rest.starts_with(['r', 'R']));
    let body = &rest[skip..];
    let quote = if body.starts_with("\"\"\"") || body.starts_with("'''") { &body[..3] } else { &body[..1] };
    let mut from = quote.len();
    while let Some(found) = body.get(from..)?.find([char::from(quote.as_bytes()[0]), '\\']) {
        let at = from + found;
        if body[at..].starts_with(quote) {
            return Some(skip + at + quote.len());
        }
        // In a raw text a backslash is itself.
        let escapes = skip == 0 && body[at..].starts_with('\\');
        from = at + 1 + if escapes { body[at + 1..].chars().next().map_or(0, char::len_utf8) } else { 0 };
    }
    None
}

/// The length of the number at the beginning, with what is glued to it: `12`, `.5`, `1e3`, `0xff`, `3u`, `30d`.
fn number(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let mut end = 0;
    while let Some(byte) = bytes.get(end) {
        let exponent_sign = matches!(byte, b'+' | b'-')
            && end > 0
            && matches!(bytes[end - 1], b'e' | b'E')
            && bytes.get(end + 1).is_some_and(u8::is_ascii_digit)
            && !rest.starts_with("0x");
        let point = *byte == b'.' && bytes.get(end + 1).is_some_and(u8::is_ascii_digit);
        if byte.is_ascii_alphanumeric() || *byte == b'_' || exponent_sign || point {
            end += 1;
        } else {
            break;
        }
    }
    end
}
