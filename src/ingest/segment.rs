//! One message of the Segment form becomes arrivals.

use super::attribute::{check_attribute, check_effective, check_id, check_own, check_property};
use super::consent::{self, CONSENT};
use super::lines::shortened;
use super::sent::{Origin, timestamp};
use crate::domain::{Arrival, Event, ProfileRow, Schema, Time, Value, anonymous_id};
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;

/// How deep a message may be nested.
const DEEPEST: usize = 32;
/// The longest properties or traits, in bytes of compact JSON.
const LONGEST_PROPERTIES: usize = 32 << 10;
/// Names of the Segment form for attributes that are always there.
const TRAITS: [(&str, &str); 3] = [("firstName", "first_name"), ("lastName", "last_name"), ("createdAt", "created_at")];
/// The event that a group call is.
const GROUP: &str = "Joined a Group";
/// The property that holds the group's id.
const GROUP_ID: &str = "group_id";

/// What a message tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageKind {
    /// Who somebody is.
    Identify,
    /// What somebody did.
    Track,
    /// A page of a site that somebody looked at.
    Page,
    /// The same in an app.
    Screen,
    /// A company or household that somebody belongs to.
    Group,
    /// Two ids of one customer.
    Alias,
}

impl MessageKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [Self::Identify, Self::Track, Self::Page, Self::Screen, Self::Group, Self::Alias];

    /// The word for it in `type`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Identify => "identify",
            Self::Track => "track",
            Self::Page => "page",
            Self::Screen => "screen",
            Self::Group => "group",
            Self::Alias => "alias",
        }
    }

    /// The kind that a message says it is of.
    pub(super) fn of(message: &Map<String, Json>) -> Result<Self, String> {
        const EXPECTED: &str = "expected track, identify, page, screen, group or alias";
        match message.get("type") {
            Some(Json::String(word)) => Self::ALL
                .into_iter()
                .find(|kind| kind.word() == word)
                .ok_or_else(|| format!("`type` is `{}`, {EXPECTED}", shortened(word))),
            None | Some(Json::Null) => Err(format!("there is no `type`; {EXPECTED}")),
            Some(_) => Err(format!("`type` is no text; {EXPECTED}")),
        }
    }
}

/// What a message comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    /// An anonymous id that it says is this customer's, to be stored first.
    pub(super) merge: Option<Arrival>,
    /// What it says.
    pub(super) arrival: Arrival,
}

impl Told {
    /// All of it, in the order in which it is to be stored.
    pub(super) fn into_arrivals(self) -> Vec<Arrival> {
        self.merge.into_iter().chain([self.arrival]).collect()
    }
}

/// What a message is read against.
pub(super) struct Reading<'a> {
    pub(super) schema: &'a Schema,
    pub(super) received_at: Time,
    pub(super) origin: Origin,
}

