//! What arrives from outside, ready to be stored.

use super::{Event, ProfileRow};

/// One thing that arrives from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arrival {
    /// A profile row of the customer of that id.
    Profile {
        /// The outside's id.
        customer: String,
        /// The row. When it is not `dated`, the store sets its `effective_at`: a first row holds since always, a
        /// later one from receipt.
        row: ProfileRow,
        /// Whether `row.effective_at` was given by the sender.
        dated: bool,
    },
    /// An event of the customer of that id, who is made if unknown.
    Event {
        /// The outside's id.
        customer: String,
        /// The event.
        event: Event,
    },
}
