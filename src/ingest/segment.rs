//! One message of the Segment form becomes an arrival.

use super::attribute::{check_attribute, check_effective, check_id, check_property};
use super::lines::shortened;
use crate::domain::{Arrival, Event, ProfileRow, Schema, Time, Value};
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;

/// How deep a message may be nested.
const DEEPEST: usize = 32;
/// The longest properties or traits, in bytes of compact JSON.
const LONGEST_PROPERTIES: usize = 32 << 10;
/// Names of the Segment form for attributes that are always there.
const TRAITS: [(&str, &str); 3] = [("firstName", "first_name"), ("lastName", "last_name"), ("createdAt", "created_at")];

/// What a message is read against.
pub(super) struct Reading<'a> {
    pub(super) schema: &'a Schema,
    pub(super) received_at: Time,
}

impl Reading<'_> {
    /// The arrival that a message stands for, or why there is none.
    pub(super) fn arrival(&self, message: &Map<String, Json>) -> Result<Arrival, String> {
        if message.values().any(|value| deeper_than(value, DEEPEST - 1)) {
            return Err(format!("nested deeper than {DEEPEST} levels"));
        }
        match message.get("type") {
            Some(Json::String(kind)) => match kind.as_str() {
                "track" => self.event(message),
                "identify" => self.profile(message),
                "page" | "screen" | "group" | "alias" => {
                    Err(format!("`type` is `{kind}`, not supported in this version"))
                }
                _ => Err(format!("`type` is `{}`, expected track or identify", shortened(kind))),
            },
            None | Some(Json::Null) => Err("there is no `type`; expected track or identify".to_owned()),
            Some(_) => Err("`type` is no text; expected track or identify".to_owned()),
        }
    }

    fn event(&self, message: &Map<String, Json>) -> Result<Arrival, String> {
        let customer = user_id(message)?;
        let name = match message.get("event") {
            Some(Json::String(name)) => name.clone(),
            _ => return Err("there is no `event`, the name of what happened".to_owned()),
        };
        check_id("`event`", &name)?;
        let at = timestamp(message)?.ok_or("there is no `timestamp`, the time of the event")?;
        let message_id = id_text("messageId", message.get("messageId"))?;
        let declared = self.schema.events.get(&name);
        let mut properties = BTreeMap::new();
        for (property, json) in object("properties", message)?.into_iter().flatten() {
            let Some(value) = Value::from_json(json) else { continue };
            let kind = declared.and_then(|properties| properties.get(property)).copied();
            check_property("properties", None, Value::Text(property.clone()))?;
            properties.insert(property.clone(), check_property(property, kind, value)?);
        }
        let event = Event { name, at, received_at: self.received_at, message_id, properties };
        Ok(Arrival::Event { customer, event })
    }

    fn profile(&self, message: &Map<String, Json>) -> Result<Arrival, String> {
        let customer = user_id(message)?;
        let at = timestamp(message)?.map(|at| check_effective("timestamp", at, self.received_at)).transpose()?;
        let mut attributes = BTreeMap::new();
        for (name, json) in object("traits", message)?.into_iter().flatten() {
            let name = self.attribute_of(name);
            if name == "id" {
                continue;
            }
            check_property("traits", None, Value::Text(name.to_owned()))?;
            let value = Value::from_json(json).map(|value| check_attribute(self.schema, name, &value)).transpose()?;
            attributes.insert(name.to_owned(), value);
        }
        let row = ProfileRow {
            effective_at: at.unwrap_or(self.received_at),
            attributes,
            consent: BTreeMap::new(),
            source: "import".to_owned(),
            received_at: self.received_at,
        };
        Ok(Arrival::Profile { customer, row, dated: at.is_some() })
    }

    /// The attribute that a trait is stored under.
    fn attribute_of<'n>(&self, name: &'n str) -> &'n str {
        if self.schema.customer.contains_key(name) {
            return name;
        }
        TRAITS.iter().find(|(theirs, _)| *theirs == name).map_or(name, |(_, ours)| ours)
    }
}

fn user_id(message: &Map<String, Json>) -> Result<String, String> {
    match id_text("userId", message.get("userId"))? {
        Some(id) => check_id("`userId`", &id).map(|()| id),
        None if message.get("anonymousId").is_some_and(|id| !id.is_null()) => {
            Err("there is only an `anonymousId`; customers are known by their `userId`".to_owned())
        }
        None => Err("there is no `userId`".to_owned()),
    }
}

/// An id as text: some senders write whole numbers.
fn id_text(name: &str, json: Option<&Json>) -> Result<Option<String>, String> {
    let id = match json {
        None | Some(Json::Null) => return Ok(None),
        Some(Json::String(id)) if id.is_empty() => return Ok(None),
        Some(Json::String(id)) => id.clone(),
        Some(Json::Number(number)) if !number.is_f64() => number.to_string(),
        Some(_) => return Err(format!("`{name}` is no text")),
    };
    check_id(&format!("`{name}`"), &id).map(|()| Some(id))
}

fn timestamp(message: &Map<String, Json>) -> Result<Option<Time>, String> {
    let unusable =
        |text: &str| format!("`timestamp` is `{}`, expected a time such as 2026-03-29T10:00:00Z", shortened(text));
    match message.get("timestamp") {
        None | Some(Json::Null) => Ok(None),
        Some(Json::String(text)) => match text.trim().parse::<Time>() {
            Ok(at) if (Time::MIN..=Time::MAX).contains(&at) => Ok(Some(at)),
            _ => Err(unusable(text)),
        },
        Some(other) => Err(unusable(&other.to_string())),
    }
}

/// The members of an object that may be missing.
fn object<'m>(name: &str, message: &'m Map<String, Json>) -> Result<Option<&'m Map<String, Json>>, String> {
    match message.get(name) {
        None | Some(Json::Null) => Ok(None),
        Some(whole @ Json::Object(members)) if size(whole) <= LONGEST_PROPERTIES => Ok(Some(members)),
        Some(Json::Object(_)) => Err(format!("`{name}` are longer than 32 KiB")),
        Some(_) => Err(format!("`{name}` are no object")),
    }
}

/// The length of a value's compact JSON, up to a few bytes for escapes.
fn size(json: &Json) -> usize {
    match json {
        Json::Null | Json::Bool(_) => 5,
        Json::Number(_) => 8,
        Json::String(text) => text.len() + 2,
        Json::Array(items) => items.iter().map(|item| size(item) + 1).sum::<usize>() + 2,
        Json::Object(map) => map.iter().map(|(key, value)| key.len() + size(value) + 4).sum::<usize>() + 2,
    }
}

fn deeper_than(json: &Json, levels: usize) -> bool {
    match json {
        Json::Array(items) => levels == 0 || items.iter().any(|item| deeper_than(item, levels - 1)),
        Json::Object(map) => levels == 0 || map.values().any(|value| deeper_than(value, levels - 1)),
        _ => false,
    }
}
