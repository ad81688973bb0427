//! The first line of a CSV file: which column means what.

use super::error::{HeaderProblem, IngestError};
use super::lines::{without_break, without_mark};
use super::records::{Record, cells};
use crate::domain::{Schema, ValueType, nearest};

/// Column of a file of refused rows that holds the line; passed over when read.
pub(super) const LINE: &str = "_line";
/// Column of a file of refused rows that holds the reason; passed over when read.
pub(super) const REASON: &str = "_reason";

/// What a column holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Column {
    /// The customer's id.
    Id,
    /// From when the row holds.
    UpdatedAt,
    /// An attribute of that name and type.
    Attribute(String, ValueType),
    /// Consent to that class or topic.
    Consent(String),
    /// When the consent of the row was given or withdrawn.
    ConsentAt,
    /// The version of the wording that was agreed to.
    ConsentWording,
    /// Nothing that is read.
    Ignored,
    /// What this importer itself wrote beside a refused row.
    Remark,
}

/// The columns of a CSV file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    pub(super) names: Vec<String>,
    pub(super) columns: Vec<Column>,
}

impl Header {
    /// Reads the first record of a file; every problem at once.
    pub(super) fn read(record: Record, bytes: &[u8], schema: &Schema, ignore: bool) -> Result<Self, IngestError> {
        let one = |problem| IngestError::Header(vec![problem]);
        if let Some(reason) = record.reason() {
            return Err(one(HeaderProblem::Unreadable(reason)));
        }
        let text = std::str::from_utf8(without_mark(without_break(bytes))).map_err(|_| one(HeaderProblem::NotUtf8))?;
        if text.trim().is_empty() {
            return Err(one(HeaderProblem::Empty));
        }
        let names = cells(text).map_err(|reason| one(HeaderProblem::Unreadable(reason)))?;
        Self::of(names.iter().map(|name| name.trim().to_owned()).collect(), schema, ignore)
    }

    fn of(names: Vec<String>, schema: &Schema, ignore: bool) -> Result<Self, IngestError> {
        let mut problems = Vec::new();
        let mut columns = Vec::with_capacity(names.len());
        for (index, name) in names.iter().enumerate() {
            if !name.is_empty() && names[..index].contains(name) {
                problems.push(HeaderProblem::Twice(name.clone()));
            }
            columns.push(column(name, schema).unwrap_or_else(|| {
                if !ignore {
                    problems.push(unknown(index, name, schema));
                }
                Column::Ignored
            }));
        }
        if !columns.contains(&Column::Id) {
            problems.insert(0, HeaderProblem::NoId);
        }
        if problems.is_empty() { Ok(Self { names, columns }) } else { Err(IngestError::Header(problems)) }
    }
}

fn column(name: &str, schema: &Schema) -> Option<Column> {
    Some(match name {
        "id" => Column::Id,
        "updated_at" => Column::UpdatedAt,
        // An attribute of that name was there before these columns were.
        "consent_at" if !schema.customer.contains_key(name) => Column::ConsentAt,
        "consent_wording" if !schema.customer.contains_key(name) => Column::ConsentWording,
        LINE | REASON => Column::Remark,
        _ => match name.strip_prefix("consent.") {
            Some(consent) => Column::Consent(schema.consents.iter().find(|known| *known == consent)?.clone()),
            None => Column::Attribute(name.to_owned(), schema.customer.get(name)?.kind),
        },
    })
}

fn unknown(index: usize, name: &str, schema: &Schema) -> HeaderProblem {
    if name.is_empty() {
        return HeaderProblem::Unnamed(index + 1);
    }
    let consents: Vec<String> = schema.consents.iter().map(|consent| format!("consent.{consent}")).collect();
    let known = schema.customer.keys().map(String::as_str).chain(["updated_at", "consent_at", "consent_wording"]);
    let nearest = nearest(name, known.chain(consents.iter().map(String::as_str))).map(str::to_owned);
    HeaderProblem::Unknown { name: name.to_owned(), nearest }
}
