//! Imports: the question, and the lines that answer it while it goes on.

use crate::http::Failure;
use serde::{Deserialize, Serialize};

/// What the rows are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImportKind {
    /// Profiles: CSV with a header, or one JSON object a line.
    Customers,
    /// Events: one JSON object a line.
    Events,
    /// Addresses that get no mail: one a line, or CSV with `address` and `reason`.
    Suppressions,
}

impl ImportKind {
    /// The word for it in paths and commands.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Customers => "customers",
            Self::Events => "events",
            Self::Suppressions => "suppressions",
        }
    }
}

/// What to import, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportRequest {
    /// What the rows are.
    pub kind: ImportKind,
    /// Whether columns that the schema does not declare are passed over.
    pub ignore_unknown: bool,
    /// Whether rows may trigger rules.
    pub live: bool,
    /// What the file is called, for the log of consent.
    pub file: Option<String>,
}

/// One line of the answer to an import, as JSON with a newline behind it. The last one is a report or an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImportLine {
    /// How far it is.
    Progress(ImportProgress),
    /// A row was not taken.
    Refused(RefusedRow),
    /// It is done.
    Report(ImportReport),
    /// It ended half-way.
    Error(Failure),
}

/// How far an import is. Counts only what is durable.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportProgress {
    /// Rows read.
    pub rows: u64,
    /// Bytes read.
    pub bytes: u64,
}

/// A row that was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedRow {
    /// Its line in the file, from 1.
    pub line: u64,
    /// Why, in plain words.
    pub reason: String,
    /// What is to be added to the file of refused rows, line breaks and, with the first, the header among it. It can
    /// be mended and imported again.
    pub rejects: String,
}

/// What an import came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportReport {
    /// Rows read.
    pub rows: u64,
    /// Those stored.
    pub stored: u64,
    /// Those that were there before.
    pub duplicates: u64,
    /// Those refused.
    pub refused: u64,
}
