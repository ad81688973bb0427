//! What arrives from outside, ready to be stored.

use super::{Event, ProfileRow, Text, Time};

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
        /// The sender's message id: the same one again is the same message sent again.
        message_id: Option<Text>,
    },
    /// An event of the customer of that id, who is made if unknown.
    Event {
        /// The outside's id.
        customer: String,
        /// The event.
        event: Event,
    },
    /// Two ids are of one customer: what is known under `from` and under `into` becomes one customer, whose `id` is
    /// `into`, and whatever arrives later under either id is theirs.
    ///
    /// Both are ids as an [`Arrival::Event`] names them. An id that a sender gave to somebody it does not know yet is
    /// written as [`anonymous_id`] makes it, here and in events and profiles, so that it is never taken for a
    /// customer's own id. `identify` with both ids is a merge from the anonymous one followed by the profile; where a
    /// sender does not say of which kind an old id is, as in `alias`, it is one merge for each kind.
    ///
    /// - Of whom only one id is known, they are known by both from then on; if that is `from`, their `id` becomes
    ///   `into`. Where neither is known, a customer is made.
    /// - An `into` that was merged away stands for whom it was merged into, whose `id` stays. Where both ids are one
    ///   customer's already, nothing changes, in whichever direction the merge is told.
    /// - An anonymous id joins one customer. Once whoever has it has an id of their own, a merge from it changes
    ///   nothing: a second person signed in on the same device, and is not the first.
    Merge {
        /// The id that is given up.
        from: String,
        /// The id that stands.
        into: String,
        /// When it arrived here.
        received_at: Time,
    },
}

/// How ids of those begin who are not known by an id of their own.
const ANONYMOUS: &str = "anonymous:";

/// The id under which somebody is stored whom a sender knows by an anonymous id only. Whoever takes in ids refuses
/// those customers' own ids that [`is_anonymous`], so that the two kinds never meet.
#[must_use]
pub fn anonymous_id(id: &str) -> String {
    format!("{ANONYMOUS}{id}")
}

/// Whether an id is one that [`anonymous_id`] makes.
#[must_use]
pub fn is_anonymous(id: &str) -> bool {
    id.starts_with(ANONYMOUS)
}
