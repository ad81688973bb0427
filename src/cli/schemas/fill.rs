//! Names of a project in a schema: an editor offers them, and takes others all the same, for what it was given may be
//! older than the project. `check` is what refuses.

use crate::cli::composition::ProjectNames;
use crate::domain::{Attribute, ValueType};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// The key that says which names belong there.
const MARK: &str = "x-names";

/// Puts names where they belong, and takes out what says where that is.
pub(super) fn fill(schema: &mut Value, names: Option<&ProjectNames>) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(|item| fill(item, names)),
        Value::Object(object) => {
            let mark = object.shift_remove(MARK);
            object.values_mut().for_each(|value| fill(value, names));
            if let (Some(Value::String(kind)), Some(names)) = (mark, names) {
                name(object, &kind, names);
            }
        }
        _ => {}
    }
}

fn name(object: &mut Map<String, Value>, kind: &str, names: &ProjectNames) {
    match kind {
        "conditions" => {
            object.insert("examples".into(), conditions(names).into());
        }
        "customer" | "attributes" => {
            let attributes = names.schema.customer.iter();
            add(object, attributes.map(|(name, attribute)| (name.clone(), of_attribute(attribute))));
        }
        "event" => {
            let properties = names.schema.events.values().flatten();
            add(object, properties.map(|(name, kind)| (name.clone(), of_type(*kind))));
        }
        _ => offer(object, words(kind, names)),
    }
}

/// The words of a kind of names.
fn words(kind: &str, names: &ProjectNames) -> BTreeSet<String> {
    let properties = |fits: fn(ValueType) -> bool| {
        let all = names.schema.events.values().flatten();
        all.filter(|(_, kind)| fits(**kind)).map(|(name, _)| name.clone()).collect()
    };
    let is_date = |attribute: &Attribute| matches!(attribute.kind, ValueType::Date | ValueType::Time);
    match kind {
        "topics" => names.topics.clone(),
        "endpoints" => names.endpoints.clone(),
        "templates" => names.templates.clone(),
        "segments" => names.segments.clone(),
        "rules" => names.rules.clone(),
        "steps" => names.steps.iter().cloned().chain(["nothing".to_owned()]).collect(),
        "events" => names.schema.events.keys().cloned().collect(),
        "properties" => properties(|kind| kind != ValueType::List),
        "numbers" => properties(|kind| kind == ValueType::Number),
        "dates" => {
            let dates = names.schema.customer.iter().filter(|(_, attribute)| is_date(attribute));
            dates.map(|(name, _)| name.clone()).collect()
        }
        _ => BTreeSet::new(),
    }
}

/// Offers words in place of the schema's own examples.
fn offer(object: &mut Map<String, Value>, words: BTreeSet<String>) {
    if words.is_empty() {
        return;
    }
    let mut other = Map::new();
    for key in ["type", "minLength", "pattern", "patternErrorMessage"] {
        if let Some(value) = object.shift_remove(key) {
            other.insert(key.to_owned(), value);
        }
    }
    object.shift_remove("examples");
    let words: Vec<String> = words.into_iter().collect();
    object.insert("anyOf".into(), json!([{ "enum": words }, other]));
}

/// Adds keys that the schema does not have itself.
fn add(object: &mut Map<String, Value>, keys: impl Iterator<Item = (String, Value)>) {
    let properties = object.entry("properties").or_insert_with(|| json!({}));
    let Value::Object(properties) = properties else { return };
    for (key, schema) in keys {
        properties.entry(key).or_insert(schema);
    }
}

fn of_attribute(attribute: &Attribute) -> Value {
    match &attribute.one_of {
        Some(texts) => json!({
            "description": format!("A {} of schema.yaml, or nothing.", attribute.kind),
            "anyOf": [{"enum": texts}, {"type": "null"}],
        }),
        None => of_type(attribute.kind),
    }
}

fn of_type(kind: ValueType) -> Value {
    let json_type = match kind {
        ValueType::Text | ValueType::Date | ValueType::Time => "string",
        ValueType::Number => "number",
        ValueType::Bool => "boolean",
        ValueType::List => "array",
    };
    // What is known to be missing is written as nothing.
    json!({"description": format!("A {kind} of schema.yaml, or nothing."), "type": [json_type, "null"]})
}

/// Conditions that can be written here, one for each thing that they may name.
fn conditions(names: &ProjectNames) -> Vec<String> {
    let general = [
        "everyone",
        "orders.count >= 2",
        "orders.revenue > 1000",
        "days_since(orders.last_at) > 60",
        "orders.count == 0",
    ];
    let declared = names.schema.customer.iter();
    let attributes = declared.map(|(name, attribute)| of(&format!("customer.{name}"), attribute));
    let events = names.schema.events.keys().map(|event| format!("count(\"{event}\", days(30)) >= 1"));
    let segments = names.segments.iter().map(|segment| format!("in_segment(\"{segment}\")"));
    general.into_iter().map(str::to_owned).chain(attributes).chain(events).chain(segments).collect()
}

/// A condition on one attribute.
fn of(path: &str, attribute: &Attribute) -> String {
    let text = attribute.one_of.as_ref().and_then(|texts| texts.first()).map_or("…", String::as_str);
    match attribute.kind {
        ValueType::Text => format!("{path} == \"{text}\""),
        ValueType::Number => format!("{path} > 0"),
        ValueType::Bool => path.to_owned(),
        ValueType::Date => format!("days_until({path}) <= 30"),
        ValueType::Time => format!("days_since({path}) > 30"),
        ValueType::List => format!("\"{text}\" in {path}"),
    }
}
