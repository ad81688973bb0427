//! How a row stands in a line: the parts of its key by name, its version, and its record.

use super::super::keys::{self, Kind};
use super::records;
use super::shape::{Misshapen, Shape, hex, to_bytes, to_json, unhex};
use crate::domain::Time;
use serde_json::{Map, Value as Json};

/// The first byte of the value of each row, in format 2 of the store and before.
const FORMAT_OF_ROWS: u8 = 1;
/// Where rows stand that have no form.
const OTHER: &str = "other.ndjson";

/// A part of a key.
#[derive(Debug, Clone, Copy)]
enum Part {
    /// Eight bytes.
    Number,
    /// Eight bytes that sort.
    Instant,
    /// Sixteen bytes.
    Id,
    /// A text behind its length.
    Text,
    /// A text up to the end.
    Rest,
    /// Whatever comes, up to the end.
    Bytes,
}

/// The rows of a kind.
struct Form {
    file: &'static str,
    key: &'static [(&'static str, Part)],
    version: bool,
    /// `None` where the value says nothing but that it is there.
    record: Option<Shape>,
}

/// A row, as it stands in a line.
pub(super) struct Line {
    /// The file that it belongs into.
    pub(super) file: &'static str,
    /// It.
    pub(super) json: Json,
}

/// The line of a row. One that would not give the very same row again stands as its bytes.
pub(super) fn line(key: &[u8], value: &[u8]) -> Line {
    let Some(form) = key.first().and_then(|byte| Kind::of(*byte)).map(|kind| form(kind, key)) else {
        return Line { file: OTHER, json: bytes(key, value) };
    };
    let json = form
        .read(key, value)
        .ok()
        .filter(|json| row_of(&form, key[0], json).is_ok_and(|row| row == (key.to_vec(), value.to_vec())));
    Line { file: form.file, json: json.unwrap_or_else(|| bytes(key, value)) }
}

/// Key and value of a line of that file.
pub(super) fn row(file: &str, json: &Json) -> Result<(Vec<u8>, Vec<u8>), Misshapen> {
    let part = |name: &str| json.get(name).and_then(Json::as_str);
    if let (Some(key), Some(value), Some(2)) = (part("key"), part("value"), json.as_object().map(Map::len)) {
        return Ok((unhex(key)?, unhex(value)?));
    }
    // What is of the store itself is told by its name.
    let name = json.get("name").and_then(Json::as_str).unwrap_or_default();
    let found =
        Kind::ALL.iter().map(|kind| (*kind, form(*kind, &keys::meta(name)))).find(|(_, form)| form.file == file);
    let (kind, form) = found.ok_or(Misshapen)?;
    row_of(&form, kind as u8, json)
}

fn bytes(key: &[u8], value: &[u8]) -> Json {
    serde_json::json!({ "key": hex(key), "value": hex(value) })
}

fn form(kind: Kind, key: &[u8]) -> Form {
    use Part::{Bytes, Id, Instant, Number, Rest, Text};
    let is = |file, key, record| Form { file, key, version: false, record };
    let versioned = |file, key, record| Form { version: true, ..is(file, key, Some(record)) };
    match kind {
        Kind::Meta => is("store.ndjson", &[("name", Rest)], Some(of_store(key))),
        Kind::Name => is("ids.ndjson", &[("id", Rest)], Some(Shape::Integer)),
        Kind::Customer => versioned("customers.ndjson", &[("number", Number)], records::CUSTOMER),
        Kind::Absorbed => is("merged.ndjson", &[("number", Number)], Some(Shape::Integer)),
        Kind::Event => {
            is("events.ndjson", &[("customer", Number), ("at", Instant), ("fingerprint", Id)], Some(records::EVENT))
        }
        Kind::Profile => {
            is("profiles.ndjson", &[("customer", Number), ("at", Instant), ("order", Number)], Some(records::PROFILE))
        }
        Kind::Seen => is("messages.ndjson", &[("fingerprint", Id)], Some(Shape::Integer)),
        Kind::Purchase => is("purchases.ndjson", &[("customer", Number), ("id", Rest)], Some(records::PURCHASE)),
        Kind::Zone => is("zones.ndjson", &[("zone", Rest)], None),
        Kind::Tick => versioned("ticks.ndjson", &[("at", Instant)], records::TICK),
        Kind::Planned => is("planned.ndjson", &[("rule", Text), ("zone", Rest)], Some(records::PLANNED)),
        Kind::Rule => is("rules.ndjson", &[("rule", Rest)], Some(records::RULE)),
        Kind::Delivery => versioned("deliveries.ndjson", &[("id", Id)], records::DELIVERY),
        Kind::Due => is("waiting.ndjson", &[("place", Bytes)], None),
        Kind::Sending => is("sending.ndjson", &[("delivery", Id)], None),
        Kind::Finished => is("finished.ndjson", &[("at", Instant), ("delivery", Id)], None),
        Kind::Wake => is("wakes.ndjson", &[("at", Instant), ("customer", Number)], None),
        Kind::Member => is("members.ndjson", &[("rule", Text), ("customer", Number)], None),
        Kind::Enrollment => is(
            "enrollments.ndjson",
            &[("customer", Number), ("rule", Text), ("occurrence", Rest)],
            Some(records::ENROLLMENT),
        ),
        Kind::Suppression => is("suppressions.ndjson", &[("normalized", Rest)], Some(records::SUPPRESSION)),
        Kind::Flag => is("flags.ndjson", &[("flag", Rest)], Some(Shape::Text)),
        Kind::HashedSuppression => is("hashed-suppressions.ndjson", &[("hash", Id)], Some(Shape::Time)),
        Kind::Spent => is("used-up.ndjson", &[("hash", Id)], None),
        Kind::Alias => is("other-ids.ndjson", &[("customer", Number), ("id", Rest)], None),
        Kind::Objection => is("objections.ndjson", &[("hash", Id), ("to", Rest)], Some(Shape::Time)),
    }
}

