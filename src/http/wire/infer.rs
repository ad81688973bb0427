//! `schema infer`: what the store holds, as a `schema.yaml`.

use serde::{Deserialize, Serialize};

/// A `schema.yaml`, and what it was made from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InferReport {
    /// The file's text.
    pub schema: String,
    /// Customers looked at.
    pub customers: u64,
    /// Events looked at.
    pub events: u64,
}
