//! When things fall due: cron schedules, misfires, time zones, quiet hours, calendar days, frequency caps.
//!
//! What it is for: turning "10:00 in the customer's zone" into instants, and instants into days.
//! Invariants: pure; `now` is a parameter and zones come from the bundled database, so the same input gives the same
//! answer on every machine; a local wall time fires at most once, whatever the clocks of the zone do; the work of one
//! call is bounded, however long nothing ran.
//! Deliberately not here: what fires (rules), for whom (engine), who wakes the planner (schedule).

mod cron;
mod day;
mod gate;
mod plan;
mod words;

pub use cron::{Cron, CronError, Occurrence, occurrence_at};
pub use day::{
    at_local, day_number, day_of, day_start, days_after, days_between, in_year, last_shift, local, offset,
    shift_between, zone,
};
pub use gate::{cap_free_at, cap_reached, cap_taken_by, quiet_until};
pub use plan::{AHEAD, FIRED_AT_ONCE, GRACE, Plan, plan};
pub use words::{date_from, date_in_words, instant_from, instant_in_words, time_of_day};
