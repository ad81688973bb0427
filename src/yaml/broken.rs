//! What the scanner of YAML cannot read, said in our words, and a way to read the rest of the file all the same.
//!
//! The scanner stops at its first error. What it stopped at is told, its value is blanked out, character for character,
//! so that all places stay where they are, and the file is read once more.

use super::exclamation;
use super::item::{BLANK, BLANK_HELP, DASH, begins_item, other_blank};
use super::parse::Source;
use crate::domain::Diagnostic;
use std::ops::Range;

/// What the scanner stopped at.
pub(super) struct Broken {
    pub(super) problem: Diagnostic,
    /// How to go on; `None` when the rest cannot be read.
    pub(super) mend: Option<Mend>,
}

/// What to put out of the scanner's way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mend {
    /// One character, at this byte, with which a text begins that was meant as a text.
    Character(usize),
    /// All that stands under a key of the first level: the byte of the key, and the bytes of its value.
    Value(usize, Range<usize>),
}

/// An error in our words, before it has a code.
struct Told {
    code: &'static str,
    span: Range<usize>,
    message: String,
    help: Option<String>,
}

impl Told {
    fn new(span: Range<usize>, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { code: "yaml-syntax", span, message: message.into(), help: Some(help.into()) }
    }
}

/// Says what the scanner stopped at: its own words are `info`, and it stood at the byte `at`.
pub(super) fn tell(source: &Source<'_>, info: &str, at: usize) -> Broken {
    if let Some(told) = blank_above(source, at) {
        let mend = value_of_key(source, told.span.start);
        return Broken { problem: problem(source, told), mend };
    }
    if let Some(mark) = exclamation::stumbled_over(source, info, at) {
        return Broken { problem: exclamation::told(source, mark), mend: Some(Mend::Character(mark)) };
    }
    let line = Line::of(source, at);
    if let Some((star, told)) = alias(source, &line, info, at) {
        let mend = Some(Mend::Character(star));
        return Broken { problem: problem(source, told), mend };
    }
    let told = told(source, &line, info, at);
    let mend = value_of_key(source, told.span.start);
    Broken { problem: problem(source, told), mend }
}

/// A blank of another kind in the indentation of the line of a byte, or of one above under the same key.
fn blank_above(source: &Source<'_>, at: usize) -> Option<Told> {
    let (mut start, mut line) = source.line_at(at.min(source.byte(usize::MAX)));
    loop {
        if let Some(blank) = other_blank(line) {
            return Some(Told::new(start + blank.start..start + blank.end, BLANK, BLANK_HELP));
        }
        if start <= source.byte(0) || key_end(line).is_some() && start < at {
            return None;
        }
        (start, line) = source.line_at(start - 1);
    }
}

fn problem(source: &Source<'_>, told: Told) -> Diagnostic {
    let mut problem = source.error(told.code, told.span, told.message);
    problem.help = told.help;
    problem
}

/// The line that an error stands in.
struct Line<'s> {
    start: usize,
    text: &'s str,
    /// The line without its indentation and the marks of lists.
    body: &'s str,
}

impl<'s> Line<'s> {
    fn of(source: &Source<'s>, at: usize) -> Self {
        let last = source.byte(usize::MAX);
        let (mut start, mut text) = source.line_at(at.min(last));
        // At the end of the text the last line that says something is meant.
        while text.trim().is_empty() && start > source.byte(0) {
            (start, text) = source.line_at(start - 1);
        }
        let mut body = text.trim();
        while let Some(rest) = body.strip_prefix("- ") {
            body = rest.trim_start();
        }
        Self { start, text, body }
    }

    fn span(&self) -> Range<usize> {
        let start = self.body_start();
        start..start + self.body.trim_end().len()
    }

    fn body_start(&self) -> usize {
        self.start + self.text.find(self.body).unwrap_or(0)
    }

    /// Whether it is neither a key with its colon nor an item nor a comment.
    fn is_no_key(&self) -> bool {
        let text = self.text.trim();
        let is_item = text == "-" || text.starts_with("- ");
        let body = self.body.trim_end();
        !(is_item || body.is_empty() || body.starts_with('#') || body.contains(": ") || body.ends_with(':'))
    }

