//! What the worker counts in the metrics.

use crate::domain::{Delivery, State, Time};
use crate::telemetry::names::{self, label};

/// Counts a delivery that was kept back without an attempt.
pub(super) fn withheld(delivery: &Delivery, reason: &'static str) {
    metrics::counter!(names::WITHHELD, label::RULE => delivery.rule.to_string(),
        label::CHANNEL => delivery.payload.channel(), label::REASON => reason)
    .increment(1);
}

/// Counts an attempt, and how late a delivery went out.
#[expect(clippy::cast_precision_loss, reason = "milliseconds of lateness fit a float")]
pub(super) fn attempted(delivery: &Delivery, state: State, now: Time) {
    let channel = delivery.payload.channel();
    let outcome = match state {
        State::Sent => "accepted",
        State::Failed => "permanent",
        State::Uncertain | State::Held => "uncertain",
        _ => "transient",
    };
    metrics::counter!(names::ATTEMPTS, label::RULE => delivery.rule.to_string(), label::CHANNEL => channel,
        label::OUTCOME => outcome)
    .increment(1);
    if state == State::Failed {
        metrics::counter!(names::DEAD_LETTERS, label::RULE => delivery.rule.to_string(), label::CHANNEL => channel)
            .increment(1);
    }
    if state == State::Sent && delivery.attempts == 1 {
        metrics::histogram!(names::LATENESS, label::RULE => delivery.rule.to_string(), label::CHANNEL => channel)
            .record(now.since(delivery.due_at).0.max(0) as f64 / 1000.0);
    }
}
