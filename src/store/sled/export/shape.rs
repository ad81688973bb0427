//! Records in CBOR as JSON that a person and a program can read, and back again to the very same bytes.
//!
//! A [`Shape`] says what a part of a record is. What is not of its shape is no error here but for the caller, who then writes
//! the row as its bytes; fields that no shape knows are kept as bytes, too.

use crate::domain::{Number, Reason, State, Time, Value};
use jiff::civil::{Date, date};
use minicbor::data::Type;
use minicbor::{Decoder, Encoder};
use serde_json::{Map, Value as Json, json};

/// What a part of a record is. Wherever a value may stand, none may: null.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape {
    /// A whole number.
    Integer,
    /// Yes or no.
    Flag,
    /// A text.
    Text,
    /// An instant; as RFC 3339, or as milliseconds where that cannot say it.
    Time,
    /// A decimal.
    Number,
    /// A day; as days since 1970 in the record.
    Day,
    /// Bytes; in hexadecimal.
    Bytes,
    /// A value of an attribute or property.
    Value,
    /// One of several words, counted from 0 in the record.
    Word(fn(u64) -> Option<&'static str>),
    /// Several of one kind.
    List(&'static Shape),
    /// By name.
    Map(&'static Shape),
    /// By word.
    ByWord(fn(u64) -> Option<&'static str>, &'static Shape),
    /// Fields by number in the record, by name here.
    Record(Fields),
    /// Fields by their place in the record, by name here.
    Row(Fields),
    /// By their places in both.
    Tuple(&'static [Shape]),
    /// One of several, each with fields by their places.
    Choice(&'static [(&'static str, Fields)]),
}

/// Names and shapes of fields, in the order of their numbers from 0 on.
pub(super) type Fields = &'static [(&'static str, Shape)];

/// It is not of that shape.
#[derive(Debug)]
pub(super) struct Misshapen;

type Result<T> = std::result::Result<T, Misshapen>;
type Writer<'w> = Encoder<&'w mut Vec<u8>>;

impl From<minicbor::decode::Error> for Misshapen {
    fn from(_: minicbor::decode::Error) -> Self {
        Self
    }
}

impl From<minicbor::encode::Error<std::convert::Infallible>> for Misshapen {
    fn from(_: minicbor::encode::Error<std::convert::Infallible>) -> Self {
        Self
    }
}

/// Words of [`State`].
pub(super) fn state(index: u64) -> Option<&'static str> {
    State::ALL.get(usize::try_from(index).ok()?).map(|state| state.word())
}

/// Words of [`Reason`].
pub(super) fn reason(index: u64) -> Option<&'static str> {
    Reason::ALL.get(usize::try_from(index).ok()?).map(|reason| reason.word())
}

/// Words of [`crate::domain::Class`].
pub(super) fn class(index: u64) -> Option<&'static str> {
    ["marketing", "service"].get(usize::try_from(index).ok()?).copied()
}

fn index_of(word: fn(u64) -> Option<&'static str>, text: &Json) -> Result<u64> {
    let text = text.as_str().ok_or(Misshapen)?;
    (0..)
        .map_while(|index| word(index).map(|word| (index, word)))
        .find(|(_, word)| *word == text)
        .map(|(index, _)| index)
        .ok_or(Misshapen)
}

/// All of a record's bytes.
pub(super) fn to_json(shape: Shape, bytes: &[u8]) -> Result<Json> {
    let mut decoder = Decoder::new(bytes);
    let json = shape.read(&mut decoder)?;
    if decoder.position() == bytes.len() { Ok(json) } else { Err(Misshapen) }
}

/// Adds the record's bytes.
pub(super) fn to_bytes(shape: Shape, json: &Json, bytes: &mut Vec<u8>) -> Result<()> {
    shape.write(json, &mut Encoder::new(bytes))
}