    /// The key, and the value behind it, of a line that has both.
    fn parts(&self) -> Option<(&'s str, &'s str)> {
        let (key, value) = self.body.split_once(": ")?;
        is_word(key).then(|| (key, value.trim()))
    }

    /// The line as it is written with its whole value in single quotes.
    fn quoted(&self) -> String {
        match self.parts() {
            Some((key, value)) => format!("{key}: {}", as_meant(value)),
            None if self.text.trim_start().starts_with("- ") => format!("- {}", as_meant(self.body)),
            None => as_meant(self.body),
        }
    }
}

/// A text in single quotes, as YAML wants it.
pub(super) fn in_quotes(text: &str) -> String {
    format!("'{}'", text.trim().replace('\'', "''"))
}

/// A text in quotes that can be read: quotes around the whole of it that were closed too early are taken off first.
fn as_meant(text: &str) -> String {
    let text = text.trim();
    let Some(inner) = without_quotes(text) else { return in_quotes(text) };
    if inner.contains('\'') && !inner.contains(['"', '\\']) { format!("\"{inner}\"") } else { in_quotes(inner) }
}

/// What stands between two quotes that were meant to hold a whole text, and of which the first is closed inside a word
/// or right before one: `'It's a test'`, `"a == "b""`.
fn without_quotes(text: &str) -> Option<&str> {
    let quote = text.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    let inner = text.strip_prefix(quote)?.strip_suffix(quote)?;
    let (_, behind) = inner.split_once(quote)?;
    (!behind.starts_with(' ')).then_some(inner)
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'))
}

/// A text that begins with `*` or `&` and is no alias or anchor.
fn alias(source: &Source<'_>, line: &Line<'_>, info: &str, at: usize) -> Option<(usize, Told)> {
    if !info.contains("unknown anchor") && !info.contains("anchor or alias") {
        return None;
    }
    let within = at.saturating_sub(line.start).min(line.text.len());
    let is_start = |byte: &usize| {
        let before = line.text[..*byte].trim_end();
        before.is_empty() || before.ends_with([':', '-', ',', '[', '{'])
    };
    let starts = |text: &str| text.match_indices(['*', '&']).map(|(byte, _)| byte).collect::<Vec<_>>();
    let before = starts(line.text.get(..=within).or(line.text.get(..within)).unwrap_or(line.text));
    let found = before.into_iter().rev().find(is_start).or_else(|| starts(line.text).into_iter().find(is_start))?;
    let star = line.start + found;
    let in_flow = line.text[..found].contains(['{', '[']);
    let rest = &line.text[found..];
    let end = if in_flow { rest.find([',', '}', ']']).unwrap_or(rest.len()) } else { rest.len() };
    let text = rest[..end].split(" #").next().unwrap_or_default().trim();
    let key = line.text[..found].trim_end().strip_suffix(':').and_then(|key| key.rsplit([' ', '{', ',']).next());
    let is_schedule = key == Some("schedule") || text.split_whitespace().count() >= 5;
    let first = &text[..1];
    let (message, help) = if is_schedule {
        let message = format!("a schedule that begins with `{first}` must stand in quotes");
        (message, format!("write {}\"{text}\"", key.map(|key| format!("{key}: ")).unwrap_or_default()))
    } else if first == "*" {
        (
            "a value cannot begin with `*`: YAML takes it for an alias".to_owned(),
            format!("write the value out, or if it is a text put it in quotes: {}", in_quotes(text)),
        )
    } else {
        (
            "a value cannot begin with `&`: YAML takes it for an anchor".to_owned(),
            format!("write the value out, or if it is a text put it in quotes: {}", in_quotes(text)),
        )
    };
    let code = if first == "*" { "yaml-alias" } else { "yaml-anchor" };
    let told = Told { code, span: star..star + text.len(), message, help: Some(help) };
    (source.slice(star..star + 1) == first).then_some((star, told))
}

