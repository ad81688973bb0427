//! Warnings of conditions that come out the same for everyone when they are taken together.

use crate::condition::{self, Foregone, Part, Predicate, Scope};
use crate::domain::{Diagnostic, Place};
use crate::yaml::{Item, Kind, Node};

/// Notes what is foregone in the condition that was read from this value.
pub(super) fn tell(item: Item<'_>, predicate: &Predicate) {
    let lines = lines(item.node());
    let reach = if condition::is_never(predicate) { Reach::Whole } else { Reach::Part };
    for foregone in condition::foregone(predicate) {
        let parts: Vec<Shown> = foregone.parts.iter().filter_map(|part| shown(item, &lines, part)).collect();
        if parts.len() == foregone.parts.len()
            && let Some(warning) = warning(&foregone, parts, reach)
        {
            item.reader().report(warning);
        }
    }
}

/// Notes that an enrollment would end as it begins, because `while` is false whenever `when` holds.
pub(super) fn tell_excluded(when: (Item<'_>, &Predicate), stays: (Item<'_>, &Predicate)) {
    let Some(found) = condition::excluded(when.1, stays.1) else { return };
    let mut lines = lines(when.0.node());
    let first = lines.len();
    lines.extend(self::lines(stays.0.node()));
    let Some(part) = found.parts.iter().rev().find(|part| part.line >= first) else { return };
    let Some(last) = shown(stays.0, &lines, part) else { return };
    let message = "`while` is false for everyone who enters, so an enrollment ends as it begins";
    let mut warning = Diagnostic::warning("never-true", last.place, message)
        .help("`while` says what must stay so; write the opposite of what should end it");
    for part in found.parts.iter().filter(|part| part.line < first) {
        if let Some(other) = shown(when.0, &lines, part) {
            warning = warning.also(other.place, "because who enters is so");
        }
    }
    when.0.reader().report(warning);
}

/// What everybody meets whom a rule lets in, besides its `when`.
pub(super) struct Met<'a> {
    /// The condition that says so.
    pub(super) by_all: &'a str,
    /// What is said of a `when` that excludes it.
    pub(super) message: &'static str,
    /// What to write instead.
    pub(super) help: &'static str,
    /// Where it comes from, and what that is called.
    pub(super) from: (Place, &'static str),
}

/// Notes that nobody can meet a `when`, because it excludes what everybody meets whom the rule lets in.
pub(super) fn tell_unmet(item: Item<'_>, when: &Predicate, met: Met<'_>, scope: &Scope<'_>) {
    let Some(by_all) = condition::compile(met.by_all, scope).0 else { return };
    let Some(found) = condition::excluded(when, &by_all) else { return };
    let lines = lines(item.node());
    let parts: Vec<Shown> = found.parts.iter().filter_map(|part| shown(item, &lines, part)).collect();
    let Some((last, rest)) = parts.split_last() else { return };
    let warning = Diagnostic::warning("never-true", last.place.clone(), met.message).help(met.help);
    let warning = rest.iter().fold(warning, |warning, part| warning.also(part.place.clone(), "together with this"));
    item.reader().report(warning.also(met.from.0, met.from.1));
}

/// The conditions of a value, in the order in which they are counted.
fn lines(node: &Node) -> Vec<&Node> {
    match &node.kind {
        Kind::Text(text) if text.trim() == super::when::EVERYONE => Vec::new(),
        Kind::Text(_) => vec![node],
        Kind::List(items) => items.iter().flat_map(lines).collect(),
        Kind::Map(_) => super::when::GROUPS.iter().filter_map(|name| node.get(name)).flat_map(lines).collect(),
        Kind::Null | Kind::Bool(_) | Kind::Number(_) => Vec::new(),
    }
}

/// What is never true when some conditions of a value never hold together.
#[derive(Clone, Copy)]
enum Reach {
    /// The whole value.
    Whole,
    /// Only what they are a part of, such as one alternative of several.
    Part,
}

/// A part of a condition as the file shows it.
struct Shown {
    place: Place,
    /// The text in back quotes.
    text: String,
    line: usize,
}

fn shown(item: Item<'_>, lines: &[&Node], part: &Part) -> Option<Shown> {
    let node = lines.get(part.line)?;
    let text = node.as_text()?.get(part.span.clone())?;
    let not = if part.is_negated { "not " } else { "" };
    let place = item.reader().document().place_within(node, part.span.clone());
    Some(Shown { place, text: format!("{not}`{text}`"), line: part.line })
}

fn warning(foregone: &Foregone, mut parts: Vec<Shown>, reach: Reach) -> Option<Diagnostic> {
    let last = parts.pop()?;
    let code = if foregone.value { "always-true" } else { "never-true" };
    let in_one_line = parts.iter().all(|part| part.line == last.line);
    let so = match reach {
        Reach::Whole => "so nobody matches",
        Reach::Part => "so this part of the condition matches nobody",
    };
    let (message, label) = match (foregone.value, parts.as_slice()) {
        (_, []) => (format!("{} is never true", last.text), ""),
        (false, [first]) => {
            (format!("{} and {} never hold together, {so}", first.text, last.text), "not together with this")
        }
        (false, _) => (format!("these conditions never all hold together, {so}"), "not together with this"),
        (true, [first]) => {
            (format!("one of {} and {} always holds, so they say nothing", first.text, last.text), "or this")
        }
        (true, _) => ("one of these conditions always holds, so they say nothing".to_owned(), "or this"),
    };
    let help = match (foregone.value, parts.is_empty()) {
        (_, true) => "compare it with something that it can be",
        (false, false) if in_one_line => "change one of them; if one is enough, write `||` between them",
        (false, false) => "change one of them; if one is enough, write them under `any:`",
        (true, false) => "change one of them, or remove them all",
    };
    let warning = Diagnostic::warning(code, last.place, message).help(help);
    Some(parts.into_iter().fold(warning, |warning, part| warning.also(part.place, label)))
}
