//! An event as it was typed becomes one as it is stored.

use crate::domain::{Arrival, Event, Schema, Time, ValueType, anonymous_id, nearest};
use crate::http::{EmitRequest, Failure, FailureKind, Given, Result};
use crate::ingest::{CallForm, MessageKind, read_call};
use serde_json::{Map, Value as Json};

/// The customer's id and the event, read as a call of the public listener is.
///
/// # Errors
/// [`FailureKind::NotFound`] for an event that the schema does not know, unless it is forced; [`FailureKind::Invalid`]
/// for what cannot be stored.
pub(super) fn event(schema: &Schema, request: &EmitRequest, now: Time) -> Result<(String, Event)> {
    if !request.force && !schema.events.contains_key(&request.event) {
        return Err(no_event(schema, &request.event));
    }
    let invalid = |reason: String| Failure::new(FailureKind::Invalid, reason);
    let body = Json::Object(message(schema, request)).to_string();
    let read = read_call(CallForm::One(MessageKind::Track), body.as_bytes(), schema, now);
    let message = read.map_err(|bad| invalid(bad.to_string()))?.pop();
    let arrivals = message.map_or_else(|| Ok(Vec::new()), |message| message.read).map_err(invalid)?;
    match arrivals.into_iter().next() {
        Some(Arrival::Event { customer, event }) => Ok((customer, event)),
        _ => Err(Failure::new(FailureKind::Internal, "it was not read as an event")),
    }
}

fn no_event(schema: &Schema, name: &str) -> Failure {
    let mut failure = Failure::not_found("event", name);
    failure.causes.push(match nearest(name, schema.events.keys().map(String::as_str)) {
        Some(near) => format!("did you mean {near:?}? --force takes it as it is"),
        None => "the schema does not declare it; --force takes it all the same".to_owned(),
    });
    failure
}

/// The call that a sender would make.
fn message(schema: &Schema, request: &EmitRequest) -> Map<String, Json> {
    // An id of somebody who is known by an anonymous one only means just that, as `customers list` shows it.
    let (key, id) = match request.customer.strip_prefix(&anonymous_id("")) {
        Some(anonymous) => ("anonymousId", anonymous),
        None => ("userId", request.customer.as_str()),
    };
    let properties = request.properties.iter().map(|(name, given)| {
        let value = match given {
            Given::Json(json) => json.clone(),
            Given::Text(text) => typed(schema.property(&request.event, name), text),
        };
        (name.clone(), value)
    });
    let members = [
        Some((key.to_owned(), id.into())),
        Some(("event".to_owned(), request.event.clone().into())),
        request.at.map(|at| ("timestamp".to_owned(), at.to_string().into())),
        request.message_id.clone().map(|id| ("messageId".to_owned(), id.into())),
        Some(("properties".to_owned(), Json::Object(properties.collect()))),
    ];
    members.into_iter().flatten().collect()
}

/// A text as a property: what is declared is read as its type when it is stored, a list as JSON here; the rest is a
/// number or a truth value if JSON writes one so, else text.
fn typed(kind: Option<ValueType>, text: &str) -> Json {
    let read = || serde_json::from_str::<Json>(text).ok();
    let found = match kind {
        Some(ValueType::List) => read().filter(Json::is_array),
        Some(_) => None,
        None => read().filter(|json| json.is_number() || json.is_boolean()),
    };
    found.unwrap_or_else(|| text.into())
}

