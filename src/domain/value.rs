//! Values of attributes and event properties.

use super::{Number, Text, Time};
use minicbor::data::{Tag, Type};
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};
use std::collections::BTreeMap;
use std::fmt;

/// A value of an attribute or of an event property. A missing value is the absence of a `Value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Text.
    Text(Text),
    /// An exact decimal.
    Number(Number),
    /// True or false.
    Bool(bool),
    /// A calendar day without a zone.
    Date(jiff::civil::Date),
    /// An instant.
    Time(Time),
    /// An ordered list.
    List(Vec<Value>),
    /// A nested object; can be stored and shown, not named in a condition.
    Map(BTreeMap<Text, Value>),
}

/// The types that `schema.yaml` can declare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ValueType {
    /// `string`
    Text,
    /// `number`
    Number,
    /// `boolean`
    Bool,
    /// `date`
    Date,
    /// `timestamp`
    Time,
    /// `list`, of texts or numbers
    List,
}

impl ValueType {
    /// Every type, in the order of the documentation.
    pub const ALL: [Self; 6] = [Self::Text, Self::Number, Self::Bool, Self::Date, Self::Time, Self::List];

    /// The word for it in `schema.yaml`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Number => "number",
            Self::Bool => "boolean",
            Self::Date => "date",
            Self::Time => "timestamp",
            Self::List => "list",
        }
    }

    /// The type of that word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl Value {
    /// Its type; `None` for a nested object.
    #[must_use]
    pub const fn kind(&self) -> Option<ValueType> {
        Some(match self {
            Self::Text(_) => ValueType::Text,
            Self::Number(_) => ValueType::Number,
            Self::Bool(_) => ValueType::Bool,
            Self::Date(_) => ValueType::Date,
            Self::Time(_) => ValueType::Time,
            Self::List(_) => ValueType::List,
            Self::Map(_) => return None,
        })
    }

    /// The text, if it is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The number, if it is one.
    #[must_use]
    pub const fn as_number(&self) -> Option<Number> {
        if let Self::Number(number) = self { Some(*number) } else { None }
    }

    /// This value as the declared type, if it can be read as such without loss: a text that spells a number, a
    /// boolean (`true` / `false`), a date or a time; a time as the UTC day of a date; a number as its own text.
    #[must_use]
    pub fn to_kind(&self, kind: ValueType) -> Option<Self> {
        if self.kind() == Some(kind) {
            return Some(self.clone());
        }
        match (self, kind) {
            (Self::Text(text), ValueType::Number) => text.trim().parse().ok().map(Self::Number),
            (Self::Text(text), ValueType::Bool) => match text.trim() {
                "true" | "True" | "TRUE" => Some(Self::Bool(true)),
                "false" | "False" | "FALSE" => Some(Self::Bool(false)),
                _ => None,
            },
            (Self::Text(text), ValueType::Date) => read_date(text.trim()).map(Self::Date),
            (Self::Text(text), ValueType::Time) => text.trim().parse().ok().map(Self::Time),
            (Self::Number(number), ValueType::Text) => Some(Self::Text(number.to_string().into())),
            (Self::Bool(yes), ValueType::Text) => Some(Self::Text(yes.to_string().into())),
            (Self::Time(time), ValueType::Date) => {
                Some(Self::Date(time.to_jiff().to_zoned(jiff::tz::TimeZone::UTC).date()))
            }
            _ => None,
        }
    }

    /// A JSON value as ours; `None` for `null`, at any depth `null` members are left out. Numbers beyond the range
    /// of [`Number`] become text.
    #[must_use]
    pub fn from_json(json: &serde_json::Value) -> Option<Self> {
        Some(match json {
            serde_json::Value::Null => return None,
            serde_json::Value::Bool(yes) => Self::Bool(*yes),
            serde_json::Value::Number(number) => {
                let text = number.to_string();
                text.parse().map_or_else(|_| Self::Text(text.into()), Self::Number)
            }
            serde_json::Value::String(text) => Self::Text(text.into()),
            serde_json::Value::Array(items) => Self::List(items.iter().filter_map(Self::from_json).collect()),
            serde_json::Value::Object(map) => {
                Self::Map(map.iter().filter_map(|(key, value)| Some((key.into(), Self::from_json(value)?))).collect())
            }
        })
    }

    /// This value as JSON: dates and times as text, whole numbers as integers; a number with more digits than JSON's
    /// readers keep (more than a binary float has) as text, so that no digit is made up.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Text(text) => text.clone().into(),
            Self::Number(number) => number_to_json(*number),
            Self::Bool(yes) => (*yes).into(),
            Self::Date(date) => date.to_string().into(),
            Self::Time(time) => time.to_string().into(),
            Self::List(items) => items.iter().map(Self::to_json).collect::<Vec<_>>().into(),
            Self::Map(map) => map.iter().map(|(key, value)| (key.clone(), value.to_json())).collect(),
        }
    }
}