impl Shape {
    fn read(self, d: &mut Decoder<'_>) -> Result<Json> {
        if d.datatype()? == Type::Null {
            d.null()?;
            return Ok(Json::Null);
        }
        Ok(match self {
            Self::Integer => match d.datatype()? {
                Type::U8 | Type::U16 | Type::U32 | Type::U64 => d.u64()?.into(),
                _ => d.i64()?.into(),
            },
            Self::Flag => d.bool()?.into(),
            Self::Text => d.str()?.into(),
            Self::Time => time(Time(d.i64()?)),
            Self::Number => Value::Number(d.decode()?).to_json(),
            Self::Day => EPOCH.saturating_add(days(d.i32()?)?).to_string().into(),
            Self::Bytes => hex(d.bytes()?).into(),
            Self::Value => value(&d.decode()?),
            Self::Word(word) => word(d.u64()?).ok_or(Misshapen)?.into(),
            Self::List(shape) => (0..length(d.array()?)?).map(|_| shape.read(d)).collect::<Result<Vec<_>>>()?.into(),
            Self::Map(shape) => {
                let entries = (0..length(d.map()?)?).map(|_| Ok((d.str()?.to_owned(), shape.read(d)?)));
                Json::Object(entries.collect::<Result<_>>()?)
            }
            Self::ByWord(word, shape) => {
                let entries =
                    (0..length(d.map()?)?).map(|_| Ok((word(d.u64()?).ok_or(Misshapen)?.to_owned(), shape.read(d)?)));
                Json::Object(entries.collect::<Result<_>>()?)
            }
            Self::Record(fields) => {
                let count = length(d.map()?)?;
                Json::Object(
                    (0..count)
                        .map(|_| {
                            let index = d.u64()?;
                            field(fields, index, d)
                        })
                        .collect::<Result<_>>()?,
                )
            }
            Self::Row(fields) => row(fields, d)?,
            Self::Tuple(shapes) => {
                if length(d.array()?)? != shapes.len() as u64 {
                    return Err(Misshapen);
                }
                shapes.iter().map(|shape| shape.read(d)).collect::<Result<Vec<_>>>()?.into()
            }
            Self::Choice(choices) => {
                let (Some(2), index) = (d.array()?, d.u32()?) else { return Err(Misshapen) };
                let (name, fields) = choices.get(index as usize).ok_or(Misshapen)?;
                json!({ *name: row(fields, d)? })
            }
        })
    }

    fn write(self, json: &Json, e: &mut Writer<'_>) -> Result<()> {
        if json.is_null() {
            e.null()?;
            return Ok(());
        }
        match self {
            Self::Integer => match json.as_u64() {
                Some(number) => e.u64(number)?.ok()?,
                None => e.i64(json.as_i64().ok_or(Misshapen)?)?.ok()?,
            },
            Self::Flag => e.bool(json.as_bool().ok_or(Misshapen)?)?.ok()?,
            Self::Text => e.str(json.as_str().ok_or(Misshapen)?)?.ok()?,
            Self::Time => e.i64(read_time(json)?.0)?.ok()?,
            Self::Number => e.encode(read_number(json)?)?.ok()?,
            Self::Day => {
                let day: Date = json.as_str().and_then(|text| text.parse().ok()).ok_or(Misshapen)?;
                e.i32(day.since(EPOCH).map_err(|_| Misshapen)?.get_days())?.ok()?;
            }
            Self::Bytes => e.bytes(&unhex(json.as_str().ok_or(Misshapen)?)?)?.ok()?,
            Self::Value => e.encode(read_value(json)?)?.ok()?,
            Self::Word(word) => e.u64(index_of(word, json)?)?.ok()?,
            Self::List(shape) => {
                let items = json.as_array().ok_or(Misshapen)?;
                e.array(items.len() as u64)?;
                items.iter().try_for_each(|item| shape.write(item, e))?;
            }
            Self::Map(shape) => {
                let entries = json.as_object().ok_or(Misshapen)?;
                e.map(entries.len() as u64)?;
                entries.iter().try_for_each(|(name, item)| {
                    e.str(name)?;
                    shape.write(item, e)
                })?;
            }
            Self::ByWord(word, shape) => {
                let entries = json.as_object().ok_or(Misshapen)?;
                e.map(entries.len() as u64)?;
                entries.iter().try_for_each(|(name, item)| {
                    e.u64(index_of(word, &name.as_str().into())?)?;
                    shape.write(item, e)
                })?;
            }
            Self::Record(fields) => {
                let entries = json.as_object().ok_or(Misshapen)?;
                e.map(entries.len() as u64)?;
                entries.iter().try_for_each(|(name, item)| write_field(fields, name, item, e))?;
            }
            Self::Row(fields) => write_row(fields, json, e)?,
            Self::Tuple(shapes) => {
                let items = json.as_array().filter(|items| items.len() == shapes.len()).ok_or(Misshapen)?;
                e.array(items.len() as u64)?;
                items.iter().zip(shapes).try_for_each(|(item, shape)| shape.write(item, e))?;
            }
            Self::Choice(choices) => {
                let (name, item) = json.as_object().and_then(|map| map.iter().next()).ok_or(Misshapen)?;
                let index = choices.iter().position(|(choice, _)| choice == name).ok_or(Misshapen)?;
                e.array(2)?.u64(index as u64)?;
                write_row(choices[index].1, item, e)?;
            }
        }
        Ok(())
    }
}

const EPOCH: Date = date(1970, 1, 1);

fn days(count: i32) -> Result<jiff::Span> {
    jiff::Span::new().try_days(count).map_err(|_| Misshapen)
}

fn length(length: Option<u64>) -> Result<u64> {
    length.ok_or(Misshapen)
}

/// The name of a field that has none begins so; its number follows, and it stands as bytes.
const NAMELESS: &str = "#";

