//! The nouns that every room speaks of.
//!
//! What it is for: customers, events, totals, consent, deliveries, ticks, exact numbers, instants, diagnostics, and the
//! settings that decide who gets what.
//! Invariants: pure (no async, no file, no network, no clock, no randomness); numbers and sums are exact; totals do not
//! depend on the order in which events arrived, nor consent on that of what was told; an anonymous id is never a customer's own; what is stored carries numbered
//! fields that are never reused.
//! Deliberately not here: how anything is parsed from YAML, kept on disk, sent, or decided.

mod activity;
mod arrival;
mod consent;
mod customer;
mod delivery;
mod diagnostic;
mod event;
mod hashed;
mod number;
mod policy;
mod schema;
mod text;
mod tick;
mod time;
mod value;
mod watch;

pub use activity::{Activity, EventInterest, Interest, Orders, RECENT, Recent, Totals, purchase_id};
pub use arrival::{Arrival, anonymous_id, is_anonymous};
pub use consent::{Consent, ConsentEffect, ConsentEntry, IMPORT, MERGE, Proof, consent_log, consents, objections};
pub use customer::{CapSlot, Customer, CustomerNumber, ProfileRow, RuleMemory, SLOTS_KEPT, normalized_address};
pub use delivery::{
    Delivery, DeliveryId, DeliveryKey, EXPIRES_AFTER, Lane, NotADeliveryId, NotALane, Outcome, Payload, Reason, State,
};
pub use diagnostic::{Diagnostic, LARGER_THAN_READ, NAME_NOT_UTF8, Place, Severity, nearest, readable};
pub use event::{Event, message_fingerprint};
pub use hashed::{KeyedHash, NotAKeyedHash};
pub use number::{NotANumber, Number};
pub use policy::{CapPeriod, Class, FrequencyCap, Misfire, MisfirePolicy, Policy, QuietHours, UncertainPolicy};
pub use schema::{Attribute, BUILT_IN, Purchase, Schema};
pub use text::Text;
pub use tick::{Enrollment, Planned, RuleState, Suppression, Tick, TickCounts, TickMember};
pub use time::{NotASpan, NotATime, Span, Time};
pub use value::{Value, ValueType};
pub use watch::{Active, Anchor, Conversion, Ending, EnrollmentChange, Entry, Membership, Pending, Stopped, Watch};