fn told(source: &Source<'_>, line: &Line<'_>, info: &str, at: usize) -> Told {
    let has = |part: &str| info.contains(part);
    if let Some(told) = braces(line).or_else(|| braces(&Line::of(source, line.start.saturating_sub(1)))) {
        return told;
    }
    let here = at..at
        + source
            .slice(at..source.byte(usize::MAX))
            .chars()
            .next()
            .map_or(0, |c| if c == '\n' { 0 } else { c.len_utf8() });
    if has("quoted scalar") && (has("end of stream") || has("indentation") || has("document indicator")) {
        return quote(source, line, at);
    }
    if has("escape") || has("hexadecimal") {
        let help = "write `\\\\` for a backslash, or put the text in '…', where a backslash is itself";
        let here = escape(line).unwrap_or(here);
        return Told::new(here, "inside \"…\" a backslash begins an escape, and this one is unknown", help);
    }
    if has("block sequence entries") {
        let message = "a list cannot begin on the line of its key";
        let value = line.parts().map_or("- …", |(_, value)| value);
        return Told::new(here, message, format!("begin it on the next line, indented by two blanks: `  {value}`"));
    }
    if has("trailing content") {
        let open = open_bracket_before(source, at).filter(|open| *open >= line.start);
        let quoted = open.map_or_else(|| line.quoted(), |open| item_quoted(source, line, open, at).1);
        let help = format!("put the whole of it in quotes that do not stand inside it: {quoted}");
        return Told::new(behind_quote(line, at), "the text goes on behind its closing quote", help);
    }
    if has("flow") || has("misplaced bracket") || has("may not precede") {
        return bracket(source, line, info, at);
    }
    if has("unexpected character") || has("plain scalar cannot start") {
        let help = format!("put the whole text in quotes: {}", line.quoted());
        return Told::new(here, format!("a text cannot begin with `{}` in YAML", source.slice(at..at + 1)), help);
    }
    if has("mapping values") || has("illegal placement") {
        return colon(source, line, at);
    }
    if has("mapping keys") {
        let help = format!("put the whole text in quotes: {}", line.quoted());
        return Told::new(here, "a text cannot begin with `? ` in YAML", help);
    }
    if has("tab") {
        let tab = line.text.find('\t').map_or(here, |tab| line.start + tab..line.start + tab + 1);
        return Told {
            code: "yaml-tab",
            ..Told::new(tab, "a tab where YAML wants blanks", "write blanks instead of the tab")
        };
    }
    other(source, line, info, here)
}

/// A text that begins with `{{ }}` and goes on behind it, or has it never closed.
fn braces(line: &Line<'_>) -> Option<Told> {
    let value = line.parts().map_or(line.body, |(_, value)| value);
    let goes_on = value.starts_with("{{") && !value.ends_with("}}");
    let start = line.start + line.text.find(value)?;
    let help = || format!("put the whole text in quotes: {}", line.quoted());
    goes_on.then(|| Told {
        code: "yaml-key",
        ..Told::new(start..start + value.len(), "a text that begins with `{` must stand in quotes", help())
    })
}

/// Where a line has a backslash that begins no escape.
fn escape(line: &Line<'_>) -> Option<Range<usize>> {
    let mut characters = line.text.char_indices();
    while let Some((at, character)) = characters.next() {
        let next = (character == '\\').then(|| characters.next()).flatten();
        if let Some((_, letter)) = next.filter(|(_, letter)| !"0abtnvfre \"/\\N_LPxuU\t".contains(*letter)) {
            return Some(line.start + at..line.start + at + 1 + letter.len_utf8());
        }
    }
    None
}