fn field(fields: Fields, index: u64, d: &mut Decoder<'_>) -> Result<(String, Json)> {
    if let Some((name, shape)) = usize::try_from(index).ok().and_then(|index| fields.get(index)) {
        return Ok(((*name).to_owned(), shape.read(d)?));
    }
    let from = d.position();
    d.skip()?;
    Ok((format!("{NAMELESS}{index}"), hex(&d.input()[from..d.position()]).into()))
}

fn write_field(fields: Fields, name: &str, json: &Json, e: &mut Writer<'_>) -> Result<()> {
    if let Some(number) = name.strip_prefix(NAMELESS) {
        e.u64(number.parse().map_err(|_| Misshapen)?)?;
        e.writer_mut().extend_from_slice(&unhex(json.as_str().ok_or(Misshapen)?)?);
        return Ok(());
    }
    let index = fields.iter().position(|(field, _)| *field == name).ok_or(Misshapen)?;
    e.u64(index as u64)?;
    fields[index].1.write(json, e)
}

/// Fields that stand by their places; those at the end may be missing.
fn row(fields: Fields, d: &mut Decoder<'_>) -> Result<Json> {
    let count = length(d.array()?)?;
    if count > fields.len() as u64 {
        return Err(Misshapen);
    }
    let mut object = Map::new();
    for (name, shape) in fields.iter().take(usize::try_from(count).map_err(|_| Misshapen)?) {
        object.insert((*name).to_owned(), shape.read(d)?);
    }
    Ok(Json::Object(object))
}

fn write_row(fields: Fields, json: &Json, e: &mut Writer<'_>) -> Result<()> {
    let object = json.as_object().ok_or(Misshapen)?;
    e.array(object.len() as u64)?;
    for (name, shape) in fields.iter().take(object.len()) {
        shape.write(object.get(*name).ok_or(Misshapen)?, e)?;
    }
    Ok(())
}

fn time(at: Time) -> Json {
    let text = at.to_string();
    if text.parse() == Ok(at) { text.into() } else { at.0.into() }
}

fn read_time(json: &Json) -> Result<Time> {
    match json {
        Json::String(text) => text.parse().map_err(|_| Misshapen),
        other => other.as_i64().map(Time).ok_or(Misshapen),
    }
}

fn read_number(json: &Json) -> Result<Number> {
    let text = json.as_str().map_or_else(|| json.to_string(), str::to_owned);
    text.parse().map_err(|_| Misshapen)
}

/// As in JSON, and under its type's name what JSON has no type for.
fn value(value: &Value) -> Json {
    match value {
        Value::Text(text) => text.as_str().into(),
        Value::Bool(yes) => (*yes).into(),
        Value::Number(_) => match value.to_json() {
            Json::String(digits) => json!({ "number": digits }),
            number => number,
        },
        Value::Date(day) => json!({ "date": day.to_string() }),
        Value::Time(at) => json!({ "timestamp": time(*at) }),
        Value::List(items) => items.iter().map(self::value).collect::<Vec<_>>().into(),
        Value::Map(entries) => {
            let entries: Map<String, Json> =
                entries.iter().map(|(name, item)| (name.to_string(), self::value(item))).collect();
            json!({ "map": entries })
        }
    }
}

fn read_value(json: &Json) -> Result<Value> {
    Ok(match json {
        Json::String(text) => Value::Text(text.as_str().into()),
        Json::Bool(yes) => Value::Bool(*yes),
        Json::Number(_) => Value::Number(read_number(json)?),
        Json::Array(items) => Value::List(items.iter().map(read_value).collect::<Result<_>>()?),
        Json::Object(object) => match object.iter().next() {
            Some((kind, digits)) if kind == "number" => Value::Number(read_number(digits)?),
            Some((kind, day)) if kind == "date" => {
                Value::Date(day.as_str().and_then(|text| text.parse().ok()).ok_or(Misshapen)?)
            }
            Some((kind, at)) if kind == "timestamp" => Value::Time(read_time(at)?),
            Some((kind, Json::Object(entries))) if kind == "map" => {
                let entries = entries.iter().map(|(name, item)| Ok((name.as_str().into(), read_value(item)?)));
                Value::Map(entries.collect::<Result<_>>()?)
            }
            _ => return Err(Misshapen),
        },
        Json::Null => return Err(Misshapen),
    })
}

/// In hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // A string takes whatever is written.
        let _taken = write!(text, "{byte:02x}");
    }
    text
}

/// From hexadecimal.
pub(super) fn unhex(text: &str) -> Result<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return Err(Misshapen);
    }
    let pairs = (0..text.len()).step_by(2);
    pairs.map(|at| u8::from_str_radix(&text[at..at + 2], 16).map_err(|_| Misshapen)).collect()
}
