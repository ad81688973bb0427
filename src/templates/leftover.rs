//! What would reach a customer as it stands though it was meant as a value or a link: single braces, the placeholders of
//! other systems, links that are not closed.

use super::Names;
use super::tags::Tag;
use crate::domain::nearest;
use std::ops::Range;

/// Something that was likely not meant to be sent as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Leftover {
    pub(super) code: &'static str,
    /// Bytes of the text.
    pub(super) span: Range<usize>,
    pub(super) message: String,
    pub(super) help: String,
}

/// How placeholders begin and end elsewhere; the longer ones first.
const FORMS: [(&str, &str); 6] = [("*|", "|*"), ("%%", "%%"), ("[[", "]]"), ("${", "}"), ("{", "}"), ("%", "%")];

/// What other systems call the attributes that nearly every shop has.
const CALLED: [(&str, &str); 5] = [
    ("fname", "first_name"),
    ("firstname", "first_name"),
    ("lname", "last_name"),
    ("lastname", "last_name"),
    ("name", "first_name"),
];

/// All of them, in the order of the text.
pub(super) fn find(source: &str, tags: &[Tag], names: &Names<'_>) -> Vec<Leftover> {
    let text = without_tags(source, tags);
    let mut found = placeholders(&text, names);
    found.extend(links(&text));
    found.sort_by_key(|leftover| leftover.span.start);
    found
}

/// The text with letters in the place of its tags, so that every byte keeps its place.
fn without_tags(source: &str, tags: &[Tag]) -> String {
    let mut text = source.to_owned();
    for tag in tags {
        text.replace_range(tag.span.clone(), &"\u{1}".repeat(tag.span.len()));
    }
    text
}

fn placeholders(text: &str, names: &Names<'_>) -> Vec<Leftover> {
    let (mut found, mut from) = (Vec::new(), 0);
    while let Some(letter) = text[from..].chars().next() {
        // A tag that is not closed is told of by the engine.
        let is_half_a_tag = letter == '{' && text[..from].ends_with('{');
        let Some((length, inner)) = placeholder(&text[from..]).filter(|_| !is_half_a_tag) else {
            from += letter.len_utf8();
            continue;
        };
        let span = from..from + length;
        let message =
            format!("`{}` is sent as it stands: a value stands between `{{{{` and `}}}}`", &text[span.clone()]);
        let help = meant(inner, names);
        found.push(Leftover { code: "placeholder", span: span.clone(), message, help });
        from = span.end;
    }
    found
}

/// The length of the placeholder at the beginning, and what stands in it.
fn placeholder(rest: &str) -> Option<(usize, &str)> {
    FORMS.into_iter().find_map(|(begin, end)| {
        let inner = rest.strip_prefix(begin)?;
        let inner = &inner[..inner.find(end)?];
        let is_one = match begin {
            // A percentage may well stand twice in a line.
            "%" => is_path(inner) && (is_shouted(inner) || inner.contains(['_', '.'])),
            "[[" => is_path(inner.trim()) && inner.contains(['_', '.']),
            "{" => is_path(path_of(inner)) && !inner.contains('\n'),
            _ => is_path(inner.trim()),
        };
        is_one.then_some((begin.len() + inner.len() + end.len(), inner))
    })
}

/// The name in `customer.first_name or 'friend'`.
fn path_of(inner: &str) -> &str {
    let inner = inner.trim();
    let name = inner.split(" or ").next().unwrap_or(inner);
    name.split('|').next().unwrap_or(name).trim()
}

/// Words joined by dots, each of which begins with a letter.
fn is_path(text: &str) -> bool {
    text.split('.').all(|word| {
        word.starts_with(|first: char| first.is_ascii_alphabetic())
            && word.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
    })
}

fn is_shouted(text: &str) -> bool {
    text.len() > 1 && text.chars().all(|letter| letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == '_')
}

/// What to write for a placeholder.
fn meant(inner: &str, names: &Names<'_>) -> String {
    let path = path_of(inner).to_ascii_lowercase();
    let has = |name: &str| names.schema.customer.contains_key(name);
    if let Some((root, name)) = path.split_once('.') {
        let is_known = match root {
            "customer" => has(name),
            "words" => names.words.contains_key(name),
            root => super::names::ROOTS.contains(&root),
        };
        if is_known {
            let whole = if inner.trim().starts_with(&path) { inner.trim() } else { &path };
            return format!("write `{{{{ {whole} }}}}`");
        }
    }
    let last = path.rsplit('.').next().unwrap_or(&path);
    let plain = last.replace('_', "");
    let called = CALLED.iter().find(|(theirs, ours)| *theirs == plain && has(ours)).map(|(_, ours)| *ours);
    let declared = || names.schema.customer.keys().map(String::as_str);
    match called.or_else(|| nearest(last, declared())) {
        Some(name) => format!("write `{{{{ customer.{name} }}}}`"),
        None => "write `{{ customer.NAME }}` with an attribute of schema.yaml".to_owned(),
    }
}

/// `[See it](https://shop.example` without its end, and `[See it] (https://shop.example)`.
fn links(text: &str) -> Vec<Leftover> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices(']') {
        let rest = &text[at + 1..];
        let line = rest.lines().next().unwrap_or_default();
        let span = |length: usize| at..at + 1 + length;
        let has_begin = text[..at].rsplit('\n').next().is_some_and(|before| before.contains('['));
        if !has_begin {
            continue;
        }
        if rest.starts_with('(') && !line.contains(')') && is_address(&line[1..]) {
            let (message, help) =
                ("this link is not closed, so it is sent as it stands", "write `)` behind its address");
            found.push(Leftover {
                code: "bad-link",
                span: span(line.trim_end().len()),
                message: message.into(),
                help: help.into(),
            });
        } else if let Some(address) = rest.strip_prefix(" (")
            && is_address(address)
        {
            let message = "a blank before its address makes this no link, and it is sent as it stands";
            let help = "write `](`, without a blank";
            found.push(Leftover { code: "bad-link", span: span(2), message: message.into(), help: help.into() });
        }
    }
    found
}

/// Whether what follows is meant as an address: a value, or one of the web.
fn is_address(rest: &str) -> bool {
    ["\u{1}", "http://", "https://", "mailto:", "tel:"].iter().any(|begin| rest.starts_with(begin))
}

#[cfg(test)]
mod tests {
    use super::super::tags::tags;
    use super::{links, placeholders, without_tags};
    use crate::domain::Schema;
    use crate::templates::Names;
    use std::collections::BTreeMap;

    fn found(text: &str) -> usize {
        let (schema, words, sent_by) = (Schema::default(), BTreeMap::new(), BTreeMap::new());
        let names = Names { schema: &schema, words: &words, sent_by: &sent_by };
        let plain = without_tags(text, &tags(text));
        placeholders(&plain, &names).len() + links(&plain).len()
    }

    #[test]
    fn what_is_meant_as_it_stands_is_no_leftover() {
        for text in [
            "{{ customer.first_name }} {% if x %}{a, b}{% endif %}",
            "50% off, or 60% of it",
            "[See it](https://shop.example){.button}",
            "[1] (see below) {.note} { }",
            "[[text]](https://shop.example) costs $5 {{ '{x}' }}",
        ] {
            assert_eq!(found(text), 0, "{text}");
        }
        assert_eq!(found("{{ orders.count } times"), 0);
        assert_eq!(found("Hi {customer.first_name}, [See it]({{ words.shop }}{.button}"), 2);
    }
}
