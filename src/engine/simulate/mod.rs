//! One customer's life under the rules, on a clock that is told.
//!
//! What the daemon does with many customers and a real clock, a [`Life`] does with one: it looks when something arrives
//! and when the wake comes, fires the schedules, and lets each delivery through the gates when it falls due, as if every
//! one of them were accepted at once. Tests of rules, backtests and forecasts are made of it.

mod life;
mod past;
mod sending;
mod steps;
#[cfg(test)]
mod tests;
mod timetable;

pub use life::{Detail, Life, Terms};
pub use steps::steps_due;
pub use timetable::Timetable;

use super::Verdict;
use crate::domain::{Customer, Delivery, Ending, Reason, State, Time};
use jiff::tz::TimeZone;

/// Something that came of a life.
#[derive(Debug, Clone, Copy)]
pub enum Happened<'a> {
    /// The trigger of a rule fired, and this came of it.
    Fired {
        /// The rule.
        rule: &'a str,
        /// What it came to.
        verdict: &'a Verdict,
    },
    /// A step fell due, and its own `when` did not hold.
    Skipped {
        /// The rule.
        rule: &'a str,
        /// The step.
        step: &'a str,
    },
    /// A delivery was asked for; also one for which no cap left a place.
    Asked(&'a Delivery),
    /// It went out.
    Sent(&'a Delivery),
    /// It is put off.
    Deferred {
        /// The delivery.
        delivery: &'a Delivery,
        /// Until when.
        until: Time,
        /// Why.
        reason: Reason,
    },
    /// It does not go out, now or ever.
    Withheld {
        /// The delivery.
        delivery: &'a Delivery,
        /// What it came to: cancelled, suppressed or held.
        state: State,
        /// Why.
        reason: Reason,
    },
    /// An enrollment ended.
    Ended {
        /// The rule.
        rule: &'a str,
        /// Which enrollment.
        occurrence: &'a str,
        /// How.
        ending: &'a Ending,
    },
}

/// The customer as they are when something happens.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// When.
    pub now: Time,
    /// Before what happens is taken in.
    pub customer: &'a Customer,
    /// The customer's zone, or the business's.
    pub zone: &'a TimeZone,
}

/// Who is told of all that comes of a life, in its order.
pub trait Observer {
    /// Something came of it.
    fn see(&mut self, happened: Happened<'_>, scene: &Scene<'_>);
}

impl<F: FnMut(Happened<'_>, &Scene<'_>)> Observer for F {
    fn see(&mut self, happened: Happened<'_>, scene: &Scene<'_>) {
        self(happened, scene);
    }
}
