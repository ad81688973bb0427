//! Whether a value may be stored under an attribute, a property or an id.

use super::address::email;
use super::lines::shortened;
use crate::domain::{Attribute, Schema, Span, Time, Value, ValueType, is_anonymous};

/// The longest id of a customer or a message and the longest name of an event, in characters.
const LONGEST_ID: usize = 256;
/// The longest text of one attribute, in bytes.
const LONGEST_TEXT: usize = 32 << 10;
/// How far a profile may be ahead of our clock: as much as clocks of others are wrong.
const AHEAD: Span = Span::hours(1);

/// An id of a customer, as it is: nothing is trimmed, since events must name the very same.
pub(super) fn check_id(what: &str, id: &str) -> Result<(), String> {
    if id.trim().is_empty() {
        return Err(format!("{what} is empty"));
    }
    if id.chars().count() > LONGEST_ID {
        return Err(format!("{what} is longer than {LONGEST_ID} characters"));
    }
    match id.chars().find(|letter| letter.is_control()) {
        Some(letter) => Err(format!("{what} holds the control character {}", letter.escape_debug())),
        None => Ok(()),
    }
}

/// That an id is none of those under which anonymous customers are stored.
pub(super) fn check_own(what: &str, id: &str) -> Result<(), String> {
    if is_anonymous(id) {
        return Err(format!("`{what}` is `{}`, which is how anonymous ids are stored", shortened(id)));
    }
    Ok(())
}

/// The value as it is stored under an attribute: of the declared type, one of the listed texts, a real time zone, an
/// address that mail can have. Attributes that are not declared keep the value as it came.
pub(super) fn check_attribute(schema: &Schema, name: &str, value: &Value) -> Result<Value, String> {
    check_plain(name, value)?;
    let Some(attribute) = schema.customer.get(name) else {
        return Ok(value.clone());
    };
    let typed = typed(name, attribute.kind, value)?;
    check_one_of(name, attribute, &typed)?;
    match (name, typed) {
        ("timezone", Value::Text(zone)) => check_zone(&zone).map(|zone| Value::Text(zone.into())),
        ("email", Value::Text(address)) => email(&address).map(|address| Value::Text(address.into())),
        (_, typed) => Ok(typed),
    }
}

/// From when a profile row holds: not later than [`AHEAD`] from now, since nothing older would change the profile before
/// that time, and no time that cannot be reckoned with.
pub(super) fn check_effective(name: &str, at: Time, received_at: Time) -> Result<Time, String> {
    if !(Time::MIN..=Time::MAX).contains(&at) {
        return Err(format!("`{name}` lies too far from the present"));
    }
    if at > received_at.plus(AHEAD) {
        return Err(format!("`{name}` is {at}, which lies in the future"));
    }
    Ok(at)
}

/// The value as the declared type of a property.
pub(super) fn check_property(name: &str, kind: Option<ValueType>, value: Value) -> Result<Value, String> {
    check_plain(name, &value)?;
    match kind {
        Some(kind) => typed(name, kind, &value),
        None => Ok(value),
    }
}

fn typed(name: &str, kind: ValueType, value: &Value) -> Result<Value, String> {
    let midnight = || value.as_text().filter(|_| kind == ValueType::Date).and_then(midnight).map(Value::Date);
    value.to_kind(kind).or_else(midnight).ok_or_else(|| unusable(name, kind, value))
}

/// The date of a text such as `1990-05-01T00:00:00.000Z`, which is how JSON of JavaScript has a date. Of another time of
/// the day it depends on a zone which day is meant.
fn midnight(text: &str) -> Option<jiff::civil::Date> {
    let text = text.trim();
    let written: jiff::civil::DateTime = text.strip_suffix(['Z', 'z']).unwrap_or(text).parse().ok()?;
    (written.time() == jiff::civil::Time::midnight()).then(|| written.date())
}

/// No value may hold NUL, nor a single text be longer than [`LONGEST_TEXT`]. Line breaks are data as any other.
fn check_plain(name: &str, value: &Value) -> Result<(), String> {
    match value {
        Value::Text(text) if text.contains('\0') => Err(format!("`{name}` holds a NUL character")),
        Value::Text(text) if text.len() > LONGEST_TEXT => Err(format!("`{name}` is longer than 32 KiB")),
        Value::List(items) => items.iter().try_for_each(|item| check_plain(name, item)),
        Value::Map(map) => map.iter().try_for_each(|(key, value)| {
            check_plain(name, &Value::Text(key.clone()))?;
            check_plain(name, value)
        }),
        _ => Ok(()),
    }
}