/// What is wrong with a line as such, or at least where it is.
fn other(source: &Source<'_>, line: &Line<'_>, info: &str, here: Range<usize>) -> Told {
    let has = |part: &str| info.contains(part);
    if has("block scalar") {
        return if has("comment or line break") {
            if let Some((key, sign)) = line.body.split_once(": ").filter(|(key, _)| key.contains(['.', '(']))
                && sign.starts_with('>')
            {
                let message = "behind a colon `>` begins a text of several lines, so this is no comparison";
                return Told::new(here, message, format!("leave the colon out: `{key} {}`", sign.trim()));
            }
            let message = "nothing may stand behind `|` or `>` on their line";
            Told::new(here, message, "begin the text on the next line, indented by two blanks")
        } else {
            let message = "this line is not indented like the first line of the text";
            Told::new(line.span(), message, "let all lines of a text behind `|` or `>` begin in one column")
        };
    }
    if has("directive") || has("version") {
        return Told::new(
            line.span(),
            "a line cannot begin with `%` in YAML",
            "put the text in quotes, or remove the line",
        );
    }
    if has("document") {
        let help = "keep one document in a file: remove the lines `---` and `...` and what follows them";
        return Told { code: "yaml-documents", ..Told::new(line.span(), "a second document begins here", help) };
    }
    if has("intercepting") {
        let message = "a comment stands in the middle of a text that goes over several lines";
        return Told::new(line.span(), message, "move the comment above the text");
    }
    if has("'-' must be followed") || has("'-' indicator") {
        let help = "begin each line of the list with `- `, all in one column; a line that belongs to the item above begins two blanks further in";
        return Told::new(line.span(), "this line stands in a list, but is no item of it", help);
    }
    if has("simple key") || has("must be followed by a valid YAML whitespace") {
        return no_key(source, line);
    }
    if has("expected key") || has("indentation") {
        let help = match item_above(source, line) {
            Some(column) => format!("begin it with {column} blanks, as the items of the list above"),
            None => "let all keys that belong together begin in one column, and each item of a list with `- `".into(),
        };
        return Told::new(line.span(), "this line begins in another column than those it belongs to", help);
    }
    let help = "check its indentation, and put a text with special characters in '…'";
    Told::new(line.span(), "this line cannot be read", help)
}

/// The column of the nearest item of a list above a line that is an item itself, if it is another.
fn item_above(source: &Source<'_>, line: &Line<'_>) -> Option<usize> {
    let column = |text: &str| text.trim_start().starts_with("- ").then(|| text.len() - text.trim_start().len());
    let own = column(line.text)?;
    let above = Line::of(source, line.start.saturating_sub(1).max(source.byte(0)));
    column(above.text).filter(|above| *above != own)
}

/// A line that begins with a dash and no blank behind it, as an item of a list was meant to.
fn dash(line: &Line<'_>) -> Option<Told> {
    let item = line.body.strip_prefix('-').filter(|rest| begins_item(rest))?;
    Some(Told::new(line.span(), DASH, format!("write `- {}`", item.trim())))
}

/// A line that is no `key: value`: this one, or the last one above it, for the scanner looks ahead.
fn no_key(source: &Source<'_>, at: &Line<'_>) -> Told {
    let mut line = Line { ..*at };
    while !line.is_no_key() && line.start > source.byte(0) {
        line = Line::of(source, line.start - 1);
    }
    let line = if line.is_no_key() { line } else { Line { ..*at } };
    if let Some(told) = dash(&line) {
        return told;
    }
    let above = Line::of(source, line.start.saturating_sub(1));
    let indentation = |line: &Line<'_>| line.text.len() - line.text.trim_start().len();
    let is_in_list = above.text.trim_start().starts_with("- ") && indentation(&above) == indentation(&line);
    if is_in_list && line.start > source.byte(0) {
        let help = format!("begin it with `- `, as the line above: `- {}`", line.body.trim());
        return Told::new(line.span(), "this line stands in a list, but is no item of it", help);
    }
    let glued = line.body.split_once(':').filter(|(key, value)| is_word(key) && !value.is_empty());
    let help = match (glued, line.body.split_once(' ').filter(|(key, _)| is_word(key))) {
        (Some((key, value)), _) => format!("write a blank behind the colon: `{key}: {}`", value.trim()),
        (None, Some((key, value))) => format!("write a colon behind the key: `{key}: {}`", value.trim()),
        _ if is_word(line.body) => format!("write a colon and a value behind it: `{}: …`", line.body),
        _ => "a line of a map is `key: value`, a line of a list `- value`".to_owned(),
    };
    Told::new(line.span(), "this line is no `key: value`", help)
}

/// A colon where no value may begin: in a text, or in a line that is indented too far.
fn colon(source: &Source<'_>, line: &Line<'_>, at: usize) -> Told {
    let before = source.slice(line.body_start()..at.max(line.body_start()));
    if is_word(before) {
        let (_, above) = source.line_at(line.start.saturating_sub(1));
        let column = above.len() - above.trim_start_matches([' ', '-']).len();
        let message =
            format!("`{before}` is indented further than the line above, so it is read as a part of its text");
        let help = if column == 0 {
            format!("begin `{before}` at the start of the line")
        } else {
            format!("begin `{before}` with {column} blanks in front of it, below the key above")
        };
        return Told::new(line.span(), message, help);
    }
    let help = format!("put the whole text in quotes: {}", line.quoted());
    Told::new(at..at + 1, "a colon and a blank begin a value in YAML, and this text has them inside", help)
}