/// Rows of the store itself.
fn of_store(key: &[u8]) -> Shape {
    match &key[1..] {
        b"format" => Shape::Integer,
        b"counts" => records::COUNTS,
        b"delivery-key" => Shape::Bytes,
        _ => Shape::Text,
    }
}

impl Form {
    fn read(&self, key: &[u8], value: &[u8]) -> Result<Json, Misshapen> {
        let mut json = Map::new();
        let mut rest = &key[1..];
        for (name, part) in self.key {
            json.insert((*name).to_owned(), part.read(&mut rest)?);
        }
        let (format, mut record) = value.split_first().ok_or(Misshapen)?;
        if *format != FORMAT_OF_ROWS {
            return Err(Misshapen);
        }
        if self.version {
            json.insert("version".to_owned(), Part::Number.read(&mut record)?);
        }
        if let Some(shape) = self.record {
            json.insert("record".to_owned(), to_json(shape, record)?);
        }
        Ok(Json::Object(json))
    }
}

fn row_of(form: &Form, kind: u8, json: &Json) -> Result<(Vec<u8>, Vec<u8>), Misshapen> {
    let of = |name: &str| json.get(name).ok_or(Misshapen);
    let (mut key, mut value) = (vec![kind], vec![FORMAT_OF_ROWS]);
    for (name, part) in form.key {
        part.write(of(name)?, &mut key)?;
    }
    if form.version {
        Part::Number.write(of("version")?, &mut value)?;
    }
    if let Some(shape) = form.record {
        to_bytes(shape, of("record")?, &mut value)?;
    }
    Ok((key, value))
}

impl Part {
    fn read(self, rest: &mut &[u8]) -> Result<Json, Misshapen> {
        let all = rest.len();
        let mut take = |length: usize| {
            let (taken, behind) = rest.split_at_checked(length).ok_or(Misshapen)?;
            *rest = behind;
            Ok::<_, Misshapen>(taken)
        };
        let text = |bytes: &[u8]| std::str::from_utf8(bytes).map(Json::from).map_err(|_| Misshapen);
        Ok(match self {
            Self::Number => number(take(8)?)?.into(),
            Self::Instant => {
                let at = Time((number(take(8)?)? ^ (1 << 63)).cast_signed());
                if at.to_string().parse() == Ok(at) { at.to_string().into() } else { at.0.into() }
            }
            Self::Id => hex(take(16)?).into(),
            Self::Text => {
                let length = take(4)?.iter().fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
                text(take(length)?)?
            }
            Self::Rest => text(take(all)?)?,
            Self::Bytes => hex(take(all)?).into(),
        })
    }

    fn write(self, json: &Json, key: &mut Vec<u8>) -> Result<(), Misshapen> {
        let text = || json.as_str().ok_or(Misshapen);
        match self {
            Self::Number => key.extend_from_slice(&json.as_u64().ok_or(Misshapen)?.to_be_bytes()),
            Self::Instant => {
                let at = match json.as_i64() {
                    Some(milliseconds) => Time(milliseconds),
                    None => text()?.parse().map_err(|_| Misshapen)?,
                };
                key.extend_from_slice(&(at.0.cast_unsigned() ^ (1 << 63)).to_be_bytes());
            }
            Self::Id | Self::Bytes => key.extend_from_slice(&unhex(text()?)?),
            Self::Text => {
                let text = text()?;
                key.extend_from_slice(&u32::try_from(text.len()).map_err(|_| Misshapen)?.to_be_bytes());
                key.extend_from_slice(text.as_bytes());
            }
            Self::Rest => key.extend_from_slice(text()?.as_bytes()),
        }
        Ok(())
    }
}

fn number(bytes: &[u8]) -> Result<u64, Misshapen> {
    Ok(u64::from_be_bytes(bytes.try_into().map_err(|_| Misshapen)?))
}