fn number_to_json(number: Number) -> serde_json::Value {
    if let Some(whole) = number.to_i64() {
        return whole.into();
    }
    // The shortest text of the float is what is written, so it is what must say the number.
    let text = number.to_string();
    match text.parse::<f64>() {
        Ok(float) if Number::from_f64(float) == Some(number) => float.into(),
        _ => text.into(),
    }
}

/// Reads `2026-03-29`, or the day part of a full time as written.
fn read_date(text: &str) -> Option<jiff::civil::Date> {
    text.parse::<jiff::civil::Date>().ok()
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Number(number) => number.fmt(f),
            Self::Bool(yes) => yes.fmt(f),
            Self::Date(date) => date.fmt(f),
            Self::Time(time) => time.fmt(f),
            Self::List(_) | Self::Map(_) => write!(f, "{}", self.to_json()),
        }
    }
}

/// RFC 8943: days since 1970-01-01.
const DAYS: Tag = Tag::new(100);
/// Milliseconds since 1970-01-01 (the tag for an epoch time, in our unit).
const INSTANT: Tag = Tag::new(1);

impl<C> Encode<C> for Number {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        match i64::try_from(self.micro()) {
            Ok(micro) => e.i64(micro)?.ok(),
            Err(_) => e.bytes(&self.micro().to_be_bytes())?.ok(),
        }
    }
}

impl<'b, C> Decode<'b, C> for Number {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        if d.datatype()? == Type::Bytes {
            let bytes = d.bytes()?.try_into().map_err(|_| decode::Error::message("a large number has 16 bytes"))?;
            return Ok(Self::from_micro(i128::from_be_bytes(bytes)));
        }
        d.i64().map(|micro| Self::from_micro(i128::from(micro)))
    }
}

/// How a calendar day is stored: as days since 1970-01-01.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "records are encoded through references")]
pub(super) mod civil_date {
    use jiff::civil::{Date, date};
    use minicbor::decode::Error as Unreadable;
    use minicbor::encode::{Error as Unwritable, Write};
    use minicbor::{Decoder, Encoder};

    const EPOCH: Date = date(1970, 1, 1);

    pub(in crate::domain) fn encode<C, W: Write>(
        day: &Date,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), Unwritable<W::Error>> {
        e.i32(day.since(EPOCH).map_or(0, |span| span.get_days()))?.ok()
    }

    pub(in crate::domain) fn decode<C>(d: &mut Decoder<'_>, _: &mut C) -> Result<Date, Unreadable> {
        let days = jiff::Span::new().try_days(d.i32()?).map_err(Unreadable::message)?;
        Ok(EPOCH.saturating_add(days))
    }
}

/// Of what is empty nearly always: its default takes no room in a record, and is what an absent field means.
#[expect(clippy::unnecessary_wraps, reason = "whether a field may be absent is asked of all kinds of fields")]
pub(super) mod sparse {
    use minicbor::decode::Error as Unreadable;
    use minicbor::encode::{Error as Unwritable, Write};
    use minicbor::{Decode, Decoder, Encode, Encoder};

    pub(in crate::domain) fn encode<C, T: Encode<C>, W: Write>(
        value: &T,
        e: &mut Encoder<W>,
        ctx: &mut C,
    ) -> Result<(), Unwritable<W::Error>> {
        value.encode(e, ctx)
    }

    pub(in crate::domain) fn decode<'b, C, T: Decode<'b, C>>(
        d: &mut Decoder<'b>,
        ctx: &mut C,
    ) -> Result<T, Unreadable> {
        T::decode(d, ctx)
    }

    pub(in crate::domain) fn is_nil<T: Default + PartialEq>(value: &T) -> bool {
        *value == T::default()
    }

    pub(in crate::domain) fn nil<T: Default>() -> Option<T> {
        Some(T::default())
    }
}

