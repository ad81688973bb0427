//! `when:` and `while:`, the forms that a condition may take.
//!
//! A text is one condition; `everyone` is a word; a list is all of its parts; a map says `all`, `any` or `none` of a
//! list. Several of these keys in one map hold together.

use super::foregone;
use crate::condition::{self, Predicate, Problem, Scope, Wanted};
use crate::domain::{Diagnostic, nearest};
use crate::yaml::{Item, Kind, Map, Node, Style};
use std::ops::Range;

/// The most conditions of one `when`, so that a file of 1 MiB cannot hold up a reload.
const MOST_CONDITIONS: usize = 200;

pub(super) const EVERYONE: &str = "everyone";

/// The keys under which conditions are joined, in the order in which they are looked at.
pub(super) const GROUPS: [&str; 3] = ["all", "any", "none"];

/// The rule's own `when`, which must be there.
pub(super) fn required(map: &Map<'_>, scope: &Scope<'_>) -> Option<Predicate> {
    if let Some(item) = map.get("when") {
        return whole(item, scope);
    }
    map.missing("when", Some("write a condition, or `when: everyone`"));
    None
}

/// Reads the whole of a condition; `None` when any part of it is wrong.
pub(super) fn whole(item: Item<'_>, scope: &Scope<'_>) -> Option<Predicate> {
    bounded(item, Asked { scope: *scope, missing: Missing::IsNoMatch })
}

/// The same for a condition of which only a false that is certain has consequences.
pub(super) fn unless_false(item: Item<'_>, scope: &Scope<'_>) -> Option<Predicate> {
    bounded(item, Asked { scope: *scope, missing: Missing::ChangesNothing })
}

/// What a condition is asked.
#[derive(Clone, Copy)]
struct Asked<'a> {
    scope: Scope<'a>,
    missing: Missing,
}

/// What follows from a value that is missing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Missing {
    IsNoMatch,
    ChangesNothing,
}

impl Asked<'_> {
    /// Whether a problem is one here: what is asked for elsewhere in the condition with `has` is not missed.
    fn minds(self, problem: &Problem, text: &str, item: Item<'_>) -> bool {
        if problem.code != "unknown-no-match" {
            return true;
        }
        let path = text.get(problem.span.clone()).unwrap_or_default();
        let whole = item.reader().document().text.as_ref();
        self.missing == Missing::IsNoMatch && !whole.contains(&format!("has({path})"))
    }

    /// What is asked of the parts of `none:`.
    fn negated(self) -> Self {
        let wanted = match self.scope.wanted {
            Wanted::True => Wanted::False,
            Wanted::False => Wanted::True,
        };
        Self { scope: Scope { wanted, ..self.scope }, ..self }
    }
}

fn bounded(item: Item<'_>, asked: Asked<'_>) -> Option<Predicate> {
    let count = texts(item.node());
    if count > MOST_CONDITIONS {
        let message = format!("`{}` has {count} conditions, more than {MOST_CONDITIONS}", item.name());
        item.error_with_help("too-large", message, "use `in [...]` for lists of values, or an attribute that says it");
        return None;
    }
    let predicate = read(item, asked)?;
    foregone::tell(item, &predicate);
    Some(predicate)
}

/// How many texts stand in a value, at any depth.
pub(super) fn texts(node: &Node) -> usize {
    match &node.kind {
        Kind::List(items) => items.iter().map(texts).sum(),
        Kind::Map(entries) => entries.iter().map(|(_, node)| texts(node)).sum(),
        _ => 1,
    }
}

fn read(item: Item<'_>, asked: Asked<'_>) -> Option<Predicate> {
    match &item.node().kind {
        Kind::Null => empty(item),
        Kind::Text(text) if text.trim().is_empty() => empty(item),
        Kind::Text(text) if text.trim() == EVERYONE => Some(Predicate::everyone()),
        Kind::Text(text) => one(item, text, asked),
        Kind::List(_) => parts(item, asked).map(Predicate::all),
        Kind::Map(_) => groups(item, asked),
        Kind::Bool(_) | Kind::Number(_) => {
            let help = "write `everyone` for all customers, or a condition such as orders.count >= 2";
            item.error_with_help("wrong-type", format!("`{}` is no condition", item.written()), help);
            None
        }
    }
}

fn empty(item: Item<'_>) -> Option<Predicate> {
    let help = "write a condition, or `everyone` for all customers";
    item.error_with_help("empty-value", format!("`{}` is empty", item.name()), help);
    None
}

