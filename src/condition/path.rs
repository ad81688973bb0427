//! A value that `at_entry.` asks for.

use super::Facts;
use crate::domain::Value;

/// A path such as `orders.count`, read of a customer when an enrollment begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    text: Box<str>,
}

impl Path {
    /// As written, without `at_entry.`.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its value; `None` when it is missing.
    #[must_use]
    pub fn read(&self, _facts: &Facts<'_>) -> Option<Value> {
        None
    }
}
