//! `when:`, the forms that a condition may take.
//!
//! A text is one condition; `everyone` is a word; a list is all of its parts; a map says `all`, `any` or `none` of a
//! list. Several of these keys in one map hold together.

use crate::condition::{self, Predicate, Scope};
use crate::domain::{Diagnostic, Schema};
use crate::yaml::{Item, Kind, Map, Style};

const EVERYONE: &str = "everyone";

/// The rule's own `when`, which must be there.
pub(super) fn required(map: &Map<'_>, schema: &Schema) -> Option<Predicate> {
    if let Some(item) = map.get("when") {
        return read(item, schema);
    }
    map.missing("when", Some("write a condition, or `when: everyone`"));
    None
}

/// Reads one `when`; `None` when any part of it is wrong.
pub(super) fn read(item: Item<'_>, schema: &Schema) -> Option<Predicate> {
    match &item.node().kind {
        Kind::Null => empty(item),
        Kind::Text(text) if text.trim().is_empty() => empty(item),
        Kind::Text(text) if text.trim() == EVERYONE => Some(Predicate::everyone()),
        Kind::Text(text) => one(item, text, schema),
        Kind::List(_) => parts(item, schema).map(Predicate::all),
        Kind::Map(_) => groups(item, schema),
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

fn groups(item: Item<'_>, schema: &Schema) -> Option<Predicate> {
    let map = item.map()?;
    let mut groups = Vec::new();
    for (name, join) in
        [("all", Predicate::all as fn(Vec<Predicate>) -> Predicate), ("any", Predicate::any), ("none", Predicate::none)]
    {
        if let Some(item) = map.get(name) {
            let is_list = matches!(item.node().kind, Kind::List(_));
            let parts = if is_list { parts(item, schema) } else { read(item, schema).map(|part| vec![part]) };
            groups.push(parts.map(join));
        }
    }
    if groups.is_empty() && item.pairs().is_some_and(|pairs| pairs.is_empty()) {
        return empty(item);
    }
    map.close();
    groups.into_iter().collect::<Option<Vec<_>>>().filter(|groups| !groups.is_empty()).map(Predicate::all)
}

/// All parts of a list; every one of them is looked at, even when one is wrong.
fn parts(item: Item<'_>, schema: &Schema) -> Option<Vec<Predicate>> {
    let items = item.list()?;
    if items.is_empty() {
        empty(item);
        return None;
    }
    if item.node().style() == Style::Flow && is_cut(&items) {
        return None;
    }
    let parts: Vec<_> = items.into_iter().map(|item| read(item, schema)).collect();
    parts.into_iter().collect()
}

/// `[count("a", 30d) > 1]` is cut at its comma. Notes the first item whose brackets do not match.
fn is_cut(items: &[Item<'_>]) -> bool {
    let unmatched = |item: &&Item<'_>| {
        item.node().style() == Style::Plain && item.node().as_text().is_some_and(|text| !Scan::of(text).is_balanced())
    };
    let Some(item) = items.iter().find(unmatched) else { return false };
    let help =
        "inside [ ] a comma ends a value: put a condition with a comma in quotes, or write it on a line of its own";
    item.error_with_help("yaml-cut", format!("`{}` is only a part of a condition", item.written()), help);
    true
}

fn one(item: Item<'_>, text: &str, schema: &Schema) -> Option<Predicate> {
    if is_trapped(item, text) {
        return None;
    }
    let document = item.reader().document();
    let (predicate, problems) = condition::compile(text, &Scope { schema });
    for problem in problems {
        let place = document.place_within(item.node(), problem.span);
        item.reader().report(Diagnostic {
            severity: problem.severity,
            code: problem.code,
            place,
            message: problem.message,
            help: problem.help,
        });
    }
    predicate
}

/// Whether YAML has taken away a part of the condition. Notes it.
fn is_trapped(item: Item<'_>, text: &str) -> bool {
    let document = item.reader().document();
    let (span, style) = (item.node().span.clone(), item.node().style());
    let look = Scan::of(text);
    let several_lines = document.text[span.clone()].trim_end().contains('\n');
    if let (Some(at), true, true) = (look.comment, several_lines, style != Style::Literal) {
        let place = document.place_within(item.node(), at..at + 2);
        let message = "`//` begins a comment here that hides the rest, because these lines are folded into one";
        let help = "write `|` instead of `>`, or put the comment behind a `#` outside of the condition";
        item.reader().report(Diagnostic::error("folded-comment", place, message).help(help));
        return true;
    }
    let rest = document.text[span.end..].lines().next().unwrap_or_default();
    if style == Style::Plain && look.open_quote && rest.trim_start().starts_with('#') {
        let help = "put the whole condition in '…': a `#` behind a blank begins a comment in YAML";
        item.error_with_help("yaml-cut", "the condition is cut off at the `#`", help);
        return true;
    }
    false
}

/// What a first look at a condition's text tells, strings left out.
struct Scan {
    depth: i32,
    closed_too_much: bool,
    open_quote: bool,
    /// Where the first `//` stands.
    comment: Option<usize>,
}

impl Scan {
    fn of(text: &str) -> Self {
        let mut scan = Self { depth: 0, closed_too_much: false, open_quote: false, comment: None };
        let mut quote = None;
        let mut characters = text.char_indices().peekable();
        while let Some((index, character)) = characters.next() {
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
                '/' if characters.peek().is_some_and(|(_, next)| *next == '/') => {
                    scan.comment.get_or_insert(index);
                }
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