fn groups(item: Item<'_>, asked: Asked<'_>) -> Option<Predicate> {
    let map = item.map()?;
    if is_split(item) {
        return None;
    }
    let mut groups = Vec::new();
    for (name, join) in
        [("all", Predicate::all as fn(Vec<Predicate>) -> Predicate), ("any", Predicate::any), ("none", Predicate::none)]
    {
        if let Some(item) = map.get(name) {
            let asked = if name == "none" { asked.negated() } else { asked };
            let is_list = matches!(item.node().kind, Kind::List(_));
            let parts = if is_list { parts(item, asked) } else { read(item, asked).map(|part| vec![part]) };
            groups.push(parts.map(join));
        }
    }
    if groups.is_empty() && item.pairs().is_some_and(|pairs| pairs.is_empty()) {
        return empty(item);
    }
    map.close();
    groups.into_iter().collect::<Option<Vec<_>>>().filter(|groups| !groups.is_empty()).map(Predicate::all)
}

/// Whether YAML has split a condition with `: ` in it into a key and a value. Notes it.
fn is_split(item: Item<'_>) -> bool {
    let pairs = item.pairs().unwrap_or_default();
    let [(key, value)] = pairs.as_slice() else { return false };
    let is_name = key.name.chars().all(|character| character.is_alphanumeric() || matches!(character, '_' | '-'));
    if is_name {
        return false;
    }
    let document = item.reader().document();
    let span = key.span.start..value.node().span.end.max(key.span.end);
    let quoted = format!("'{}'", document.text[span.clone()].trim_end().replace('\'', "''"));
    let message = "a colon and a blank begin a value in YAML, and this condition has them inside";
    let problem = Diagnostic::error("yaml-cut", document.place(span), message);
    item.reader().report(problem.help(format!("put the whole condition in quotes: {quoted}")));
    true
}

/// All parts of a list; every one of them is looked at, even when one is wrong.
fn parts(item: Item<'_>, asked: Asked<'_>) -> Option<Vec<Predicate>> {
    let items = item.list()?;
    if items.is_empty() {
        empty(item);
        return None;
    }
    if item.node().style() == Style::Flow && is_cut(&items) {
        return None;
    }
    let parts: Vec<_> = items.into_iter().map(|item| read(item, asked)).collect();
    parts.into_iter().collect()
}

