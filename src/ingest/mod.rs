//! Files of customers and events, and the calls of Segment's clients, become arrivals.
//!
//! What it is for: reading CSV of customers and NDJSON of events row by row and bodies of calls message by message,
//! checking each against the schema, and keeping refused rows, with line and reason, in a form that can be mended and
//! imported again. A message means the same in a file and in a call, but for its time: a call's is put right by when
//! it was sent.
//! Invariants: memory is bounded by [`MAX_RECORD`] or by the body, whatever they hold; each row is taken whole or refused
//! whole; a refused row never changes how the rows after it are read; numbers are exact decimals.
//! Deliberately not here: opening files, HTTP, storing, batches, progress, and whether anything is triggered.

mod address;
mod attribute;
mod calls;
mod columns;
mod consent;
mod customers;
mod cut;
mod error;
mod events;
mod json;
mod lines;
mod records;
mod rejects;
mod segment;
mod sent;
mod text;

pub use calls::{BadBody, CallForm, CallMessage, MOST_MESSAGES, read_call};
pub use columns::Header;
pub use customers::CustomersCsv;
pub use error::{HeaderProblem, IngestError};
pub use events::EventsNdjson;
pub use lines::{MAX_RECORD, SHOWN_RECORD};
pub use rejects::Rejects;
pub use segment::MessageKind;
pub use text::{TextLine, text_lines};

use crate::domain::{Arrival, Time};

/// How a file is read.
#[derive(Debug, Clone, Copy)]
pub struct ImportOptions {
    /// Whether columns that the schema does not know are passed over instead of refusing the file.
    pub ignore_unknown: bool,
    /// The instant of the import.
    pub received_at: Time,
}

/// What one row of a file came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Row {
    /// It can be stored.
    Arrival(Arrival),
    /// A part of the row that comes next, to be stored before the rest of it.
    Part(Arrival),
    /// It cannot.
    Refused(Refused),
}

/// A row that cannot be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The line of the file at which the row begins, from 1.
    pub line: u64,
    /// The row as it stands in the file, without its line break; at most [`SHOWN_RECORD`] bytes.
    pub raw: Vec<u8>,
    /// Whether `raw` is the whole row.
    pub whole: bool,
    /// Why, in plain words, without a full stop.
    pub reason: String,
}

/// What an import came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct ImportReport {
    /// Rows that were stored.
    pub stored: u64,
    /// Rows that were stored before, so nothing changed.
    pub duplicates: u64,
    /// Rows that cannot be stored.
    pub refused: u64,
}

impl std::fmt::Display for ImportReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} stored, {} duplicates, {} refused", self.stored, self.duplicates, self.refused)
    }
}

#[cfg(test)]
mod tests;
