//! Values of attributes and properties, of the declared types.

use crate::domain::{Attribute, Schema, Text, Value, ValueType, nearest};
use crate::yaml::{Item, Kind, Node};
use std::collections::BTreeMap;

/// An attribute's value; `None` inside says that it is cleared.
pub(super) fn attribute(item: Item<'_>, schema: &Schema) -> Option<(Text, Option<Value>)> {
    let name = item.name();
    let Some(declared) = schema.customer.get(name) else {
        let known = schema.customer.keys().map(String::as_str);
        unknown(item, "unknown-attribute", &format!("schema.yaml declares no attribute `{name}`"), name, known);
        return None;
    };
    if item.is_null() {
        return Some((name.into(), None));
    }
    if name == "timezone" {
        item.zone()?;
    }
    Some((name.into(), Some(declared_value(item, declared)?)))
}

fn declared_value(item: Item<'_>, attribute: &Attribute) -> Option<Value> {
    let value = of_kind(item, attribute.kind)?;
    if let (Some(text), Some(texts)) = (value.as_text(), &attribute.one_of)
        && !texts.iter().any(|known| known == text)
    {
        let message = format!("`{text}` is not in `one_of` of `{}`", item.name());
        item.unknown("unknown-word", &message, text, texts.iter().map(String::as_str));
        return None;
    }
    Some(value)
}

/// A property of an event.
pub(super) fn property(item: Item<'_>, event: &str, schema: &Schema) -> Option<(Text, Value)> {
    let name = item.name();
    let declared = schema.events.get(event)?;
    let Some(kind) = declared.get(name) else {
        let message = format!("schema.yaml declares no property `{name}` of `{event}`");
        unknown(item, "unknown-property", &message, name, declared.keys().map(String::as_str));
        return None;
    };
    Some((name.into(), of_kind(item, *kind)?))
}

/// Notes at the key that nothing has that name.
fn unknown<'k>(item: Item<'_>, code: &'static str, message: &str, name: &str, known: impl Iterator<Item = &'k str>) {
    let problem = crate::domain::Diagnostic::error(code, item.key_place(), message);
    item.reader().report(match nearest(name, known) {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None => problem.help("declare it there, or remove it"),
    });
}

fn of_kind(item: Item<'_>, kind: ValueType) -> Option<Value> {
    let value = plain(item.node()).and_then(|value| match kind {
        ValueType::Date | ValueType::Time => value.as_text().is_some().then(|| value.to_kind(kind)).flatten(),
        _ => Some(value).filter(|value| value.kind() == Some(kind)),
    });
    if value.is_none() {
        let what = if item.is_null() { "empty" } else { item.node().noun() };
        let message = format!("`{}` must be a {kind}, not {what}", item.name());
        item.error_with_help("wrong-type", message, example(item, kind));
    }
    value
}

fn example(item: Item<'_>, kind: ValueType) -> String {
    match kind {
        ValueType::Text => format!("put it in quotes: \"{}\"", item.written()),
        ValueType::Number => "write it like 0 or 12.5, without quotes".to_owned(),
        ValueType::Bool => "write true or false, without quotes".to_owned(),
        ValueType::Date => "write it like 2026-03-29".to_owned(),
        ValueType::Time => "write it like 2026-03-29T10:00:00Z".to_owned(),
        ValueType::List => "write it like [a, b]".to_owned(),
    }
}

fn plain(node: &Node) -> Option<Value> {
    Some(match &node.kind {
        Kind::Text(text) => Value::Text(text.as_str().into()),
        Kind::Number(number) => Value::Number(*number),
        Kind::Bool(yes) => Value::Bool(*yes),
        Kind::List(items) => Value::List(items.iter().map(plain).collect::<Option<_>>()?),
        Kind::Null | Kind::Map(_) => return None,
    })
}

/// Consents by class or topic.
pub(super) fn consent(item: Item<'_>, schema: &Schema) -> BTreeMap<Text, bool> {
    let mut given = BTreeMap::new();
    for (key, item) in item.pairs().unwrap_or_default() {
        if !schema.consents.contains(&key.name) {
            let message = format!("there is no class or topic `{}`", key.name);
            unknown(item, "unknown-consent", &message, &key.name, schema.consents.iter().map(String::as_str));
            continue;
        }
        if let Some(yes) = item.bool() {
            given.insert(key.name.as_str().into(), yes);
        }
    }
    given
}
