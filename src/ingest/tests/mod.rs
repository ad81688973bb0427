//! Whole files, from bytes to arrivals and refusals.

mod calls;
mod customers;
mod events;

use super::{ImportOptions, IngestError, Refused, Row};
use crate::domain::{Arrival, Attribute, Schema, Time, ValueType};
use std::io::Read;
use std::sync::Arc;

/// 2026-03-01T00:00:00Z.
pub(super) const NOW: Time = Time(1_772_323_200_000);
pub(super) const OPTIONS: ImportOptions = ImportOptions { ignore_unknown: false, received_at: NOW };

/// A file that is made while it is read: a head, one byte many times, a tail.
pub(super) struct Flood {
    pub(super) head: &'static str,
    pub(super) byte: u8,
    pub(super) bytes: u64,
    pub(super) tail: String,
}

impl Flood {
    pub(super) fn open(self) -> impl Read {
        let middle = std::io::repeat(self.byte).take(self.bytes);
        self.head.as_bytes().chain(middle).chain(std::io::Cursor::new(self.tail.into_bytes()))
    }
}

fn schema() -> Arc<Schema> {
    let mut schema = Schema::default();
    let plan = Attribute { one_of: Some(vec!["free".into(), "pro".into()]), ..Attribute::of(ValueType::Text) };
    schema.customer.insert("plan".into(), plan);
    for (name, kind) in [
        ("wholesale", ValueType::Bool),
        ("birthday", ValueType::Date),
        ("score", ValueType::Number),
        ("tags", ValueType::List),
    ] {
        schema.customer.insert(name.into(), Attribute::of(kind));
    }
    schema.consents.push("offers".into());
    Arc::new(schema)
}

fn sorted(rows: impl Iterator<Item = Result<Row, IngestError>>) -> (Vec<Arrival>, Vec<Refused>) {
    let (mut arrivals, mut refusals) = (Vec::new(), Vec::new());
    for row in rows {
        match row.unwrap() {
            Row::Arrival(arrival) | Row::Part(arrival) => arrivals.push(arrival),
            Row::Refused(refused) => refusals.push(refused),
        }
    }
    (arrivals, refusals)
}