fn check_one_of(name: &str, attribute: &Attribute, value: &Value) -> Result<(), String> {
    let (Some(allowed), Some(text)) = (&attribute.one_of, value.as_text()) else {
        return Ok(());
    };
    if allowed.iter().any(|word| word == text) {
        return Ok(());
    }
    Err(format!("`{name}` is `{}`; it may be one of: {}", shortened(text), allowed.join(", ")))
}

fn check_zone(name: &str) -> Result<String, String> {
    let zone = jiff::tz::TimeZone::get(name.trim()).ok().filter(|zone| !zone.is_unknown());
    zone.as_ref().and_then(jiff::tz::TimeZone::iana_name).map(str::to_owned).ok_or_else(|| {
        format!("`timezone` is `{}`, no time zone; write an IANA name such as Africa/Nairobi", shortened(name))
    })
}

/// What to say of a value that cannot be read as its type.
pub(super) fn unusable(name: &str, kind: ValueType, value: &Value) -> String {
    let expected = match kind {
        ValueType::Text => "a text",
        ValueType::Number => "a number such as 1234.5, without a thousands separator",
        ValueType::Bool => "true or false",
        ValueType::Date if value.as_text().is_some_and(|text| text.trim().parse::<Time>().is_ok()) => {
            "a date such as 2026-03-29: which day a moment falls on depends on the time zone"
        }
        ValueType::Date => "a date such as 2026-03-29",
        ValueType::Time => "a time such as 2026-03-29T10:00:00Z",
        ValueType::List => "a list such as [\"a\", \"b\"]",
    };
    format!("`{name}` is `{}`, expected {expected}", shortened(&value.to_string()))
}

#[cfg(test)]
mod tests {
    use super::{check_attribute, check_id, check_property};
    use crate::domain::{Schema, Value, ValueType};

    fn attribute(name: &str, text: &str) -> Result<Value, String> {
        check_attribute(&Schema::default(), name, &Value::Text(text.into()))
    }

    #[test]
    fn time_zones_are_stored_by_their_canonical_name() {
        assert_eq!(attribute("timezone", "africa/nairobi"), Ok(Value::Text("Africa/Nairobi".into())));
        for bad in ["Mars/Olympus", "+03:00", "Etc/Unknown", "EST5EDT4,M3.2.0"] {
            assert!(attribute("timezone", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn nul_is_refused_at_any_depth_and_line_breaks_are_data() {
        let nested = serde_json::json!({"a": [{"b": "x\u{0}"}]});
        assert!(check_property("p", None, Value::from_json(&nested).unwrap()).unwrap_err().contains("NUL"));
        assert_eq!(attribute("first_name", "A\r\nB"), Ok(Value::Text("A\r\nB".into())));
    }

    #[test]
    fn an_id_is_kept_as_it_is_or_refused() {
        assert!(check_id("id", "  ").is_err());
        assert!(check_id("id", &"x".repeat(257)).is_err());
        assert!(check_id("id", "a\nb").is_err());
        assert!(check_id("id", " a b ").is_ok());
    }

    #[test]
    fn midnight_is_a_date_and_any_other_moment_is_none() {
        let date = |text: &str| check_property("born", Some(ValueType::Date), Value::Text(text.into()));
        let expected = Value::Date("1990-05-01".parse().unwrap());
        let midnights = ["1990-05-01T00:00:00.000Z", "1990-05-01T00:00:00+03:00", "1990-05-01 00:00", " 1990-05-01 "];
        assert_eq!(midnights.map(date), midnights.map(|_| Ok(expected.clone())));
        for (bad, why) in
            [("1990-04-30T21:00:00.000Z", "time zone"), ("1990-05-01T00:00:01Z", "time zone"), ("x", "as 2")]
        {
            let reason = date(bad).unwrap_err();
            assert!(reason.contains(why), "{reason}");
        }
    }

    #[test]
    fn a_property_of_a_declared_type_is_stored_as_that_type() {
        let text = |text: &str| Value::Text(text.into());
        let number = check_property("revenue", Some(ValueType::Number), text("29.33")).unwrap();
        assert_eq!(number, Value::Number("29.33".parse().unwrap()));
        let reason = check_property("revenue", Some(ValueType::Number), text("abc")).unwrap_err();
        assert!(reason.starts_with("`revenue` is `abc`, expected a number"), "{reason}");
    }
}