/// Properties that are likely misspelt: not declared, and near to one that is.
pub(super) fn remarks(schema: &Schema, event: &Event) -> Vec<String> {
    let Some(declared) = schema.events.get(event.name.as_str()) else { return Vec::new() };
    let unknown = event.properties.keys().filter(|name| !declared.contains_key(name.as_str()));
    unknown
        .filter_map(|name| {
            let near = nearest(name, declared.keys().map(String::as_str))?;
            Some(format!("the schema does not declare {name:?} of {:?}; did you mean {near:?}?", event.name))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{event, remarks};
    use crate::domain::{Schema, Time, Value, ValueType};
    use crate::http::{EmitRequest, FailureKind, Given};

    const NOW: Time = Time(1_773_136_770_000);

    fn schema() -> Schema {
        let mut schema = Schema::default();
        let declared = [("rating", ValueType::Text), ("tags", ValueType::List), ("on", ValueType::Date)];
        schema.events.insert("Rated".into(), declared.map(|(name, kind)| (name.to_owned(), kind)).into());
        schema
    }

    fn rated(name: &str, given: Given) -> EmitRequest {
        EmitRequest {
            event: "Rated".into(),
            customer: "7".into(),
            properties: [(name.to_owned(), given)].into(),
            ..EmitRequest::default()
        }
    }

    fn value(name: &str, text: &str) -> Result<Value, FailureKind> {
        let (_, read) =
            event(&schema(), &rated(name, Given::Text(text.into())), NOW).map_err(|failure| failure.kind)?;
        Ok(read.properties[name].clone())
    }

    #[test]
    fn a_property_is_read_as_the_type_that_the_schema_declares() {
        assert_eq!(value("rating", "5"), Ok(Value::Text("5".into())));
        assert_eq!(value("on", "2026-03-29"), Ok(Value::Date(jiff::civil::date(2026, 3, 29))));
        assert_eq!(value("on", "soon"), Err(FailureKind::Invalid));
        assert_eq!(value("tags", r#"["a"]"#), Ok(Value::List(vec![Value::Text("a".into())])));
        assert_eq!(value("tags", "a"), Err(FailureKind::Invalid));
    }

    #[test]
    fn what_is_not_declared_is_a_number_or_a_truth_value_if_it_looks_so() {
        assert_eq!(value("score", "4.5"), Ok(Value::Number("4.5".parse().unwrap())));
        assert_eq!(value("paid", "true"), Ok(Value::Bool(true)));
        for text in ["007", "yes", "null", "[1]", "\"x\"", ""] {
            assert_eq!(value("word", text), Ok(Value::Text(text.into())), "{text}");
        }
        let given = Given::Json(serde_json::json!(["007"]));
        let (_, read) = event(&schema(), &rated("list", given), NOW).unwrap();
        assert_eq!(read.properties["list"], Value::List(vec![Value::Text("007".into())]));
    }

    #[test]
    fn an_event_that_the_schema_does_not_know_is_taken_only_by_force() {
        let mut request = rated("x", Given::Text("1".into()));
        request.event = "Rate".into();
        let refused = event(&schema(), &request, NOW).unwrap_err();
        assert_eq!(refused.kind, FailureKind::NotFound);
        assert_eq!(refused.causes, ["did you mean \"Rated\"? --force takes it as it is"]);
        request.force = true;
        assert_eq!(event(&schema(), &request, NOW).unwrap().1.name, "Rate");
    }

    #[test]
    fn it_happens_now_unless_it_is_said_when_and_to_whom_the_id_is_of() {
        let mut request = rated("x", Given::Text("1".into()));
        assert_eq!(event(&schema(), &request, NOW).unwrap().1.at, NOW);
        request.at = Some(Time(5));
        request.customer = "anonymous:x".into();
        let (customer, read) = event(&schema(), &request, NOW).unwrap();
        assert_eq!((customer.as_str(), read.at), ("anonymous:x", Time(5)));
    }

    #[test]
    fn a_property_that_is_likely_misspelt_is_remarked() {
        let (_, read) = event(&schema(), &rated("ratting", Given::Text("5".into())), NOW).unwrap();
        assert_eq!(remarks(&schema(), &read).len(), 1);
        let (_, read) = event(&schema(), &rated("colour", Given::Text("5".into())), NOW).unwrap();
        assert_eq!(remarks(&schema(), &read), [""; 0]);
    }
}
