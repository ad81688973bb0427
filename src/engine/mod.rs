//! Who gets what, when, and why not.
//!
//! What it is for: [`decide`] turns a customer, the rules that fire and an instant into effects (enrollments, deliveries,
//! reserved places under the caps) and verdicts; [`look`] finds what fires because a customer changed or something fell
//! due, and when to look again; [`gate`] says immediately before sending whether a delivery may still go
//! out; [`over_brake`] says whether a tick, or what a rule made at once, is too
//! large to be true; a [`Life`] puts all of it together for one customer on a clock that is told.
//! Invariants: pure functions of their arguments; the same arguments give the same effects on every run, so that a
//! decision interrupted by a crash can be made again; looking only when something arrives and when the wake comes gives
//! what looking all the time would.
//! Deliberately not here: reading customers, rendering, committing, sending, retrying.

mod brake;
mod decide;
mod due;
mod enroll;
mod foresee;
mod gate;
mod look;
mod simulate;
#[cfg(test)]
mod tests;

pub use brake::{add_volume, brakes_at_once, limit, over_brake, usual};
pub use decide::{Decided, Firing, Moment, Verdict, decide};
pub use enroll::is_held_out;
pub use foresee::{Cause, Day, Fate, days_due, decide_cause, fate, waiting};
pub use gate::{Gate, GateInput, gate, is_listed, keeps_slot};
pub use look::{Existing, Looked, Looking, Past, after_tick, look, past, past_until};
pub use simulate::{Detail, Happened, Life, Observer, Scene, Terms, Timetable, steps_due};