impl Reading<'_> {
    /// The arrivals that a message of that kind stands for, or why there are none.
    pub(super) fn read(&self, kind: MessageKind, message: &Map<String, Json>) -> Result<Told, String> {
        if message.values().any(|value| deeper_than(value, DEEPEST - 1)) {
            return Err(format!("nested deeper than {DEEPEST} levels"));
        }
        id_text("messageId", message.get("messageId"))?;
        match kind {
            MessageKind::Identify => self.profile(message),
            MessageKind::Track => self.track(message),
            MessageKind::Page | MessageKind::Screen => self.view(kind, message),
            MessageKind::Group => self.group(message),
            MessageKind::Alias => self.alias(message),
        }
    }

    fn track(&self, message: &Map<String, Json>) -> Result<Told, String> {
        let Some(Json::String(name)) = message.get("event") else {
            return Err("there is no `event`, the name of what happened".to_owned());
        };
        check_id("`event`", name)?;
        self.event(name, message, members("properties", message)?)
    }

    /// `Viewed NAME Page`, or `Loaded a Page` where the page has no name.
    fn view(&self, kind: MessageKind, message: &Map<String, Json>) -> Result<Told, String> {
        let what = if kind == MessageKind::Page { "Page" } else { "Screen" };
        let name = text("name", message)?;
        let event = name.map_or_else(|| format!("Loaded a {what}"), |name| format!("Viewed {name} {what}"));
        check_id("`name`", &event)?;
        let mut properties = members("properties", message)?;
        for (property, value) in [("name", name), ("category", text("category", message)?)] {
            if let Some(value) = value {
                properties.entry(property).or_insert_with(|| value.into());
            }
        }
        self.event(&event, message, properties)
    }

    fn group(&self, message: &Map<String, Json>) -> Result<Told, String> {
        let id = id_text("groupId", message.get("groupId"))?.ok_or("there is no `groupId`")?;
        let mut properties = members("traits", message)?;
        properties.insert(GROUP_ID.to_owned(), id.into());
        self.event(GROUP, message, properties)
    }

    fn event(&self, name: &str, message: &Map<String, Json>, properties: Map<String, Json>) -> Result<Told, String> {
        let customer = customer_of(message)?;
        let at = match (timestamp(message, self.origin, self.received_at)?, self.origin) {
            (Some(at), _) => at,
            (None, Origin::Call { .. }) => self.received_at,
            (None, Origin::File) => return Err("there is no `timestamp`, the time of the event".to_owned()),
        };
        let message_id = id_text("messageId", message.get("messageId"))?;
        let declared = self.schema.events.get(name);
        let mut kept = BTreeMap::new();
        for (property, json) in properties {
            let Some(value) = Value::from_json(&json) else { continue };
            let kind = declared.and_then(|properties| properties.get(&property)).copied();
            check_property("properties", None, Value::Text(property.as_str().into()))?;
            let value = check_property(&property, kind, value)?;
            kept.insert(property.into(), value);
        }
        let event = Event {
            name: name.into(),
            at,
            received_at: self.received_at,
            message_id: message_id.map(Into::into),
            properties: kept,
        };
        Ok(Told { merge: None, arrival: Arrival::Event { customer, event } })
    }

    fn profile(&self, message: &Map<String, Json>) -> Result<Told, String> {
        let customer = customer_of(message)?;
        let at = timestamp(message, self.origin, self.received_at)?;
        let at = at.map(|at| check_effective("timestamp", at, self.received_at)).transpose()?;
        let (mut attributes, mut consent) = (BTreeMap::new(), BTreeMap::new());
        for (name, json) in object("traits", message)?.into_iter().flatten() {
            if consent::take(&mut consent, self.schema, name, json)? {
                continue;
            }
            let name = self.attribute_of(name);
            if name == "id" {
                continue;
            }
            check_property("traits", None, Value::Text(name.into()))?;
            let value = Value::from_json(json).map(|value| check_attribute(self.schema, name, &value)).transpose()?;
            attributes.insert(name.into(), value);
        }
        let proof = consent::proof(message, self.origin, self.received_at)?.filter(|_| !consent.is_empty());
        let row = ProfileRow {
            effective_at: at.unwrap_or(self.received_at),
            attributes,
            consent,
            source: self.origin.word().into(),
            received_at: self.received_at,
            proof,
        };
        let merge = match (user_id(message)?, anonymous(message)?) {
            (Some(into), Some(from)) => Some(self.merge(from, into)),
            _ => None,
        };
        let message_id = id_text("messageId", message.get("messageId"))?.map(Into::into);
        Ok(Told { merge, arrival: Arrival::Profile { customer, row, dated: at.is_some(), message_id } })
    }

    /// Senders do not say of which kind the old id is, so it is taken for both.
    fn alias(&self, message: &Map<String, Json>) -> Result<Told, String> {
        let into = user_id(message)?.ok_or("there is no `userId`")?;
        let from = id_text("previousId", message.get("previousId"))?.ok_or("there is no `previousId`")?;
        check_own("previousId", &from)?;
        let merge = Some(self.merge(anonymous_id(&from), into.clone()));
        Ok(Told { merge, arrival: self.merge(from, into) })
    }

    fn merge(&self, from: String, into: String) -> Arrival {
        Arrival::Merge { from, into, received_at: self.received_at }
    }

    /// The attribute that a trait is stored under.
    fn attribute_of<'n>(&self, name: &'n str) -> &'n str {
        if self.schema.customer.contains_key(name) || name == CONSENT {
            return name;
        }
        TRAITS.iter().find(|(theirs, _)| *theirs == name).map_or(name, |(_, ours)| ours)
    }
}

/// Whose message it is: the `userId`, or of somebody who is not known yet the `anonymousId`.
fn customer_of(message: &Map<String, Json>) -> Result<String, String> {
    let (own, anonymous) = (user_id(message)?, anonymous(message)?);
    own.or(anonymous).ok_or_else(|| "there is neither a `userId` nor an `anonymousId`".to_owned())
}

/// The customer's own id.
fn user_id(message: &Map<String, Json>) -> Result<Option<String>, String> {
    let id = id_text("userId", message.get("userId"))?;
    id.map(|id| check_own("userId", &id).map(|()| id)).transpose()
}

/// The anonymous id, as it is stored.
fn anonymous(message: &Map<String, Json>) -> Result<Option<String>, String> {
    Ok(id_text("anonymousId", message.get("anonymousId"))?.map(|id| anonymous_id(&id)))
}

/// An id as text: some senders write whole numbers.
pub(super) fn id_text(name: &str, json: Option<&Json>) -> Result<Option<String>, String> {
    let id = match json {
        None | Some(Json::Null) => return Ok(None),
        Some(Json::String(id)) if id.is_empty() => return Ok(None),
        Some(Json::String(id)) => id.clone(),
        Some(Json::Number(number)) => whole_number(number)
            .ok_or_else(|| format!("`{name}` is `{number}`, expected a text, or a whole number below 2^53"))?,
        Some(_) => return Err(format!("`{name}` is no text")),
    };
    check_id(&format!("`{name}`"), &id).map(|()| Some(id))
}

/// A whole number as text; `7.0` is one, too. Not those of which other programs may have lost digits on the way.
fn whole_number(number: &serde_json::Number) -> Option<String> {
    const BOUND: f64 = 9_007_199_254_740_991.0;
    let value = number.as_f64()?;
    // Nothing is lost at this size, and -0 is 0.
    (value.fract() == 0.0 && (-BOUND..=BOUND).contains(&value)).then(|| format!("{:.0}", value + 0.0))
}

/// A text that may be missing; empty counts as missing.
fn text<'m>(name: &str, message: &'m Map<String, Json>) -> Result<Option<&'m str>, String> {
    match message.get(name) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
        Some(_) => Err(format!("`{name}` is no text")),
    }
}

/// The members of an object that may be missing, as a copy.
fn members(name: &str, message: &Map<String, Json>) -> Result<Map<String, Json>, String> {
    object(name, message).map(|members| members.cloned().unwrap_or_default())
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
