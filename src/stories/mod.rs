//! Tests of rules: what becomes of one customer, told in day numbers.
//!
//! What it is for: reading `*.test.yaml`, filling in what is not given, leading each test's customer through it on a clock
//! that is told, and saying where what came of it is not what was expected.
//! Invariants: pure; the rules, the gates and the templates are those of the daemon, and nothing of them is written here a
//! second time; what a story does not name must not be sent; the same files give the same report on every day and every
//! machine.
//! Deliberately not here: reading files, the store, the brake, holdouts by chance, and how a report is printed.

mod cast;
mod compare;
mod findings;
mod play;
mod read;
mod rows;
mod tell;
mod witness;

#[cfg(test)]
mod tests;

pub use read::{Names, Tests, read};

use crate::domain::{Place, Policy, Schema, Text};
use crate::rules::RuleSet;
use crate::templates::{Business, Payload, Templates};
use jiff::tz::TimeZone;
use std::collections::BTreeMap;

/// Under what the tests run: the project.
#[derive(Clone, Copy)]
pub struct Ground<'a> {
    /// All rules and segments.
    pub rules: &'a RuleSet,
    /// The templates.
    pub templates: &'a Templates,
    /// Webhook bodies by (rule, step).
    pub payloads: &'a BTreeMap<(Text, Text), Payload>,
    /// What may be named.
    pub schema: &'a Schema,
    /// Fixed words of the business.
    pub words: &'a BTreeMap<String, String>,
    /// Who writes.
    pub business: &'a Business,
    /// The business's zone.
    pub zone: &'a TimeZone,
    /// Caps and quiet hours.
    pub policy: &'a Policy,
}

/// What the tests came to, in the order of the files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// One for each story, and for each row.
    pub cases: Vec<Case>,
}

impl Report {
    /// How many came out as expected.
    #[must_use]
    pub fn passed(&self) -> usize {
        self.cases.iter().filter(|case| case.failures.is_empty()).count()
    }

    /// How many did not.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.cases.len() - self.passed()
    }
}

/// One test, or one row of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Where it stands.
    pub place: Place,
    /// The name of the test.
    pub test: String,
    /// The row as written; `None` for a story.
    pub row: Option<String>,
    /// Where it did not come out as expected, in the order of days; empty when it passed.
    pub failures: Vec<Failure>,
}

/// Something that did not come out as expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The line of the file; for what no line names, the one behind which it would stand.
    pub place: Place,
    /// When, such as `day 89, Sat 4 Apr 2026`.
    pub day: String,
    /// What the line says.
    pub expected: String,
    /// What came of it.
    pub got: String,
    /// Why, and what to do.
    pub notes: Vec<String>,
}

/// Runs all tests of the files.
#[must_use]
pub fn run(files: &[Tests], ground: &Ground<'_>) -> Report {
    Report { cases: files.iter().flat_map(|file| play::file(file, ground)).collect() }
}
