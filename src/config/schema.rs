//! `schema.yaml`: which attributes and events rules and templates may name.

use super::Settings;
use super::settings::{is_name, refuse_name};
use crate::domain::{Attribute, BUILT_IN, Diagnostic, Schema, Value, ValueType};
use crate::yaml::{Item, Kind, Map, Node, Reader, parse};
use std::collections::BTreeMap;
use std::path::Path;

/// Reads the declared schema. The answer holds what could be understood, the built-in attributes and the purchase event.
#[must_use]
pub fn read_schema(file: &Path, bytes: &[u8], settings: &Settings) -> (Schema, Vec<Diagnostic>) {
    let mut schema = bare(settings);
    let problems = match parse(file, bytes) {
        Ok(document) => {
            let reader = Reader::new(&document);
            if let Some(map) = reader.root().map() {
                read(map, &mut schema);
            }
            reader.finish()
        }
        Err(problems) => problems,
    };
    schema.complete();
    (schema, problems)
}

/// The schema of a project without `schema.yaml`.
#[must_use]
pub fn schema_of_no_file(settings: &Settings) -> Schema {
    let mut schema = bare(settings);
    schema.complete();
    schema
}

fn bare(settings: &Settings) -> Schema {
    let mut schema = Schema::new(settings.purchase.clone());
    // `new` has completed it already; the declaration of the purchase event must come first.
    schema.events.clear();
    schema.consents.extend(settings.topics.keys().cloned());
    schema
}

fn read(map: Map<'_>, schema: &mut Schema) {
    if let Some(pairs) = map.optional("customer").and_then(Item::pairs) {
        for (key, item) in pairs {
            if let (Some(attribute), true) = (attribute(item), attribute_name(item)) {
                schema.customer.insert(key.name.clone(), attribute);
            }
        }
    }
    if let Some(pairs) = map.optional("events").and_then(Item::pairs) {
        for (key, item) in pairs {
            let properties = event(item);
            check_purchase(&key.name, item, &properties, schema);
            schema.events.insert(key.name.clone(), properties);
        }
    }
    map.close();
}

/// Whether the key can name an attribute; notes it when not.
fn attribute_name(item: Item<'_>) -> bool {
    let name = item.name();
    if name == "consent" {
        refuse_name(item, "an attribute", "`consent` is always there, by class and topic");
        return false;
    }
    let good = is_name(name, &['_']) || name.starts_with('_') && is_name(name.trim_start_matches('_'), &['_']);
    if !good {
        refuse_name(item, "an attribute", "rules say customer.NAME: use letters, digits and _");
    }
    good
}

/// One attribute: `birthday: date`, or a map with `type`.
fn attribute(item: Item<'_>) -> Option<Attribute> {
    let attribute =
        if item.node().as_text().is_some() { Attribute::of(value_type(item)?) } else { long_form(item.map()?)? };
    let built_in = BUILT_IN.iter().find(|(name, _)| *name == item.name());
    if let Some((name, kind)) = built_in.filter(|(_, kind)| *kind != attribute.kind) {
        let message = format!("`{name}` is built in as a {kind} and cannot be a {}", attribute.kind);
        item.error_with_help("built-in", message, "remove it, or choose another name");
        return None;
    }
    Some(attribute)
}

fn value_type(item: Item<'_>) -> Option<ValueType> {
    let Some(text) = item.node().as_text() else {
        let words = ValueType::ALL.map(ValueType::word).join(", ");
        item.error_with_help("wrong-type", format!("`{}` must be a type", item.name()), format!("known here: {words}"));
        return None;
    };
    let found = ValueType::from_word(text);
    if found.is_none() {
        let words = ValueType::ALL.map(ValueType::word);
        // What other tools call these types.
        let meant = match text.to_lowercase().as_str() {
            "text" | "str" | "varchar" => Some("string"),
            "int" | "integer" | "float" | "double" | "decimal" => Some("number"),
            "bool" => Some("boolean"),
            "datetime" | "time" | "instant" => Some("timestamp"),
            "array" => Some("list"),
            _ => None,
        };
        let message = format!("`{text}` is no type");
        match meant {
            Some(meant) => item.error_with_help("unknown-type", message, format!("did you mean `{meant}`?")),
            None => item.unknown("unknown-type", &message, text, words.into_iter()),
        }
    }
    found
}