/// `[count("a", 30d) > 1]` and `[orders.revenue > 10,000]` are cut at their comma. Notes the first such place.
fn is_cut(items: &[Item<'_>]) -> bool {
    items.windows(2).any(|pair| is_cut_number(pair[0], pair[1])) || is_cut_condition(items)
}

/// A number that ends an item and goes on with the next.
fn is_cut_number(first: Item<'_>, second: Item<'_>) -> bool {
    let (before, after) = (first.written(), second.written());
    let digits = before.len() - before.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    let begins = before[..before.len() - digits]
        .chars()
        .next_back()
        .is_some_and(|c| !c.is_alphanumeric() && !matches!(c, '_' | '.'));
    let glued = first.node().span.end + 1 == second.node().span.start;
    let group = after.split('.').next().unwrap_or_default();
    let is_group = group.len() == 3 && after.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let is_plain = first.node().style() == Style::Plain && second.node().style() == Style::Plain;
    if !(begins && glued && is_group && is_plain && (1..=3).contains(&digits)) {
        return false;
    }
    let start = first.node().span.end - digits;
    let place = first.reader().document().place(start..second.node().span.end);
    let number = &before[before.len() - digits..];
    let problem = Diagnostic::error(
        "yaml-cut",
        place,
        format!("`{number},{after}` is not one number: inside [ ] a comma ends a value"),
    );
    first.reader().report(problem.help(format!("write `{number}{after}`")));
    true
}

fn is_cut_condition(items: &[Item<'_>]) -> bool {
    let unmatched = |item: &Item<'_>| {
        item.node().style() == Style::Plain && item.node().as_text().is_some_and(|text| !Scan::of(text).is_balanced())
    };
    let Some(at) = items.iter().position(unmatched) else { return false };
    let document = items[at].reader().document();
    let start = items[at].node().span.start;
    let whole = |end: &Item<'_>| start..end.node().span.end;
    // Up to the item with which all brackets are closed again.
    let last =
        items[at..].iter().find(|item| Scan::of(&document.text[whole(item)]).is_balanced()).unwrap_or(&items[at]);
    let written = &document.text[whole(last)];
    let place = document.place(whole(last));
    let problem =
        Diagnostic::error("yaml-cut", place, "inside [ ] a comma ends a value, so this condition is cut off there");
    let quoted = format!("'{}'", written.replace('\'', "''"));
    items[at]
        .reader()
        .report(problem.help(format!("put the condition in quotes: {quoted}, or write it on a line of its own")));
    true
}

fn one(item: Item<'_>, text: &str, asked: Asked<'_>) -> Option<Predicate> {
    if is_cut_off(item, text) || is_misspelt(item, text) {
        return None;
    }
    let (predicate, problems) = condition::compile(text, &asked.scope);
    if predicate.is_none() && is_joined(item, text, asked) {
        return None;
    }
    tell(item, asked, 0..text.len(), problems);
    predicate
}

/// Notes what is wrong with some bytes of a condition.
fn tell(item: Item<'_>, asked: Asked<'_>, part: Range<usize>, problems: Vec<Problem>) {
    let document = item.reader().document();
    let text = item.node().as_text().and_then(|text| text.get(part.clone())).unwrap_or_default();
    for problem in problems.into_iter().filter(|problem| asked.minds(problem, text, item)) {
        let span = part.start + problem.span.start..part.start + problem.span.end;
        let place = document.place_within(item.node(), span);
        item.reader().report(Diagnostic {
            severity: problem.severity,
            code: problem.code,
            place,
            message: problem.message,
            help: problem.help,
            also: Vec::new(),
        });
    }
}

/// Whether YAML has joined several conditions, of which the dashes read as minus signs. Notes it, and what is wrong with
/// each of them. A line that subtracts from the one above is none: what it subtracts from is no condition.
fn is_joined(item: Item<'_>, text: &str, asked: Asked<'_>) -> bool {
    let lines = item.joined();
    let starts = [0].into_iter().chain(lines.iter().map(|line| line.at + 1));
    let ends = lines.iter().map(|line| line.at).chain([text.len()]);
    let parts: Vec<Range<usize>> = starts.zip(ends).map(|(start, end)| start..end).collect();
    if let [first, _, ..] = parts.as_slice()
        && GROUPS.contains(&text[first.clone()].trim())
    {
        without_colon(item, text[first.clone()].trim());
        return true;
    }
    let compiled: Vec<_> = parts.iter().map(|part| condition::compile(&text[part.clone()], &asked.scope)).collect();
    let is_condition = |index: usize| compiled[index].0.is_some() || compares(&text[parts[index].clone()]);
    if lines.is_empty() || !(0..lines.len()).all(is_condition) {
        return false;
    }
    item.tell_joined(&lines);
    for (part, (_, problems)) in parts.into_iter().zip(compiled) {
        tell(item, asked, part, problems);
    }
    true
}

/// Whether a text has a comparison in it, whatever else may be wrong with it.
fn compares(text: &str) -> bool {
    text.contains(['<', '>', '=']) || text.contains(" in ")
}

/// Notes a word that joins conditions and has no colon.
fn without_colon(item: Item<'_>, word: &str) {
    let start = item.node().span.start;
    let place = item.reader().document().place(start..start + word.len());
    let problem = Diagnostic::error("yaml-syntax", place, format!("`{word}` has no colon behind it"));
    item.reader().report(problem.help(format!("write `{word}:`, and the list below it")));
}

/// Whether it is nearly the word `everyone`. Notes it.
fn is_misspelt(item: Item<'_>, text: &str) -> bool {
    if let Some(word) = GROUPS.into_iter().find(|word| *word == text.trim()) {
        without_colon(item, word);
        return true;
    }
    if let Some((word, rest)) = text.split_once(':').filter(|(word, _)| GROUPS.contains(word)) {
        let help = format!("write a blank behind the colon: `{word}: {}`", rest.trim());
        item.error_with_help("yaml-syntax", format!("`{word}:` has no blank behind it"), help);
        return true;
    }
    let misspelt = text.chars().all(char::is_alphabetic) && nearest(text, [EVERYONE]).is_some();
    if misspelt {
        item.unknown("unknown-word", &format!("`{text}` is no condition"), text, [EVERYONE].into_iter());
    }
    misspelt
}

/// Whether YAML has taken the condition's end for a comment. Notes it.
fn is_cut_off(item: Item<'_>, text: &str) -> bool {
    let document = item.reader().document();
    let rest = document.text[item.node().span.end..].lines().next().unwrap_or_default();
    if item.node().style() == Style::Plain && Scan::of(text).open_quote && rest.trim_start().starts_with('#') {
        let whole = format!("{}{}", item.written(), rest.trim_end()).replace('\'', "''");
        let help = format!("put the whole condition in quotes: '{whole}'");
        let message = "a `#` behind a blank begins a comment in YAML, so this condition is cut off there";
        item.error_with_help("yaml-cut", message, help);
        return true;
    }
    false
}

/// What a first look at a condition's text tells, strings left out.
struct Scan {
    depth: i32,
    closed_too_much: bool,
    open_quote: bool,
}

impl Scan {
    fn of(text: &str) -> Self {
        let mut scan = Self { depth: 0, closed_too_much: false, open_quote: false };
        let mut quote = None;
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            if let Some(open) = quote {
                match character {
                    '\\' => drop(characters.next()),
                    _ if character == open => quote = None,
                    _ => {}
                }
                continue;
            }
            match character {
                '"' | '\'' => quote = Some(character),
                '(' | '[' | '{' => scan.depth += 1,
                ')' | ']' | '}' => scan.depth -= 1,
                _ => {}
            }
            scan.closed_too_much |= scan.depth < 0;
        }
        scan.open_quote = quote.is_some();
        scan
    }

    const fn is_balanced(&self) -> bool {
        self.depth == 0 && !self.closed_too_much && !self.open_quote
    }
}
