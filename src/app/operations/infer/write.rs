//! What was seen, as the text of a `schema.yaml`.

use super::seen::{Seen, is_private};
use super::{Found, OfEvent};
use crate::domain::{Attribute, BUILT_IN, Schema, ValueType};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

const HEAD: &str = "\
# yaml-language-server: $schema=schema/schema.json
# Made from what is stored: what no customer has and nobody did yet is missing. What schema.yaml declared already stands
# as it was declared. Read it, put it right, and save it as schema.yaml.
";

/// Words that YAML takes for something else than a text.
const TAKEN: [&str; 8] = ["true", "false", "null", "yes", "no", "on", "off", "y"];

pub(super) fn file(found: &Found, declared: &Schema) -> String {
    let mut text = HEAD.to_owned();
    let attributes = attributes(found, declared);
    section(&mut text, "customer", &attributes);
    let events = events(found, declared);
    section(&mut text, "events", &events);
    text
}

fn section(text: &mut String, name: &str, lines: &[(String, String)]) {
    // A key without a value is no map.
    let is_comment = |(line, _): &(String, String)| line.starts_with('#');
    let empty = if lines.iter().all(is_comment) { " {}" } else { "" };
    // Writing to a string cannot fail.
    writeln!(text, "\n{name}:{empty}").ok();
    let width = lines.iter().map(|(line, _)| line.chars().count()).filter(|width| *width <= 60).max().unwrap_or(0);
    for (line, comment) in lines {
        if comment.is_empty() {
            writeln!(text, "  {line}").ok();
        } else {
            writeln!(text, "  {line:width$}  # {comment}").ok();
        }
    }
}

fn attributes(found: &Found, declared: &Schema) -> Vec<(String, String)> {
    let is_plain = |name: &str, attribute: &Attribute| {
        BUILT_IN.iter().any(|(built_in, _)| *built_in == name)
            && attribute.one_of.is_none()
            && attribute.default.is_none()
    };
    let kept = declared.customer.iter().filter(|(name, attribute)| !is_plain(name, attribute));
    let names: BTreeSet<&String> = kept.map(|(name, _)| name).chain(found.attributes.keys()).collect();
    let line = |name: &String| {
        let seen = found.attributes.get(name);
        let comment = seen.map_or_else(|| "no customer has it".to_owned(), |seen| of_customers(seen, found.customers));
        match (declared.customer.get(name), seen.and_then(Seen::kind)) {
            (Some(attribute), _) => (format!("{name}: {}", as_declared(attribute)), comment),
            (None, Some(kind)) if can_name_an_attribute(name) => {
                let shown = seen.filter(|_| !is_private(name));
                let of = shown.and_then(Seen::one_of);
                let range = shown.and_then(Seen::range);
                let range = range.map(|(least, most)| format!(", from {least} to {most}")).unwrap_or_default();
                (format!("{name}: {}", guessed(kind, of)), comment + &range)
            }
            (None, kind) => {
                let why = if kind.is_none() {
                    "a nested object, which no rule can name"
                } else {
                    "a name that no rule can say"
                };
                (format!("# {}", quoted(name)), format!("{comment}; {why}"))
            }
        }
    };
    names.into_iter().map(line).collect()
}

fn of_customers(seen: &Seen, all: u64) -> String {
    if seen.count == all { "all customers".to_owned() } else { format!("{} of {all} customers", seen.count) }
}

fn guessed(kind: ValueType, one_of: Option<Vec<&str>>) -> String {
    match one_of {
        Some(texts) => format!("{{type: {kind}, one_of: [{}]}}", list(texts.into_iter())),
        None => kind.to_string(),
    }
}

fn as_declared(attribute: &Attribute) -> String {
    if attribute.one_of.is_none() && attribute.default.is_none() {
        return attribute.kind.to_string();
    }
    let mut text = format!("{{type: {}", attribute.kind);
    if let Some(texts) = &attribute.one_of {
        write!(text, ", one_of: [{}]", list(texts.iter().map(String::as_str))).ok();
    }
    if let Some(default) = &attribute.default {
        // JSON is YAML.
        write!(text, ", default: {}", default.to_json()).ok();
    }
    text + "}"
}

fn events(found: &Found, declared: &Schema) -> Vec<(String, String)> {
    let names: BTreeSet<&String> = declared.events.keys().chain(found.by_event.keys()).collect();
    let line = |name: &String| {
        let none = OfEvent::default();
        let seen = found.by_event.get(name).unwrap_or(&none);
        let declared = types(name, seen, declared);
        let types: Vec<String> = declared.iter().map(|(name, kind)| format!("{}: {kind}", text(name))).collect();
        (format!("{}: {{{}}}", text(name), types.join(", ")), of_event(seen, &declared))
    };
    names.into_iter().map(line).collect()
}

/// The properties that can be declared, with their types.
fn types(event: &str, seen: &OfEvent, declared: &Schema) -> BTreeMap<String, ValueType> {
    let mut types = declared.events.get(event).cloned().unwrap_or_default();
    for (name, seen) in &seen.properties {
        // Whatever was sent, the amount of a purchase is a number.
        let is_amount = event == declared.purchase.event && *name == declared.purchase.value;
        if let Some(kind) = seen.kind().map(|kind| if is_amount { ValueType::Number } else { kind }) {
            types.entry(name.clone()).or_insert(kind);
        }
    }
    types
}

/// How often, and what was said in few words.
fn of_event(seen: &OfEvent, types: &BTreeMap<String, ValueType>) -> String {
    if seen.count == 0 {
        return "it has not happened yet".to_owned();
    }
    let mut comment = if seen.count == 1 { "once".to_owned() } else { format!("{} times", seen.count) };
    for (name, seen) in seen.properties.iter().filter(|(name, _)| !is_private(name)) {
        if let (Some(ValueType::Text), Some(texts)) = (types.get(name), seen.one_of()) {
            write!(comment, "; {name}: {}", texts.join(", ")).ok();
        }
    }
    comment
}

fn list<'t>(texts: impl Iterator<Item = &'t str>) -> String {
    texts.map(text).collect::<Vec<_>>().join(", ")
}

/// A text in YAML: as it is where that is one, else in quotes.
fn text(text: &str) -> String {
    let plain = text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, ' ' | '_' | '-'))
        && !text.ends_with(' ')
        && !TAKEN.contains(&text.to_ascii_lowercase().as_str());
    if plain { text.to_owned() } else { quoted(text) }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn can_name_an_attribute(name: &str) -> bool {
    let bare = name.trim_start_matches('_');
    name != "consent"
        && bare.starts_with(|first: char| first.is_ascii_alphabetic())
        && bare.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}