fn long_form(map: Map<'_>) -> Option<Attribute> {
    let kind = map.required("type").and_then(value_type);
    let one_of = map.optional("one_of").and_then(|item| one_of(item, kind));
    let default = map.optional("default").and_then(|item| default(item, kind?, one_of.as_deref()));
    map.close();
    Some(Attribute { kind: kind?, one_of, default })
}

fn one_of(item: Item<'_>, kind: Option<ValueType>) -> Option<Vec<String>> {
    let items = item.list()?;
    if kind.is_some_and(|kind| kind != ValueType::Text) {
        item.error_with_help("contradiction", "`one_of` is for texts", "write `type: string`, or remove it");
        return None;
    }
    if items.is_empty() {
        item.error("empty-value", "`one_of` is empty");
        return None;
    }
    let mut texts: Vec<String> = Vec::new();
    for item in items {
        match item.text() {
            Some(text) if texts.iter().any(|known| known == text) => {
                item.error("duplicate-value", format!("`{text}` is listed twice"));
            }
            Some(text) => texts.push(text.to_owned()),
            None => {}
        }
    }
    Some(texts)
}

fn default(item: Item<'_>, kind: ValueType, one_of: Option<&[String]>) -> Option<Value> {
    let Some(value) = plain_value(item.node()).and_then(|value| as_declared(&value, kind)) else {
        let message = match kind {
            ValueType::List => "`default` must be a list of texts and numbers".to_owned(),
            kind => format!("`default` must be a {kind}, not {}", item.node().noun()),
        };
        item.error_with_help("wrong-type", message, example(kind));
        return None;
    };
    if let (Some(text), Some(texts)) = (value.as_text(), one_of)
        && !texts.iter().any(|known| known == text)
    {
        let message = format!("the default `{text}` is not in `one_of`");
        item.unknown("unknown-word", &message, text, texts.iter().map(String::as_str));
        return None;
    }
    Some(value)
}

/// A value of the declared type. Numbers and booleans are written without quotes, all else as text.
fn as_declared(value: &Value, kind: ValueType) -> Option<Value> {
    match (value, kind) {
        (Value::Text(_), ValueType::Date | ValueType::Time) => value.to_kind(kind),
        _ => (value.kind() == Some(kind)).then(|| value.clone()),
    }
}

const fn example(kind: ValueType) -> &'static str {
    match kind {
        ValueType::Text => "put it in quotes",
        ValueType::Number => "write it like 0 or 12.5, without quotes",
        ValueType::Bool => "write true or false, without quotes",
        ValueType::Date => "write it like 2026-03-29",
        ValueType::Time => "write it like 2026-03-29T10:00:00Z",
        ValueType::List => "write it like [a, b]",
    }
}

fn plain_value(node: &Node) -> Option<Value> {
    Some(match &node.kind {
        Kind::Text(text) => Value::Text(text.as_str().into()),
        Kind::Number(number) => Value::Number(*number),
        Kind::Bool(yes) => Value::Bool(*yes),
        Kind::List(items) => {
            let is_plain = |item: &&Node| matches!(item.kind, Kind::Text(_) | Kind::Number(_));
            if !items.iter().all(|item| is_plain(&item)) {
                return None;
            }
            Value::List(items.iter().filter_map(plain_value).collect())
        }
        Kind::Null | Kind::Map(_) => return None,
    })
}

/// The properties of an event; nothing at all declares an event without properties.
fn event(item: Item<'_>) -> BTreeMap<String, ValueType> {
    if item.is_null() {
        return BTreeMap::new();
    }
    let pairs = item.pairs().unwrap_or_default();
    pairs.into_iter().filter_map(|(key, item)| Some((key.name.clone(), value_type(item)?))).collect()
}

/// The purchase event's amount must be a number.
fn check_purchase(name: &str, item: Item<'_>, properties: &BTreeMap<String, ValueType>, schema: &Schema) {
    let purchase = &schema.purchase;
    let kind = properties.get(&purchase.value).copied().filter(|kind| *kind != ValueType::Number);
    if let (true, Some(kind)) = (name == purchase.event, kind) {
        let message = format!("`{}` is the purchase's value and must be a number, not a {kind}", purchase.value);
        let place = item
            .node()
            .get(&purchase.value)
            .map_or_else(|| item.place(), |node| item.reader().document().place(node.span.clone()));
        let problem = Diagnostic::error("wrong-type", place, message);
        item.reader().report(problem.help("write number, or name another property under `purchase` in the settings"));
    }
}
