//! When the steps of an enrollment fall due, or would have.

use crate::domain::{Active, Time};
use crate::engine::due::{self, Base};
use crate::rules::Rule;
use jiff::tz::TimeZone;

/// The instant at which each step of an enrollment falls due, in their order, whether or not the enrollment still goes on;
/// none where its rule has come to count otherwise since.
#[must_use]
pub fn steps_due(active: &Active, rule: &Rule, zone: &TimeZone) -> Vec<Time> {
    Base::of(active, rule).map(|base| due::instants(rule, base, zone)).unwrap_or_default()
}