/// The bytes behind the quote that closed too early, up to the end of the line.
fn behind_quote(line: &Line<'_>, at: usize) -> Range<usize> {
    let end = line.start + line.text.trim_end().len();
    at.min(end)..end
}

/// A quote that is not closed: the last one before `at` that its line does not close.
fn quote(source: &Source<'_>, line: &Line<'_>, at: usize) -> Told {
    let (mut start, mut text) = (line.start, line.text);
    loop {
        if let Some(open) = open_quote(text)
            && start + open <= at
        {
            let quote = &text[open..=open];
            let help = format!("write a `{quote}` behind its last word; inside '…' an apostrophe is written ''");
            return Told::new(
                start + open..start + text.trim_end().len(),
                format!("this text has no closing `{quote}`"),
                help,
            );
        }
        if start <= source.byte(0) {
            break;
        }
        (start, text) = source.line_at(start - 1);
    }
    Told::new(line.span(), "a text has no closing quote", "close the quote; inside '…' write '' for an apostrophe")
}

/// Where in a line a quote begins that the line does not close.
pub(super) fn open_quote(line: &str) -> Option<usize> {
    let mut open: Option<(usize, char)> = None;
    let mut before = ' ';
    for (at, character) in line.char_indices() {
        match open {
            Some((_, quote)) if character == quote && (quote == '\'' || before != '\\') => open = None,
            None if matches!(character, '"' | '\'') && matches!(before, ' ' | '[' | '{' | ',') => {
                open = Some((at, character));
            }
            None if character == '#' && before == ' ' => break,
            _ => {}
        }
        before = character;
    }
    open.map(|(at, _)| at)
}

/// Brackets that do not match, or what stands between them.
fn bracket(source: &Source<'_>, line: &Line<'_>, info: &str, at: usize) -> Told {
    let open = open_bracket_before(source, at);
    match open {
        Some(open) if !source.slice(open..at).contains('\n') && at < line.start + line.text.trim_end().len() => {
            let (span, quoted) = item_quoted(source, line, open, at);
            let message = "inside [ ] and { } a text with a quote, a comma, a bracket or a colon in it cannot be read";
            Told::new(span, message, format!("put the whole text in quotes: {quoted}"))
        }
        Some(open) => {
            let bracket = source.slice(open..open + 1);
            let close = if bracket == "[" { "]" } else { "}" };
            let end = open + source.rest_of_line(open).trim_end().len();
            Told::new(open..end, format!("`{bracket}` is never closed"), format!("write `{close}` where it ends"))
        }
        None if info.contains("misplaced") => {
            let message = format!("`{}` closes nothing", source.slice(at..at + 1));
            Told::new(at..at + 1, message, "remove it, or write the bracket that it closes")
        }
        None => Told::new(
            line.span(),
            "the brackets of this line do not match",
            "inside [ ] and { } put a text that holds , [ ] { } or : in quotes",
        ),
    }
}

/// Where the item of a list or a map in brackets stands that holds a byte, and the item with its text in quotes.
fn item_quoted(source: &Source<'_>, line: &Line<'_>, open: usize, at: usize) -> (Range<usize>, String) {
    let item = item_at(source.slice(open + 1..line.start + line.text.len()), at - open - 1);
    let span = open + 1 + item.start..open + 1 + item.end;
    let written = source.slice(span.clone());
    let quoted = match written.split_once(": ").filter(|(key, _)| is_word(key)) {
        Some((key, value)) => format!("{key}: {}", as_meant(value)),
        None => as_meant(written),
    };
    (span, quoted)
}