/// As [`civil_date`], or null.
#[expect(clippy::ref_option, clippy::trivially_copy_pass_by_ref, reason = "records are encoded through references")]
pub(super) mod optional_date {
    use super::civil_date;
    use jiff::civil::Date;
    use minicbor::data::Type;
    use minicbor::decode::Error as Unreadable;
    use minicbor::encode::{Error as Unwritable, Write};
    use minicbor::{Decoder, Encoder};

    pub(in crate::domain) fn encode<C, W: Write>(
        day: &Option<Date>,
        e: &mut Encoder<W>,
        ctx: &mut C,
    ) -> Result<(), Unwritable<W::Error>> {
        match day {
            Some(day) => civil_date::encode(day, e, ctx),
            None => e.null()?.ok(),
        }
    }

    pub(in crate::domain) fn decode<C>(d: &mut Decoder<'_>, ctx: &mut C) -> Result<Option<Date>, Unreadable> {
        if d.datatype()? == Type::Null {
            d.skip()?;
            return Ok(None);
        }
        civil_date::decode(d, ctx).map(Some)
    }
}

impl<C> Encode<C> for Value {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, ctx: &mut C) -> Result<(), encode::Error<W::Error>> {
        match self {
            Self::Text(text) => e.str(text)?.ok(),
            Self::Number(number) => number.encode(e, ctx),
            Self::Bool(yes) => e.bool(*yes)?.ok(),
            Self::Date(date) => {
                e.tag(DAYS)?;
                civil_date::encode(date, e, ctx)
            }
            Self::Time(time) => e.tag(INSTANT)?.i64(time.0)?.ok(),
            Self::List(items) => items.encode(e, ctx),
            Self::Map(map) => map.encode(e, ctx),
        }
    }
}

impl<'b, C> Decode<'b, C> for Value {
    fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Self, decode::Error> {
        Ok(match d.datatype()? {
            Type::String => Self::Text(Text::decode(d, ctx)?),
            Type::Bool => Self::Bool(d.bool()?),
            Type::Tag => {
                let tag = d.tag()?;
                if tag == DAYS {
                    Self::Date(civil_date::decode(d, ctx)?)
                } else if tag == INSTANT {
                    Self::Time(Time(d.i64()?))
                } else {
                    return Err(decode::Error::message("unknown tag of a value"));
                }
            }
            Type::Array => Self::List(Vec::decode(d, ctx)?),
            Type::Map => Self::Map(BTreeMap::decode(d, ctx)?),
            _ => Self::Number(Number::decode(d, ctx)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Value, ValueType};

    #[test]
    fn every_kind_survives_its_stored_form() {
        let json = serde_json::json!({"a": [1, 2.5, "x", true, {"b": -7}], "big": 1e25, "gone": null});
        let mut value = Value::from_json(&json).unwrap();
        if let Value::Map(map) = &mut value {
            map.insert("day".into(), Value::Date(jiff::civil::date(1956, 2, 29)));
            map.insert("at".into(), Value::Time(super::Time(-5)));
        }
        let bytes = minicbor::to_vec(&value).unwrap();
        assert_eq!(minicbor::decode::<Value>(&bytes).unwrap(), value);
    }

    #[test]
    fn numbers_reach_json_with_every_digit() {
        let json = |text: &str| Value::Number(text.parse().unwrap()).to_json().to_string();
        for text in ["0.1", "-2.5", "9007199254740993", "1234567890.12345", "999999999999.99"] {
            assert_eq!(json(text), text);
        }
        for text in ["123456789012345.678901", "-99999999999999999999"] {
            assert_eq!(json(text), format!("\"{text}\""));
            let back = Value::from_json(&Value::Number(text.parse().unwrap()).to_json()).unwrap();
            assert_eq!(back.to_kind(ValueType::Number), Some(Value::Number(text.parse().unwrap())));
        }
    }

    #[test]
    fn texts_are_read_as_the_declared_type_or_not_at_all() {
        let text = |t: &str| Value::Text(t.into());
        assert_eq!(text("12.5").to_kind(ValueType::Number), Some(Value::Number("12.5".parse().unwrap())));
        assert_eq!(text("yes").to_kind(ValueType::Bool), None);
        assert_eq!(text("2026-02-30").to_kind(ValueType::Date), None);
        assert!(text("2026-02-28").to_kind(ValueType::Date).is_some());
    }
}
