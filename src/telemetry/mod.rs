//! What the daemon says of itself: logs and metrics.
//!
//! What it is for: setting up the log once, in the form that its reader wants; the names of fields and metrics with
//! what they mean; the recorder of metrics; masking of addresses.
//! Invariants: names of fields and metrics are the constants of this room; labels are bounded (rule, channel, outcome,
//! never a customer); no log line holds an address or a secret, an address is shown by [`mask_address`] alone; setting
//! up twice in one process is harmless.
//! Deliberately not here: who logs what, and where metrics are served.

pub mod fields;
mod logs;
mod mask;
mod metrics;
pub mod names;

pub use logs::{LogError, LogStyle, Output, install_logs};
pub use mask::mask_address;
pub use metrics::Metrics;
