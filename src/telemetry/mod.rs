//! What the daemon says of itself: logs and metrics.
//!
//! What it is for: setting up the log once, in the form that its reader wants; the names of fields and metrics with
//! what they mean; the recorder of metrics, and what it counted in the last minutes; masking of addresses.
//! Invariants: names of fields and metrics are the constants of this room; labels are bounded (rule, channel, outcome,
//! never a customer); no log line holds an address or a secret: every line, in every form, passes a layer that masks
//! what looks like an address; setting up twice in one process is harmless.
//! Deliberately not here: who logs what, and where metrics are served.

pub mod fields;
mod logs;
mod mask;
mod masked;
mod metrics;
pub mod names;
mod panics;
mod process;
mod recent;

pub use logs::{LogError, LogStyle, Output, install_logs};
pub use mask::{mask_address, mask_addresses};
pub use metrics::Metrics;
pub use panics::log_panics;
pub use process::{Usage, usage};
pub use recent::{Counting, Tally};
