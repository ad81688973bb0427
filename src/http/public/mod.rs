//! The public listener: what senders of events call.

mod body;
mod examples;
mod intake;
mod listener;
mod openapi;
mod refusal;
mod routes;
mod senders;

#[cfg(test)]
mod tests;

pub use intake::{Call, Intake, NotTaken, Verdict, VerdictResult};
pub use listener::{PublicListenError, PublicListener};
pub use routes::{PublicLimits, public_router};
pub use senders::{KeyRate, Senders};
