//! The outbox worker: from a due row to a recorded outcome.
//!
//! What it is for: taking what is due, lane by lane; asking the gates again; rendering; sending; recording what became of
//! it; deciding when to try again.
//! Invariants: `sending` is durable before the first byte goes out, and the outcome is recorded before the delivery can be
//! claimed again; the id never changes; a lane that fails slows down nobody else; what is in memory is bounded by the
//! number of places of each lane; a panic in one delivery is caught, recorded, and stops nothing else.
//! Deliberately not here: deciding who gets something (`engine`), speaking SMTP or HTTP (`channels`), keeping (`store`).

mod attempt;
mod counts;
mod lane;
mod retry;
mod worker;
mod world;

pub use retry::{Next, after_outcome};
pub use worker::{Progress, Worker};
pub use world::{Pauses, Sender, World};
