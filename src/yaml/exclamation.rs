//! Texts that begin with `!`, which YAML takes for a tag.
//!
//! What stands behind a tag is read as a value of its own, so that `!a || b` and `!a > 3` end in an error about the `|` or
//! `>`. The `!` is told, put out of the way, and the file is read once more.

use super::broken::{in_quotes, item_at, open_quote};
use super::parse::Source;
use crate::domain::Diagnostic;

/// Where a text begins with `!` that the scanner stumbled over at a byte: on the line of that byte, or on the one above
/// when it had to look ahead.
pub(super) fn stumbled_over(source: &Source<'_>, info: &str, at: usize) -> Option<usize> {
    let at = at.min(source.byte(usize::MAX));
    let (start, line) = source.line_at(at);
    let on_line = before(start, line, at).or_else(|| first(start, line));
    let looked_ahead = ["flow", "bracket", "tag"].iter().any(|part| info.contains(part));
    on_line.or_else(|| {
        let mut above = start;
        while looked_ahead && above > source.byte(0) {
            let (start, line) = source.line_at(above - 1);
            if !line.trim().is_empty() {
                return first(start, line);
            }
            above = start;
        }
        None
    })
}

/// Where the `!` of a tag stands that the scanner gave the place of: there, or before its value on that line.
pub(super) fn of_tag(source: &Source<'_>, at: usize) -> Option<usize> {
    if source.slice(at..at + 1) == "!" {
        return Some(at);
    }
    let (start, line) = source.line_at(at);
    before(start, line, at)
}

fn before(start: usize, line: &str, at: usize) -> Option<usize> {
    starts(line).map(|byte| start + byte).take_while(|byte| *byte <= at).last()
}

fn first(start: usize, line: &str) -> Option<usize> {
    starts(line).next().map(|byte| start + byte)
}

/// Where a `!` stands in a line at the beginning of a value.
fn starts(line: &str) -> impl Iterator<Item = usize> {
    let is_start = |byte: &usize| {
        let before = &line[..*byte];
        let is_behind_mark = before.trim_end().ends_with([':', '-']) && before.ends_with([' ', '\t']);
        let begins = before.trim().is_empty() || is_behind_mark || before.trim_end().ends_with([',', '[', '{']);
        begins && !line[*byte..].starts_with("!=") && open_quote(before).is_none() && !before.contains(" #")
    };
    line.match_indices('!').map(|(byte, _)| byte).filter(is_start)
}

/// What is said of a text that begins with `!` at that byte.
pub(super) fn told(source: &Source<'_>, at: usize) -> Diagnostic {
    let (start, line) = source.line_at(at);
    let (head, rest) = line.split_at(at - start);
    let in_flow = super::broken::open_bracket(head).is_some();
    let end = if in_flow { item_at(rest, 0).end } else { rest.len() };
    let text = rest[..end].split(" #").next().unwrap_or_default().trim_end();
    let help = if !in_flow && goes_on(source, start + line.len(), head) {
        "put the whole text in quotes: a ' in front of the `!`, and a ' at its end".to_owned()
    } else {
        format!("put the whole text in quotes: {}", in_quotes(text))
    };
    let message = "a value cannot begin with `!`: YAML takes it for a tag";
    source.error("yaml-tag", at..at + text.len(), message).help(help)
}

/// Whether the text of a line whose head is given goes on with the next line.
fn goes_on(source: &Source<'_>, line_end: usize, head: &str) -> bool {
    let rest = source.slice(line_end..source.byte(usize::MAX));
    let Some(next) = rest.lines().skip(1).find(|line| !line.trim().is_empty()) else { return false };
    let column = head.len() - head.trim_start().len();
    let body = next.trim_start();
    next.len() - body.len() > column && !body.starts_with(['#', '-']) && !body.contains(": ") && !body.ends_with(':')
}