/// The bytes of the item in which a byte stands, in what follows an opening bracket: up to a comma or a bracket that is not
/// inside others.
pub(super) fn item_at(text: &str, at: usize) -> Range<usize> {
    let (mut start, mut depth, mut quote) = (0, 0_usize, None);
    for (byte, character) in text.char_indices() {
        match (quote, character) {
            (Some(open), _) if character == open => quote = None,
            (None, '"' | '\'') => quote = Some(character),
            (None, '[' | '{' | '(') => depth += 1,
            (None, ']' | '}' | ')') if depth > 0 => depth -= 1,
            (None, ',' | ']' | '}') if depth == 0 && byte >= at => return trimmed(text, start..byte),
            (None, ',') if depth == 0 => start = byte + 1,
            _ => {}
        }
    }
    // A quote too many has opened a text: the brackets at its end belong to what stands around it.
    let end = if quote.is_some() { text.trim_end_matches([']', '}', ' ', '\n', '\r']).len() } else { text.len() };
    trimmed(text, start..end.max(start))
}

fn trimmed(text: &str, span: Range<usize>) -> Range<usize> {
    let inner = &text[span.clone()];
    let start = span.start + inner.len() - inner.trim_start().len();
    start..(span.start + inner.trim_end().len()).max(start)
}

/// Where the innermost bracket stands that is open at a byte: under the key of the first level that this byte stands
/// under, or that before it, for the scanner looks ahead.
fn open_bracket_before(source: &Source<'_>, at: usize) -> Option<usize> {
    let mut end = at;
    for _ in 0..2 {
        let Some(Mend::Value(key, _)) = value_of_key(source, end.saturating_sub(1)) else { return None };
        if let Some(open) = open_bracket(source.slice(key..at)) {
            return Some(key + open);
        }
        end = key;
    }
    None
}

/// Where the innermost bracket stands that a text leaves open; texts in quotes are left out.
pub(super) fn open_bracket(text: &str) -> Option<usize> {
    let (mut open, mut quote) = (Vec::new(), None);
    for (at, character) in text.char_indices() {
        match quote {
            Some(one) if character == one => quote = None,
            Some(_) => {}
            None => match character {
                '"' | '\'' => quote = Some(character),
                '[' | '{' => open.push(at),
                ']' | '}' => drop(open.pop()),
                _ => {}
            },
        }
    }
    open.pop()
}

/// The value of the key of the first level under which a byte stands.
fn value_of_key(source: &Source<'_>, at: usize) -> Option<Mend> {
    let (mut start, mut line) = source.line_at(at);
    loop {
        if let Some(colon) = key_end(line) {
            let from = start + colon;
            return Some(Mend::Value(start, from..end_of_value(source, start + line.len())));
        }
        if start <= source.byte(0) {
            return None;
        }
        (start, line) = source.line_at(start - 1);
    }
}

/// Where the value begins in a line that begins with a key of the first level.
fn key_end(line: &str) -> Option<usize> {
    let colon = line.find(':')?;
    let followed = line[colon + 1..].is_empty() || line[colon + 1..].starts_with([' ', '\r']);
    let key = line[..colon].trim_matches(['"', '\'']);
    let is_key = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | ' '));
    (is_key && followed && !line.starts_with([' ', '-'])).then_some(colon + 1)
}

/// Where the lines end that belong to a key of the first level whose own line ends at that byte.
fn end_of_value(source: &Source<'_>, line_end: usize) -> usize {
    let last = source.byte(usize::MAX);
    let mut end = line_end;
    for line in source.slice(line_end..last).split_inclusive('\n') {
        let is_other =
            key_end(line.trim_end_matches('\n')).is_some() || line.starts_with("---") || line.starts_with("...");
        if is_other {
            break;
        }
        end += line.len();
    }
    end
}

/// The text with something put out of the way; as many characters as before.
pub(super) fn mended(source: &Source<'_>, yaml: &str, mend: &Mend) -> String {
    let first = source.byte(0);
    // Both texts have the same characters but for those that were put out of the way, so they are counted.
    let range = match mend {
        Mend::Character(at) => *at..*at + 1,
        Mend::Value(_, value) => value.clone(),
    };
    let (mut at, mut text) = (first, String::with_capacity(yaml.len()));
    let original = source.yaml().chars();
    for (character, was) in yaml.chars().zip(original) {
        let stays = !range.contains(&at) || matches!(character, '\n' | '\r');
        text.push(if stays {
            character
        } else if matches!(mend, Mend::Character(_)) {
            '_'
        } else {
            ' '
        });
        at += was.len_utf8();
    }
    text
}
