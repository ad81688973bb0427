//! Customers from CSV.

use super::attribute::{check_attribute, check_effective, check_id, check_own, unusable};
use super::columns::{Column, Header};
use super::consent::{check_wording, read_bool};
use super::error::{HeaderProblem, IngestError};
use super::lines::{shortened, shown, without_break};
use super::records::{Record, Records, cells};
use super::{ImportOptions, Refused, Row};
use crate::domain::{Arrival, IMPORT, ProfileRow, Proof, Schema, Text, Time, Value, ValueType};
use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;

/// A cell that clears its attribute.
const CLEAR: &str = "\\N";

/// The rows of a CSV file of customers: UTF-8, separated by commas, quoted as in RFC 4180, columns named by the first
/// line.
///
/// - `id` is required. Other columns are attributes of the schema, `consent.CLASS_OR_TOPIC`, and `updated_at`: from when
///   the row holds, at most one hour after the import. `consent_at` and `consent_wording` say when the consent of the row was
///   given or withdrawn, and which version of the wording was agreed to.
/// - An empty cell leaves what is stored as it is; `\N` clears an attribute and withdraws consent.
/// - Booleans and consent are `true` or `false` in any case, or `1` and `0`. A list is written as JSON.
/// - Blank lines are passed over, and so are the columns `_line` and `_reason`, so that mended rows of a file of refused
///   rows can be read as they are.
pub struct CustomersCsv<R> {
    records: Records<R>,
    header: Header,
    schema: Arc<Schema>,
    received_at: Time,
    broken: bool,
}

impl<R: Read> CustomersCsv<R> {
    /// Reads the first line. [`IngestError::Header`] names all that is wrong with it.
    pub fn new(reader: R, schema: Arc<Schema>, options: ImportOptions) -> Result<Self, IngestError> {
        let mut records = Records::new(reader);
        let record = records.read().map_err(|source| IngestError::Read { line: 0, source })?;
        let record = record.ok_or_else(|| IngestError::Header(vec![HeaderProblem::Empty]))?;
        let header = Header::read(record, records.bytes(), &schema, options.ignore_unknown)?;
        Ok(Self { records, header, schema, received_at: options.received_at, broken: false })
    }

    /// The columns, as [`super::Rejects::customers`] needs them.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    fn row(&self, record: Record) -> Row {
        match self.arrival(record) {
            Ok(arrival) => Row::Arrival(arrival),
            Err(reason) => {
                let (raw, shown_whole) = shown(without_break(self.records.bytes()));
                Row::Refused(Refused { line: record.line, raw, whole: shown_whole && record.fault.is_none(), reason })
            }
        }
    }

    fn arrival(&self, record: Record) -> Result<Arrival, String> {
        if let Some(reason) = record.reason() {
            return Err(reason);
        }
        let text = std::str::from_utf8(without_break(self.records.bytes()))
            .map_err(|error| format!("not UTF-8, from byte {} of the row", error.valid_up_to() + 1))?;
        let cells = cells(text)?;
        let expected = self.header.columns.len();
        if cells.len() != expected {
            return Err(format!("{} cells where the first line names {expected} columns", cells.len()));
        }
        let mut draft = Draft::default();
        for ((name, column), cell) in self.header.names.iter().zip(&self.header.columns).zip(&cells) {
            draft.take(&self.schema, name, column, cell)?;
        }
        draft.finish(self.received_at)
    }
}

impl<R: Read> Iterator for CustomersCsv<R> {
    type Item = Result<Row, IngestError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.broken {
            match self.records.read() {
                Ok(None) => return None,
                Ok(Some(_)) if without_break(self.records.bytes()).is_empty() => {}
                Ok(Some(record)) => return Some(Ok(self.row(record))),
                Err(source) => {
                    self.broken = true;
                    return Some(Err(IngestError::Read { line: self.records.passed(), source }));
                }
            }
        }
        None
    }
}

/// A row as far as its cells were read.
#[derive(Default)]
struct Draft {
    id: String,
    updated_at: Option<Time>,
    attributes: BTreeMap<Text, Option<Value>>,
    consent: BTreeMap<Text, bool>,
    proof: Proof,
}

impl Draft {
    fn take(&mut self, schema: &Schema, name: &str, column: &Column, cell: &str) -> Result<(), String> {
        match column {
            Column::Id => {
                check_id("`id`", if cell == CLEAR { "" } else { cell })?;
                check_own("id", cell)?;
                cell.clone_into(&mut self.id);
            }
            Column::Ignored | Column::Remark => {}
            _ if cell.is_empty() => {}
            Column::UpdatedAt | Column::ConsentAt | Column::ConsentWording if cell == CLEAR => {}
            Column::UpdatedAt => {
                let unusable = || unusable(name, ValueType::Time, &Value::Text(cell.into()));
                self.updated_at = Some(cell.trim().parse().map_err(|_| unusable())?);
            }
            Column::ConsentAt => {
                let unusable = || unusable(name, ValueType::Time, &Value::Text(cell.into()));
                self.proof.at = Some(cell.trim().parse().map_err(|_| unusable())?);
            }
            Column::ConsentWording => {
                check_wording(name, cell)?;
                self.proof.wording = Some(cell.into());
            }
            Column::Consent(to) => {
                let granted = if cell == CLEAR { Some(false) } else { read_bool(cell) };
                let expected = || format!("`{name}` is `{}`, expected true or false", shortened(cell));
                self.consent.insert(to.as_str().into(), granted.ok_or_else(expected)?);
            }
            Column::Attribute(attribute, _) if cell == CLEAR => {
                self.attributes.insert(attribute.as_str().into(), None);
            }
            Column::Attribute(attribute, kind) => {
                let value = check_attribute(schema, attribute, &read_cell(name, *kind, cell)?)?;
                self.attributes.insert(attribute.as_str().into(), Some(value));
            }
        }
        Ok(())
    }

    fn finish(self, received_at: Time) -> Result<Arrival, String> {
        let dated = self.updated_at.is_some();
        let effective_at = match self.updated_at {
            Some(at) => check_effective("updated_at", at, received_at)?,
            None => received_at,
        };
        if let Some(at) = self.proof.at {
            check_effective("consent_at", at, received_at)?;
        }
        let proof = (!self.consent.is_empty() && self.proof != Proof::default()).then_some(self.proof);
        let row = ProfileRow {
            effective_at,
            attributes: self.attributes,
            consent: self.consent,
            source: IMPORT.into(),
            received_at,
            proof,
        };
        Ok(Arrival::Profile { customer: self.id, row, dated, message_id: None })
    }
}

/// A cell as a value; what only CSV writes in a way of its own is read here.
fn read_cell(name: &str, kind: ValueType, cell: &str) -> Result<Value, String> {
    let text = || Value::Text(cell.into());
    match kind {
        ValueType::Bool => read_bool(cell).map(Value::Bool).ok_or_else(|| unusable(name, kind, &text())),
        ValueType::List => read_list(cell).ok_or_else(|| unusable(name, kind, &text())),
        _ => Ok(text()),
    }
}

fn read_list(cell: &str) -> Option<Value> {
    let items: Vec<serde_json::Value> = serde_json::from_str(cell).ok()?;
    let flat = items.iter().all(|item| item.is_string() || item.is_number());
    flat.then(|| Value::List(items.iter().filter_map(Value::from_json).collect()))
}
